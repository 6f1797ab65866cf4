/* SPDX-License-Identifier: Apache-2.0 */
/* A call under way, and what a method may do with it: for engine.c and the files methods_*.c.
 *
 * A room of methods exports one `struct rpc_methods`; methods.c lists the rooms. What a method must
 * remember between two answers is a private struct of its file, attached by rpc_attach(). */
#ifndef BAIYE_RPC_CALL_H
#define BAIYE_RPC_CALL_H

#include "gateway/common/log.h"
#include "gateway/daemon/rpc/parts.h"

struct rpc_method {
    const char *name;    /* NULL: the end of a list */
    enum user_role role; /* the least that may call it */
    bool socket_only;
    bool command; /* changes something: audited, and a duplicate is not done twice */
    /* Who sits at a broker that is not the farm's may call it (struct broker_config.requests). */
    bool for_resend, for_county;
    bool secret; /* its parameters are not for the audit */
    /* Ends the call by rpc_end() or rpc_fail(), now or later. */
    void (*run)(struct rpc_call *call);
};

struct rpc_methods {
    const struct rpc_method *list;
    /* What the methods share as long as the daemon runs, in the room's slot; both may be NULL.
     * `open` gives false without memory. */
    bool (*open)(struct rpc *rpc);
    void (*close)(struct rpc *rpc);
};
extern const struct rpc_methods *const rpc_rooms[]; /* methods.c; ends with NULL */

struct actuators;
struct updates;
struct tried;
struct offer;

struct rpc {
    struct loop *loop;
    const struct config *config;
    struct rpc_parts parts;
    struct actuators *actuators; /* methods_bus.c */
    struct updates *updates;     /* methods_update.c */
    struct tried *tried;         /* methods_config.c */
    struct offer *offer;         /* methods_firmware.c */
    struct rpc_call *calls;      /* under way */
    struct rpc_engine *engine;   /* engine.c */
    struct log_rate answer_said; /* mqtt.c */
};

struct rpc_call {
    struct rpc_call *next;
    struct rpc *rpc;
    const struct rpc_method *method;
    struct rpc_caller caller;
    json_t *params;
    rpc_answer answer; /* NULL: nobody waits */
    void *context;
    char detail[512];        /* of the audit row */
    uint64_t duplicate_hash; /* 0: none */
    /* Answers of other threads: filled there, looked at in the loop. */
    struct loop_task task;
    void (*resume)(struct rpc_call *call);
    enum store_result store_result;
    struct bus_reply reply;
    /* The method's own. */
    void *state;
    void (*release)(void *state);
};

/* Gives the call `size` zeroed bytes of its method's own, in call->state, until it ends; `release`
 * (may be NULL) frees what they point to. NULL: no memory; the call has failed. */
void *rpc_attach(struct rpc_call *call, size_t size, void (*release)(void *state));

/* Both free the call. `result` is taken over. */
void rpc_end(struct rpc_call *call, json_t *result);
void rpc_fail(struct rpc_call *call, const char *code, const char *message, const char *hint);
void rpc_fail_store(struct rpc_call *call, enum store_result result);
void rpc_fail_bus(struct rpc_call *call, const struct bus_reply *reply);
void rpc_progress(struct rpc_call *call, const json_t *body);
/* From another thread: go on with `resume` in the loop. */
void rpc_resume(struct rpc_call *call);

/* Parameters; each fails the call and returns NULL/false when there is none that fits. */
const char *rpc_text(struct rpc_call *call, const char *name);
bool rpc_integer(struct rpc_call *call, const char *name, int64_t min, int64_t max, int64_t *out);
const struct device_config *rpc_device(struct rpc_call *call);
bool rpc_bus(struct rpc_call *call, uint16_t *bus);
bool rpc_has(const struct rpc_call *call, const char *name);

/* Where a PDU goes, and how. */
struct rpc_target {
    uint16_t bus; /* index into config.buses */
    uint8_t unit;
    uint8_t retries;
    uint16_t timeout_ms;              /* 0: the bus's own */
    bool no_read_back;                /* what is written does not read back as written */
    bool background;                  /* a poll that is due goes first: for what takes minutes */
    const struct write_config *write; /* whose `verify` says how it is; NULL: none */
};
/* Sends a PDU; `resume` runs in the loop with call->reply filled. false: it was not taken, the call
 * has failed and is gone. */
bool rpc_request_bus(struct rpc_call *call, const struct rpc_target *target, const uint8_t *pdu,
                     uint16_t size, void (*resume)(struct rpc_call *call));

/* For store_*(): ends as `resume` with call->store_result set; its context is the call. */
void rpc_store_done(void *context, enum store_result result);

/* ---- Before it is a call ---- */

/* Answers with an error and writes it to the audit. Gives NULL. */
struct rpc_call *rpc_refuse(struct rpc *rpc, const struct rpc_caller *caller, const char *method,
                            const char *detail, const char *code, const char *message,
                            const char *hint, rpc_answer answer, void *context);
/* A row of the audit for what nobody is answered; so many a minute at most. */
void rpc_audit_refused(struct rpc *rpc, const struct rpc_caller *caller, const char *method,
                       const char *detail, const char *result);
/* A longer text is cut. */
void rpc_copy_cut(char *out, size_t size, const char *text);

/* ---- Rooms of methods ---- */

extern const struct rpc_methods rpc_methods_values, rpc_methods_bus, rpc_methods_poll,
    rpc_methods_serial, rpc_methods_commission, rpc_methods_settings, rpc_methods_calibrate,
    rpc_methods_update, rpc_methods_password, rpc_methods_alerts, rpc_methods_actions,
    rpc_methods_ledger, rpc_methods_config, rpc_methods_config_edit, rpc_methods_upgrade,
    rpc_methods_firmware;

/* The scan by serial number, of the method `scan`; the call has a bus. */
void rpc_scan_serials(struct rpc_call *call, uint16_t bus);

/* ---- Actuators: switched back after their time, also by the next start of the daemon. ---- */
struct actuators *actuators_open(struct rpc *rpc);
void actuators_close(struct actuators *actuators);
/* It was switched on (value not 0) or off (0). */
void actuators_set(struct actuators *actuators, const struct device_config *device,
                   const struct write_config *write, int32_t value, uint32_t on_s);

#endif
