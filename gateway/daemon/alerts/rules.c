/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/alerts/rules.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/text.h"
#include "gateway/common/unit_convert.h"
#include "gateway/daemon/alerts/window.h"
#include "protocols/metric/metric.h"

#define NO_SPOT       UINT16_MAX
#define SILENCE_LEAST 5000 /* ms */
#define FORGET        10   /* periods of silence, after which a hold begins anew */

enum side { SIDE_NONE, SIDE_BETWEEN, SIDE_BEYOND, SIDE_CLEAR };

/* A rule at a device. */
struct spot {
    uint16_t device;
    uint8_t field; /* of its readings */
    uint8_t side;  /* enum side, of the last reading that counts */
    bool first;    /* the first reading on this side came behind a silence */
    bool holding;
    uint32_t count;           /* readings on this side, one after the other */
    int64_t side_ms, last_ms; /* monotonic: first on this side, last that counts; 0: none yet */
    int64_t held_ms;          /* monotonic: last one that held; 0: none yet */
    double value;             /* what is judged: the value or its change; NAN: not yet */
    struct window *window;    /* of rules with per_s */
};

struct rule_state {
    const struct alert_rule *rule;
    bool off; /* outside its hours or months */
    bool sums;
    const char *unit; /* of the metric, "": not known */
    struct spot *spots;
    uint16_t spot_count;
    uint16_t *spot_of; /* by device; NO_SPOT */
    struct rules_cause *causes;
    uint32_t cause_count;
};

struct rules {
    const struct config *config;
    rules_changed changed;
    rules_late late; /* NULL: not reported */
    void *context;
    struct rule_state *states;
    uint16_t count;
    int64_t started_ms, now_ms; /* monotonic; 0: not known yet */
};

/* ---- Places ---- */

static bool in_plot(const struct plot_config *plot, uint16_t device)
{
    for (uint16_t i = 0; i < plot->device_count; i++) {
        if (plot->devices[i] == device)
            return true;
    }
    return false;
}

static bool in_any_plot(const struct config *config, uint16_t device)
{
    for (uint16_t i = 0; i < config->plot_count; i++) {
        if (in_plot(&config->plots[i], device))
            return true;
    }
    return false;
}

static bool is_about(const struct rules *rules, const struct rules_cause *cause, uint16_t device)
{
    if (cause->plot >= 0)
        return in_plot(&rules->config->plots[cause->plot], device);
    return cause->device < 0 || cause->device == device;
}

static const char *place_name(const struct rules *rules, const struct rules_cause *cause)
{
    if (cause->plot >= 0)
        return rules->config->plots[cause->plot].name;
    return cause->device >= 0 ? rules->config->devices[cause->device].name : "garden";
}

void rules_id(const struct rules *rules, const struct rules_cause *cause, char id[RULES_ID_SIZE])
{
    (void)snprintf(id, RULES_ID_SIZE, "%s-%s", cause->rule->name, place_name(rules, cause));
}

/* ---- Beginning and end ---- */

static void add_cause(struct rule_state *state, int32_t plot, int32_t device)
{
    state->causes[state->cause_count++] = (struct rules_cause){.rule = state->rule,
                                                               .plot = plot,
                                                               .device = device,
                                                               .value = (double)NAN,
                                                               .extreme = (double)NAN};
}

static void add_causes(const struct config *config, struct rule_state *state)
{
    const struct alert_rule *rule = state->rule;
    if (rule->scope == ALERT_GARDEN)
        add_cause(state, -1, -1);
    for (uint16_t i = 0; rule->scope == ALERT_PLOT && i < config->plot_count; i++)
        add_cause(state, i, -1);
    for (uint16_t i = 0; rule->scope != ALERT_GARDEN && i < rule->device_count; i++) {
        if (rule->scope == ALERT_DEVICE || !in_any_plot(config, rule->devices[i]))
            add_cause(state, -1, rule->devices[i]);
    }
}

static uint8_t field_of(const struct device_config *device, const char *metric)
{
    uint8_t i = 0;
    while (i < device->metric_count && strcmp(device->metrics[i]->metric, metric) != 0)
        i++;
    return i;
}

