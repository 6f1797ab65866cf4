/* SPDX-License-Identifier: Apache-2.0 */
/* Text with fields in braces, as pages contain it: compiled once, written out for each picture.
 *
 *   {plot/upper/air_temperature}   the number, "--" when it is not to be believed
 *   {forecast/upper/pick_jin}      in jin, half a kilogram; pick_kg in kilograms
 *   {plot/upper/air_temperature:unit} :trend :min :max :age :label
 *   {label:plot/upper}             what the site calls this plot or device
 *   {farm} {time} {date} {weekday} {frost} {disease} {alerts}
 *   {{                             a brace
 *
 * Pure. One thread. */
#ifndef BAIYE_LED_TEMPLATE_H
#define BAIYE_LED_TEMPLATE_H

#include "gateway/led/state.h"

#define TEMPLATE_SEGMENTS_MAX 24
#define TEMPLATE_TEXT_SIZE    512 /* of what is written out */

enum template_field {
    FIELD_LITERAL = 0,
    FIELD_NUMBER,
    FIELD_UNIT,
    FIELD_TREND,
    FIELD_MIN,
    FIELD_MAX,
    FIELD_AGE,
    FIELD_METRIC_LABEL,
    FIELD_SOURCE_LABEL,
    FIELD_FARM,
    FIELD_TIME,
    FIELD_DATE,
    FIELD_WEEKDAY,
    FIELD_FROST,
    FIELD_DISEASE,
    FIELD_ALERTS
};

struct template_segment {
    enum template_field field;
    const char *text; /* literal, or the source of a label; into template.text */
    int slot;         /* -1: none */
};

struct template
{
    char *text; /* own copy of the source, cut into strings */
    int count;
    struct template_segment segments[TEMPLATE_SEGMENTS_MAX];
};

/* NULL and `error` (what is wrong; what would be right) when the text is no template. Slots it
 * names are made in `state`. */
struct template *template_compile(const char *text, struct state *state, char *error,
                                  size_t error_size);
void template_free(struct template *template);
void template_write(const struct template *template, const struct state *state,
                    enum language language, const struct led_now *now, char *out, size_t size);

/* A number as a screen shows it: the metric's decimals, fewer for large ones, at most seven
 * signs, no "-0". */
void number_text(char *out, size_t size, const char *metric, double value);
/* The value of a slot, "--" when it must not be shown; a triple as "6-12". */
void value_text(char *out, size_t size, const struct state_slot *slot,
                const struct led_value *value);
/* The unit as shown; "" : none or not known. */
const char *unit_text(const struct state_slot *slot, enum language language);
/* The same in as few pixels as can be: a degree sign alone, or nothing. */
const char *unit_short(const struct state_slot *slot, enum language language);
/* "14:05" in the site's timezone; the colon is blank in every other second when `blink`. */
void time_text(char *out, size_t size, const struct state *state, const struct led_now *now,
               bool blink);
void date_text(char *out, size_t size, const struct state *state, enum language language,
               const struct led_now *now);
const char *weekday_text(const struct state *state, enum language language,
                         const struct led_now *now);

#endif
