/* SPDX-License-Identifier: Apache-2.0 */
/* JSON messages into the state; the part of it that reads what others wrote. Hostile bytes are
 * refused whole or cut to the state's bounds. */
#include "gateway/led/state.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gateway/led/utf8.h"
#include "protocols/mqtt/alert_level.h"

#define TS_MIN_MS    946684800000LL  /* 2000 */
#define TS_MAX_MS    4102444800000LL /* 2100 */
#define EVERY_MAX_S  (31 * 86400)
#define EVERY_NONE_S 60 /* when a message does not say */

static const json_t *member(const json_t *object, const char *key)
{
    return json_is_object(object) ? json_object_get(object, key) : NULL;
}

static void copy_text(char *out, size_t size, const json_t *value)
{
    const char *text = json_string_value(value);
    utf8_copy(out, size, text != NULL ? text : "");
}

static bool read_ts(const json_t *message, int64_t *ts_ms)
{
    const json_t *ts = member(message, "ts");
    if (!json_is_number(ts))
        return false;
    double value = json_number_value(ts);
    if (!(value >= (double)TS_MIN_MS && value <= (double)TS_MAX_MS))
        return false;
    *ts_ms = (int64_t)value;
    return true;
}

/* Newer than what is there? An older one is believed only when ours has died of age, for then the
 * gateway's clock was set back. */
static bool accept_ts(const struct state *state, const struct state_source *source, int64_t ts_ms,
                      const struct led_now *now)
{
    if (!source->seen || ts_ms >= source->ts_ms)
        return true;
    return now->mono_ms - source->seen_mono_ms > source->every_ms * 5 / 2 + state->batch_ms;
}

static void touch_source(const struct state *state, struct state_source *source, int64_t ts_ms,
                         bool retained, const struct led_now *now)
{
    if (!source->seen || source->ts_ms != ts_ms) {
        source->seen_mono_ms = now->mono_ms;
        source->proven = !retained;
    }
    (void)state;
    source->seen = true;
    source->ts_ms = ts_ms;
}

static enum metric_flag read_flag(const json_t *flags, const char *metric)
{
    const json_t *flag = member(flags, metric);
    if (flag == NULL)
        return METRIC_GOOD;
    enum metric_flag found = METRIC_FAULT;
    const char *name = json_string_value(flag);
    if (name == NULL || !metric_flag_parse(name, &found))
        return METRIC_FAULT;
    return found;
}

static void take_value(struct state_slot *slot, const json_t *values, const json_t *flags)
{
    const json_t *value = member(values, slot->metric);
    slot->present = json_is_number(value) && isfinite(json_number_value(value));
    slot->triple = false;
    slot->flag = (uint8_t)read_flag(flags, slot->metric);
    if (slot->present)
        slot->value = json_number_value(value);
    else if (value != NULL && slot->flag == METRIC_GOOD)
        slot->flag = METRIC_FAULT;
}

static bool take_live(struct state *state, int index, const json_t *message, bool retained,
                      const struct led_now *now)
{
    struct state_source *source = &state->sources[index];
    const json_t *values = member(message, "values");
    int64_t ts_ms = 0;
    if (!read_ts(message, &ts_ms) || !json_is_object(values))
        return false;
    if (!accept_ts(state, source, ts_ms, now))
        return true;
    const json_t *every = member(message, "every_s");
    double every_s = json_is_number(every) ? json_number_value(every) : EVERY_NONE_S;
    if (!(every_s > 0 && every_s <= EVERY_MAX_S))
        return false;
    int64_t before_ts_ms = source->seen ? source->ts_ms : 0;
    touch_source(state, source, ts_ms, retained, now);
    source->every_ms = (int64_t)(every_s * 1000);
    for (int i = 0; i < state->slot_count; i++) {
        if (state->slots[i].source != index)
            continue;
        take_value(&state->slots[i], values, member(message, "flags"));
        state_slot_taken(state, &state->slots[i], before_ts_ms, now);
    }
    return true;
}

static bool is_triple(const json_t *value)
{
    if (json_array_size(value) != 3)
        return false;
    for (size_t i = 0; i < 3; i++) {
        if (!json_is_number(json_array_get(value, i)))
            return false;
    }
    return true;
}

/* What the message calls it, and how many of the slot's units one of it is: weights come in
 * kilograms, and a jin is half of one. */
