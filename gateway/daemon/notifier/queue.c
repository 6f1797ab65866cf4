/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/notifier/queue.h"

#include "gateway/common/text.h"
#include "gateway/daemon/notifier/queue_lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OVER_LIVES_MS  86400000 /* so long it is worth telling that something is over */
#define TEST_LIVES_MS  3600000
#define LATER_FIRST_MS 2000
#define LATER_MOST_MS  120000
#define LIMITED_MS     60000
#define TROUBLE_TRIES  5u
#define NOTICES_MOST   20u /* notices of one message */
#define AGAIN_MOST_S   3600u

struct queue *queue_create(const struct config *config)
{
    struct queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL)
        return NULL;
    queue->config = config;
    queue->next_message = 1;
    return queue;
}

void queue_destroy(struct queue *queue)
{
    if (queue == NULL)
        return;
    while (queue->first != NULL) {
        struct notice *notice = queue->first;
        queue->first = notice->next;
        free(notice);
    }
    while (queue->cases != NULL) {
        struct notified *notified = queue->cases;
        queue->cases = notified->next;
        free(notified);
    }
    free(queue);
}

/* ---- Words ---- */

static void clock_text(char out[24], int64_t wall_ms, int64_t now_ms)
{
    time_t t = (time_t)(wall_ms / 1000);
    struct tm local;
    out[0] = '\0';
    if (wall_ms > 0 && localtime_r(&t, &local) != NULL)
        (void)strftime(out, 24, now_ms - wall_ms < 72000000 ? "%H:%M" : "%m-%d %H:%M", &local);
}

static void lasted_text(char out[32], int64_t ms, bool zh)
{
    long long minutes = ms / 60000;
    if (minutes < 120)
        (void)snprintf(out, 32, zh ? "%lld 分钟" : "%lld min", minutes > 0 ? minutes : 1);
    else
        (void)snprintf(out, 32, zh ? "%lld 小时" : "%lld h", (minutes + 30) / 60);
}

static void compose(const struct notified *notified, uint8_t kind, bool zh, int64_t now_ms,
                    char *text, size_t size)
{
    static const char *const heads[METRIC_LANGUAGES][3] = {
        {"【告警】", "【还没人处理】", "【已解除】"}, {"[Alert] ", "[Still open] ", "[Over] "}};
    const struct alert_words *words = &notified->words[zh ? METRIC_ZH : METRIC_EN];
    if (words->what[0] == '\0')
        words = &notified->words[METRIC_EN];
    char since[24], lasted[32];
    clock_text(since, notified->since_ms, now_ms);
    lasted_text(lasted, now_ms - notified->since_ms, zh);
    bool over = kind == NOTICE_OVER;
    text[0] = '\0';
    (void)text_add(text, size, "%s%s", heads[zh ? METRIC_ZH : METRIC_EN][kind], words->what);
    if (words->place[0] != '\0')
        (void)text_add(text, size, "\n%s", words->place);
    if (over)
        (void)text_add(text, size, zh ? "\n%s 起，持续 %s" : "\nsince %s, for %s", since, lasted);
    else
        (void)text_add(text, size, zh ? "\n%s 起%s%s" : "\nsince %s%s%s", since,
                       words->todo[0] == '\0' ? ""
                       : zh                   ? "\n怎么办："
                                              : "\nWhat to do: ",
                       words->todo);
}

/* ---- Notices ---- */

/* Those that `drop` says, except what is under way. */
static void drop_if(struct queue *queue, bool (*drop)(const struct notice *, const void *),
                    const void *context)
{
    struct notice **at = &queue->first;
    while (*at != NULL) {
        struct notice *notice = *at;
        if (notice->message == 0 && drop(notice, context)) {
            *at = notice->next;
            queue->count--;
            queue->changed = true;
            free(notice);
        } else {
            at = &notice->next;
        }
    }
}

static bool is_call_of(const struct notice *notice, const void *id)
{
    return notice->kind <= NOTICE_AGAIN && strcmp(notice->alert, id) == 0;
}

static bool is_old(const struct notice *notice, const void *context)
{
    const struct queue_now *now = context;
    int64_t age = now->mono_ms - notice->made_mono_ms;
    return (notice->kind == NOTICE_OVER && age > OVER_LIVES_MS) ||
           (notice->kind > NOTICE_OVER && age > TEST_LIVES_MS);
}

static bool is_of_ways(const char *id)
{
    return strncmp(id, "notify-", 7) == 0;
}

/* A way that does not work is not told so by itself. */
static bool is_about_way(const struct queue *queue, const char *id, uint16_t way)
{
    return is_of_ways(id) && strcmp(id + 7, queue->config->ways[way].name) == 0;
}

