/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/template.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/led/utf8.h"

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

void number_text(char *out, size_t size, const char *metric, double value)
{
    const struct metric_info *info = metric_find(metric);
    int decimals = info != NULL ? info->decimals : 0;
    if (strcmp(metric, "min_c") == 0)
        decimals = 1;
    if (info == NULL && fabs(value) < 10 && value != floor(value))
        decimals = 1;
    if (fabs(value) >= 1e6) {
        (void)snprintf(out, size, "%.1e", value);
        return;
    }
    if (fabs(value) >= 1000)
        decimals = 0;
    double half = 0.5 * pow(10, -decimals);
    (void)snprintf(out, size, "%.*f", decimals, fabs(value) < half ? 0.0 : value);
}

void value_text(char *out, size_t size, const struct state_slot *slot,
                const struct led_value *value)
{
    if (value->shown != SHOWN_GOOD && value->shown != SHOWN_MARKED) {
        (void)snprintf(out, size, "--");
        return;
    }
    if (!value->triple) {
        number_text(out, size, slot->metric, value->value);
        return;
    }
    char low[16], high[16];
    number_text(low, sizeof low, slot->metric, value->low);
    number_text(high, sizeof high, slot->metric, value->high);
    if (strcmp(low, high) == 0)
        (void)snprintf(out, size, "%s", low);
    else
        (void)snprintf(out, size, "%s-%s", low, high);
}

/* Of the forecast. */
static bool is_weight(const struct state_slot *slot)
{
    return slot->scope[0] != '\0' &&
           (strncmp(slot->metric, "pick_", 5) == 0 || strncmp(slot->metric, "ready_", 6) == 0);
}

const char *unit_text(const struct state_slot *slot, enum language language)
{
    if (is_weight(slot))
        return word_text(strstr(slot->metric, "_jin") != NULL ? WORD_weight_jin : WORD_weight_kg,
                         language);
    if (strcmp(slot->metric, "min_c") == 0)
        return "°C";
    const struct metric_info *info = metric_find(slot->metric);
    bool usual = info != NULL && (slot->unit[0] == '\0' || strcmp(slot->unit, info->unit) == 0);
    return usual ? info->shown : slot->unit;
}

const char *unit_short(const struct state_slot *slot, enum language language)
{
    const char *unit = unit_text(slot, language);
    if (strcmp(unit, "°C") == 0)
        return "°";
    bool narrow = is_weight(slot) && strlen(unit) <= strlen("jin"); /* as one hanzi has bytes */
    return strcmp(unit, "%") == 0 || narrow ? unit : "";
}

static struct tm local_time(const struct state *state, const struct led_now *now)
{
    time_t local = (time_t)(state_clock_ms(state, now) / 1000 + now->utc_offset_s);
    struct tm tm = {0};
    if (local < 0)
        local = 0;
    (void)gmtime_r(&local, &tm);
    return tm;
}

void time_text(char *out, size_t size, const struct state *state, const struct led_now *now,
               bool blink)
{
    struct tm tm = local_time(state, now);
    const char *colon = blink && tm.tm_sec % 2 ? " " : ":";
    (void)snprintf(out, size, "%02d%s%02d", tm.tm_hour, colon, tm.tm_min);
}

void date_text(char *out, size_t size, const struct state *state, enum language language,
               const struct led_now *now)
{
    struct tm tm = local_time(state, now);
    word_date(out, size, tm.tm_mon, tm.tm_mday, language);
}

const char *weekday_text(const struct state *state, enum language language,
                         const struct led_now *now)
{
    return word_weekday(local_time(state, now).tm_wday, language);
}

static const struct {
    const char *name;
    enum template_field field;
} plain_fields[] = {
    {"farm", FIELD_FARM},       {"time", FIELD_TIME},   {"date", FIELD_DATE},
    {"weekday", FIELD_WEEKDAY}, {"frost", FIELD_FROST}, {"disease", FIELD_DISEASE},
    {"alerts", FIELD_ALERTS},
};

static const struct {
    const char *name;
    enum template_field field;
} value_parts[] = {
    {"unit", FIELD_UNIT}, {"trend", FIELD_TREND}, {"min", FIELD_MIN},
    {"max", FIELD_MAX},   {"age", FIELD_AGE},     {"label", FIELD_METRIC_LABEL},
};