static double forecast_field(const char *metric, char field[STATE_NAME_SIZE])
{
    size_t length = strlen(metric);
    bool jin = length > 4 && strcmp(metric + length - 4, "_jin") == 0;
    (void)snprintf(field, STATE_NAME_SIZE, "%.*s%s", (int)(jin ? length - 4 : length), metric,
                   jin ? "_kg" : "");
    return jin ? 2 : 1;
}

static void take_forecast_slot(struct state_slot *slot, const json_t *message)
{
    const json_t *scope = strcmp(slot->scope, "frost") == 0
                              ? member(message, "frost")
                              : member(member(message, "plots"), slot->scope);
    char field[STATE_NAME_SIZE];
    double scale = forecast_field(slot->metric, field);
    const json_t *value = member(scope, field);
    slot->flag = METRIC_GOOD;
    slot->triple = is_triple(value);
    slot->present = slot->triple || json_is_number(value);
    if (slot->triple) {
        slot->low = scale * json_number_value(json_array_get(value, 0));
        slot->value = scale * json_number_value(json_array_get(value, 1));
        slot->high = scale * json_number_value(json_array_get(value, 2));
    } else if (slot->present) {
        slot->value = scale * json_number_value(value);
    }
}

static bool take_forecast(struct state *state, const json_t *message, bool retained,
                          const struct led_now *now)
{
    int64_t ts_ms = 0;
    if (!read_ts(message, &ts_ms))
        return false;
    copy_text(state->frost_level, sizeof state->frost_level,
              member(member(message, "frost"), "level"));
    const json_t *diseases = member(message, "disease");
    state->disease_count = 0;
    for (size_t i = 0; i < json_array_size(diseases) && i < STATE_DISEASES_MAX; i++) {
        const json_t *disease = json_array_get(diseases, i);
        struct state_disease *out = &state->diseases[state->disease_count++];
        copy_text(out->name, sizeof out->name, member(disease, "name"));
        copy_text(out->level, sizeof out->level, member(disease, "level"));
    }
    for (int i = 0; i < state->source_count; i++) {
        if (state->sources[i].kind == SOURCE_FORECAST)
            touch_source(state, &state->sources[i], ts_ms, retained, now);
    }
    for (int i = 0; i < state->slot_count; i++) {
        if (state->sources[state->slots[i].source].kind == SOURCE_FORECAST)
            take_forecast_slot(&state->slots[i], message);
    }
    return true;
}

static int read_level(const json_t *value)
{
    if (json_is_integer(value)) {
        json_int_t level = json_integer_value(value);
        return level <= ALERT_INFO ? ALERT_INFO : level >= ALERT_ALARM ? ALERT_ALARM : ALERT_WATCH;
    }
    const char *name = json_string_value(value);
    enum alert_level level = ALERT_WATCH;
    if (name != NULL && !alert_level_find(name, &level) && strcmp(name, "severe") == 0)
        level = ALERT_ALARM; /* a frost's */
    return (int)level;
}

/* A text, or one for each language. */
static void copy_words(char out[LANGUAGE_COUNT][STATE_TEXT_SIZE], const json_t *value)
{
    const json_t *zh = member(value, "zh");
    const json_t *en = member(value, "en");
    copy_text(out[LANGUAGE_ZH], STATE_TEXT_SIZE,
              json_is_object(value) ? (zh != NULL ? zh : en) : value);
    copy_text(out[LANGUAGE_EN], STATE_TEXT_SIZE,
              json_is_object(value) ? (en != NULL ? en : zh) : value);
}

/* The first of three names that the message has. */
static const json_t *first_member(const json_t *message, const char *a, const char *b,
                                  const char *c)
{
    const json_t *value = member(message, a);
    if (value == NULL)
        value = member(message, b);
    return value != NULL ? value : member(message, c);
}

static bool is_acked(const json_t *message)
{
    const json_t *acked = first_member(message, "acked", "ack", "acked_by");
    return json_is_true(acked) || json_is_object(acked) || json_string_length(acked) > 0;
}

static struct state_alert *alert_place(struct state *state, const char *id, int level)
{
    struct state_alert *free_place = NULL, *least = NULL;
    for (int i = 0; i < STATE_ALERTS_MAX; i++) {
        struct state_alert *alert = &state->alerts[i];
        if (alert->used && strcmp(alert->id, id) == 0)
            return alert;
        if (!alert->used && free_place == NULL)
            free_place = alert;
        if (alert->used && alert->level < level && (least == NULL || alert->level < least->level))
            least = alert;
    }
    return free_place != NULL ? free_place : least;
}

