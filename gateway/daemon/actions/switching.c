/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/actions/switching.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/unit_convert.h"

#define RETRY_FIRST_MS 2000
#define RETRY_MOST_MS  60000
#define SILENT_LOOKS   2u
#define LOOK_EVERY_MS  30000 /* power may have come and gone between two polls */
#define LATE_MOST_MIN  10    /* so late a time of the day is still taken */
#define AHEAD_WAIT_MIN 3     /* so long the first forecast is waited for after the start */
#define AGAIN_LEAST_MS                                                                             \
    72000000 /* 20 h: one day's time is not taken twice, whatever the clock does */

/* What a device measures, for an action's `until`. */
struct spot {
    uint16_t device;
    uint8_t field;
    bool known;
    int64_t last_ms; /* monotonic; 0: none yet */
    double value;
};

struct timed {
    bool ran, ran_before;
    int64_t mono_ms, wall_ms;
};

struct act {
    const struct action_config *config;
    uint16_t output;
    const char *unit; /* of the metric of `until` */
    struct spot *spots;
    struct timed times[ACTION_TIMES_MAX];
    bool rain;          /* it is due, and is left to the rain that is forecast ... */
    int64_t rain_ms;    /* ... since then */
    bool rain_waited;   /* for as long as it may */
    bool rain_reported; /* by switching_skipped() */
    double rain_mm;
    bool called; /* a way: since this call began, last switched on at: */
    int64_t called_ms;
};

struct switching {
    const struct config *config;
    struct act *acts;
    struct switching_output *outputs;
    uint16_t output_count;
    int64_t *heard_ms; /* by device: its last reading; 0: none yet */
    bool persisted_changed;
    bool begun;       /* a first look at what is due was at: */
    int64_t begun_ms; /* monotonic */
    bool ahead_seen;  /* a forecast has come since, with a clock to read it by */
};

const char *switching_why_text(enum switching_why why)
{
    static const char *const texts[] = {
        [SWITCH_RULE] = N_("its rule holds"),
        [SWITCH_TIME] = N_("its time of the day"),
        [SWITCH_CALL] = N_("people are called"),
        [SWITCH_OVER] = N_("its cause is over"),
        [SWITCH_REACHED] = N_("the value is reached"),
        [SWITCH_LONGEST] = N_("its longest time is over"),
        [SWITCH_NO_VALUES] = N_("no fresh values"),
        [SWITCH_START] = N_("the gateway started"),
        [SWITCH_SILENT] = N_("its device was silent"),
        [SWITCH_FAILED] = N_("an order failed"),
        [SWITCH_OTHERWISE] = N_("it was found otherwise than it was left"),
        [SWITCH_PERSON_END] = N_("the person's time is over"),
        [SWITCH_LEFT] = N_("it was on, and no action has it any more"),
        [SWITCH_STOP] = N_("the gateway stops"),
        [SWITCH_RAIN] = N_("rain is forecast"),
    };
    return (unsigned)why < sizeof texts / sizeof *texts ? texts[why] : "?";
}

/* ---- Beginning and end ---- */

static uint8_t field_of(const struct device_config *device, const char *metric)
{
    uint8_t i = 0;
    while (i < device->metric_count && strcmp(device->metrics[i]->metric, metric) != 0)
        i++;
    return i;
}

static uint16_t output_of(struct switching *switching, const struct action_config *action)
{
    int found = switching_find(switching, action->device, action->write);
    if (found >= 0)
        return (uint16_t)found;
    switching->outputs[switching->output_count] =
        (struct switching_output){.device = &switching->config->devices[action->device],
                                  .write = action->write,
                                  .off = action->off,
                                  .why = SWITCH_START,
                                  .on_failed = -1,
                                  .action = -1};
    return switching->output_count++;
}