/* It has not gone out yet: one word of it is enough. */
static bool is_to_hear(const struct queue *queue, const struct notified *notified, uint16_t way)
{
    const struct notice *notice = queue->first;
    while (notice != NULL && !(notice->way == way && is_call_of(notice, notified->id)))
        notice = notice->next;
    return notice != NULL;
}

/* true: all that are in `ways` have their notice. */
static bool notify(struct queue *queue, const struct notified *notified, uint16_t ways,
                   uint8_t kind, const struct queue_now *now)
{
    if (queue->count + queue->config->way_count > QUEUE_MOST)
        return false;
    for (uint16_t w = 0; w < queue->config->way_count; w++) {
        if (!(ways >> w & 1) || queue_is_output(queue, w) || is_about_way(queue, notified->id, w) ||
            (kind == NOTICE_AGAIN && is_to_hear(queue, notified, w)))
            continue;
        struct notice *notice = queue_add(queue, w, kind, now->mono_ms, now->wall.ms);
        if (notice == NULL)
            return false;
        memcpy(notice->alert, notified->id, sizeof notice->alert);
        notice->level = kind == NOTICE_OVER ? (uint8_t)ALERT_INFO : notified->level;
        compose(notified, kind, queue->config->ways[w].language == METRIC_ZH, now->wall.ms,
                notice->text, sizeof notice->text);
    }
    return true;
}

/* ---- Looking ---- */

/* That have been told of it. Of a way that does not work all others are, in whatever group: it may
 * be the only one of its own. */
static uint16_t ways_until(const struct queue *queue, const char *id, uint8_t stage)
{
    uint16_t ways = 0;
    if (is_of_ways(id))
        return stage > 0 ? UINT16_MAX : 0;
    for (uint8_t g = 0; g < stage && g < queue->config->group_count; g++)
        ways |= queue->config->groups[g].ways;
    return ways;
}

/* That are told of it next. */
static uint16_t ways_next(const struct queue *queue, const struct notified *notified)
{
    if (is_of_ways(notified->id))
        return UINT16_MAX;
    if (notified->stage >= queue->config->group_count)
        return ways_until(queue, notified->id, notified->stage);
    return queue->config->groups[notified->stage].ways;
}

static bool is_quiet(const struct config *config, const struct alert *alert,
                     const struct queue_now *now)
{
    time_t t = (time_t)(now->wall.ms / 1000);
    struct tm local;
    if (now->wall.trust != TIME_TRUSTED || localtime_r(&t, &local) == NULL)
        return false;
    int minute = local.tm_hour * 60 + local.tm_min;
    for (uint16_t i = 0; alert->text.rule[0] != '\0' && i < config->alert_count; i++) {
        const struct alert_hours *quiet = &config->alerts[i].quiet;
        if (strcmp(config->alerts[i].name, alert->text.rule) != 0 || quiet->from == quiet->to)
            continue;
        return quiet->from < quiet->to ? minute >= quiet->from && minute < quiet->to
                                       : minute >= quiet->from || minute < quiet->to;
    }
    return false;
}

/* Every way of the group refused it: no one is there who could answer. */
static bool reached_none(const struct queue *queue, const struct notified *notified)
{
    const struct notice *notice = queue->first;
    while (notice != NULL && strcmp(notice->alert, notified->id) != 0)
        notice = notice->next;
    return notified->refused && !notified->reached && notice == NULL;
}

/* So long an answer is waited for: once no group is left, twice as long each time. */
static int64_t answer_within_ms(const struct queue *queue, const struct notified *notified)
{
    uint32_t least_s = queue->config->escalate_s, wait_s = least_s;
    for (uint8_t i = 0; i < notified->rounds && wait_s < AGAIN_MOST_S; i++)
        wait_s *= 2;
    wait_s = wait_s < AGAIN_MOST_S ? wait_s : AGAIN_MOST_S;
    return (int64_t)(wait_s > least_s ? wait_s : least_s) * 1000;
}

/* The next group's turn: of an alarm that nobody has answered, or what has reached nobody. Behind
 * the last group it is everybody's: one message in the night is slept over. */
static bool is_due_next(const struct queue *queue, const struct notified *notified,
                        const struct alert *alert, const struct queue_now *now)
{
    if (notified->stage == 0 || is_of_ways(notified->id) || alert->acked_by[0] != '\0')
        return false;
    bool last = notified->stage >= queue->config->group_count;
    return (!last && reached_none(queue, notified)) ||
           (alert->text.level == ALERT_ALARM &&
            now->mono_ms - notified->stage_mono_ms >= answer_within_ms(queue, notified));
}

