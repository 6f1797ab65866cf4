/* SPDX-License-Identifier: Apache-2.0 */
/* The season's list: alerts that stand and those that ended, as they are kept. */
#include <stdio.h>
#include <string.h>

#include "gateway/daemon/rpc/call.h"

#define ALERTS_OF_ANSWER 60 /* each at most 1 kB as a rule: below 64 kB */

struct listed {
    json_t *rows;
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
    (void)json_object_del(row, "decimals");
    (void)json_object_del(row, "devices");
    if (alert->ended_ms != 0)
        (void)json_object_set_new(row, "ended", json_integer(alert->ended_ms));
    return row;
}

/* Store thread. */
static void alerts_done(void *context, enum store_result result, const struct store_alert *alerts,
                        uint32_t count)
{
    struct rpc_call *call = context;
    struct listed *listed = call->state;
    listed->rows = json_array();
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

static const struct rpc_method methods[] = {
    {.name = "alerts", .run = run_alerts},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_alerts = {.list = methods};