static bool make_act(struct switching *switching, struct act *act,
                     const struct action_config *action)
{
    const struct metric_info *metric = metric_find(action->until_metric);
    act->config = action;
    act->output = output_of(switching, action);
    act->unit = metric != NULL ? metric->unit : "";
    act->spots = calloc((size_t)action->until_device_count + 1, sizeof *act->spots);
    for (uint16_t i = 0; act->spots != NULL && i < action->until_device_count; i++) {
        uint16_t device = action->until_devices[i];
        act->spots[i].device = device;
        act->spots[i].field = field_of(&switching->config->devices[device], action->until_metric);
    }
    return act->spots != NULL;
}

struct switching *switching_create(const struct config *config)
{
    struct switching *switching = calloc(1, sizeof *switching);
    if (switching == NULL)
        return NULL;
    switching->config = config;
    switching->acts = calloc((size_t)config->action_count + 1, sizeof *switching->acts);
    switching->outputs =
        calloc((size_t)config->action_count + SWITCHING_ADOPTED_MOST, sizeof *switching->outputs);
    switching->heard_ms = calloc((size_t)config->device_count + 1, sizeof *switching->heard_ms);
    bool good =
        switching->acts != NULL && switching->outputs != NULL && switching->heard_ms != NULL;
    for (uint16_t i = 0; good && i < config->action_count; i++)
        good = make_act(switching, &switching->acts[i], &config->actions[i]);
    if (good)
        return switching;
    switching_destroy(switching);
    return NULL;
}

void switching_destroy(struct switching *switching)
{
    if (switching == NULL)
        return;
    for (uint16_t i = 0; switching->acts != NULL && i < switching->config->action_count; i++)
        free(switching->acts[i].spots);
    free(switching->acts);
    free(switching->outputs);
    free(switching->heard_ms);
    free(switching);
}

uint16_t switching_output_count(const struct switching *switching)
{
    return switching->output_count;
}

const struct switching_output *switching_output(const struct switching *switching, uint16_t output)
{
    return &switching->outputs[output];
}

int switching_find(const struct switching *switching, uint16_t device,
                   const struct write_config *write)
{
    for (uint16_t i = 0; i < switching->output_count; i++) {
        const struct switching_output *output = &switching->outputs[i];
        bool gone = output->adopted && output->state == SWITCH_IS_OFF;
        if (output->device->index == device && !gone && write_is_same(output->write, write))
            return i;
    }
    return -1;
}

/* ---- Readings ---- */

/* The first value behind a silence decides nothing: devices that wake up give rubbish. */
static void take_value(const struct switching *switching, const struct act *act, struct spot *spot,
                       const struct reading *reading)
{
    const struct device_config *device = &switching->config->devices[spot->device];
    if (spot->field >= reading->value_count || !rules_believes(&reading->values[spot->field]))
        return;
    double value = reading->values[spot->field].value;
    if (act->unit[0] != '\0')
        (void)unit_convert(device->metrics[spot->field]->unit, act->unit, &value);
    spot->known = spot->last_ms > 0 && reading->taken.ms - spot->last_ms <=
                                           rules_fresh_ms(rules_period_ms(device, spot->field));
    spot->last_ms = reading->taken.ms;
    spot->value = value;
}

static void device_came_back(struct switching *switching, uint16_t device)
{
    for (uint16_t i = 0; i < switching->output_count; i++) {
        struct switching_output *output = &switching->outputs[i];
        if (output->device->index != device)
            continue;
        if (output->adopted && output->state == SWITCH_IS_OFF)
            continue;
        switching->persisted_changed = true;
        output->state = SWITCH_IS_UNKNOWN;
        output->why = SWITCH_SILENT;
        output->tries = 0;
        output->retry_ms = 0;
    }
}

void switching_reading(struct switching *switching, const struct reading *reading)
{
    int64_t *heard_ms = &switching->heard_ms[reading->device];
    if (reading->late || reading->taken.ms < *heard_ms)
        return;
    const struct device_config *device = &switching->config->devices[reading->device];
    if (*heard_ms > 0 && reading->taken.ms - *heard_ms > rules_fresh_ms(device->every_ms))
        device_came_back(switching, reading->device);
    *heard_ms = reading->taken.ms;
    for (uint16_t a = 0; a < switching->config->action_count; a++) {
        struct act *act = &switching->acts[a];
        for (uint16_t i = 0; i < act->config->until_device_count; i++) {
            if (act->spots[i].device == reading->device)
                take_value(switching, act, &act->spots[i], reading);
        }
    }
}