/* What is due; false: nothing is, or there is no room for it. */
static bool notify_due(struct queue *queue, struct notified *notified, bool graver, bool next,
                       const struct queue_now *now)
{
    if (graver)
        return notify(queue, notified, ways_until(queue, notified->id, notified->stage),
                      NOTICE_RAISED, now);
    return (next || notified->stage == 0) && notify(queue, notified, ways_next(queue, notified),
                                                    next ? NOTICE_AGAIN : NOTICE_RAISED, now);
}

static void look_at(struct queue *queue, const struct alert *alert, const struct queue_now *now)
{
    struct notified *notified = queue_find_case(queue, alert->text.id);
    if (notified == NULL)
        notified = queue_add_case(queue, alert->text.id);
    if (notified == NULL)
        return; /* with the next look */
    uint8_t level = notified->level;
    bool graver = alert->text.level > level && notified->stage > 0;
    bool quiet = is_quiet(queue->config, alert, now);
    bool next = is_due_next(queue, notified, alert, now);
    notified->stands = true;
    notified->level = alert->text.level;
    notified->since_ms = alert->since_ms;
    memcpy(notified->words, alert->text.words, sizeof notified->words);
    notified->calls = !quiet && alert->text.level == ALERT_ALARM && alert->acked_by[0] == '\0';
    if (quiet || !notify_due(queue, notified, graver, next, now)) {
        notified->level = graver ? level : notified->level; /* people know of that one */
        return;
    }
    notified->reached = notified->refused = false;
    if (graver)
        notified->rounds = 0;
    else if (notified->stage < queue->config->group_count)
        notified->stage++;
    else if (notified->rounds < UINT8_MAX)
        notified->rounds++;
    notified->stage_mono_ms = now->mono_ms;
    queue->changed = true;
}

static void look_for_ends(struct queue *queue, const struct queue_now *now)
{
    struct notified **at = &queue->cases;
    while (*at != NULL) {
        struct notified *notified = *at;
        bool over = !notified->stands;
        if (over)
            drop_if(queue, is_call_of, notified->id); /* too late: it is told as over */
        if (over && notified->stage > 0)
            over = notify(queue, notified, ways_until(queue, notified->id, notified->stage),
                          NOTICE_OVER, now);
        if (over) {
            *at = notified->next;
            queue->changed = true;
            free(notified);
        } else {
            at = &notified->next;
        }
    }
}

static void look_for_heartbeat(struct queue *queue, uint32_t standing, const struct queue_now *now)
{
    const struct config *config = queue->config;
    time_t t = (time_t)(now->wall.ms / 1000);
    struct tm local;
    if (config->heartbeat_day == 0 || now->wall.trust != TIME_TRUSTED ||
        localtime_r(&t, &local) == NULL || local.tm_wday + 1 != config->heartbeat_day ||
        local.tm_hour * 60 + local.tm_min < config->heartbeat_minute)
        return;
    int32_t day = (local.tm_year + 1900) * 10000 + (local.tm_mon + 1) * 100 + local.tm_mday;
    if (day == queue->beat_day)
        return;
    queue->beat_day = day;
    for (uint16_t w = 0; w < config->way_count; w++) {
        if (queue_is_output(queue, w))
            continue;
        struct notice *notice = queue_add(queue, w, NOTICE_HEARTBEAT, now->mono_ms, now->wall.ms);
        bool zh = config->ways[w].language == METRIC_ZH;
        if (notice != NULL && standing == 0)
            (void)snprintf(notice->text, sizeof notice->text,
                           zh ? "【平安】%s：一切正常，没有告警。下周同一时间再报"
                              : "[All is well] %s: no alerts. The next word comes in a week",
                           config->site);
        else if (notice != NULL)
            (void)snprintf(notice->text, sizeof notice->text,
                           zh ? "【周报】%s：主机在运行，还有 %u 条告警没有解除"
                              : "[Weekly] %s: the gateway runs, %u alerts are open",
                           config->site, standing);
    }
}

void queue_look(struct queue *queue, const struct active *active, const struct queue_now *now)
{
    for (struct notified *notified = queue->cases; notified != NULL; notified = notified->next)
        notified->stands = false;
    if (queue->config->group_count == 0)
        return;
    uint32_t standing = 0;
    for (const struct alert *alert = active_first(active); alert != NULL; alert = alert->next) {
        if (alert->ended_ms != 0 || alert->text.level < ALERT_WATCH)
            continue;
        standing++;
        look_at(queue, alert, now);
    }
    look_for_ends(queue, now);
    look_for_heartbeat(queue, standing, now);
    drop_if(queue, is_old, now);
}

