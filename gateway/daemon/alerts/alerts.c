/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/alerts/alerts.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/clock.h"
#include "gateway/common/log.h"
#include "gateway/common/serial.h"
#include "gateway/common/thread.h"
#include "gateway/daemon/alerts/active.h"
#include "gateway/daemon/alerts/calibration.h"
#include "gateway/daemon/alerts/cause.h"
#include "gateway/daemon/alerts/late.h"
#include "gateway/daemon/alerts/offline.h"
#include "gateway/daemon/alerts/rules.h"
#include "gateway/daemon/alerts/system.h"
#include "protocols/mqtt/topic.h"

#define SECOND_MS       1000
#define UNKNOWN_MOST_MS 10000  /* so long topics wait for what stood before the start */
#define ALARM_EVERY_MS  60000  /* a change of value alone is sent so often where data are bought */
#define OTHER_EVERY_MS  900000 /* mobile data: a dry soil stands for weeks */
#define LATE_EVERY_MS   5000   /* what logs say is written so often */
#define LATE_ROWS       64u
#define SAVE_EVERY_MS   600000 /* a change of value alone: the extreme that a power cut costs */

/* Rows of older versions: structs one after the other, each beginning with the id. Read once, to
 * clear their topics. */
#define OLD_KEY  "alerts"
#define OLD_SIZE 872u

struct alerts {
    const struct config *config;
    struct store *store;
    struct alerts_out out;
    struct reading_relay relay; /* before the store's sink */
    pthread_t thread;
    atomic_bool stopping;
    atomic_llong step_ms;
    int probe_fd;            /* any descriptor, to see whether another can be had */
    struct system_seen seen; /* the thread's own, as all that follows */
    int64_t started_ms, second_ms, late_ms;
    struct log_state log_full;

    pthread_mutex_t lock; /* ---- everything below ---- */
    pthread_cond_t wake;
    struct rules *rules;
    struct offline *offline;
    struct active *active;
    struct late late;
    bool asked, known; /* for those of before the start; they have been read */
    bool urgent;       /* something is to be reported at once */
};

static struct active_now now_of(const struct alerts *alerts)
{
    return (struct active_now){.mono_ms = clock_now().mono_ms, .wall = store_now(alerts->store)};
}

/* ---- Under the lock: causes become alerts ---- */

/* A frost that is measured needs no forecast of it. */
static bool is_measured_frost(const struct rules_cause *cause)
{
    const struct metric_info *metric = metric_find(cause->rule->metric);
    return cause->stands && cause->rule->level == ALERT_ALARM && !cause->rule->above &&
           cause->rule->per_s == 0 && metric != NULL && strcmp(metric->unit, "°C") == 0 &&
           strncmp(cause->rule->metric, "soil", 4) != 0;
}

static void take_cause(void *context, const struct rules_cause *cause)
{
    struct alerts *alerts = context;
    struct active_now now = now_of(alerts);
    alerts->urgent |= cause_take(alerts->config, alerts->rules, alerts->active, cause, &now);
    if (!cause->stands) {
        char id[RULES_ID_SIZE];
        rules_id(alerts->rules, cause, id);
        late_again(&alerts->late, id);
    }
    if (is_measured_frost(cause) && !rules_outranked(alerts->rules, cause))
        active_end(alerts->active, ALERTS_FROST, &now);
}

static struct rules_time time_of(struct wall_ms wall)
{
    time_t t = (time_t)(wall.ms / 1000);
    struct tm local;
    if (wall.trust != TIME_TRUSTED || localtime_r(&t, &local) == NULL)
        return (struct rules_time){.known = false};
    return (struct rules_time){
        .known = true, .minute = local.tm_hour * 60 + local.tm_min, .month = local.tm_mon};
}