/* The mean of what is fresh, as people see it for a plot. */
static enum rules_truth is_reached(const struct switching *switching, const struct act *act,
                                   int64_t now_ms)
{
    double sum = 0;
    unsigned count = 0;
    if (act->config->until_metric[0] == '\0')
        return RULES_NO;
    for (uint16_t i = 0; i < act->config->until_device_count; i++) {
        const struct spot *spot = &act->spots[i];
        int64_t fresh_ms =
            rules_fresh_ms(rules_period_ms(&switching->config->devices[spot->device], spot->field));
        if (!spot->known || now_ms - spot->last_ms > fresh_ms)
            continue;
        sum += spot->value;
        count++;
    }
    if (count == 0)
        return RULES_UNKNOWN;
    double mean = sum / count;
    bool reached = act->config->until_above ? mean > act->config->until_limit
                                            : mean < act->config->until_limit;
    return reached ? RULES_YES : RULES_NO;
}

/* ---- Times of the day ---- */

static bool is_now(const struct timed *timed, uint16_t minute, int late_most,
                   const struct switching_now *now)
{
    int late = (now->minute - minute + 1440) % 1440;
    if (!now->day_known || late >= late_most)
        return false;
    if (timed->ran)
        return now->mono_ms - timed->mono_ms >= AGAIN_LEAST_MS;
    return !timed->ran_before || llabs(now->wall_ms - timed->wall_ms) >= AGAIN_LEAST_MS;
}

/* What waited for its forecast is not missed for that. */
static struct timed *time_due(struct act *act, const struct switching_now *now)
{
    int late_most = LATE_MOST_MIN + (act->config->rain_s > 0 ? AHEAD_WAIT_MIN : 0);
    for (uint8_t i = 0; i < act->config->time_count; i++) {
        if (is_now(&act->times[i], act->config->times[i], late_most, now))
            return &act->times[i];
    }
    return NULL;
}

static void take_time(struct switching *switching, struct act *act, const struct switching_now *now)
{
    struct timed *timed;
    while ((timed = time_due(act, now)) != NULL) {
        *timed = (struct timed){.ran = true, .mono_ms = now->mono_ms, .wall_ms = now->wall_ms};
        switching->persisted_changed = true;
    }
}

bool switching_kept_changed(struct switching *switching)
{
    bool changed = switching->persisted_changed;
    switching->persisted_changed = false;
    return changed;
}

bool switching_time(const struct switching *switching, uint32_t index, struct switching_time *time)
{
    for (uint16_t a = 0; a < switching->config->action_count; a++) {
        const struct act *act = &switching->acts[a];
        if (index >= act->config->time_count) {
            index -= act->config->time_count;
            continue;
        }
        const struct timed *timed = &act->times[index];
        *time = (struct switching_time){.action = act->config->name,
                                        .minute = act->config->times[index],
                                        .ran = timed->ran || timed->ran_before,
                                        .wall_ms = timed->wall_ms};
        return true;
    }
    return false;
}

void switching_time_ran(struct switching *switching, const char *action, uint16_t minute,
                        int64_t wall_ms)
{
    for (uint16_t a = 0; a < switching->config->action_count; a++) {
        struct act *act = &switching->acts[a];
        for (uint8_t i = 0; i < act->config->time_count; i++) {
            struct timed *timed = &act->times[i];
            if (act->config->times[i] != minute || timed->ran ||
                strcmp(act->config->name, action) != 0)
                continue;
            timed->ran_before = true;
            timed->wall_ms = wall_ms;
        }
    }
}

/* ---- Deciding ---- */

