/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/actions/actions.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/common/clock.h"
#include "gateway/common/language.h"
#include "gateway/common/log.h"
#include "gateway/common/thread.h"
#include "gateway/daemon/actions/persisted.h"
#include "gateway/daemon/reason.h"
#include "gateway/daemon/write_request.h"
#include "protocols/modbus/pdu.h"

#define KEY             "actions" /* of the store: persisted.h */
#define DOC_MOST        60000u
#define TICK_MS         500
#define UNKNOWN_MOST_MS 10000 /* so long the store is waited for */
#define STOP_MOST_MS    3000
#define RETRIES         2 /* of each request, beyond the first try */

/* What is asked of the device: STEP_LIMIT tells it how long it may be on; where that switched it
 * on, STEP_CHECK reads back whether it is. */
enum step { STEP_WRITE, STEP_LIMIT, STEP_CHECK, STEP_LOOK };

/* An order under way. */
struct job {
    struct actions *actions;
    struct switching_order order;
    uint8_t step; /* enum step */
};

struct actions {
    const struct config *config;
    struct actions_parts parts;
    struct bus *const *buses;
    struct reading_relay relay; /* before the alerts' sink */
    pthread_t thread;
    bool started;
    atomic_bool stopping, idle; /* idle: there is nothing to do, ever */
    atomic_llong step_ms;
    int64_t started_ms;
    enum rules_truth *truths; /* the thread's own, as the next */
    struct switching_order *orders;
    struct job *jobs; /* by output; those of the end behind them */
    bool looks_ahead; /* an action goes by the weather */
    struct ahead ahead;

    pthread_mutex_t lock; /* ---- everything below ---- */
    pthread_cond_t wake;
    struct switching *switching;
    uint32_t under_way;
    bool kept, asked; /* what was before the start has been read; is being asked for */
};

/* ---- The sink: any bus thread ---- */

static void sink_reading(void *context, const struct reading *reading)
{
    const struct reading_relay *relay = context;
    struct actions *actions = relay->owner;
    pthread_mutex_lock(&actions->lock);
    switching_reading(actions->switching, reading);
    pthread_mutex_unlock(&actions->lock);
    relay->next->reading(relay->next->context, reading);
}

const struct reading_sink *actions_sink(struct actions *actions)
{
    return &actions->relay.sink;
}

/* ---- Telling what was switched ---- */

static const char *action_name(const struct actions *actions, int32_t action)
{
    return action >= 0 ? actions->config->actions[action].name : "";
}

static int32_t value_of(const struct actions *actions, const struct switching_order *order)
{
    return order->what == SWITCH_ON ? actions->config->actions[order->action].on
                                    : switching_output(actions->switching, order->output)->off;
}

static void audit(const struct actions *actions, const struct switching_order *order,
                  const char *result)
{
    const struct switching_output *output = switching_output(actions->switching, order->output);
    struct store_audit row = {.at_ms = store_now(actions->parts.store).ms,
                              .user = "gateway",
                              .via = "actions",
                              .method = "switch",
                              .asker = STORE_ASKER_GATEWAY};
    (void)snprintf(row.id, sizeof row.id, "%s", action_name(actions, order->action));
    (void)snprintf(
        row.detail, sizeof row.detail,
        "{\"action\":\"%s\",\"device\":\"%s\",\"name\":\"%s\",\"value\":%d,\"why\":\"%s\"}", row.id,
        output->device->name, output->write->name, (int)value_of(actions, order),
        switching_why_text((enum switching_why)order->why));
    (void)snprintf(row.result, sizeof row.result, "%s", result);
    enum store_result stored = store_audit(actions->parts.store, &row, NULL, NULL);
    log_write(strcmp(result, "ok") == 0 ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR,
              "action %s: %s %s switched %s (%s): %s%s%s", row.id[0] != '\0' ? row.id : "-",
              output->device->name, output->write->name, order->what == SWITCH_ON ? "on" : "off",
              switching_why_text((enum switching_why)order->why), result,
              stored == STORE_OK ? "" : "; not in the audit: ",
              stored == STORE_OK ? "" : store_result_text(stored));
}