static void take_late(void *context, const struct rules_cause *cause, int64_t at_ms, double value)
{
    struct alerts *alerts = context;
    struct rules_time time = time_of((struct wall_ms){.ms = at_ms, .trust = TIME_TRUSTED});
    char id[RULES_ID_SIZE];
    if (!rules_counts(cause->rule, &time))
        return;
    rules_id(alerts->rules, cause, id);
    late_add(&alerts->late, id, cause->rule->above, at_ms, value);
}

static void look_for_frost(void *context, const struct rules_cause *cause)
{
    *(bool *)context |= is_measured_frost(cause);
}

static bool frost_is_measured(const struct alerts *alerts)
{
    bool measured = false;
    rules_each(alerts->rules, look_for_frost, &measured);
    return measured;
}

/* ---- The sink: any bus thread ---- */

static void sink_reading(void *context, const struct reading *reading)
{
    const struct reading_relay *relay = context;
    struct alerts *alerts = relay->owner;
    relay->next->reading(relay->next->context, reading);
    pthread_mutex_lock(&alerts->lock);
    offline_reading(alerts->offline, reading);
    rules_reading(alerts->rules, reading);
    if (alerts->urgent)
        pthread_cond_signal(&alerts->wake);
    pthread_mutex_unlock(&alerts->lock);
}

static void sink_health(void *context, const struct device_health *health)
{
    const struct reading_relay *relay = context;
    struct alerts *alerts = relay->owner;
    relay->next->health(relay->next->context, health);
    pthread_mutex_lock(&alerts->lock);
    offline_health(alerts->offline, health);
    pthread_mutex_unlock(&alerts->lock);
}

/* A board that belongs elsewhere: two were swapped, or two adapters. */
static bool sink_board(void *context, uint16_t device, uint32_t serial, struct reading_board *board)
{
    const struct reading_relay *relay = context;
    struct alerts *alerts = relay->owner;
    bool here = relay->next->board(relay->next->context, device, serial, board);
    const char *name = alerts->config->devices[device].name;
    char id[ALERT_ID_SIZE], what[192], what_zh[192], now[SERIAL_TEXT_SIZE],
        before[SERIAL_TEXT_SIZE];
    (void)snprintf(id, sizeof id, ALERTS_BOARD "%s", name);
    serial_print(serial, now);
    if (here) {
        alerts_lower(alerts, id);
        serial_print(board->replaced, before);
        if (board->replaced != 0)
            log_write(LOG_LEVEL_NOTICE,
                      "device %s has another board now: serial number %s, before %s", name, now,
                      before);
        return true;
    }
    const char *owner = alerts->config->devices[board->owner].name;
    (void)snprintf(what, sizeof what,
                   "the board of %s (serial number %s) answers in the place of %s: its readings "
                   "are not taken",
                   owner, now, name);
    (void)snprintf(what_zh, sizeof what_zh, "%s 的位置上是 %s 的板子（序列号 %s），它的数据不采用",
                   name, owner, now);
    struct alerts_event event = {
        .id = id,
        .what = what,
        .where = "",
        .level = "alarm",
        .todo = "were adapters or addresses swapped? See port: and address: (baiye nodes)",
        .what_zh = what_zh,
        .todo_zh = "转换器或地址接反了吗？检查 port 和 address（baiye nodes）",
        .since_ms = store_now(alerts->store).ms};
    alerts_raise(alerts, &event);
    return false;
}

const struct reading_sink *alerts_sink(struct alerts *alerts)
{
    return &alerts->relay.sink;
}

/* ---- Those of before the start: store thread ---- */

