/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FUTURE_TOLERANCE_MS 120000
#define FORECAST_EVERY_MS   36000000LL /* stale after 25 h */
#define TREND_STEP_MS       300000     /* 5 min */
#define TREND_MIN_MS        1200000    /* 20 min */
#define TREND_MAX_MS        5400000    /* 90 min */
#define DAY_MS              86400000LL

void state_init(struct state *state)
{
    memset(state, 0, sizeof *state);
}

static int find_source(struct state *state, enum source_kind kind, const char *name, size_t length)
{
    for (int i = 0; i < state->source_count; i++) {
        const struct state_source *source = &state->sources[i];
        if (source->kind == kind && strlen(source->name) == length &&
            memcmp(source->name, name, length) == 0)
            return i;
    }
    if (state->source_count == STATE_SOURCES_MAX || length >= STATE_NAME_SIZE)
        return -1;
    struct state_source *source = &state->sources[state->source_count];
    *source = (struct state_source){.kind = (uint8_t)kind};
    memcpy(source->name, name, length);
    return state->source_count++;
}

static int find_slot(struct state *state, int source, const char *scope, size_t scope_length,
                     const char *metric)
{
    for (int i = 0; i < state->slot_count; i++) {
        const struct state_slot *slot = &state->slots[i];
        if (slot->source == source && strcmp(slot->metric, metric) == 0 &&
            strlen(slot->scope) == scope_length && memcmp(slot->scope, scope, scope_length) == 0)
            return i;
    }
    if (state->slot_count == STATE_SLOTS_MAX || scope_length >= STATE_NAME_SIZE ||
        strlen(metric) >= STATE_NAME_SIZE)
        return -1;
    struct state_slot *slot = &state->slots[state->slot_count];
    *slot = (struct state_slot){
        .source = (uint8_t)source, .limit_low = -HUGE_VAL, .limit_high = HUGE_VAL, .day = -1};
    memcpy(slot->scope, scope, scope_length);
    memcpy(slot->metric, metric, strlen(metric) + 1);
    const struct metric_info *info = metric_find(metric);
    slot->sums = info != NULL && info->kind == METRIC_SUM;
    return state->slot_count++;
}

static bool known_field(const char *field)
{
    static const char *const fields[] = {"ready_jin", "ready_kg",     "pick_jin",   "pick_kg",
                                         "pickers",   "thermal_time", "share_ready"};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(field, fields[i]) == 0)
            return true;
    }
    return false;
}

static bool only_name_signs(const char *reference)
{
    size_t good = strspn(reference, "abcdefghijklmnopqrstuvwxyz0123456789_-/");
    return reference[good] == '\0';
}

int state_slot(struct state *state, const char *reference)
{
    if (!only_name_signs(reference))
        return -1;
    const char *slash = strchr(reference, '/');
    if (slash == NULL)
        return -1;
    size_t head = (size_t)(slash - reference);
    const char *name = slash + 1;
    if (strcmp(reference, "frost/min_c") == 0)
        return find_slot(state, find_source(state, SOURCE_FORECAST, "", 0), "frost", 5, "min_c");
    const char *second = strchr(name, '/');
    if (second == NULL || second == name || second[1] == '\0' || strchr(second + 1, '/') != NULL)
        return -1;
    size_t length = (size_t)(second - name);
    int source = -1;
    if (head == 4 && memcmp(reference, "plot", 4) == 0)
        source = find_source(state, SOURCE_PLOT, name, length);
    else if (head == 3 && memcmp(reference, "dev", 3) == 0)
        source = find_source(state, SOURCE_DEVICE, name, length);
    else if (head == 8 && memcmp(reference, "forecast", 8) == 0 && known_field(second + 1))
        return find_slot(state, find_source(state, SOURCE_FORECAST, "", 0), name, length,
                         second + 1);
    return source < 0 ? -1 : find_slot(state, source, "", 0, second + 1);
}

bool state_watch(struct state *state, const char *source)
{
    if (strncmp(source, "plot/", 5) == 0 && source[5] != '\0' && strchr(source + 5, '/') == NULL)
        return find_source(state, SOURCE_PLOT, source + 5, strlen(source + 5)) >= 0;
    if (strncmp(source, "dev/", 4) == 0 && source[4] != '\0' && strchr(source + 4, '/') == NULL)
        return find_source(state, SOURCE_DEVICE, source + 4, strlen(source + 4)) >= 0;
    return false;
}

int64_t state_clock_ms(const struct state *state, const struct led_now *now)
{
    return state->clock_known ? now->mono_ms + state->clock_offset_ms : now->wall_ms;
}

void state_link(struct state *state, bool connected, const struct led_now *now)
{
    if (state->connected != connected)
        state->link_mono_ms = now->mono_ms;
    for (int i = 0; connected && !state->connected && i < STATE_ALERTS_MAX; i++)
        state->alerts[i].confirmed = false;
    state->connected = connected;
}