static void audit_skip(const struct actions *actions, const struct switching_skip *skip)
{
    const struct action_config *action = &actions->config->actions[skip->action];
    const char *why = switching_why_text(SWITCH_RAIN);
    struct store_audit row = {.at_ms = store_now(actions->parts.store).ms,
                              .user = "gateway",
                              .via = "actions",
                              .method = "switch",
                              .result = N_("skipped"),
                              .asker = STORE_ASKER_GATEWAY};
    (void)snprintf(row.id, sizeof row.id, "%s", action->name);
    (void)snprintf(
        row.detail, sizeof row.detail,
        "{\"action\":\"%s\",\"device\":\"%s\",\"name\":\"%s\",\"value\":%d,\"why\":\"%s\","
        "\"rain_mm\":%.1f}",
        action->name, actions->config->devices[action->device].name, action->write->name,
        (int)action->on, why, skip->rain_mm);
    enum store_result stored = store_audit(actions->parts.store, &row, NULL, NULL);
    log_write(LOG_LEVEL_NOTICE, "action %s: skipped, %.1f mm of rain are forecast%s%s",
              action->name, skip->rain_mm, stored == STORE_OK ? "" : "; not in the audit: ",
              stored == STORE_OK ? "" : store_result_text(stored));
}

static void alert_id(char id[96], const struct switching_output *output)
{
    (void)snprintf(id, 96, ALERTS_OUTPUT "%s-%s", output->device->name, output->write->name);
}

static void raise_trouble(const struct actions *actions, const struct switching_output *output,
                          enum bus_result result)
{
    char id[96], what[256], what_zh[160 + REASON_SIZE], why_zh[REASON_SIZE];
    bool off = output->off_failed;
    reason_chinese(bus_result_text(result), why_zh, sizeof why_zh);
    alert_id(id, output);
    (void)snprintf(what, sizeof what, "%s (%s) can't be switched %s: %s", output->device->label,
                   output->write->name, off ? "off" : "on", bus_result_text(result));
    (void)snprintf(what_zh, sizeof what_zh, "%s（%s）%s：%s", output->device->label,
                   output->write->name, off ? "关不掉" : "打不开", why_zh);
    const struct alerts_event event = {
        .id = id,
        .what = what,
        .where = "",
        .todo = off ? "go there and switch it off by hand; look at its power and wiring"
                    : "look at its power and wiring, switch it on by hand if need be",
        .what_zh = what_zh,
        .todo_zh = off ? "到现场手动关掉，检查电源和接线" : "检查电源和接线，必要时手动打开",
        .level = "alarm",
        .since_ms = store_now(actions->parts.store).ms};
    alerts_raise(actions->parts.alerts, &event);
}

/* Raised or lowered as the output is now; outside of the lock. BUS_OK: nothing new has failed. */
static void report_trouble(const struct actions *actions, const struct switching_output *output,
                           enum bus_result result)
{
    char id[96];
    if (!output->off_failed && output->on_failed < 0) {
        alert_id(id, output);
        alerts_lower(actions->parts.alerts, id);
    } else if (result != BUS_OK) {
        raise_trouble(actions, output, result);
    }
}

/* A way to people has called, or could not. */
static void report_call(const struct actions *actions, const struct switching_order *order,
                        enum bus_result result)
{
    int32_t way = order->action >= 0 ? actions->config->actions[order->action].way : -1;
    if (order->what == SWITCH_ON && way >= 0 && actions->parts.called != NULL)
        actions->parts.called(actions->parts.context, (uint16_t)way, result == BUS_OK,
                              result == BUS_OK ? "" : bus_result_text(result));
}

/* ---- Orders ---- */

static void request_done(void *context, const struct bus_reply *reply);

/* Under the lock: whoever writes later stands behind it in the bus's queue. */
static enum bus_result submit(struct job *job)
{
    const struct actions *actions = job->actions;
    const struct switching_output *output = switching_output(actions->switching, job->order.output);
    struct bus_request request = {
        .unit = output->device->unit, .retries = RETRIES, .context = job, .done = request_done};
    if (job->step == STEP_LOOK || job->step == STEP_CHECK)
        request.pdu_size = write_request_read(output->write, request.pdu);
    else if (job->step == STEP_LIMIT)
        request.pdu_size = write_request_limit(
            output->write, actions->config->actions[job->order.action].for_s, request.pdu);
    else
        request.pdu_size =
            write_request_pdu(output->write, value_of(actions, &job->order), request.pdu);
    if (job->step == STEP_LIMIT)
        request.no_read_back = output->write->limit_function == MODBUS_WRITE_COIL;
    else
        bus_verify_as(&request, output->write);
    return bus_submit(actions->buses[output->device->bus], &request);
}