static void restore(struct alerts *alerts, const struct store_alert *row,
                    const struct active_now *now)
{
    if (!active_restore(alerts->active, row->id, row->begun_ms, row->doc, row->size)) {
        active_ghost(alerts->active, row->id);
        return;
    }
    const struct alert *alert = active_find(alerts->active, row->id);
    const struct alert_text *text = &alert->text;
    double extreme = text->measured ? text->extreme : (double)NAN;
    bool ours = text->rule[0] != '\0'
                    ? rules_restore(alerts->rules, row->id, text->devices, extreme,
                                    now->mono_ms - (now->wall.ms - alert->since_ms))
                    : system_is_ours(alerts->config, row->id) ||
                          offline_is_ours(alerts->offline, row->id) ||
                          calibration_is_ours(alerts->config, row->id);
    if (!ours || active_ended(alerts->active, row->id))
        active_end(alerts->active, row->id, now); /* nothing here would ever end it again */
}

static void on_rows(void *context, enum store_result result, const struct store_alert *rows,
                    uint32_t count, int64_t next_ms)
{
    (void)next_ms; /* no more than the limit stand */
    struct alerts *alerts = context;
    struct active_now now = now_of(alerts);
    pthread_mutex_lock(&alerts->lock);
    alerts->asked = false;
    for (uint32_t i = 0; result == STORE_OK && i < count; i++) {
        if (rows[i].ended_ms == 0)
            restore(alerts, &rows[i], &now);
    }
    alerts->known = result == STORE_OK;
    if (alerts->known)
        active_restored(alerts->active);
    pthread_mutex_unlock(&alerts->lock);
}

static void on_old_rows(void *context, enum store_result result, const void *value, size_t size)
{
    struct alerts *alerts = context;
    char id[ALERT_ID_SIZE];
    pthread_mutex_lock(&alerts->lock);
    for (size_t at = 0; result == STORE_OK && size % OLD_SIZE == 0 && at < size; at += OLD_SIZE) {
        memcpy(id, (const char *)value + at, sizeof id);
        id[sizeof id - 1] = '\0';
        if (id[0] != '\0')
            active_ghost(alerts->active, id);
    }
    pthread_mutex_unlock(&alerts->lock);
    if (result == STORE_OK && size > 0)
        (void)store_put(alerts->store, OLD_KEY, NULL, 0, NULL, NULL); /* else at the next start */
}

static void ask(struct alerts *alerts)
{
    pthread_mutex_lock(&alerts->lock);
    bool needed = !alerts->asked && !alerts->known;
    alerts->asked |= needed;
    pthread_mutex_unlock(&alerts->lock);
    if (!needed)
        return;
    if (store_alerts(alerts->store, STORE_ASKER_GATEWAY, 0, 0, STORE_ALERTS_MAX, on_rows, alerts) ==
        STORE_OK) {
        (void)store_get(alerts->store, OLD_KEY, on_old_rows, alerts); /* else at the next start */
        return;
    }
    pthread_mutex_lock(&alerts->lock);
    alerts->asked = false;
    pthread_mutex_unlock(&alerts->lock);
}

/* ---- What logs say of alerts that are over ---- */

struct annotating {
    struct alerts *alerts;
    struct late_stretch stretch;
};

/* Is that row still to be written as it stands in memory? Then its text is not the last one. */
static const struct alert *in_memory(const struct alerts *alerts, const struct store_alert *row)
{
    const struct alert *alert = active_first(alerts->active);
    while (alert != NULL &&
           (alert->begun_ms != row->begun_ms || strcmp(alert->text.id, row->id) != 0))
        alert = alert->next;
    return alert;
}

/* false: again later. */
static bool annotate(const struct alerts *alerts, const struct store_alert *row,
                     const struct late_stretch *stretch)
{
    char doc[STORE_ALERT_MAX];
    struct json_out o = json_out_init(doc, sizeof doc);
    const struct alert *alert = in_memory(alerts, row);
    if (alert != NULL)
        return alert->ended_ms ==
               0; /* one that stands is annotated as its cause; again at its end */
    if (!active_annotate(&o, row->doc, row->size, row->ended_ms, stretch))
        return true;
    struct store_alert changed = *row;
    changed.doc = doc;
    changed.size = o.at;
    return store_alert_put(alerts->store, &changed, NULL, NULL) == STORE_OK;
}