void state_settle(struct state *state, const struct led_now *now)
{
    if (!state->connected || now->mono_ms - state->link_mono_ms < STATE_SETTLE_MS)
        return;
    for (int i = 0; i < STATE_ALERTS_MAX; i++)
        state->alerts[i].used = state->alerts[i].used && state->alerts[i].confirmed;
}

void state_time(struct state *state, int64_t gateway_ms, int64_t asked_mono_ms,
                const struct led_now *now)
{
    int64_t middle = asked_mono_ms + (now->mono_ms - asked_mono_ms) / 2;
    state->clock_known = true;
    state->clock_offset_ms = gateway_ms - middle;
}

/* -1: its time cannot be compared with ours, and nothing else tells its age. */
static int64_t source_age_ms(const struct state *state, const struct state_source *source,
                             const struct led_now *now)
{
    int64_t by_clock = state_clock_ms(state, now) - source->ts_ms;
    int64_t since_seen = now->mono_ms - source->seen_mono_ms;
    if (by_clock < -FUTURE_TOLERANCE_MS && !source->proven)
        return -1;
    return by_clock > since_seen ? by_clock : since_seen;
}

static int64_t stale_after_ms(const struct state *state, const struct state_source *source)
{
    int64_t every = source->kind == SOURCE_FORECAST ? FORECAST_EVERY_MS : source->every_ms;
    return every * 5 / 2 + state->batch_ms;
}

static bool source_stale(const struct state *state, const struct state_source *source,
                         const struct led_now *now)
{
    int64_t age = source_age_ms(state, source, now);
    bool offline = state->gateway == GATEWAY_OFFLINE && source->kind != SOURCE_FORECAST;
    return offline || age < 0 || age > stale_after_ms(state, source);
}

/* The oldest point within the trend's window against the value now. */
static int trend_of(const struct state_slot *slot, const struct led_now *now)
{
    struct metric_words words;
    if (!word_metric(slot->metric, &words) || words.trend <= 0)
        return 0;
    for (int i = 0; i < slot->point_count; i++) {
        int64_t age = now->mono_ms - slot->points[i].mono_ms;
        if (age > TREND_MAX_MS)
            continue;
        if (age < TREND_MIN_MS)
            break;
        double change = slot->value - slot->points[i].value;
        return change >= words.trend ? 1 : change <= -words.trend ? -1 : 0;
    }
    return 0;
}

static int64_t local_day(const struct state *state, const struct led_now *now)
{
    int64_t local = state_clock_ms(state, now) + (int64_t)now->utc_offset_s * 1000;
    return local >= 0 ? local / DAY_MS : -1;
}

struct led_value state_value(const struct state *state, int slot_index, const struct led_now *now)
{
    const struct state_slot *slot = &state->slots[slot_index];
    const struct state_source *source = &state->sources[slot->source];
    struct led_value out = {.shown = SHOWN_WAITING, .age_ms = -1};
    if (!source->seen)
        return out;
    out.age_ms = source_age_ms(state, source, now);
    out.flag = (enum metric_flag)slot->flag;
    if (source_stale(state, source, now) || slot->flag == METRIC_STALE) {
        out.shown = SHOWN_STALE;
        return out;
    }
    bool mild = slot->flag == METRIC_UNCALIBRATED || slot->flag == METRIC_CLOCK;
    if (!slot->present || (slot->flag != METRIC_GOOD && !mild)) {
        out.shown = SHOWN_BAD;
        if (slot->flag == METRIC_GOOD)
            out.flag = METRIC_ABSENT;
        return out;
    }
    out.shown = mild ? SHOWN_MARKED : SHOWN_GOOD;
    bool whole = slot->day_whole && slot->day == local_day(state, now);
    if (slot->sums) {
        out.value = slot->day_sum;
        out.shown = whole ? out.shown : SHOWN_WAITING;
        return out;
    }
    out.triple = slot->triple;
    out.value = slot->value;
    out.low = slot->low;
    out.high = slot->high;
    out.trend = trend_of(slot, now);
    out.beyond = slot->value > slot->limit_high ? 1 : slot->value < slot->limit_low ? -1 : 0;
    out.has_range = whole;
    out.min = slot->day_min;
    out.max = slot->day_max;
    return out;
}

static void add_point(struct state_slot *slot, const struct led_now *now)
{
    if (slot->point_count > 0 &&
        now->mono_ms - slot->points[slot->point_count - 1].mono_ms < TREND_STEP_MS)
        return;
    if (slot->point_count == STATE_TREND_POINTS) {
        memmove(slot->points, slot->points + 1, sizeof slot->points - sizeof slot->points[0]);
        slot->point_count--;
    }
    slot->points[slot->point_count++] =
        (struct state_point){.mono_ms = now->mono_ms, .value = slot->value};
}

