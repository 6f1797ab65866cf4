/* SPDX-License-Identifier: Apache-2.0 */
/* Every simple slip is tried on the registers, and each costs something: the cheapest that gives a
 * value as the metric usually has it is the guess; several of one price are all named. A value that
 * is not plausible is wrong for certain, one that is only unusual may be right: there a single slip
 * has to explain it. */
#include "tools/cli/profile_guess.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/text.h"
#include "gateway/daemon/bus/decode.h"
#include "gateway/daemon/config/profile.h"

#define COST_MOST    4
#define COST_UNUSUAL 2
#define NAMED_MOST   3

/* What the metrics mostly are where people put up probes; others: what is plausible. */
static const struct {
    const char *metric;
    double min, max;
} usual[] = {
    {"air_temperature", -15, 45},  {"soil_temperature", -5, 40},
    {"leaf_temperature", -15, 50}, {"canopy_temperature", -15, 50},
    {"water_temperature", 0, 45},  {"air_humidity", 15, 100},
    {"soil_ph", 3.5, 9},           {"water_ph", 4, 10},
    {"air_pressure", 55, 105},     {"carbon_dioxide", 300, 3000},
    {"battery_voltage", 2, 30},
};

static const char *const order_names[] = {"abcd", "cdab", "badc", "dcba"};

static const struct {
    double factor;
    unsigned cost;
} scales[] = {{1, 0}, {0.1, 2}, {10, 2}, {0.01, 3}, {100, 3}, {0.001, 4}, {1000, 4}};

struct range {
    double min, max;
};

static struct range usual_range(const struct field_config *field)
{
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        if (strcmp(field->metric, usual[i].metric) == 0)
            return (struct range){fmax(usual[i].min, field->min), fmin(usual[i].max, field->max)};
    }
    return (struct range){field->min, field->max};
}

/* A real number so small that no probe means it: bytes in the wrong order, or a whole number. */
static bool is_dust(const struct field_config *field, uint64_t raw)
{
    double real = field_type_number(field, raw);
    return field_type_kind(field) == FIELD_REAL && fpclassify(real) != FP_ZERO && fabs(real) < 1e-6;
}

/* The value that the registers are by this field; false: none. */
static bool value_of(const struct field_config *field, const uint16_t *words, double *value)
{
    uint64_t raw = decode_raw(field, words);
    struct reading_value decoded = decode_value(field, raw, 0, METRIC_GOOD);
    *value = decoded.value;
    return decoded.present && !is_dust(field, raw);
}

static unsigned type_cost(unsigned from, unsigned to)
{
    bool real = from == FIELD_F32 || to == FIELD_F32;
    return from == to ? 0 : real ? 2 : 1;
}

struct guess {
    const struct field_config *field;
    const uint16_t *words;
    struct range range;
    unsigned cost; /* of the cheapest so far */
    unsigned named;
    char text[160];
};

/* "type: s16, scale: 0.1 (-10.1)" */
static void name_guess(struct guess *guess, const struct field_config *other, double value)
{
    const struct field_config *field = guess->field;
    char keys[96] = "";
    if (other->type != field->type)
        (void)text_add(keys, sizeof keys, "type: %s", profile_type_name(other->type));
    if (other->order != field->order)
        (void)text_add(keys, sizeof keys, "%sorder: %s", keys[0] != '\0' ? ", " : "",
                       order_names[other->order]);
    if (other->scale != field->scale)
        (void)text_add(keys, sizeof keys, "%sscale: %.6g", keys[0] != '\0' ? ", " : "",
                       other->scale);
    (void)text_add(guess->text, sizeof guess->text, "%s%s (%.6g)",
                   guess->text[0] != '\0' ? _(" or ") : "", keys, value);
    guess->named++;
}

