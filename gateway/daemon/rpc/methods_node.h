/* SPDX-License-Identifier: Apache-2.0 */
/* Work on one of our nodes: a list of requests, one after the other, each of which may read, and
 * in the end, whatever became of it, the node is left locked. Loop's thread only; used by the
 * methods of methods_settings.c and methods_calibrate.c, whose own state begins with a job. */
#ifndef BAIYE_RPC_METHODS_NODE_H
#define BAIYE_RPC_METHODS_NODE_H

#include "gateway/daemon/rpc/call.h"
#include "protocols/node_map/node_map.h"

#define RPC_NODE_STEPS_MAX 16
#define RPC_NODE_READ_MAX  128
#define RPC_NODE_TABLE     24 /* registers of a calibration, from its date on */

struct rpc_node_step {
    uint8_t function;        /* 3, 5, 6 or 16 */
    bool reads_back;         /* a write whose register shows what was written */
    uint16_t address, value; /* of a read, and of a write of `table`: how many registers */
    const char *what;        /* for people: "unlocking it" */
};

struct rpc_node_job {
    const struct device_config *device;
    struct rpc_node_step steps[RPC_NODE_STEPS_MAX];
    uint8_t count, at;
    bool ending;                      /* its end is known; what fails now does not matter */
    uint16_t read[RPC_NODE_READ_MAX]; /* what was read, one after the other */
    uint8_t read_count;
    uint16_t table[RPC_NODE_TABLE];
    void (*done)(struct rpc_call *call);   /* every step went well */
    void (*failed)(struct rpc_call *call); /* steps[at] did not: call->reply says how */
    json_t *result;                        /* of the end, or its error: */
    const char *code, *hint;
    char message[192];
    void (*release)(void *state); /* of the whole state; may be NULL */
};

/* The device that the call names, if it is one of our nodes that no other such call works on; then
 * the call has `size` bytes of state that begin with a job (see rpc_attach()). NULL: the call has
 * failed. */
void *rpc_node_open(struct rpc_call *call, size_t size, void (*release)(void *state));

/* Steps of a list; rpc_node_run() begins with the first and forgets what was read before. */
void rpc_node_clear(struct rpc_call *call);
void rpc_node_read(struct rpc_call *call, uint16_t address, uint16_t count, const char *what);
void rpc_node_write(struct rpc_call *call, uint16_t address, uint16_t value, const char *what);
struct rpc_node_step *rpc_node_add(struct rpc_call *call, struct rpc_node_step step);
void rpc_node_run(struct rpc_call *call, void (*done)(struct rpc_call *call),
                  void (*failed)(struct rpc_call *call));

/* Fails the call with what steps[at] was about and why it failed. */
void rpc_node_failed(struct rpc_call *call);
/* The same with `so` behind it ("; nothing was changed"), and first `undo` is written to the
 * register `undo_address`, and the node is locked. */
void rpc_node_give_up(struct rpc_call *call, uint16_t undo_address, uint16_t undo, const char *so);
/* Locks the node, then ends the call. */
void rpc_node_end(struct rpc_call *call, json_t *result);

#endif