static void finish_look(struct actions *actions, const struct job *job,
                        const struct bus_reply *reply, int64_t now_ms)
{
    const struct switching_output *output = switching_output(actions->switching, job->order.output);
    int32_t value = 0;
    enum switching_found found =
        reply->result == BUS_TIMEOUT || reply->result == BUS_DOWN ? SWITCH_FOUND_SILENT
        : reply->result != BUS_OK ||
                !write_request_value(output->write, reply->pdu, reply->pdu_size, &value)
            ? SWITCH_NOT_SAID
        : value != output->off ? SWITCH_FOUND_ON
                               : SWITCH_FOUND_OFF;
    switching_seen(actions->switching, job->order.output, found, now_ms);
}

/* An order has ended; under the lock until it is reported. */
static void finish(struct actions *actions, const struct job *job, const struct bus_reply *reply)
{
    struct switching_order order = job->order;
    int64_t now_ms = clock_now().mono_ms;
    bool good = reply->result == BUS_OK, look = order.what == SWITCH_LOOK;
    struct switching_output before = *switching_output(actions->switching, order.output);
    if (look)
        finish_look(actions, job, reply, now_ms);
    else
        switching_done(actions->switching, &order, good, now_ms);
    struct switching_output after = *switching_output(actions->switching, order.output);
    actions->under_way--;
    pthread_cond_broadcast(&actions->wake);
    pthread_mutex_unlock(&actions->lock);
    if (look)
        return;
    bool failed_before = order.what == SWITCH_ON ? before.on_failed >= 0 : before.off_failed;
    if (good || !failed_before) /* not each of its retries */
        audit(actions, &order, good ? "ok" : bus_result_text(reply->result));
    report_trouble(actions, &after, reply->result);
    report_call(actions, &order, reply->result);
}

/* The device knows how long; under the lock, which is given back. */
static void go_on(struct actions *actions, struct job *job)
{
    const struct switching_output *output = switching_output(actions->switching, job->order.output);
    bool on_already = output->write->limit_function == MODBUS_WRITE_COIL;
    if (!on_already && (output->person || atomic_load(&actions->stopping))) {
        /* Somebody came before it was switched on. */
        switching_seen(actions->switching, job->order.output, SWITCH_NOT_SAID, clock_now().mono_ms);
        actions->under_way--;
        pthread_cond_broadcast(&actions->wake);
        pthread_mutex_unlock(&actions->lock);
        return;
    }
    job->step = on_already ? STEP_CHECK : STEP_WRITE;
    const struct bus_reply refused = {.result = submit(job)};
    if (refused.result == BUS_OK)
        pthread_mutex_unlock(&actions->lock);
    else
        finish(actions, job, &refused);
}

/* Does it read as it is to be? What can't be read has been acknowledged, and stands. */
static enum bus_result checked(const struct actions *actions, const struct job *job,
                               const struct bus_reply *reply)
{
    const struct switching_output *output = switching_output(actions->switching, job->order.output);
    int32_t value = 0;
    if (reply->result == BUS_EXCEPTION)
        return BUS_OK;
    if (reply->result != BUS_OK)
        return reply->result;
    if (!write_request_value(output->write, reply->pdu, reply->pdu_size, &value))
        return BUS_GARBLED;
    return value == value_of(actions, &job->order) ? BUS_OK : BUS_MISMATCH;
}

/* Bus thread. */
static void request_done(void *context, const struct bus_reply *reply)
{
    struct job *job = context;
    struct actions *actions = job->actions;
    pthread_mutex_lock(&actions->lock);
    if (job->step == STEP_LIMIT && reply->result == BUS_OK) {
        go_on(actions, job);
    } else if (job->step == STEP_CHECK) {
        const struct bus_reply found = {.result = checked(actions, job, reply)};
        finish(actions, job, &found);
    } else {
        finish(actions, job, reply);
    }
}