/* The number that the alert is about; also what it is, or it is not shown alone. */
static void take_measured(struct state_alert *alert, const json_t *message, const json_t *chinese)
{
    const json_t *value = member(message, "value"), *decimals = member(message, "decimals");
    int shown = json_is_integer(decimals) ? (int)json_integer_value(decimals) : 1;
    copy_text(alert->label[LANGUAGE_EN], STATE_LABEL_SIZE, member(message, "label"));
    copy_text(alert->label[LANGUAGE_ZH], STATE_LABEL_SIZE, member(chinese, "label"));
    copy_text(alert->quantity[LANGUAGE_EN], STATE_LABEL_SIZE, member(message, "quantity"));
    copy_text(alert->quantity[LANGUAGE_ZH], STATE_LABEL_SIZE, member(chinese, "quantity"));
    copy_text(alert->unit, sizeof alert->unit, member(message, "unit"));
    if (json_is_true(member(message, "stale"))) /* its words say that it is the last one known */
        return;
    if (!json_is_number(value) || !(fabs(json_number_value(value)) < 1e6) || shown < 0 ||
        shown > 4 || alert->label[LANGUAGE_EN][0] == '\0' || alert->label[LANGUAGE_ZH][0] == '\0')
        return;
    (void)snprintf(alert->value, sizeof alert->value, "%.*f", shown, json_number_value(value));
    alert->measured = true;
}

static bool take_alert(struct state *state, const char *id, const json_t *message)
{
    if (strlen(id) >= STATE_ALERT_ID_SIZE || !json_is_object(message))
        return false;
    int level = read_level(member(message, "level"));
    struct state_alert *alert = alert_place(state, id, level);
    if (alert == NULL)
        return true; /* sixteen that matter as much are known already */
    *alert = (struct state_alert){.used = true, .confirmed = true, .level = (uint8_t)level};
    memcpy(alert->id, id, strlen(id) + 1);
    if (level == ALERT_ALARM && is_acked(message))
        alert->level = 1; /* somebody knows: the screen may show other things again */
    const json_t *since = first_member(message, "since", "ts", "since");
    alert->since_ms = json_is_number(since)
                          ? (int64_t)fmin(fmax(json_number_value(since), 0), (double)TS_MAX_MS)
                          : 0;
    copy_words(alert->what, first_member(message, "what", "text", "label"));
    copy_text(alert->where, sizeof alert->where, first_member(message, "where", "plot", "device"));
    copy_words(alert->todo, first_member(message, "do", "todo", "hint"));
    const json_t *chinese = member(message, "zh");
    copy_text(alert->place[LANGUAGE_EN], STATE_PLACE_SIZE, member(message, "place"));
    copy_text(alert->place[LANGUAGE_ZH], STATE_PLACE_SIZE, member(chinese, "place"));
    take_measured(alert, message, chinese);
    if (json_string_length(member(chinese, "what")) > 0) {
        copy_text(alert->what[LANGUAGE_ZH], STATE_TEXT_SIZE, member(chinese, "what"));
        copy_text(alert->todo[LANGUAGE_ZH], STATE_TEXT_SIZE, member(chinese, "todo"));
    }
    return true;
}

static void clear_alert(struct state *state, const char *id)
{
    for (int i = 0; i < STATE_ALERTS_MAX; i++) {
        if (strcmp(state->alerts[i].id, id) == 0)
            state->alerts[i].used = false;
    }
}

static void take_site_source(struct state *state, enum source_kind kind, const char *name,
                             const json_t *description)
{
    for (int i = 0; name != NULL && i < state->source_count; i++) {
        struct state_source *source = &state->sources[i];
        if (source->kind == kind && strcmp(source->name, name) == 0)
            copy_text(source->label, sizeof source->label, member(description, "label"));
    }
}

/* Plots and devices come as a list of {name, label} or as name -> {label}. */
static void take_site_sources(struct state *state, enum source_kind kind, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        take_site_source(state, kind, json_string_value(member(item, "name")), item);
    }
    if (json_is_object(list)) {
        const char *name = NULL;
        json_t *item = NULL;
        json_object_foreach ((json_t *)(uintptr_t)list, name, item) {
            take_site_source(state, kind, name, item);
        }
    }
}

static void take_site_metrics(struct state *state, const json_t *metrics)
{
    for (int i = 0; i < state->slot_count; i++) {
        struct state_slot *slot = &state->slots[i];
        const json_t *metric = member(metrics, slot->metric);
        const json_t *low = member(metric, "low");
        const json_t *high = member(metric, "high");
        if (state->sources[slot->source].kind != SOURCE_FORECAST)
            copy_text(slot->unit, sizeof slot->unit, member(metric, "unit"));
        slot->limit_low = json_is_number(low) ? json_number_value(low) : -HUGE_VAL;
        slot->limit_high = json_is_number(high) ? json_number_value(high) : HUGE_VAL;
    }
}