static void try_field(struct guess *guess, const struct field_config *other, unsigned cost)
{
    double value;
    if (cost == 0 || cost > guess->cost || !value_of(other, guess->words, &value) ||
        value < guess->range.min || value > guess->range.max)
        return;
    if (cost < guess->cost) {
        guess->cost = cost;
        guess->named = 0;
        guess->text[0] = '\0';
    }
    if (guess->named < NAMED_MOST)
        name_guess(guess, other, value);
}

static void try_all(struct guess *guess)
{
    static const uint8_t narrow[] = {FIELD_U16, FIELD_S16};
    static const uint8_t wide[] = {FIELD_U32, FIELD_S32, FIELD_F32};
    static const uint8_t narrow_orders[] = {ORDER_ABCD, ORDER_BADC};
    static const uint8_t wide_orders[] = {ORDER_ABCD, ORDER_CDAB, ORDER_BADC, ORDER_DCBA};
    bool is_wide = field_type_words(guess->field) == 2;
    const uint8_t *types = is_wide ? wide : narrow;
    const uint8_t *orders = is_wide ? wide_orders : narrow_orders;
    for (size_t t = 0; t < (is_wide ? sizeof wide : sizeof narrow); t++) {
        for (size_t o = 0; o < (is_wide ? sizeof wide_orders : sizeof narrow_orders); o++) {
            for (size_t s = 0; s < sizeof scales / sizeof scales[0]; s++) {
                struct field_config other = *guess->field;
                other.type = types[t];
                other.order = orders[o];
                other.scale *= scales[s].factor;
                /* a narrow field's cdab is its abcd */
                unsigned moved =
                    is_wide ? other.order != guess->field->order
                            : (other.order >= ORDER_BADC) != (guess->field->order >= ORDER_BADC);
                try_field(guess, &other,
                          type_cost(guess->field->type, other.type) + 2 * moved + scales[s].cost);
            }
        }
    }
}

/* Codes by which makers say "nothing", when the profile does not know them. */
static bool looks_like_no_value(const struct field_config *field, uint64_t raw)
{
    uint64_t mask = field_type_mask(field);
    return raw == mask || raw == mask / 2 || raw == mask / 2 + 1;
}

/* Types between which the slips below are made; of the others nothing is guessed. */
static bool is_simple(const struct field_config *field)
{
    return field->type <= FIELD_F32 && field->scale_sign == 0;
}

bool profile_guess(const struct field_config *field, const uint16_t *words, char *text, size_t size)
{
    uint64_t raw = decode_raw(field, words);
    struct reading_value decoded = decode_value(field, raw, 0, METRIC_GOOD);
    double value;
    bool present = value_of(field, words, &value);
    struct guess guess = {.field = field, .words = words, .range = usual_range(field)};
    *text = '\0';
    if (field->role != ROLE_METRIC || field->enum_count > 0 || field->type == FIELD_BITS ||
        field->type == FIELD_BOOL || (!decoded.present && decoded.flag == METRIC_ABSENT))
        return false;
    bool plausible = present && decoded.flag == METRIC_GOOD;
    if (plausible && (raw == 0 || (value >= guess.range.min && value <= guess.range.max)))
        return false;
    guess.cost = plausible ? COST_UNUSUAL : COST_MOST;
    if (raw == 0) {
        (void)snprintf(text, size, "%s",
                       _("its register holds 0: nothing measured, or another register"));
        return true;
    }
    if (!plausible && looks_like_no_value(field, raw)) {
        (void)snprintf(text, size, _("no value? then write no_value: 0x%0*llX"),
                       (int)(field_type_bits(field) + 3) / 4, (unsigned long long)raw);
        return true;
    }
    if (is_simple(field))
        try_all(&guess);
    if (guess.named > 0)
        (void)snprintf(text, size, "%s %s", plausible ? _("unusual, perhaps") : _("try"),
                       guess.text);
    else if (!plausible)
        (void)snprintf(text, size, "%s",
                       _("no order, type or scale explains it: another register?"));
    return *text != '\0';
}