static bool add_spots(const struct config *config, struct rule_state *state)
{
    const struct alert_rule *rule = state->rule;
    for (uint16_t d = 0; d < config->device_count; d++)
        state->spot_of[d] = NO_SPOT;
    for (uint16_t i = 0; i < rule->device_count; i++) {
        struct spot *spot = &state->spots[state->spot_count];
        spot->device = rule->devices[i];
        spot->field = field_of(&config->devices[spot->device], rule->metric);
        spot->value = (double)NAN;
        spot->window = rule->per_s > 0 ? window_create(rule->per_s) : NULL;
        if (rule->per_s > 0 && spot->window == NULL)
            return false;
        state->spot_of[spot->device] = state->spot_count++;
    }
    return true;
}

static bool make_state(const struct config *config, struct rule_state *state,
                       const struct alert_rule *rule)
{
    const struct metric_info *metric = metric_find(rule->metric);
    size_t devices = (size_t)config->device_count + 1;
    state->rule = rule;
    state->unit = metric != NULL ? metric->unit : "";
    state->sums = metric != NULL && metric->kind == METRIC_SUM;
    state->spots = calloc((size_t)rule->device_count + 1, sizeof *state->spots);
    state->spot_of = calloc(devices, sizeof *state->spot_of);
    state->causes = calloc(devices + config->plot_count, sizeof *state->causes);
    if (state->spots == NULL || state->spot_of == NULL || state->causes == NULL)
        return false;
    add_causes(config, state);
    return add_spots(config, state);
}

struct rules *rules_create(const struct config *config, rules_changed changed, void *context)
{
    struct rules *rules = calloc(1, sizeof *rules);
    if (rules == NULL)
        return NULL;
    rules->config = config;
    rules->changed = changed;
    rules->context = context;
    rules->states = calloc((size_t)config->alert_count + 1, sizeof *rules->states);
    bool good = rules->states != NULL;
    while (good && rules->count < config->alert_count) {
        good = make_state(config, &rules->states[rules->count], &config->alerts[rules->count]);
        rules->count++;
    }
    if (!good) {
        rules_destroy(rules);
        return NULL;
    }
    return rules;
}

void rules_on_late(struct rules *rules, rules_late late)
{
    rules->late = late;
}

void rules_destroy(struct rules *rules)
{
    if (rules == NULL)
        return;
    for (uint16_t r = 0; r < rules->count; r++) {
        struct rule_state *state = &rules->states[r];
        for (uint16_t i = 0; state->spots != NULL && i < state->spot_count; i++)
            free(state->spots[i].window);
        free(state->spots);
        free(state->spot_of);
        free(state->causes);
    }
    free(rules->states);
    free(rules);
}

/* ---- Causes ---- */

static bool is_worse(const struct alert_rule *rule, double a, double b)
{
    return isnan(b) || (rule->above ? a > b : a < b);
}

/* One that held before the start has its time to be measured. */
static bool is_fresh(const struct rules *rules, const struct spot *spot)
{
    int64_t heard_ms = spot->last_ms > rules->started_ms ? spot->last_ms : rules->started_ms;
    const struct device_config *device = &rules->config->devices[spot->device];
    return rules->now_ms - heard_ms <= rules_fresh_ms(rules_period_ms(device, spot->field));
}

static void take_spot(const struct rules *rules, const struct rule_state *state,
                      const struct spot *spot, struct rules_cause *now)
{
    bool fresh = is_fresh(rules, spot);
    now->holding++;
    if (now->silent && fresh)
        now->value = (double)NAN; /* what is measured now counts, not what was */
    now->silent = now->silent && !fresh;
    if (fresh != now->silent && !isnan(spot->value) &&
        is_worse(state->rule, spot->value, now->value))
        now->value = spot->value;
    if (spot->side_ms < now->since_mono_ms)
        now->since_mono_ms = spot->side_ms;
}

/* Looks at all spots of a cause anew. */
static void weigh(const struct rules *rules, const struct rule_state *state,
                  struct rules_cause *cause)
{
    struct rules_cause now = *cause;
    now.holding = 0;
    now.silent = true;
    now.value = (double)NAN;
    now.since_mono_ms = INT64_MAX;
    now.heard_mono_ms = 0;
    for (uint16_t i = 0; i < state->spot_count; i++) {
        const struct spot *spot = &state->spots[i];
        if (!is_about(rules, cause, spot->device))
            continue;
        if (spot->held_ms > now.heard_mono_ms)
            now.heard_mono_ms = spot->held_ms;
        if (spot->holding)
            take_spot(rules, state, spot, &now);
    }
    now.stands = now.holding > 0;
    now.silent = now.stands && now.silent;
    if (cause->stands || !now.stands)
        now.since_mono_ms = cause->since_mono_ms;
    if (now.stands && !isnan(now.value) && is_worse(state->rule, now.value, now.extreme))
        now.extreme = now.value;
    *cause = now;
}