/* By how many milliseconds a test sounds. */
#define TEST_SOUNDS_MS 3000

bool queue_calls(const struct queue *queue, uint16_t way, const struct queue_now *now)
{
    if (now->mono_ms < queue->ways[way].test_until_ms)
        return true;
    for (const struct notified *notified = queue->cases; notified != NULL;
         notified = notified->next) {
        if (notified->stands && notified->calls &&
            ways_until(queue, notified->id, notified->stage) >> way & 1 &&
            !is_about_way(queue, notified->id, way))
            return true;
    }
    return false;
}

static void set_trouble(struct queue *queue, uint16_t way, const char *why)
{
    struct way_state *state = &queue->ways[way];
    queue->changed |= strcmp(state->trouble, why) != 0;
    (void)snprintf(state->trouble, sizeof state->trouble, "%s", why);
}

void queue_called(struct queue *queue, uint16_t way, bool good, const char *why)
{
    struct way_state *state = &queue->ways[way];
    state->answered++;
    (void)snprintf(state->last, sizeof state->last, "%s", good ? "" : why);
    set_trouble(queue, way, good ? "" : why);
}

void queue_test(struct queue *queue, uint16_t way, const struct queue_now *now)
{
    if (queue_is_output(queue, way)) {
        queue->ways[way].test_until_ms = now->mono_ms + TEST_SOUNDS_MS;
        return;
    }
    struct notice *notice = queue_add(queue, way, NOTICE_TEST, now->mono_ms, now->wall.ms);
    if (notice != NULL)
        (void)snprintf(notice->text, sizeof notice->text,
                       queue->config->ways[way].language == METRIC_ZH
                           ? "【测试】%s 的测试消息，不是告警"
                           : "[Test] a test message of %s, no alert",
                       queue->config->site);
}

/* ---- Sending ---- */

static bool rate_allows(struct way_state *state, uint8_t kind, int64_t now_ms)
{
    unsigned limit = way_per_minute(kind);
    limit = limit < 64 ? limit : 64;
    return state->sent < limit || now_ms - state->sent_ms[(state->sent - limit) % 64] >= 60000;
}

static void add_to_message(struct way_message *message, const struct notice *notice)
{
    size_t at = strlen(message->text);
    (void)snprintf(message->text + at, sizeof message->text - at, "%s%s", at > 0 ? "\n\n" : "",
                   notice->text);
    if (message->title[0] == '\0') {
        size_t line = strcspn(notice->text, "\n");
        line = line < sizeof message->title ? line : sizeof message->title - 1;
        while (line > 0 && ((unsigned char)notice->text[line] & 0xC0) == 0x80)
            line--;
        memcpy(message->title, notice->text, line);
        message->title[line] = '\0';
    }
    if (notice->level > message->level)
        message->level = notice->level;
}

/* Never the same again, also over a restart, while the clock does not go back. */
static uint64_t new_message(struct queue *queue, const struct queue_now *now)
{
    uint64_t least = now->wall.ms > 0 ? (uint64_t)now->wall.ms << 12 : 1;
    if (queue->next_message < least)
        queue->next_message = least;
    return queue->next_message++;
}

static const struct notice *first_of(const struct queue *queue, uint16_t way)
{
    const struct notice *notice = queue->first;
    while (notice != NULL && notice->way != way)
        notice = notice->next;
    return notice;
}

bool queue_next(struct queue *queue, uint16_t way, const struct queue_now *now,
                struct way_message *message)
{
    const struct notice *first = first_of(queue, way);
    struct way_state *state = &queue->ways[way];
    if (state->message != 0 || now->mono_ms < state->not_before_ms ||
        !rate_allows(state, queue->config->ways[way].kind, now->mono_ms) || first == NULL)
        return false;
    uint64_t tried = first->tried;
    *message = (struct way_message){.id = tried != 0 ? tried : new_message(queue, now), .way = way};
    unsigned count = 0;
    for (struct notice *notice = queue->first; notice != NULL && count < NOTICES_MOST;
         notice = notice->next) {
        if (notice->way != way || notice->tried != tried)
            continue;
        if (strlen(message->text) + strlen(notice->text) + 3 > sizeof message->text)
            break;
        add_to_message(message, notice);
        notice->message = notice->tried = message->id;
        count++;
    }
    if (count == 0)
        return false;
    queue->changed = true; /* which message it goes in */
    state->message = message->id;
    state->sent_ms[state->sent++ % 64] = now->mono_ms;
    return true;
}

static bool is_gone(const struct notice *notice, const void *context)
{
    (void)context;
    return notice->gone;
}

