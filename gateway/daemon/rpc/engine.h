/* SPDX-License-Identifier: Apache-2.0 */
/* Remote procedure calls: the same methods by MQTT and by the control socket.
 *
 *   link thread ─ request ─┐                         ┌─> store thread ─┐
 *   control socket ────────┴─> rpc_call() ─> method ─┼─> bus thread ───┼─> rpc_end() ─> answer
 *         role, duplicates, audit                    └─> at once ──────┘
 *
 * Everything here runs in the loop's thread; what other threads answer comes back as a message.
 * At most RPC_CALLS_MAX calls are under way. Each command, also a refused one, is one row of the
 * audit table; so is everything else that was refused. */
#ifndef BAIYE_RPC_ENGINE_H
#define BAIYE_RPC_ENGINE_H

#include "gateway/daemon/rpc/parts.h"

/* Copies `parts`; what they point to must outlive it. NULL: no memory. */
struct rpc *rpc_open(struct loop *loop, const struct config *config, const struct rpc_parts *parts);
/* After loop_end() and loop_drop_tasks(), when buses and store were stopped: frees calls that were
 * never answered. */
void rpc_close(struct rpc *rpc);

/* `params` is borrowed. `duplicate_id`: what a second delivery of the same request has in common
 * with the first; "" : not known. Answers at once or later; NULL `answer`: nobody waits. The call
 * returned may be forgotten by rpc_forget() as long as it was not answered; NULL: answered. */
struct rpc_call *rpc_call(struct rpc *rpc, const struct rpc_caller *caller, const char *method,
                          json_t *params, const char *duplicate_id, rpc_answer answer,
                          void *context);
/* Whoever asked is gone: no answer comes; what can be stopped is stopped. */
void rpc_forget(struct rpc_call *call);

/* The role of a user; USER_UNKNOWN for other names. */
enum user_role rpc_role(const struct rpc *rpc, const char *name);
/* A login that was refused, for the audit table: at most as many a minute as other refusals. `via`:
 * the way it came. */
void rpc_wrong_login(struct rpc *rpc, const char *user, const char *peer, const char *via);

/* A request as it came from a broker (mqtt.c). */
void rpc_mqtt(struct rpc *rpc, const struct publish_request *request);

#endif