static enum switching_why why_on(const struct action_config *action)
{
    return action->way >= 0 ? SWITCH_CALL : action->rule >= 0 ? SWITCH_RULE : SWITCH_TIME;
}

/* A call is repeated at its own pace, and the first is at once. */
static bool pause_is_over(const struct act *act, const struct switching_output *output,
                          int64_t now_ms)
{
    const struct action_config *action = act->config;
    if (action->way >= 0)
        return !act->called ||
               now_ms - act->called_ms >= ((int64_t)action->for_s + action->pause_s) * 1000;
    return now_ms - output->off_ms >= (int64_t)action->pause_s * 1000;
}

static void note_ahead(struct switching *switching, const struct switching_now *now)
{
    if (!switching->begun)
        switching->begun_ms = now->mono_ms;
    switching->begun = true;
    switching->ahead_seen |= now->ahead != NULL && now->day_known;
}

/* Just after the start the forecast has not been read yet; then there is none. */
static bool waits_for_ahead(const struct switching *switching, const struct act *act,
                            const struct switching_now *now)
{
    return act->config->rain_s > 0 && !switching->ahead_seen &&
           now->mono_ms - switching->begun_ms < AHEAD_WAIT_MIN * INT64_C(60000);
}

/* It is due, and would be switched on but for the rain to come. Without a forecast, or without a
 * clock to read it by, there is none. What a rule asks for waits for as long as the rain may take
 * by the file, and no longer: it is still dry then, whatever is forecast. */
static bool is_left_to_rain(struct switching *switching, struct act *act,
                            const struct switching_now *now)
{
    const struct action_config *action = act->config;
    int64_t soon_ms = (int64_t)action->rain_s * 1000;
    double rain_mm = NAN;
    if (soon_ms > 0 && now->ahead != NULL && now->day_known)
        rain_mm = ahead_rain_soon_mm(now->ahead, now->wall_ms, now->wall_ms + soon_ms);
    bool rain = rain_mm >= action->rain_mm && !act->rain_waited; /* false for NAN */
    if (rain && (!act->rain || action->time_count > 0)) {
        act->rain_reported = false;
        act->rain_mm = rain_mm;
        act->rain_ms = now->mono_ms;
        switching->outputs[act->output].why = SWITCH_RAIN;
    }
    act->rain_waited |= rain && now->mono_ms - act->rain_ms >= soon_ms;
    act->rain = rain && !act->rain_waited;
    return act->rain;
}

/* The rule that waited for rain does not hold any more. */
static void end_rain(struct switching *switching, struct act *act, enum rules_truth truth)
{
    struct switching_output *output = &switching->outputs[act->output];
    if (act->config->time_count > 0 || truth != RULES_NO)
        return;
    if (act->rain && output->why == SWITCH_RAIN)
        output->why = SWITCH_OVER;
    act->rain = act->rain_waited = false;
}

bool switching_rain(const struct switching *switching, uint16_t output, struct switching_skip *skip)
{
    if (switching->outputs[output].why != SWITCH_RAIN)
        return false;
    for (uint16_t a = 0; a < switching->config->action_count; a++) {
        const struct act *act = &switching->acts[a];
        if (act->output != output || !act->rain)
            continue;
        *skip = (struct switching_skip){.action = a, .rain_mm = act->rain_mm};
        return true;
    }
    return false;
}

bool switching_skipped(struct switching *switching, struct switching_skip *skip)
{
    for (uint16_t a = 0; a < switching->config->action_count; a++) {
        struct act *act = &switching->acts[a];
        if (!act->rain || act->rain_reported)
            continue;
        act->rain_reported = true;
        *skip = (struct switching_skip){.action = a, .rain_mm = act->rain_mm};
        return true;
    }
    return false;
}