/* Takes the lock, and gives it back. */
static void carry_out(struct actions *actions, struct job *jobs, uint16_t count)
{
    for (uint16_t i = 0; i < count; i++) {
        const struct switching_order *order = &actions->orders[i];
        struct job *job = &jobs[order->output];
        pthread_mutex_lock(&actions->lock);
        const struct switching_output *output = switching_output(actions->switching, order->output);
        bool limited =
            order->what == SWITCH_ON && write_request_is_limited(output->write, output->off);
        *job = (struct job){.actions = actions,
                            .order = *order,
                            .step = order->what == SWITCH_LOOK ? STEP_LOOK
                                    : limited                  ? STEP_LIMIT
                                                               : STEP_WRITE};
        actions->under_way++;
        const struct bus_reply refused = {.result = submit(job)};
        if (refused.result != BUS_OK)
            finish(actions, job, &refused);
        else
            pthread_mutex_unlock(&actions->lock);
    }
}

/* ---- What the store keeps ---- */

static struct switching_now now_of(const struct actions *actions)
{
    struct wall_ms wall = store_now(actions->parts.store);
    time_t t = (time_t)(wall.ms / 1000);
    struct tm local = {0};
    bool known = wall.trust == TIME_TRUSTED && localtime_r(&t, &local) != NULL;
    return (struct switching_now){.mono_ms = clock_now().mono_ms,
                                  .day_known = known,
                                  .minute = local.tm_hour * 60 + local.tm_min,
                                  .wall_ms = wall.ms};
}

static void say_lost(const char *device, const char *write)
{
    log_write(LOG_LEVEL_ERROR,
              "actions: %s %s may be on from before the start, and the file has no such device "
              "any more: see that it is off, by hand",
              device, write);
}

/* Store thread. */
static void on_persisted(void *context, enum store_result result, const void *value, size_t size)
{
    struct actions *actions = context;
    const struct switching_now now = now_of(actions);
    pthread_mutex_lock(&actions->lock);
    actions->asked = false;
    if (result == STORE_OK)
        persisted_read(actions->config, actions->switching, &now, value, size, say_lost);
    actions->kept |= result == STORE_OK;
    pthread_mutex_unlock(&actions->lock);
}

/* Until the store answers: what it has must not be written over unread. */
static void ask_persisted(struct actions *actions)
{
    pthread_mutex_lock(&actions->lock);
    bool needed = !actions->kept && !actions->asked;
    actions->asked |= needed;
    pthread_mutex_unlock(&actions->lock);
    if (!needed || store_get(actions->parts.store, KEY, on_persisted, actions) == STORE_OK)
        return;
    pthread_mutex_lock(&actions->lock);
    actions->asked = false;
    pthread_mutex_unlock(&actions->lock);
}

/* Before what it is about goes out. */
static void keep(struct actions *actions, const struct switching_now *now)
{
    char *doc = NULL;
    size_t size = 0;
    pthread_mutex_lock(&actions->lock);
    if (actions->kept && switching_kept_changed(actions->switching) &&
        (doc = malloc(DOC_MOST)) != NULL)
        size = persisted_write(actions->config, actions->switching, now, doc, DOC_MOST);
    pthread_mutex_unlock(&actions->lock);
    if (doc != NULL &&
        (size == 0 || store_put(actions->parts.store, KEY, doc, size, NULL, NULL) != STORE_OK))
        log_write(LOG_LEVEL_WARNING,
                  "actions: the store does not take what is on and what was done today; a restart "
                  "may do it again, and forget what a changed file has not any more");
    free(doc);
}

/* ---- The thread ---- */

static void find_truths(struct actions *actions)
{
    for (uint16_t i = 0; i < actions->config->action_count; i++) {
        const struct action_config *action = &actions->config->actions[i];
        actions->truths[i] = RULES_NO;
        if (action->rule >= 0)
            actions->truths[i] = alerts_rule_holds(actions->parts.alerts, (uint16_t)action->rule,
                                                   action->rule_devices, action->rule_device_count);
        else if (action->way >= 0 && actions->parts.calls != NULL)
            actions->truths[i] = actions->parts.calls(actions->parts.context, (uint16_t)action->way)
                                     ? RULES_YES
                                     : RULES_NO;
    }
}

/* Lowers what stands of outputs that could not be switched on, when its cause is over. */
static void end_troubles(struct actions *actions, const bool *failed)
{
    for (uint16_t i = 0; i < switching_output_count(actions->switching); i++) {
        pthread_mutex_lock(&actions->lock);
        struct switching_output output = *switching_output(actions->switching, i);
        pthread_mutex_unlock(&actions->lock);
        if (failed[i] && output.on_failed < 0 && !output.off_failed)
            report_trouble(actions, &output, BUS_OK);
    }
}

