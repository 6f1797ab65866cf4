/* SPDX-License-Identifier: Apache-2.0 */
/* An engine of calls over the fakes; its folder is removed at the end. */
#ifndef BAIYE_TESTS_RPC_BENCH_H
#define BAIYE_TESTS_RPC_BENCH_H

#include <jansson.h>

#include "gateway/daemon/rpc/engine.h"
#include "tests/unit/rpc/fakes.h"

extern char folder[];
extern struct loop *loop;
extern struct rpc *rpc;

extern json_t *last; /* what the last call ended with */
extern unsigned progress_count, end_count;

void answered(void *context, bool progress, const json_t *body);
int start(void **state);
int stop(void **state);
extern const struct rpc_caller technician;
extern const struct rpc_caller farmer;
extern const struct rpc_caller stranger;

/* The error's code, "" when the call went well. */
const char *ask(const struct rpc_caller *caller, const char *method, const char *params);
const struct store_audit *last_audit(void);

#endif