/* Store thread. */
static void on_late_rows(void *context, enum store_result result, const struct store_alert *rows,
                         uint32_t count, int64_t next_ms)
{
    (void)next_ms;
    struct annotating *own = context;
    struct alerts *alerts = own->alerts;
    bool good = result == STORE_OK;
    pthread_mutex_lock(&alerts->lock);
    for (uint32_t i = 0; good && i < count; i++) {
        if (rows[i].ended_ms != 0 && strcmp(rows[i].id, own->stretch.id) == 0)
            good = annotate(alerts, &rows[i], &own->stretch);
    }
    if (!good)
        late_again(&alerts->late, own->stretch.id);
    pthread_mutex_unlock(&alerts->lock);
    free(own);
}

static void write_late(struct alerts *alerts, int64_t mono_ms)
{
    struct annotating *own = NULL;
    if (mono_ms - alerts->late_ms < LATE_EVERY_MS || (own = calloc(1, sizeof *own)) == NULL)
        return;
    own->alerts = alerts;
    pthread_mutex_lock(&alerts->lock);
    bool due = alerts->known && late_next(&alerts->late, &own->stretch);
    pthread_mutex_unlock(&alerts->lock);
    if (!due)
        alerts->late_ms = mono_ms; /* all that has come is written */
    if (due &&
        store_alerts(alerts->store, STORE_ASKER_GATEWAY, own->stretch.from_ms - LATE_GAP_MS,
                     own->stretch.to_ms + LATE_GAP_MS, LATE_ROWS, on_late_rows, own) == STORE_OK)
        return;
    if (due) {
        pthread_mutex_lock(&alerts->lock);
        late_again(&alerts->late, own->stretch.id);
        pthread_mutex_unlock(&alerts->lock);
    }
    free(own);
}

/* ---- Telling the outside: the thread, under the lock ---- */

static bool publish_one(const struct alerts *alerts, const struct alert *alert, bool follow)
{
    char json[4096], suffix[TOPIC_SIZE];
    struct json_out o = json_out_init(json, sizeof json);
    if (alert->ended_ms == 0)
        active_json(&o, alert);
    (void)snprintf(suffix, sizeof suffix, TOPIC_ALERT "%s", alert->text.id);
    if (follow)
        return !o.failed && alerts->out.follow(alerts->out.context, suffix, json, o.at);
    return !o.failed && alerts->out.publish_doc(alerts->out.context, suffix, json, o.at, true, 1);
}

struct saving {
    struct alerts *alerts;
    char id[ALERT_ID_SIZE];
    int64_t begun_ms;
};

/* Store thread. */
static void on_saved(void *context, enum store_result result)
{
    struct saving *saving = context;
    pthread_mutex_lock(&saving->alerts->lock);
    struct alert *alert = active_first(saving->alerts->active);
    while (alert != NULL &&
           (alert->begun_ms != saving->begun_ms || strcmp(alert->text.id, saving->id) != 0))
        alert = alert->next;
    if (alert != NULL) {
        alert->saving = false;
        if (result != STORE_OK)
            alert->save = true; /* again with the next second: save_now is still set */
        else if (!alert->save)
            alert->save_now = false;
    }
    pthread_mutex_unlock(&saving->alerts->lock);
    free(saving);
}

static bool save_one(struct alerts *alerts, struct alert *alert)
{
    char json[STORE_ALERT_MAX];
    struct json_out o = json_out_init(json, sizeof json);
    struct saving *saving = calloc(1, sizeof *saving);
    active_doc(&o, alert);
    if (saving == NULL || o.failed) {
        free(saving);
        return false;
    }
    struct store_alert row = {
        .begun_ms = alert->begun_ms, .ended_ms = alert->ended_ms, .doc = json, .size = o.at};
    memcpy(row.id, alert->text.id, sizeof row.id);
    *saving = (struct saving){.alerts = alerts, .begun_ms = alert->begun_ms};
    memcpy(saving->id, alert->text.id, sizeof saving->id);
    if (store_alert_put(alerts->store, &row, on_saved, saving) == STORE_OK)
        return true;
    free(saving);
    return false;
}