/* A day counts as whole when the value before midnight was not long before it, and no hole since
 * was longer than the source's own rhythm allows. */
static void add_to_day(struct state *state, struct state_slot *slot, int64_t before_ts_ms,
                       const struct led_now *now)
{
    const struct state_source *source = &state->sources[slot->source];
    int64_t offset_ms = (int64_t)now->utc_offset_s * 1000;
    int64_t day = (source->ts_ms + offset_ms) / DAY_MS;
    bool hole = before_ts_ms == 0 || source->ts_ms - before_ts_ms > stale_after_ms(state, source);
    if (day != slot->day) {
        slot->day_whole = !hole && day == slot->day + 1;
        slot->day = day;
        slot->day_min = slot->day_max = slot->value;
    }
    if (hole)
        slot->day_whole = false;
    slot->day_min = fmin(slot->day_min, slot->value);
    slot->day_max = fmax(slot->day_max, slot->value);
}

void state_slot_taken(struct state *state, struct state_slot *slot, int64_t before_ts_ms,
                      const struct led_now *now)
{
    if (slot->sums || !slot->present ||
        (slot->flag != METRIC_GOOD && slot->flag != METRIC_UNCALIBRATED))
        return;
    add_point(slot, now);
    add_to_day(state, slot, before_ts_ms, now);
}

bool state_wants_day(const struct state *state, int slot_index, const struct led_now *now)
{
    const struct state_slot *slot = &state->slots[slot_index];
    const struct state_source *source = &state->sources[slot->source];
    return source->kind != SOURCE_FORECAST && source->seen && slot->present &&
           (slot->sums || !slot->day_whole) && state->gateway == GATEWAY_ONLINE &&
           !source_stale(state, source, now);
}

void state_day(struct state *state, int slot_index, double min, double max,
               const struct led_now *now)
{
    struct state_slot *slot = &state->slots[slot_index];
    if (slot->day != local_day(state, now))
        return;
    slot->day_min = fmin(slot->day_min, min);
    slot->day_max = fmax(slot->day_max, max);
    slot->day_whole = true;
}

void state_day_sum(struct state *state, int slot_index, double sum, const struct led_now *now)
{
    struct state_slot *slot = &state->slots[slot_index];
    slot->day = local_day(state, now);
    slot->day_whole = true;
    slot->day_sum = sum;
}

const char *state_label(const struct state *state, const char *source)
{
    for (int i = 0; i < state->source_count; i++) {
        const struct state_source *s = &state->sources[i];
        const char *prefix = s->kind == SOURCE_PLOT ? "plot/" : "dev/";
        size_t length = strlen(prefix);
        if (s->kind != SOURCE_FORECAST && strncmp(source, prefix, length) == 0 &&
            strcmp(source + length, s->name) == 0)
            return s->label[0] ? s->label : s->name;
    }
    return NULL;
}

const char *state_place(const struct state *state, const char *name)
{
    for (int i = 0; i < state->source_count; i++) {
        const struct state_source *source = &state->sources[i];
        if (source->kind != SOURCE_FORECAST && source->label[0] && strcmp(source->name, name) == 0)
            return source->label;
    }
    return name;
}

const char *state_alert_place(const struct state *state, const struct state_alert *alert,
                              enum language language)
{
    return alert->place[language][0] != '\0' ? alert->place[language]
                                             : state_place(state, alert->where);
}

int state_alert_count(const struct state *state, int level)
{
    int count = 0;
    for (int i = 0; i < STATE_ALERTS_MAX; i++)
        count += state->alerts[i].used && state->alerts[i].level >= level;
    return count;
}

static bool before(const struct state_alert *a, const struct state_alert *b)
{
    if (a->level != b->level)
        return a->level > b->level;
    if (a->since_ms != b->since_ms)
        return a->since_ms > b->since_ms;
    return a < b;
}

const struct state_alert *state_alert(const struct state *state, int level, int index)
{
    for (int i = 0; i < STATE_ALERTS_MAX; i++) {
        const struct state_alert *alert = &state->alerts[i];
        if (!alert->used || alert->level < level)
            continue;
        int rank = 0;
        for (int k = 0; k < STATE_ALERTS_MAX; k++) {
            const struct state_alert *other = &state->alerts[k];
            rank += other->used && other->level >= level && before(other, alert);
        }
        if (rank == index)
            return alert;
    }
    return NULL;
}

bool state_forecast_fresh(const struct state *state, const struct led_now *now)
{
    for (int i = 0; i < state->source_count; i++) {
        const struct state_source *source = &state->sources[i];
        if (source->kind == SOURCE_FORECAST)
            return source->seen && !source_stale(state, source, now);
    }
    return false;
}