static void report_skips(struct actions *actions)
{
    struct switching_skip skip;
    for (bool more = true; more;) {
        pthread_mutex_lock(&actions->lock);
        more = switching_skipped(actions->switching, &skip);
        pthread_mutex_unlock(&actions->lock);
        if (more)
            audit_skip(actions, &skip);
    }
}

static void tick(struct actions *actions)
{
    struct switching_now now = now_of(actions);
    bool failed[ACTIONS_MAX + WAYS_MAX + SWITCHING_ADOPTED_MOST] = {false};
    ask_persisted(actions);
    find_truths(actions);
    if (actions->looks_ahead && actions->parts.ahead(actions->parts.ahead_context, &actions->ahead))
        now.ahead = &actions->ahead;
    pthread_mutex_lock(&actions->lock);
    now.settled = actions->kept || now.mono_ms - actions->started_ms > UNKNOWN_MOST_MS;
    for (uint16_t i = 0; i < switching_output_count(actions->switching); i++)
        failed[i] = switching_output(actions->switching, i)->on_failed >= 0;
    uint16_t count = switching_tick(actions->switching, &now, actions->truths, actions->orders);
    pthread_mutex_unlock(&actions->lock);
    report_skips(actions);
    keep(actions, &now);
    carry_out(actions, actions->jobs, count);
    end_troubles(actions, failed);
}

static struct timespec after_ms(int64_t ms)
{
    return clock_timespec(clock_mono_ns() + ms * 1000000);
}

/* The file has no actions, and all that it had is off. */
static bool is_idle(struct actions *actions)
{
    pthread_mutex_lock(&actions->lock);
    bool idle = actions->config->action_count == 0 && actions->kept;
    for (uint16_t i = 0; idle && i < switching_output_count(actions->switching); i++) {
        const struct switching_output *output = switching_output(actions->switching, i);
        idle = output->state == SWITCH_IS_OFF && !output->asking;
    }
    pthread_mutex_unlock(&actions->lock);
    return idle;
}

static void *actions_main(void *context)
{
    struct actions *actions = context;
    while (!atomic_load(&actions->stopping) && !is_idle(actions)) {
        atomic_store(&actions->step_ms, clock_now().mono_ms);
        tick(actions);
        struct timespec until = after_ms(TICK_MS);
        pthread_mutex_lock(&actions->lock);
        if (!atomic_load(&actions->stopping))
            (void)pthread_cond_timedwait(&actions->wake, &actions->lock, &until);
        pthread_mutex_unlock(&actions->lock);
    }
    const struct switching_now now = now_of(actions);
    keep(actions, &now);
    atomic_store(&actions->idle, true);
    return NULL;
}

/* ---- Beginning and end ---- */

struct actions *actions_create(const struct config *config, const struct actions_parts *parts)
{
    struct actions *actions = calloc(1, sizeof *actions);
    size_t count = (size_t)config->action_count + SWITCHING_ADOPTED_MOST;
    if (actions == NULL)
        return NULL;
    actions->config = config;
    actions->parts = *parts;
    for (uint16_t i = 0; i < config->action_count; i++)
        actions->looks_ahead |= parts->ahead != NULL && config->actions[i].rain_s > 0;
    reading_relay_init(&actions->relay, alerts_sink(parts->alerts), actions);
    actions->relay.sink.reading = sink_reading;
    thread_init_lock(&actions->lock, &actions->wake);
    actions->started_ms = clock_now().mono_ms;
    atomic_store(&actions->step_ms, actions->started_ms);
    actions->switching = switching_create(config);
    actions->truths = calloc(count, sizeof *actions->truths);
    actions->orders = calloc(count, sizeof *actions->orders);
    actions->jobs = calloc(2 * count, sizeof *actions->jobs);
    if (actions->switching != NULL && actions->truths != NULL && actions->orders != NULL &&
        actions->jobs != NULL)
        return actions;
    actions_free(actions);
    return NULL;
}

bool actions_start(struct actions *actions, struct bus *const *buses)
{
    actions->buses = buses;
    actions->started = thread_start(&actions->thread, actions_main, actions);
    return actions->started;
}