/* `text` is what stands between the braces. */
static bool compile_field(struct template_segment *segment, char *text, struct state *state,
                          char *error, size_t error_size)
{
    segment->slot = -1;
    segment->text = text;
    for (size_t i = 0; i < COUNT_OF(plain_fields); i++) {
        if (strcmp(text, plain_fields[i].name) == 0) {
            segment->field = plain_fields[i].field;
            return true;
        }
    }
    if (strncmp(text, "label:", 6) == 0) {
        segment->field = FIELD_SOURCE_LABEL;
        segment->text = text + 6;
        if (!state_watch(state, text + 6))
            (void)snprintf(error, error_size,
                           "\"%.40s\" is nothing with a label; plot/NAME or dev/NAME", text + 6);
        return state_label(state, text + 6) != NULL;
    }
    char *colon = strchr(text, ':');
    segment->field = FIELD_NUMBER;
    if (colon != NULL) {
        *colon = '\0';
        size_t i = 0;
        while (i < COUNT_OF(value_parts) && strcmp(colon + 1, value_parts[i].name) != 0)
            i++;
        if (i == COUNT_OF(value_parts)) {
            (void)snprintf(
                error, error_size,
                "\"%.40s\" is no part of a value; one of unit, trend, min, max, age, label",
                colon + 1);
            return false;
        }
        segment->field = value_parts[i].field;
    }
    segment->slot = state_slot(state, text);
    if (segment->slot < 0)
        (void)snprintf(error, error_size,
                       "unknown field {%.60s}; e.g. {plot/NAME/air_temperature}, "
                       "{dev/NAME/METRIC}, {forecast/PLOT/pick_jin}, {farm}, {time}, {date}",
                       text);
    return segment->slot >= 0;
}

static bool add_literal(struct template *t, char *from, const char *to)
{
    if (from == to)
        return true;
    if (t->count == TEMPLATE_SEGMENTS_MAX)
        return false;
    t->segments[t->count++] = (struct template_segment){FIELD_LITERAL, from, -1};
    return true;
}

static bool compile(struct template *t, struct state *state, char *error, size_t error_size)
{
    char *from = t->text;
    for (char *at = t->text; *at;) {
        if (*at != '{') {
            at++;
            continue;
        }
        bool room = true;
        if (at[1] == '{') { /* the first brace belongs to the literal, the second goes */
            room = add_literal(t, from, at + 1);
            at[1] = '\0';
            from = at += 2;
        } else {
            char *end = strchr(at, '}');
            if (end == NULL) {
                (void)snprintf(error, error_size, "a { without its }; write {{ for a brace");
                return false;
            }
            room = add_literal(t, from, at) && t->count < TEMPLATE_SEGMENTS_MAX;
            *at = *end = '\0';
            if (room && !compile_field(&t->segments[t->count++], at + 1, state, error, error_size))
                return false;
            from = at = end + 1;
        }
        if (!room) {
            (void)snprintf(error, error_size, "too many fields; at most %d", TEMPLATE_SEGMENTS_MAX);
            return false;
        }
    }
    if (add_literal(t, from, from + strlen(from)))
        return true;
    (void)snprintf(error, error_size, "too many fields; at most %d", TEMPLATE_SEGMENTS_MAX);
    return false;
}

struct template *template_compile(const char *text, struct state *state, char *error,
                                  size_t error_size)
{
    struct template *t = calloc(1, sizeof *t);
    if (t != NULL)
        t->text = strdup(text);
    if (t == NULL || t->text == NULL) {
        (void)snprintf(error, error_size, "no memory");
        template_free(t);
        return NULL;
    }
    if (compile(t, state, error, error_size))
        return t;
    template_free(t);
    return NULL;
}

void template_free(struct template *template)
{
    if (template == NULL)
        return;
    free(template->text);
    free(template);
}

struct writer {
    char *out;
    size_t size, used;
};

static void put(struct writer *w, const char *text)
{
    if (w->used + 1 >= w->size)
        return;
    utf8_copy(w->out + w->used, w->size - w->used, text);
    w->used += strlen(w->out + w->used);
}