/* What stood before the start is known, or not waited for any more. */
static bool is_settled(const struct alerts *alerts, int64_t mono_ms)
{
    return alerts->known || mono_ms - alerts->started_ms >= UNKNOWN_MOST_MS;
}

static void publish_if_due(struct alerts *alerts, struct alert *alert, int64_t mono_ms)
{
    int64_t every = alert->text.level == ALERT_ALARM ? ALARM_EVERY_MS : OTHER_EVERY_MS;
    if (alert->publish && is_settled(alerts, mono_ms) &&
        (alert->publish_now || mono_ms - alert->published_ms >= every) &&
        publish_one(alerts, alert, false)) {
        alert->publish = alert->publish_now = alert->follow = false;
        alert->published_ms = mono_ms;
    }
    if (alert->follow && alert->publish && !alert->publish_now && is_settled(alerts, mono_ms))
        alert->follow = !publish_one(alerts, alert, true);
    if (alert->save && alerts->known && !alert->saving &&
        (alert->save_now || mono_ms - alert->saved_ms >= SAVE_EVERY_MS) &&
        save_one(alerts, alert)) {
        alert->save = false;
        alert->saving = true;
        alert->saved_ms = mono_ms;
    }
}

static void tell(struct alerts *alerts)
{
    int64_t mono_ms = clock_now().mono_ms;
    alerts->urgent = false;
    if (alerts->out.look != NULL && is_settled(alerts, mono_ms)) {
        struct active_now now = now_of(alerts);
        alerts->out.look(alerts->out.people, alerts->active, &now);
    }
    for (struct alert *alert = active_first(alerts->active); alert != NULL; alert = alert->next)
        publish_if_due(alerts, alert, mono_ms);
    active_sweep(alerts->active);
}

/* ---- Once a second ---- */

static void look_around(struct alerts *alerts)
{
    struct system_seen *seen = &alerts->seen;
    struct statvfs disk;
    char folder[CONFIG_PATH_SIZE];
    store_stats(alerts->store, &seen->store);
    upgrade_state_read(&seen->upgrade);
    int probe = fcntl(alerts->probe_fd, F_DUPFD_CLOEXEC, 0);
    seen->descriptors_left = probe >= 0 || errno != EMFILE;
    if (probe >= 0)
        close(probe);
    (void)snprintf(folder, sizeof folder, "%s", alerts->config->store_path);
    char *slash = strrchr(folder, '/');
    (void)snprintf(slash != NULL ? slash + 1 : folder, 2, ".");
    seen->disk_known = statvfs(folder, &disk) == 0;
    if (seen->disk_known) {
        seen->disk_bytes = (uint64_t)disk.f_blocks * disk.f_frsize;
        seen->disk_free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    }
    for (uint16_t i = 0; alerts->out.broker != NULL && i < seen->broker_count; i++)
        alerts->out.broker(alerts->out.context, i, &seen->brokers[i]);
    for (uint16_t i = 0; alerts->out.way != NULL && i < alerts->config->way_count; i++)
        alerts->out.way(alerts->out.people, i, seen->ways[i]);
}

static void second(struct alerts *alerts)
{
    struct active_now now = now_of(alerts);
    struct rules_time time = time_of(now.wall);
    time.mono_ms = now.mono_ms;
    ask(alerts);
    write_late(alerts, now.mono_ms);
    look_around(alerts);
    pthread_mutex_lock(&alerts->lock);
    active_clock(alerts->active, &now);
    rules_time_is(alerts->rules, &time);
    rules_each(alerts->rules, take_cause, alerts); /* who is outranked may have changed */
    offline_second(alerts->offline, alerts->active, &now);
    system_look(alerts->config, &alerts->seen, alerts->active, &now);
    calibration_look(alerts->config, alerts->active, &now);
    bool full = active_count(alerts->active) >= ALERT_MOST;
    pthread_mutex_unlock(&alerts->lock);
    log_change(&alerts->log_full, full, LOG_LEVEL_WARNING,
               full ? "alerts: %u stand at once, no more are raised: make the rules coarser"
                    : "alerts: fewer than %u stand",
               ALERT_MOST);
}