static void switch_all_off(struct actions *actions)
{
    pthread_mutex_lock(&actions->lock);
    uint16_t count = switching_stop(actions->switching, clock_now().mono_ms, actions->orders);
    pthread_mutex_unlock(&actions->lock);
    carry_out(actions, actions->jobs + actions->config->action_count + SWITCHING_ADOPTED_MOST,
              count);
    struct timespec until = after_ms(STOP_MOST_MS);
    pthread_mutex_lock(&actions->lock);
    while (actions->under_way > 0 &&
           pthread_cond_timedwait(&actions->wake, &actions->lock, &until) == 0)
        ;
    if (actions->under_way > 0)
        log_write(LOG_LEVEL_ERROR,
                  "actions: %u outputs did not answer in time; the next start "
                  "switches them off",
                  actions->under_way);
    pthread_mutex_unlock(&actions->lock);
    const struct switching_now now = now_of(actions);
    keep(actions, &now);
}

void actions_stop(struct actions *actions)
{
    if (actions == NULL || !actions->started)
        return;
    pthread_mutex_lock(&actions->lock);
    atomic_store(&actions->stopping, true);
    pthread_cond_broadcast(&actions->wake);
    pthread_mutex_unlock(&actions->lock);
    pthread_join(actions->thread, NULL);
    actions->started = false;
    switch_all_off(actions);
}

void actions_free(struct actions *actions)
{
    if (actions == NULL)
        return;
    switching_destroy(actions->switching);
    free(actions->truths);
    free(actions->orders);
    free(actions->jobs);
    pthread_cond_destroy(&actions->wake);
    pthread_mutex_destroy(&actions->lock);
    free(actions);
}

/* ---- Others ---- */

int actions_person(struct actions *actions, uint16_t device, const struct write_config *write,
                   int32_t value, uint32_t on_most_s, const char *user)
{
    pthread_mutex_lock(&actions->lock);
    int output = switching_find(actions->switching, device, write);
    if (output >= 0 && switching_output(actions->switching, (uint16_t)output)->adopted) {
        switching_release(actions->switching, (uint16_t)output);
        output = -1;
    }
    if (output >= 0)
        switching_person(actions->switching, (uint16_t)output,
                         value != switching_output(actions->switching, (uint16_t)output)->off,
                         on_most_s, user, clock_now().mono_ms);
    pthread_mutex_unlock(&actions->lock);
    return output;
}

void actions_person_done(struct actions *actions, int output, enum bus_result result)
{
    if (output < 0)
        return;
    pthread_mutex_lock(&actions->lock);
    switching_person_done(actions->switching, (uint16_t)output, result == BUS_OK);
    struct switching_output now = *switching_output(actions->switching, (uint16_t)output);
    pthread_cond_broadcast(&actions->wake);
    pthread_mutex_unlock(&actions->lock);
    report_trouble(actions, &now, result);
}

uint16_t actions_count(const struct actions *actions)
{
    return switching_output_count(actions->switching);
}

void actions_get(struct actions *actions, uint16_t index, struct actions_output *out)
{
    pthread_mutex_lock(&actions->lock);
    const struct switching_output *output = switching_output(actions->switching, index);
    int64_t now_ms = clock_now().mono_ms;
    struct switching_skip skip = {0};
    bool rain = switching_rain(actions->switching, index, &skip);
    *out = (struct actions_output){
        .device = output->device,
        .write = output->write,
        .state = output->state,
        .action = output->action >= 0 && output->state == SWITCH_IS_ON
                      ? &actions->config->actions[output->action]
                      : NULL,
        .why = switching_why_text((enum switching_why)output->why),
        .waits = rain ? &actions->config->actions[skip.action] : NULL,
        .rain_mm = skip.rain_mm,
        .on_s = output->state == SWITCH_IS_ON ? (now_ms - output->on_ms) / 1000 : -1,
        .person_s = output->person ? (output->person_ms - now_ms + 999) / 1000 : 0,
        .failed = output->off_failed || output->on_failed >= 0};
    if (output->person)
        memcpy(out->user, output->user, sizeof out->user);
    pthread_mutex_unlock(&actions->lock);
}

int64_t actions_idle_ms(const struct actions *actions)
{
    return actions->started && !atomic_load(&actions->idle)
               ? clock_now().mono_ms - atomic_load(&actions->step_ms)
               : 0;
}