static void look_at_cause(struct rules *rules, struct rule_state *state, struct rules_cause *cause)
{
    bool stood = cause->stands;
    weigh(rules, state, cause);
    if (stood || cause->stands)
        rules->changed(rules->context, cause);
    if (!cause->stands)
        cause->extreme = (double)NAN;
}

static void look_at_device(struct rules *rules, struct rule_state *state, uint16_t device)
{
    for (uint32_t i = 0; i < state->cause_count; i++) {
        if (is_about(rules, &state->causes[i], device))
            look_at_cause(rules, state, &state->causes[i]);
    }
}

/* ---- Readings ---- */

static enum side side_of(const struct alert_rule *rule, double value)
{
    if (rule->per_s > 0 && (rule->above ? value >= rule->limit : value <= rule->limit))
        return SIDE_BEYOND;
    if (rule->above ? value > rule->limit : value < rule->limit)
        return SIDE_BEYOND;
    return (rule->above ? value < rule->clear : value > rule->clear) ? SIDE_CLEAR : SIDE_BETWEEN;
}

int64_t rules_period_ms(const struct device_config *device, uint8_t field)
{
    uint32_t own = device->metrics[field]->every_ms;
    return own > device->every_ms ? own : device->every_ms;
}

int64_t rules_fresh_ms(int64_t every_ms)
{
    int64_t most = every_ms * 5 / 2;
    return most > SILENCE_LEAST ? most : SILENCE_LEAST;
}

static bool holds_after(const struct rule_state *state, const struct spot *spot, int64_t now_ms)
{
    bool sure = spot->count > (spot->first ? 1u : 0u);
    if (spot->holding)
        return spot->side != SIDE_CLEAR || !sure;
    return spot->side == SIDE_BEYOND && sure &&
           now_ms - spot->side_ms >= (int64_t)state->rule->for_s * 1000;
}

static void take_side(struct rule_state *state, struct spot *spot, enum side side, int64_t now_ms,
                      bool behind_silence, bool forget)
{
    if (side != spot->side) {
        spot->count = 0;
        spot->first = behind_silence;
    }
    if (side != spot->side || (forget && !spot->holding))
        spot->side_ms = now_ms;
    spot->side = (uint8_t)side;
    spot->count++;
    spot->holding = holds_after(state, spot, now_ms);
    if (spot->holding && side != SIDE_CLEAR)
        spot->held_ms = now_ms;
}

static void judge(struct rules *rules, struct rule_state *state, struct spot *spot, double value,
                  int64_t now_ms)
{
    const struct device_config *device = &rules->config->devices[spot->device];
    int64_t silent = spot->last_ms > 0 ? now_ms - spot->last_ms : INT64_MAX;
    int64_t every_ms = rules_period_ms(device, spot->field);
    int64_t forget = every_ms * FORGET;
    if (forget < (int64_t)state->rule->for_s * 1000)
        forget = (int64_t)state->rule->for_s * 1000;
    bool behind_silence = silent > rules_fresh_ms(every_ms), was = spot->holding;
    spot->last_ms = now_ms;
    if (behind_silence && state->sums)
        return;                 /* the increment of the whole silence */
    if (state->unit[0] != '\0') /* the limit is in the metric's own unit */
        (void)unit_convert(device->metrics[spot->field]->unit, state->unit, &value);
    if (spot->window != NULL)
        value = window_add(spot->window, now_ms, value, state->sums, state->rule->above);
    double before = spot->value;
    spot->value = value;
    take_side(state, spot, side_of(state->rule, value), now_ms, behind_silence, silent > forget);
    if (was != spot->holding || (spot->holding && !(before == value)))
        look_at_device(rules, state, spot->device);
}