static void wait_for_work(struct alerts *alerts, int64_t until_ms)
{
    struct timespec until = clock_timespec(until_ms * 1000000);
    while (!alerts->urgent && !atomic_load(&alerts->stopping) &&
           pthread_cond_timedwait(&alerts->wake, &alerts->lock, &until) == 0)
        ;
}

static void *alerts_main(void *context)
{
    struct alerts *alerts = context;
    while (!atomic_load(&alerts->stopping)) {
        int64_t mono_ms = clock_now().mono_ms;
        atomic_store(&alerts->step_ms, mono_ms);
        if (mono_ms - alerts->second_ms >= SECOND_MS) {
            alerts->second_ms = mono_ms;
            second(alerts);
        }
        pthread_mutex_lock(&alerts->lock);
        tell(alerts);
        wait_for_work(alerts, alerts->second_ms + SECOND_MS);
        pthread_mutex_unlock(&alerts->lock);
    }
    pthread_mutex_lock(&alerts->lock);
    tell(alerts);
    pthread_mutex_unlock(&alerts->lock);
    return NULL;
}

/* ---- Beginning and end ---- */

static struct alerts *create(const struct config *config, struct store *store,
                             const struct alerts_out *out)
{
    struct alerts *alerts = calloc(1, sizeof *alerts);
    if (alerts == NULL)
        return NULL;
    alerts->config = config;
    alerts->store = store;
    alerts->out = *out;
    reading_relay_init(&alerts->relay, store_sink(store), alerts);
    alerts->relay.sink.reading = sink_reading;
    alerts->relay.sink.health = sink_health;
    alerts->relay.sink.board = sink_board;
    alerts->seen.broker_count =
        config->broker_count < STORE_BROKERS_MAX ? config->broker_count : STORE_BROKERS_MAX;
    thread_init_lock(&alerts->lock, &alerts->wake);
    log_state_init(&alerts->log_full, 0);
    alerts->probe_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    alerts->rules = rules_create(config, take_cause, alerts);
    alerts->offline = offline_create(config);
    alerts->active = active_create();
    alerts->started_ms = clock_now().mono_ms;
    atomic_store(&alerts->step_ms, alerts->started_ms);
    if (alerts->rules != NULL)
        rules_on_late(alerts->rules, take_late);
    if (alerts->probe_fd < 0 || alerts->rules == NULL || alerts->offline == NULL ||
        alerts->active == NULL) {
        alerts_free(alerts);
        return NULL;
    }
    return alerts;
}

struct alerts *alerts_start(const struct config *config, struct store *store,
                            const struct alerts_out *out)
{
    struct alerts *alerts = create(config, store, out);
    if (alerts == NULL || thread_start(&alerts->thread, alerts_main, alerts))
        return alerts;
    int error = errno;
    alerts_free(alerts);
    errno = error;
    return NULL;
}

void alerts_stop(struct alerts *alerts)
{
    if (alerts == NULL)
        return;
    pthread_mutex_lock(&alerts->lock);
    atomic_store(&alerts->stopping, true);
    pthread_cond_signal(&alerts->wake);
    pthread_mutex_unlock(&alerts->lock);
    pthread_join(alerts->thread, NULL);
}