static void write_value(struct writer *w, const struct template_segment *segment,
                        const struct state *state, enum language language,
                        const struct led_now *now)
{
    static const char *const arrows[] = {"↓", "", "↑"};
    const struct state_slot *slot = &state->slots[segment->slot];
    struct led_value value = state_value(state, segment->slot, now);
    bool good = value.shown == SHOWN_GOOD || value.shown == SHOWN_MARKED;
    struct metric_words words;
    bool named = word_metric(slot->metric, &words);
    char text[48] = "--";
    if (segment->field == FIELD_NUMBER)
        value_text(text, sizeof text, slot, &value);
    else if (segment->field == FIELD_UNIT)
        (void)snprintf(text, sizeof text, "%s", unit_text(slot, language));
    else if (segment->field == FIELD_TREND)
        (void)snprintf(text, sizeof text, "%s", good ? arrows[value.trend + 1] : "");
    else if (segment->field == FIELD_MIN && good && value.has_range)
        number_text(text, sizeof text, slot->metric, value.min);
    else if (segment->field == FIELD_MAX && good && value.has_range)
        number_text(text, sizeof text, slot->metric, value.max);
    else if (segment->field == FIELD_AGE && value.age_ms >= 0)
        word_age(text, sizeof text, value.age_ms, language);
    else if (segment->field == FIELD_METRIC_LABEL)
        (void)snprintf(text, sizeof text, "%s", named ? words.label.in[language] : slot->metric);
    put(w, text);
}

static void write_frost(struct writer *w, const struct state *state, enum language language,
                        const struct led_now *now)
{
    bool known = state_forecast_fresh(state, now) && state->frost_level[0] != '\0';
    put(w, known ? word_frost(state->frost_level, language) : "--");
}

static void write_disease(struct writer *w, const struct state *state, enum language language,
                          const struct led_now *now)
{
    if (!state_forecast_fresh(state, now) || state->disease_count == 0) {
        put(w, "--");
        return;
    }
    for (int i = 0; i < state->disease_count; i++) {
        put(w, i ? " " : "");
        put(w, word_disease(state->diseases[i].name, language));
        put(w, " ");
        put(w, word_level(state->diseases[i].level, language));
    }
}

static void write_alerts(struct writer *w, const struct state *state, enum language language)
{
    char text[32];
    int count = state_alert_count(state, 1);
    (void)snprintf(text, sizeof text, "%s %d", word_text(WORD_alert_title, language), count);
    put(w, count ? text : word_text(WORD_alert_none, language));
}

void template_write(const struct template *template, const struct state *state,
                    enum language language, const struct led_now *now, char *out, size_t size)
{
    struct writer w = {out, size, 0};
    char text[64];
    out[0] = '\0';
    for (int i = 0; i < template->count; i++) {
        const struct template_segment *segment = &template->segments[i];
        const char *label = NULL;
        switch (segment->field) {
        case FIELD_LITERAL:
            put(&w, segment->text);
            break;
        case FIELD_SOURCE_LABEL:
            label = state_label(state, segment->text);
            put(&w, label != NULL ? label : segment->text);
            break;
        case FIELD_FARM:
            put(&w, state->farm);
            break;
        case FIELD_TIME:
            time_text(text, sizeof text, state, now, false);
            put(&w, text);
            break;
        case FIELD_DATE:
            date_text(text, sizeof text, state, language, now);
            put(&w, text);
            break;
        case FIELD_WEEKDAY:
            put(&w, weekday_text(state, language, now));
            break;
        case FIELD_FROST:
            write_frost(&w, state, language, now);
            break;
        case FIELD_DISEASE:
            write_disease(&w, state, language, now);
            break;
        case FIELD_ALERTS:
            write_alerts(&w, state, language);
            break;
        case FIELD_NUMBER:
        case FIELD_UNIT:
        case FIELD_TREND:
        case FIELD_MIN:
        case FIELD_MAX:
        case FIELD_AGE:
        case FIELD_METRIC_LABEL:
            write_value(&w, segment, state, language, now);
            break;
        }
    }
}