bool rules_believes(const struct reading_value *value)
{
    return value->present && isfinite(value->value) &&
           (value->flag == METRIC_GOOD || value->flag == METRIC_UNCALIBRATED ||
            value->flag == METRIC_CLOCK);
}

/* What a log says of a cause: how bad it was while it stood, and of one that is over what the row
 * of its alert may say. It begins and ends nothing: it is past. */
static void annotate(struct rules *rules, struct rule_state *state, struct rules_cause *cause,
                     double value, const struct reading *reading)
{
    if (rules->late != NULL && side_of(state->rule, value) == SIDE_BEYOND)
        rules->late(rules->context, cause, reading->time.ms, value);
    if (!cause->stands || reading->taken.ms < cause->since_mono_ms || isnan(cause->extreme) ||
        !is_worse(state->rule, value, cause->extreme))
        return;
    cause->extreme = value;
    if (!isnan(cause->value))
        rules->changed(rules->context, cause);
}

static void late_reading(struct rules *rules, const struct reading *reading)
{
    const struct device_config *device = &rules->config->devices[reading->device];
    for (uint16_t r = 0; r < rules->count; r++) {
        struct rule_state *state = &rules->states[r];
        uint16_t index = state->spot_of[reading->device];
        const struct spot *spot = index != NO_SPOT ? &state->spots[index] : NULL;
        /* A change or a sum is one of readings that followed each other. */
        if (spot == NULL || spot->window != NULL || spot->field >= reading->value_count ||
            reading->time.trust != TIME_TRUSTED || !rules_believes(&reading->values[spot->field]))
            continue;
        double value = reading->values[spot->field].value;
        if (state->unit[0] != '\0')
            (void)unit_convert(device->metrics[spot->field]->unit, state->unit, &value);
        for (uint32_t i = 0; i < state->cause_count; i++) {
            if (is_about(rules, &state->causes[i], spot->device))
                annotate(rules, state, &state->causes[i], value, reading);
        }
    }
}

static void time_goes_on(struct rules *rules, int64_t mono_ms)
{
    if (rules->started_ms == 0)
        rules->started_ms = mono_ms;
    if (mono_ms > rules->now_ms)
        rules->now_ms = mono_ms;
}

void rules_reading(struct rules *rules, const struct reading *reading)
{
    if (reading->late) {
        late_reading(rules, reading);
        return;
    }
    time_goes_on(rules, reading->taken.ms);
    for (uint16_t r = 0; r < rules->count; r++) {
        struct rule_state *state = &rules->states[r];
        uint16_t index = state->spot_of[reading->device];
        struct spot *spot = index != NO_SPOT ? &state->spots[index] : NULL;
        if (spot == NULL || state->off || spot->field >= reading->value_count ||
            reading->taken.ms < spot->last_ms)
            continue;
        const struct reading_value *value = &reading->values[spot->field];
        if (rules_believes(value))
            judge(rules, state, spot, value->value, reading->taken.ms);
    }
}

/* ---- Hours and months ---- */

static bool hours_contain(const struct alert_hours *hours, int minute)
{
    if (hours->from == hours->to)
        return true;
    if (hours->from < hours->to)
        return minute >= hours->from && minute < hours->to;
    return minute >= hours->from || minute < hours->to;
}

static void forget_spots(struct rule_state *state)
{
    for (uint16_t i = 0; i < state->spot_count; i++) {
        struct spot *spot = &state->spots[i];
        spot->side = SIDE_NONE;
        spot->count = 0;
        spot->holding = false;
    }
}

bool rules_counts(const struct alert_rule *rule, const struct rules_time *time)
{
    return !time->known || (hours_contain(&rule->hours, time->minute) &&
                            (rule->months == 0 || (rule->months >> time->month & 1)));
}

static void end_outside(struct rules *rules, struct rule_state *state)
{
    forget_spots(state);
    for (uint32_t i = 0; i < state->cause_count; i++)
        look_at_cause(rules, state, &state->causes[i]);
}

void rules_time_is(struct rules *rules, const struct rules_time *time)
{
    if (time->mono_ms > 0)
        time_goes_on(rules, time->mono_ms);
    for (uint16_t r = 0; r < rules->count; r++) {
        struct rule_state *state = &rules->states[r];
        bool off = !rules_counts(state->rule, time);
        if (off && !state->off)
            end_outside(rules, state);
        state->off = off;
        for (uint32_t i = 0; i < state->cause_count; i++) {
            if (state->causes[i].stands)
                weigh(rules, state, &state->causes[i]);
        }
    }
}

