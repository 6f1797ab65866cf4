/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rpc/rpc_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

char folder[] = "/tmp/baiye-rpc-XXXXXX";
struct loop *loop;
struct rpc *rpc;

json_t *last;
unsigned progress_count, end_count;

void answered(void *context, bool progress, const json_t *body)
{
    (void)context;
    if (progress) {
        progress_count++;
        return;
    }
    end_count++;
    json_decref(last);
    last = json_deep_copy(body);
}

int start(void **state)
{
    (void)state;
    memset(&fakes, 0, sizeof fakes);
    fakes.now = (struct wall_ms){1795293274123, TIME_TRUSTED};
    progress_count = end_count = 0;
    struct rpc_parts parts = {.publish = fake_publish,
                              .alerts = fake_alerts,
                              .notifier = fake_notifier,
                              .buses = fake_buses};
    loop = loop_open(false);
    rpc = rpc_open(loop, &fake_config, &parts);
    return rpc != NULL ? 0 : -1;
}

int stop(void **state)
{
    (void)state;
    loop_end(loop);
    loop_drop_tasks(loop); /* in the order of the daemon */
    rpc_close(rpc);
    loop_close(loop);
    json_decref(last);
    last = NULL;
    return 0;
}

const struct rpc_caller technician = {"wang", "socket", -1, USER_TECHNICIAN};
const struct rpc_caller farmer = {"li", "local", 0, USER_FARMER};
const struct rpc_caller stranger = {"zhang", "local", 0, USER_UNKNOWN};

const char *ask(const struct rpc_caller *caller, const char *method, const char *params)
{
    json_t *json = json_loads(params, 0, NULL);
    unsigned before = end_count;
    assert_non_null(json);
    (void)rpc_call(rpc, caller, method, json, "", answered, NULL);
    while (end_count == before)
        assert_true(loop_step(loop));
    json_decref(json);
    const json_t *error = json_object_get(last, "error");
    return error != NULL ? json_string_value(json_object_get(error, "code")) : "";
}

const struct store_audit *last_audit(void)
{
    assert_in_range(fakes.audit_count, 1, 64);
    return &fakes.audits[fakes.audit_count - 1];
}
