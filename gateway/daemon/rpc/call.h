/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files rpc*.c only. */
#ifndef BAIYE_RPC_CALL_H
#define BAIYE_RPC_CALL_H

#include "gateway/daemon/rpc/engine.h"

struct actuators;
struct rpc_node_job;
struct update_job;
struct update_loading;

struct rpc {
    struct loop *loop;
    const struct config *config;
    struct rpc_parts parts;
    char users_file[CONFIG_PATH_SIZE];
    struct actuators *actuators;
    struct update_job *update;      /* under way, or NULL */
    struct update_loading *loading; /* until it is known whether one was */
    struct rpc_call *calls;         /* under way */
    uint32_t call_count;
    struct {
        uint64_t hash;
        int64_t at_ms;
    } duplicates[RPC_DUPLICATES_MAX];
    uint32_t next_double;
    uint32_t refused_left; /* rows that refused requests may still take in this minute */
    int64_t refused_since_ms;
};

struct rpc_method {
    const char *name;
    enum user_role role; /* the least that may call it */
    bool socket_only;
    bool command; /* changes something: audited, and a double is not done twice */
    /* Ends the call by rpc_end() or rpc_fail(), now or later. */
    void (*run)(struct rpc_call *call);
};
extern const struct rpc_method rpc_methods[];

struct rpc_call {
    struct rpc_call *next;
    struct rpc *rpc;
    const struct rpc_method *method;
    struct rpc_caller caller;
    json_t *params;
    rpc_answer answer; /* NULL: nobody waits */
    void *context;
    char detail[512]; /* of the audit row */
    /* Answers of other threads: filled there, looked at in the loop. */
    struct loop_task task;
    void (*resume)(struct rpc_call *call);
    enum store_result store_result;
    uint32_t found;
    struct store_point *points;
    uint32_t point_count;
    int64_t next_ms;
    bool history_raw, history_sums;
    json_t *body; /* built on another thread */
    struct bus_reply reply;
    /* Steps of a call that asks a bus more than once. */
    const struct device_config *device;
    const struct write_config *write;
    uint16_t bus;
    int32_t value;
    uint8_t unit, last_unit, function;
    bool no_read_back; /* what is written does not read back as written */
    uint32_t on_s;
    json_t *list;
    struct rpc_node_job *node; /* of calls that work on one of our nodes; or NULL */
    struct rpc_by_serial {
        uint32_t serial;
        unsigned answers, tries, rounds;
        bool found_new; /* in this round */
    } by_serial;
};

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

/* Sends a PDU; `resume` runs in the loop with call->reply filled. */
void rpc_ask_bus(struct rpc_call *call, uint8_t retries, uint16_t timeout_ms, const uint8_t *pdu,
                 uint16_t size, void (*resume)(struct rpc_call *call));

void rpc_run_time(struct rpc_call *call);
void rpc_run_devices(struct rpc_call *call);
void rpc_run_history(struct rpc_call *call);
void rpc_run_resend(struct rpc_call *call);
void rpc_run_pick(struct rpc_call *call);
void rpc_run_ack(struct rpc_call *call);
void rpc_run_audits(struct rpc_call *call);
void rpc_run_backup(struct rpc_call *call);
void rpc_run_stats(struct rpc_call *call);
void rpc_run_read(struct rpc_call *call);
void rpc_run_write(struct rpc_call *call);
void rpc_run_raw(struct rpc_call *call);
void rpc_run_pause(struct rpc_call *call);
void rpc_run_scan(struct rpc_call *call);
void rpc_scan_serials(struct rpc_call *call);
void rpc_run_address(struct rpc_call *call);
void rpc_run_settings(struct rpc_call *call);
void rpc_run_set(struct rpc_call *call);
void rpc_run_calibration(struct rpc_call *call);
void rpc_run_measure(struct rpc_call *call);
void rpc_run_calibrate(struct rpc_call *call);
void rpc_run_update(struct rpc_call *call);
/* Frees what of an update is in memory; the next daemon goes on with it. */
void rpc_free_update(struct rpc *rpc);
void rpc_free_loading(struct update_loading *loading);

/* The PDU that writes `value`; its size. */
uint16_t rpc_write_pdu(const struct write_config *write, int32_t value, uint8_t *pdu);

/* ---- Actuators: switched back after their time, also by the next start of the daemon. ------ */
struct actuators *actuators_open(struct rpc *rpc);
void actuators_close(struct actuators *actuators);
/* It was switched on (value not 0) or off (0). */
void actuators_set(struct actuators *actuators, const struct device_config *device,
                   const struct write_config *write, int32_t value, uint32_t on_s);

#endif