/* Is it to be switched on by this action? */
static bool wants_on(struct switching *switching, uint16_t index, const struct switching_now *now,
                     const enum rules_truth *truths)
{
    struct act *act = &switching->acts[index];
    const struct switching_output *output = &switching->outputs[act->output];
    if (!pause_is_over(act, output, now->mono_ms) || waits_for_ahead(switching, act, now))
        return false;
    bool timed = act->config->time_count > 0;
    if (timed ? time_due(act, now) == NULL : truths[index] != RULES_YES)
        return false;
    enum rules_truth reached = is_reached(switching, act, now->mono_ms);
    if (timed && reached != RULES_UNKNOWN)
        take_time(switching, act, now); /* it runs now, or is not needed today */
    return reached == RULES_NO && !is_left_to_rain(switching, act, now);
}

static bool wants_off(const struct switching *switching, const struct switching_output *output,
                      const struct switching_now *now, const enum rules_truth *truths, uint8_t *why)
{
    const struct act *act = &switching->acts[output->action];
    const struct action_config *action = act->config;
    enum rules_truth reached = is_reached(switching, act, now->mono_ms);
    /* What has a value to reach goes on until then: a rule ends sooner, where it is not so dry. */
    bool began = action->time_count > 0 || action->until_metric[0] != '\0';
    enum rules_truth holds = began ? RULES_YES : truths[output->action];
    bool unknown = reached == RULES_UNKNOWN || holds == RULES_UNKNOWN;
    if (now->mono_ms - output->on_ms >= (int64_t)action->for_s * 1000)
        *why = SWITCH_LONGEST;
    else if (reached == RULES_YES)
        *why = SWITCH_REACHED;
    else if (holds == RULES_NO)
        *why = SWITCH_OVER;
    else if (unknown && !action->keep)
        *why = SWITCH_NO_VALUES;
    else
        return false;
    return true;
}

static void give(struct switching_output *output, uint16_t index, enum switching_do what,
                 enum switching_why why, int32_t action, int64_t now_ms,
                 struct switching_order *order)
{
    output->asking = true;
    output->look_ms = now_ms;
    if (what != SWITCH_LOOK)
        output->why = (uint8_t)why;
    if (what == SWITCH_ON) {
        output->action = action;
        output->on_ms = now_ms;
    }
    *order = (struct switching_order){
        .output = index, .what = (uint8_t)what, .why = (uint8_t)why, .action = action};
}

static bool switch_on(struct switching *switching, uint16_t index, const struct switching_now *now,
                      const enum rules_truth *truths, struct switching_order *order)
{
    for (uint16_t a = 0; now->settled && a < switching->config->action_count; a++) {
        if (switching->acts[a].output != index || !wants_on(switching, a, now, truths))
            continue;
        switching->persisted_changed = true;
        switching->acts[a].called = true;
        switching->acts[a].called_ms = now->mono_ms;
        give(&switching->outputs[index], index, SWITCH_ON, why_on(switching->acts[a].config), a,
             now->mono_ms, order);
        return true;
    }
    return false;
}

static bool look(struct switching_output *output, uint16_t index, int64_t now_ms,
                 struct switching_order *order)
{
    if (now_ms - output->look_ms < LOOK_EVERY_MS)
        return false;
    give(output, index, SWITCH_LOOK, SWITCH_RULE, output->action, now_ms, order);
    return true;
}

/* false: nothing is to be done. */
static bool decide(struct switching *switching, uint16_t index, const struct switching_now *now,
                   const enum rules_truth *truths, struct switching_order *order)
{
    struct switching_output *output = &switching->outputs[index];
    uint8_t why = output->why;
    int64_t now_ms = now->mono_ms;
    if (output->asking)
        return false;
    bool person_over = output->person && now_ms >= output->person_ms;
    if (person_over) {
        output->person = false;
        switching->persisted_changed = true;
    }
    if (output->state == SWITCH_IS_UNKNOWN) {
        if (now_ms < output->retry_ms)
            return false;
        give(output, index, SWITCH_OFF, why, output->action, now_ms, order);
        return true;
    }
    if (output->person || (output->adopted && output->state == SWITCH_IS_OFF))
        return false;
    if (output->state == SWITCH_IS_OFF)
        return switch_on(switching, index, now, truths, order) ||
               look(output, index, now_ms, order);
    if (output->action < 0)
        why = SWITCH_PERSON_END;
    else if (!wants_off(switching, output, now, truths, &why))
        return look(output, index, now_ms, order);
    give(output, index, SWITCH_OFF, why, output->action, now_ms, order);
    return true;
}

