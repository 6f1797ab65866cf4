/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/rpc/methods_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/bytes/bytes.h"
#include "protocols/modbus/request.h"

#define RETRIES 2 /* every step may be done twice */

static void free_job(void *state)
{
    struct rpc_node_job *job = state;
    json_decref(job->result);
    if (job->release != NULL)
        job->release(state);
}

static bool is_taken(const struct rpc_call *call, const struct device_config *device)
{
    for (const struct rpc_call *other = call->rpc->calls; other != NULL; other = other->next) {
        const struct rpc_node_job *job = other->release == free_job ? other->state : NULL;
        if (other != call && job != NULL && job->device == device)
            return true;
    }
    return false;
}

void *rpc_node_open(struct rpc_call *call, size_t size, void (*release)(void *state))
{
    const struct device_config *device = rpc_device(call);
    if (device == NULL)
        return NULL;
    if (!device->profile->node) {
        rpc_fail(call, "not-allowed", "this device is none of our nodes",
                 "what its profile lets you write: `baiye devices`, `baiye write`");
        return NULL;
    }
    if (is_taken(call, device)) {
        rpc_fail(call, "busy", "somebody else is at work on this node", "try again in a minute");
        return NULL;
    }
    struct rpc_node_job *job = rpc_attach(call, size, free_job);
    if (job != NULL) {
        job->device = device;
        job->release = release;
    }
    return job;
}

/* ---- the list ---- */

void rpc_node_clear(struct rpc_call *call)
{
    struct rpc_node_job *job = call->state;
    job->count = 0;
}

struct rpc_node_step *rpc_node_add(struct rpc_call *call, struct rpc_node_step step)
{
    struct rpc_node_job *job = call->state;
    struct rpc_node_step *added = &job->steps[job->count++];
    *added = step;
    return added;
}

void rpc_node_read(struct rpc_call *call, uint16_t address, uint16_t count, const char *what)
{
    (void)rpc_node_add(call, (struct rpc_node_step){.function = MODBUS_READ_HOLDING,
                                                    .address = address,
                                                    .value = count,
                                                    .what = what});
}

void rpc_node_write(struct rpc_call *call, uint16_t address, uint16_t value, const char *what)
{
    (void)rpc_node_add(call, (struct rpc_node_step){.function = MODBUS_WRITE_REGISTER,
                                                    .address = address,
                                                    .value = value,
                                                    .what = what});
}

/* ---- doing it ---- */

static void next(struct rpc_call *call);

static bool take_words(struct rpc_node_job *job, const struct bus_reply *reply, uint16_t count)
{
    struct byte_reader r = byte_reader_init(reply->pdu, reply->pdu_size);
    if (byte_read_u8(&r) != MODBUS_READ_HOLDING || byte_read_u8(&r) != 2 * count ||
        job->read_count + count > RPC_NODE_READ_MAX)
        return false;
    for (uint16_t i = 0; i < count; i++)
        job->read[job->read_count + i] = byte_read_u16(&r);
    job->read_count = (uint8_t)(job->read_count + count);
    return !r.failed;
}

static void ready(struct rpc_call *call)
{
    struct rpc_node_job *job = call->state;
    const struct rpc_node_step *step = &job->steps[job->at];
    bool read = step->function == MODBUS_READ_HOLDING;
    if (call->reply.result == BUS_OK && read && !take_words(job, &call->reply, step->value))
        call->reply.result = BUS_GARBLED;
    if (call->reply.result != BUS_OK && !job->ending) {
        job->failed(call);
        return;
    }
    job->at++;
    next(call);
}

static size_t pack_step(const struct rpc_node_job *job, const struct rpc_node_step *step,
                        uint8_t *pdu)
{
    uint8_t data[2 * RPC_NODE_TABLE];
    struct byte_writer w = byte_writer_init(data, sizeof data);
    switch (step->function) {
    case MODBUS_WRITE_COIL:
        return modbus_write_coil(pdu, step->address, step->value != 0);
    case MODBUS_WRITE_REGISTER:
        return modbus_write_register(pdu, step->address, step->value);
    case MODBUS_WRITE_REGISTERS:
        for (uint16_t i = 0; i < step->value; i++)
            byte_write_u16(&w, job->table[i]);
        return modbus_write_registers(pdu, step->address, data, w.at);
    default:
        return modbus_read(pdu, step->function, step->address, step->value);
    }
}

static void next(struct rpc_call *call)
{
    struct rpc_node_job *job = call->state;
    const struct rpc_node_step *step = &job->steps[job->at];
    uint8_t pdu[MODBUS_PDU_MAX];
    if (job->at == job->count) {
        job->done(call);
        return;
    }
    const struct rpc_target target = {.bus = job->device->bus,
                                      .unit = job->device->unit,
                                      .retries = RETRIES,
                                      .no_read_back = !step->reads_back};
    rpc_request_bus(call, &target, pdu, (uint16_t)pack_step(job, step, pdu), ready);
}

void rpc_node_run(struct rpc_call *call, void (*done)(struct rpc_call *call),
                  void (*failed)(struct rpc_call *call))
{
    struct rpc_node_job *job = call->state;
    job->at = job->read_count = 0;
    job->done = done;
    job->failed = failed;
    next(call);
}

/* ---- its end ---- */

static void describe(struct rpc_call *call, const char *so)
{
    struct rpc_node_job *job = call->state;
    const struct rpc_node_step *step = &job->steps[job->at];
    const struct bus_reply *reply = &call->reply;
    bool refused = reply->result == BUS_EXCEPTION;
    char which[48] = "";
    if (refused)
        (void)snprintf(which, sizeof which, "it refuses: Modbus exception %u, ", reply->exception);
    job->code = refused ? "refused" : "timeout";
    job->hint = refused ? "" : "is it powered, and its line whole? `baiye stats`";
    (void)snprintf(
        job->message, sizeof job->message, "%s (register 0x%04X): %s%s%s", step->what,
        step->address, which,
        refused ? modbus_exception_text(reply->exception) : bus_result_text(reply->result), so);
}

static void ended(struct rpc_call *call)
{
    struct rpc_node_job *job = call->state;
    if (job->code != NULL) {
        rpc_fail(call, job->code, job->message, job->hint);
        return;
    }
    json_t *result = job->result;
    job->result = NULL;
    rpc_end(call, result);
}

void rpc_node_failed(struct rpc_call *call)
{
    describe(call, "");
    ended(call);
}

static void lock(struct rpc_call *call)
{
    struct rpc_node_job *job = call->state;
    job->ending = true;
    rpc_node_write(call, NODE_UNLOCK, 0, "locking it");
    rpc_node_run(call, ended, NULL);
}

void rpc_node_give_up(struct rpc_call *call, uint16_t undo_address, uint16_t undo, const char *so)
{
    describe(call, so);
    rpc_node_clear(call);
    rpc_node_write(call, undo_address, undo, "undoing it");
    lock(call);
}

void rpc_node_end(struct rpc_call *call, json_t *result)
{
    struct rpc_node_job *job = call->state;
    job->result = result;
    rpc_node_clear(call);
    lock(call);
}