/* It becomes part of TZ: letters of names such as Asia/Shanghai only, no files. */
static void take_timezone(struct state *state, const json_t *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/";
    const char *text = json_is_string(name) ? json_string_value(name) : "";
    if (text[0] != '\0' && text[0] != '/' && strspn(text, allowed) == strlen(text) &&
        strlen(text) < sizeof state->timezone)
        memcpy(state->timezone, text, strlen(text) + 1);
}

static bool take_site(struct state *state, const json_t *message)
{
    if (!json_is_object(message))
        return false;
    if (json_string_length(member(message, "label")) > 0)
        copy_text(state->farm, sizeof state->farm, member(message, "label"));
    take_site_sources(state, SOURCE_PLOT, member(message, "plots"));
    take_site_sources(state, SOURCE_DEVICE, member(message, "devices"));
    take_site_metrics(state, member(message, "metrics"));
    const json_t *batch = member(message, "batch_s");
    if (json_is_number(batch) && json_number_value(batch) >= 0 && json_number_value(batch) <= 86400)
        state->batch_ms = (int64_t)(json_number_value(batch) * 1000);
    const json_t *location = member(message, "location");
    take_timezone(state, member(location, "timezone"));
    const json_t *lat = member(location, "lat");
    const json_t *lon = member(location, "lon");
    state->located = json_is_number(lat) && json_is_number(lon) &&
                     fabs(json_number_value(lat)) <= 90 && fabs(json_number_value(lon)) <= 180;
    if (state->located) {
        state->latitude = json_number_value(lat);
        state->longitude = json_number_value(lon);
    }
    return true;
}

static bool take_status(struct state *state, const void *payload, size_t size,
                        const struct led_now *now)
{
    enum gateway_state next = GATEWAY_UNKNOWN;
    if (size == 6 && memcmp(payload, "online", 6) == 0)
        next = GATEWAY_ONLINE;
    else if (size == 7 && memcmp(payload, "offline", 7) == 0)
        next = GATEWAY_OFFLINE;
    else if (size > 0)
        return false;
    if (state->gateway != next)
        state->gateway_mono_ms = now->mono_ms;
    state->gateway = (uint8_t)next;
    return true;
}

/* "plot/upper/live" -> the index of the source; -1: no page shows it. */
static int source_of(const struct state *state, const char *topic)
{
    for (int i = 0; i < state->source_count; i++) {
        const struct state_source *source = &state->sources[i];
        const char *prefix = source->kind == SOURCE_PLOT ? "plot/" : "dev/";
        size_t head = strlen(prefix), length = strlen(source->name);
        if (source->kind != SOURCE_FORECAST && strncmp(topic, prefix, head) == 0 &&
            strncmp(topic + head, source->name, length) == 0 &&
            strcmp(topic + head + length, "/live") == 0)
            return i;
    }
    return -1;
}

static bool take_json(struct state *state, const char *topic, const json_t *message, bool retained,
                      const struct led_now *now)
{
    if (strncmp(topic, "alert/", 6) == 0)
        return take_alert(state, topic + 6, message);
    if (strcmp(topic, "forecast") == 0)
        return take_forecast(state, message, retained, now);
    if (strcmp(topic, "site") == 0)
        return take_site(state, message);
    int source = source_of(state, topic);
    return source >= 0 && take_live(state, source, message, retained, now);
}

/* False when the message could not be understood; the state is then as it was. */
static bool ingest(struct state *state, const char *topic, const void *payload, size_t size,
                   bool retained, const struct led_now *now)
{
    if (strcmp(topic, "gateway/status") == 0)
        return take_status(state, payload, size, now);
    if (size == 0) { /* a retained topic was cleared */
        if (strncmp(topic, "alert/", 6) == 0)
            clear_alert(state, topic + 6);
        return true;
    }
    json_error_t error;
    json_t *message = json_loadb(payload, size, JSON_REJECT_DUPLICATES, &error);
    if (message == NULL)
        return false;
    bool good = take_json(state, topic, message, retained, now);
    json_decref(message);
    return good;
}

void state_message(struct state *state, const char *topic, const void *payload, size_t size,
                   bool retained, const struct led_now *now)
{
    if (size > STATE_PAYLOAD_MAX || !ingest(state, topic, payload, size, retained, now))
        state->rejected++;
}