/* Has another one been reached since this one was not? Text messages need no uplink. */
static bool others_are_reached(const struct queue *queue, uint16_t way)
{
    for (uint16_t w = 0; w < queue->config->way_count; w++) {
        if (w != way && queue->config->ways[w].kind != WAY_SMS &&
            queue->ways[w].delivered_ms > queue->ways[way].failing_ms)
            return true;
    }
    return false;
}

static void count_tries(struct queue *queue, uint16_t way, enum way_outcome outcome, int64_t now_ms)
{
    struct way_state *state = &queue->ways[way];
    if (outcome == WAY_SENT || outcome == WAY_PARTLY || outcome == WAY_REFUSED) {
        state->tries = state->bad = state->missed = 0;
        state->failing_ms = 0;
        state->delivered_ms = outcome != WAY_REFUSED ? now_ms : state->delivered_ms;
        return;
    }
    if (state->tries++ == 0)
        state->failing_ms = now_ms;
    if (outcome != WAY_UNREACHED)
        state->bad++;
    else if (others_are_reached(queue, way))
        state->missed++;
}

/* A wrong key is a person's to mend; so is a service that answers nonsense, or too many, time and
 * again, and an address where no one is. */
static void note_trouble(struct queue *queue, uint16_t way, enum way_outcome outcome,
                         const char *why)
{
    const struct way_state *state = &queue->ways[way];
    if (outcome == WAY_SENT)
        set_trouble(queue, way, "");
    if (outcome == WAY_REFUSED || outcome == WAY_PARTLY || state->bad >= TROUBLE_TRIES ||
        state->missed >= TROUBLE_TRIES)
        set_trouble(queue, way, why);
}

static void note_outcome(struct queue *queue, const struct notice *notice, enum way_outcome outcome)
{
    struct notified *notified =
        notice->kind <= NOTICE_AGAIN ? queue_find_case(queue, notice->alert) : NULL;
    if (notified == NULL)
        return;
    notified->reached |= outcome == WAY_SENT || outcome == WAY_PARTLY;
    notified->refused |= outcome == WAY_REFUSED;
}

static int64_t wait_after(enum way_outcome outcome, uint32_t tries)
{
    if (outcome == WAY_LIMITED)
        return LIMITED_MS;
    if (outcome != WAY_LATER && outcome != WAY_UNREACHED)
        return 0;
    int64_t wait = (int64_t)LATER_FIRST_MS << (tries < 7 ? tries - 1 : 6);
    return wait < LATER_MOST_MS ? wait : LATER_MOST_MS;
}

void queue_done(struct queue *queue, uint16_t way, uint64_t id, enum way_outcome outcome,
                const char *why, const struct queue_now *now)
{
    struct way_state *state = &queue->ways[way];
    if (state->message != id || id == 0)
        return; /* of a process that is gone */
    state->message = 0;
    state->answered++;
    (void)snprintf(state->last, sizeof state->last, "%s", outcome == WAY_SENT ? "" : why);
    bool away = outcome == WAY_SENT || outcome == WAY_PARTLY || outcome == WAY_REFUSED;
    for (struct notice *notice = queue->first; notice != NULL; notice = notice->next) {
        if (notice->message != id)
            continue;
        notice->message = 0;
        notice->gone = away;
        if (outcome == WAY_LIMITED) {
            notice->tried = 0; /* it was not taken: more may go with it */
            queue->changed = true;
        }
        note_outcome(queue, notice, outcome);
    }
    drop_if(queue, is_gone, NULL);
    count_tries(queue, way, outcome, now->mono_ms);
    note_trouble(queue, way, outcome, why);
    state->not_before_ms = now->mono_ms + wait_after(outcome, state->tries);
}

void queue_again(struct queue *queue)
{
    for (struct notice *notice = queue->first; notice != NULL; notice = notice->next)
        notice->message = 0;
    for (unsigned w = 0; w < WAYS_MAX; w++)
        queue->ways[w].message = 0;
}

const char *queue_trouble(const struct queue *queue, uint16_t way)
{
    return queue->ways[way].trouble;
}

uint32_t queue_answered(const struct queue *queue, uint16_t way, char last[WAY_WHY_SIZE])
{
    memcpy(last, queue->ways[way].last, WAY_WHY_SIZE);
    return queue->ways[way].answered;
}

uint32_t queue_count(const struct queue *queue, uint16_t way)
{
    uint32_t count = 0;
    for (const struct notice *notice = queue->first; notice != NULL; notice = notice->next)
        count += notice->way == way;
    return count;
}

bool queue_changed(struct queue *queue)
{
    bool changed = queue->changed;
    queue->changed = false;
    return changed;
}