/* ---- Over a restart, and who else says it ---- */

static bool names(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; (at = strstr(at, name)) != NULL; at += length) {
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    }
    return false;
}

static bool restore(struct rules *rules, struct rule_state *state, struct rules_cause *cause,
                    const char *devices, double extreme, int64_t since_mono_ms)
{
    for (uint16_t i = 0; i < state->spot_count; i++) {
        struct spot *spot = &state->spots[i];
        if (!is_about(rules, cause, spot->device) ||
            !names(devices, rules->config->devices[spot->device].name))
            continue;
        spot->holding = true;
        cause->stands = true;
        cause->holding++;
    }
    if (cause->stands && !isnan(extreme))
        cause->extreme = extreme;
    if (cause->stands)
        cause->since_mono_ms = since_mono_ms;
    return cause->stands;
}

bool rules_restore(struct rules *rules, const char *id, const char *devices, double extreme,
                   int64_t since_mono_ms)
{
    char own[RULES_ID_SIZE];
    for (uint16_t r = 0; r < rules->count; r++) {
        struct rule_state *state = &rules->states[r];
        for (uint32_t i = 0; i < state->cause_count; i++) {
            rules_id(rules, &state->causes[i], own);
            if (strcmp(own, id) == 0)
                return state->causes[i].stands ||
                       restore(rules, state, &state->causes[i], devices, extreme, since_mono_ms);
        }
    }
    return false;
}

static const struct rule_state *state_of(const struct rules *rules, const struct rules_cause *cause)
{
    return &rules->states[cause->rule - rules->config->alerts];
}

uint32_t rules_devices(const struct rules *rules, const struct rules_cause *cause, char *out,
                       size_t size)
{
    const struct rule_state *state = state_of(rules, cause);
    uint32_t count = 0;
    out[0] = '\0';
    for (uint16_t i = 0; i < state->spot_count; i++) {
        const struct spot *spot = &state->spots[i];
        const char *name = rules->config->devices[spot->device].name;
        if (!spot->holding || !is_about(rules, cause, spot->device))
            continue;
        count++;
        (void)text_add(out, size, "%s%s", out[0] != '\0' ? " " : "", name);
    }
    return count;
}

bool rules_outranked(const struct rules *rules, const struct rules_cause *cause)
{
    for (uint16_t r = 0; r < rules->count; r++) {
        const struct alert_rule *rule = rules->states[r].rule;
        if (rule->level <= cause->rule->level || rule->above != cause->rule->above ||
            (rule->per_s > 0) != (cause->rule->per_s > 0) ||
            strcmp(rule->metric, cause->rule->metric) != 0)
            continue;
        for (uint32_t i = 0; i < rules->states[r].cause_count; i++) {
            const struct rules_cause *other = &rules->states[r].causes[i];
            if (other->stands && other->plot == cause->plot && other->device == cause->device)
                return true;
        }
    }
    return false;
}

enum rules_truth rules_holds(const struct rules *rules, uint16_t rule, const uint16_t *devices,
                             uint16_t count, int64_t now_mono_ms)
{
    const struct rule_state *state = &rules->states[rule];
    bool known = false, held = false;
    for (uint16_t i = 0; !state->off && i < count; i++) {
        uint16_t index = state->spot_of[devices[i]];
        if (index == NO_SPOT)
            continue;
        const struct spot *spot = &state->spots[index];
        int64_t fresh_ms =
            rules_fresh_ms(rules_period_ms(&rules->config->devices[devices[i]], spot->field));
        bool fresh = spot->last_ms > 0 && now_mono_ms - spot->last_ms <= fresh_ms;
        if (fresh && spot->holding)
            return RULES_YES;
        known |= fresh;
        held |= spot->holding;
    }
    return state->off || (known && !held) ? RULES_NO : RULES_UNKNOWN;
}

void rules_each(const struct rules *rules, rules_changed each, void *context)
{
    for (uint16_t r = 0; r < rules->count; r++) {
        for (uint32_t i = 0; i < rules->states[r].cause_count; i++) {
            if (rules->states[r].causes[i].stands)
                each(context, &rules->states[r].causes[i]);
        }
    }
}