/* What it could not be switched on for is over. */
static void forget_trouble(const struct switching *switching, struct switching_output *output,
                           const enum rules_truth *truths)
{
    if (output->on_failed >= 0 && switching->acts[output->on_failed].config->time_count == 0 &&
        truths[output->on_failed] == RULES_NO)
        output->on_failed = -1;
}

uint16_t switching_tick(struct switching *switching, const struct switching_now *now,
                        const enum rules_truth *truths, struct switching_order *orders)
{
    uint16_t count = 0;
    note_ahead(switching, now);
    for (uint16_t a = 0; a < switching->config->action_count; a++) {
        switching->acts[a].called &= truths[a] != RULES_NO;
        end_rain(switching, &switching->acts[a], truths[a]);
    }
    for (uint16_t i = 0; i < switching->output_count; i++) {
        forget_trouble(switching, &switching->outputs[i], truths);
        count = (uint16_t)(count + decide(switching, i, now, truths, &orders[count]));
    }
    return count;
}

uint16_t switching_stop(struct switching *switching, int64_t mono_ms,
                        struct switching_order *orders)
{
    uint16_t count = 0;
    for (uint16_t i = 0; i < switching->output_count; i++) {
        struct switching_output *output = &switching->outputs[i];
        if (output->state == SWITCH_IS_OFF && !output->asking)
            continue;
        give(output, i, SWITCH_OFF, SWITCH_STOP, output->action, mono_ms, &orders[count++]);
    }
    return count;
}

/* ---- What became of it ---- */

static void lose(struct switching_output *output, enum switching_why why, int64_t mono_ms)
{
    int64_t wait = (int64_t)RETRY_FIRST_MS << (output->tries < 5 ? output->tries : 5);
    output->state = SWITCH_IS_UNKNOWN;
    output->why = (uint8_t)why;
    output->retry_ms = mono_ms + (wait < RETRY_MOST_MS ? wait : RETRY_MOST_MS);
    output->tries++;
}

/* An order has ended. true: a person's write came behind it; that one's end is what counts. */
static bool was_overtaken(struct switching_output *output)
{
    bool overtaken = output->overtaken;
    output->asking = output->overtaken = false;
    return overtaken;
}

void switching_done(struct switching *switching, const struct switching_order *order, bool good,
                    int64_t mono_ms)
{
    struct switching_output *output = &switching->outputs[order->output];
    if (was_overtaken(output))
        return;
    if (order->what == SWITCH_ON)
        output->on_failed = good ? -1 : order->action;
    else
        output->off_failed = !good;
    if (!good) {
        lose(output, SWITCH_FAILED, mono_ms);
        return;
    }
    output->tries = 0;
    output->retry_ms = 0;
    if (order->what == SWITCH_ON) {
        output->state = SWITCH_IS_ON;
        switching->acts[order->action].rain_waited = false;
        return;
    }
    output->state = SWITCH_IS_OFF;
    output->off_ms = mono_ms;
    output->action = -1;
    switching->persisted_changed = true;
}

/* What has been silent for that many looks may have lost its power, and have come back
 * otherwise. */
static bool is_unsure(struct switching_output *output, enum switching_found found)
{
    bool was_silent = output->silent >= SILENT_LOOKS;
    bool as_left = found == (output->state == SWITCH_IS_ON ? SWITCH_FOUND_ON : SWITCH_FOUND_OFF);
    output->silent = found == SWITCH_FOUND_SILENT ? output->silent + 1 : 0;
    output->why = SWITCH_SILENT;
    if (found == SWITCH_FOUND_SILENT) /* off is what it is without power, too */
        return output->silent >= SILENT_LOOKS && output->state == SWITCH_IS_ON;
    if (was_silent)
        return true;
    output->why = SWITCH_OTHERWISE;
    return found != SWITCH_NOT_SAID && !as_left;
}