void alerts_free(struct alerts *alerts)
{
    if (alerts == NULL)
        return;
    rules_destroy(alerts->rules);
    offline_destroy(alerts->offline);
    active_destroy(alerts->active);
    if (alerts->probe_fd >= 0)
        close(alerts->probe_fd);
    pthread_cond_destroy(&alerts->wake);
    pthread_mutex_destroy(&alerts->lock);
    free(alerts);
}

/* ---- Others' alerts ---- */

bool alerts_frost_stands(struct alerts *alerts)
{
    pthread_mutex_lock(&alerts->lock);
    const struct alert *alert = active_find(alerts->active, ALERTS_FROST);
    bool stands = (alert != NULL && alert->text.level == ALERT_ALARM) || frost_is_measured(alerts);
    pthread_mutex_unlock(&alerts->lock);
    return stands;
}

/* Cut between characters. */
static void copy_words(char *out, size_t size, const char *text)
{
    size_t length = text != NULL ? strlen(text) : 0;
    if (length >= size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
            length--;
    }
    if (length > 0)
        memcpy(out, text, length);
    out[length] = '\0';
}

static void set_words(struct alert_words *words, const char *what, const char *todo,
                      const char *place)
{
    copy_words(words->what, sizeof words->what, what);
    copy_words(words->todo, sizeof words->todo, todo);
    copy_words(words->place, sizeof words->place, place);
}

void alerts_raise(struct alerts *alerts, const struct alerts_event *event)
{
    struct active_now now = now_of(alerts);
    struct alert_text text = {.level = alert_level_of(event->level)};
    const struct plot_config *plot = config_plot(alerts->config, event->where);
    const char *place = plot == NULL ? "" : plot->label[0] != '\0' ? plot->label : plot->name;
    (void)snprintf(text.id, sizeof text.id, "%s", event->id);
    (void)snprintf(text.where, sizeof text.where, "%s", event->where);
    set_words(&text.words[METRIC_EN], event->what, event->todo, place);
    set_words(&text.words[METRIC_ZH], event->what_zh, event->todo_zh, place);
    pthread_mutex_lock(&alerts->lock);
    if (strcmp(event->id, ALERTS_FROST) != 0 || !frost_is_measured(alerts))
        (void)active_set(alerts->active, &text, 0, event->since_ms, &now);
    alerts->urgent = true;
    pthread_cond_signal(&alerts->wake);
    pthread_mutex_unlock(&alerts->lock);
}

void alerts_lower(struct alerts *alerts, const char *id)
{
    struct active_now now = now_of(alerts);
    pthread_mutex_lock(&alerts->lock);
    active_end(alerts->active, id, &now);
    alerts->urgent = true;
    pthread_cond_signal(&alerts->wake);
    pthread_mutex_unlock(&alerts->lock);
}

void alerts_web_trouble(struct alerts *alerts, const char *what)
{
    struct active_now now = now_of(alerts);
    pthread_mutex_lock(&alerts->lock);
    system_web(what, alerts->active, &now);
    alerts->urgent = true;
    pthread_cond_signal(&alerts->wake);
    pthread_mutex_unlock(&alerts->lock);
}

bool alerts_acknowledge(struct alerts *alerts, const char *id, const char *user, int64_t at_ms)
{
    pthread_mutex_lock(&alerts->lock);
    bool stands = active_acknowledge(alerts->active, id, user, at_ms);
    alerts->urgent = true;
    pthread_cond_signal(&alerts->wake);
    pthread_mutex_unlock(&alerts->lock);
    return stands;
}

enum rules_truth alerts_rule_holds(struct alerts *alerts, uint16_t rule, const uint16_t *devices,
                                   uint16_t count)
{
    pthread_mutex_lock(&alerts->lock);
    enum rules_truth truth = rules_holds(alerts->rules, rule, devices, count, clock_now().mono_ms);
    pthread_mutex_unlock(&alerts->lock);
    return truth;
}

int64_t alerts_idle_ms(const struct alerts *alerts)
{
    return clock_now().mono_ms - atomic_load(&alerts->step_ms);
}
