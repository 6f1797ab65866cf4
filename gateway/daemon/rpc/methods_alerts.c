/* SPDX-License-Identifier: Apache-2.0 */
/* The season's list: alerts that stand and those that ended, as they are kept. And a test of the
 * ways by which people are told. */
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/reason.h"
#include "gateway/daemon/rpc/call.h"

#define ALERTS_OF_ANSWER 50 /* each at most 1.2 kB as a rule: below 64 kB */

struct listed {
    json_t *rows;
    int64_t next_ms;
};

static void free_listed(void *state)
{
    json_decref(((struct listed *)state)->rows);
}

static void alerts_ready(struct rpc_call *call)
{
    const struct listed *listed = call->state;
    if (call->store_result != STORE_OK)
        rpc_fail_store(call, call->store_result);
    else if (listed->next_ms != 0)
        rpc_end(call, json_pack("{s:O,s:I}", "alerts", listed->rows, "next",
                                (json_int_t)listed->next_ms));
    else
        rpc_end(call, json_pack("{s:O}", "alerts", listed->rows));
}

/* As its topic says it, and when it ended; what only the gateway needs is left out. */
static json_t *row_of(const struct store_alert *alert)
{
    json_t *row = json_loadb(alert->doc, alert->size, 0, NULL);
    if (!json_is_object(row)) {
        json_decref(row);
        return NULL;
    }
    (void)json_object_del(row, "v");
    (void)json_object_del(row, "devices");
    (void)json_object_del(row, "heard");
    if (alert->ended_ms != 0)
        (void)json_object_set_new(row, "ended", json_integer(alert->ended_ms));
    return row;
}

/* Store thread. */
static void alerts_done(void *context, enum store_result result, const struct store_alert *alerts,
                        uint32_t count, int64_t next_ms)
{
    struct rpc_call *call = context;
    struct listed *listed = call->state;
    listed->rows = json_array();
    listed->next_ms = next_ms;
    for (uint32_t i = 0; i < count; i++) {
        json_t *row = row_of(&alerts[i]);
        if (row != NULL)
            (void)json_array_append_new(listed->rows, row);
    }
    rpc_store_done(call, result);
}

static void run_alerts(struct rpc_call *call)
{
    int64_t from = 0, to = 0;
    bool range = rpc_has(call, "from") || rpc_has(call, "to");
    if (range && (!rpc_integer(call, "from", 0, INT64_MAX, &from) ||
                  !rpc_integer(call, "to", from, INT64_MAX, &to)))
        return;
    if (rpc_attach(call, sizeof(struct listed), free_listed) == NULL)
        return;
    call->resume = alerts_ready;
    enum store_result result = store_alerts(call->rpc->parts.store, rpc_asker(&call->caller), from,
                                            to, ALERTS_OF_ANSWER, alerts_done, call);
    if (result != STORE_OK)
        rpc_fail_store(call, result);
}

/* ---- alert_test: waits for what each service answers ---- */

#define TEST_LOOK_MS 200
#define TEST_MOST_MS 45000 /* a transfer takes 30 s at most */

struct test {
    struct loop_timer timer;
    struct rpc_call *call;
    int64_t until_ms;
    uint16_t ways;             /* bit i: config.ways[i] is tested */
    uint32_t before[WAYS_MAX]; /* answered until then */
};

static void stop_test(void *state)
{
    loop_timer_stop(&((struct test *)state)->timer);
}

static json_t *answer_of(const struct test *test, uint16_t index, bool *open)
{
    const struct rpc *rpc = test->call->rpc;
    struct notifier_way way;
    char chinese[REASON_SIZE];
    notifier_way(rpc->parts.notifier, index, &way);
    bool answered = way.answered != test->before[index];
    *open = *open || !answered;
    const char *why = answered ? way.last : "no answer yet; it is tried on";
    reason_chinese(why, chinese, sizeof chinese);
    return json_pack("{s:s,s:s,s:b,s:s,s:s}", "way", rpc->config->ways[index].name, "service",
                     way_kind_name(rpc->config->ways[index].kind), "delivered",
                     answered && way.last[0] == '\0', "why", why, "why_zh", chinese);
}

static void look_at_test(struct loop_timer *timer)
{
    struct test *test = timer->context;
    struct rpc_call *call = test->call;
    json_t *answers = json_array();
    bool open = false;
    for (uint16_t i = 0; i < call->rpc->config->way_count; i++) {
        if (test->ways >> i & 1)
            (void)json_array_append_new(answers, answer_of(test, i, &open));
    }
    if (open && loop_now_ms() < test->until_ms) {
        json_decref(answers);
        loop_timer_start(call->rpc->loop, timer, TEST_LOOK_MS);
        return;
    }
    rpc_end(call, json_pack("{s:o}", "ways", answers));
}

static void run_alert_test(struct rpc_call *call)
{
    const struct config *config = call->rpc->config;
    const char *name = rpc_has(call, "way") ? rpc_text(call, "way") : "";
    uint16_t ways = 0;
    if (name == NULL)
        return;
    for (uint16_t i = 0; i < config->way_count; i++) {
        if (name[0] == '\0' || strcmp(config->ways[i].name, name) == 0)
            ways |= (uint16_t)(1u << i);
    }
    if (config->way_count == 0) {
        rpc_fail(call, "unknown", "there is no way to people yet",
                 "write one under notify: in the configuration; man baiye.yaml says how");
        return;
    }
    if (ways == 0 || call->rpc->parts.notifier == NULL) {
        rpc_fail(call, "unknown", "there is no such way to people",
                 "notify: in the configuration lists them");
        return;
    }
    struct test *test = rpc_attach(call, sizeof *test, stop_test);
    if (test == NULL)
        return;
    test->timer = (struct loop_timer){.context = test, .expired = look_at_test};
    test->call = call;
    test->ways = ways;
    test->until_ms = loop_now_ms() + TEST_MOST_MS;
    for (uint16_t i = 0; i < config->way_count; i++) {
        struct notifier_way way;
        notifier_way(call->rpc->parts.notifier, i, &way);
        test->before[i] = way.answered;
        if (ways >> i & 1)
            notifier_test(call->rpc->parts.notifier, i);
    }
    loop_timer_start(call->rpc->loop, &test->timer, TEST_LOOK_MS);
}

/* ---- ways: how each is ---- */

static void run_ways(struct rpc_call *call)
{
    const struct rpc *rpc = call->rpc;
    json_t *ways = json_array();
    for (uint16_t i = 0; rpc->parts.notifier != NULL && i < rpc->config->way_count; i++) {
        struct notifier_way way;
        notifier_way(rpc->parts.notifier, i, &way);
        (void)json_array_append_new(
            ways, json_pack("{s:s,s:s,s:I,s:s}", "way", rpc->config->ways[i].name, "service",
                            way_kind_name(rpc->config->ways[i].kind), "waiting",
                            (json_int_t)way.waiting, "trouble", way.trouble));
    }
    rpc_end(call, json_pack("{s:o}", "ways", ways));
}

static const struct rpc_method methods[] = {
    {.name = "alerts", .run = run_alerts},
    {.name = "ways", .run = run_ways},
    {.name = "alert_test", .role = USER_TECHNICIAN, .command = true, .run = run_alert_test},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_alerts = {.list = methods};