void switching_seen(struct switching *switching, uint16_t index, enum switching_found found,
                    int64_t mono_ms)
{
    struct switching_output *output = &switching->outputs[index];
    uint8_t why = output->why;
    if (was_overtaken(output) || output->person || output->state == SWITCH_IS_UNKNOWN)
        return;
    if (!is_unsure(output, found)) {
        output->why = why;
        return;
    }
    switching->persisted_changed = true;
    output->state = SWITCH_IS_UNKNOWN;
    output->retry_ms = mono_ms;
}

/* ---- People ---- */

static uint32_t longest_override_s(const struct switching *switching, uint16_t index)
{
    uint32_t longest_s = 0;
    for (uint16_t a = 0; a < switching->config->action_count; a++) {
        if (switching->acts[a].output == index && switching->acts[a].config->override_s > longest_s)
            longest_s = switching->acts[a].config->override_s;
    }
    return longest_s;
}

void switching_person(struct switching *switching, uint16_t index, bool on, uint32_t on_most_s,
                      const char *user, int64_t mono_ms)
{
    struct switching_output *output = &switching->outputs[index];
    uint32_t longest_s = longest_override_s(switching, index);
    if (on && on_most_s > 0 && on_most_s < longest_s)
        longest_s = on_most_s;
    switching->persisted_changed = true;
    if (output->state != SWITCH_IS_OFF && !on)
        output->off_ms = mono_ms;
    if (on)
        output->on_ms = mono_ms;
    output->person = true;
    output->overtaken = output->asking;
    output->person_ms = mono_ms + (int64_t)longest_s * 1000;
    output->state = on ? SWITCH_IS_ON : SWITCH_IS_OFF;
    output->action = -1;
    (void)snprintf(output->user, sizeof output->user, "%s", user);
}

void switching_release(struct switching *switching, uint16_t index)
{
    struct switching_output *output = &switching->outputs[index];
    output->overtaken = output->asking;
    output->state = SWITCH_IS_OFF;
    output->off_failed = false;
    switching->persisted_changed = true;
}

void switching_person_done(struct switching *switching, uint16_t index, bool good)
{
    struct switching_output *output = &switching->outputs[index];
    switching->persisted_changed = true;
    output->on_failed = -1;
    output->off_failed = !good;
    if (good)
        return;
    output->state = SWITCH_IS_UNKNOWN;
    output->why = SWITCH_FAILED;
    output->retry_ms = 0;
}

/* ---- Over a restart ---- */

void switching_adopt(struct switching *switching, const struct device_config *device,
                     const struct write_config *write, int32_t off)
{
    uint16_t adopted = 0;
    for (uint16_t i = 0; i < switching->output_count; i++)
        adopted = (uint16_t)(adopted + switching->outputs[i].adopted);
    if (switching_find(switching, device->index, write) >= 0 || adopted == SWITCHING_ADOPTED_MOST)
        return; /* an action's own are switched off at the start anyway */
    switching->outputs[switching->output_count++] = (struct switching_output){.device = device,
                                                                              .write = write,
                                                                              .off = off,
                                                                              .adopted = true,
                                                                              .why = SWITCH_LEFT,
                                                                              .on_failed = -1,
                                                                              .action = -1};
}

void switching_keep_person(struct switching *switching, uint16_t index, const char *user,
                           int64_t person_ms, int64_t mono_ms)
{
    struct switching_output *output = &switching->outputs[index];
    int64_t most_ms = mono_ms + (int64_t)longest_override_s(switching, index) * 1000;
    if (output->person || output->adopted || person_ms <= mono_ms)
        return;
    output->person = true;
    output->person_ms = person_ms < most_ms ? person_ms : most_ms;
    (void)snprintf(output->user, sizeof output->user, "%s", user);
}
