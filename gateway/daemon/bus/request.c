/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "gateway/daemon/bus/impl.h"

#define BROADCAST_NS 100000000LL /* turnaround delay after a broadcast */

static bool take_request(struct bus *bus, struct bus_request *request)
{
    uint64_t count;
    (void)pthread_mutex_lock(&bus->mutex);
    bool any = bus->queue_count > 0;
    if (any) {
        *request = bus->queue[bus->queue_at];
        bus->queue_at = (bus->queue_at + 1) % BUS_QUEUE_SIZE;
        bus->queue_count--;
    }
    if (bus->queue_count == 0)
        any = (read(bus->wake_fd, &count, sizeof count) > 0 && any) || any;
    (void)pthread_mutex_unlock(&bus->mutex);
    return any;
}

static struct device *device_of_unit(struct bus *bus, uint8_t unit)
{
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        if (bus->devices[i].config->unit == unit)
            return &bus->devices[i];
    }
    return NULL;
}

/* The largest answer that the request can have, for the deadline. */
static uint16_t answer_size_of(const uint8_t *pdu, size_t size)
{
    unsigned count = size >= 5 ? (unsigned)(pdu[3] << 8 | pdu[4]) : 0;
    switch (pdu[0]) {
    case MODBUS_READ_COILS:
    case MODBUS_READ_DISCRETE:
        return (uint16_t)(WIRE_ANSWER_BYTES + (count + 7) / 8 % 256);
    case MODBUS_READ_HOLDING:
    case MODBUS_READ_INPUT:
    case MODBUS_READ_WRITE:
        return (uint16_t)(WIRE_ANSWER_BYTES + count % 128 * 2);
    case MODBUS_WRITE_COIL:
    case MODBUS_WRITE_REGISTER:
    case MODBUS_WRITE_COILS:
    case MODBUS_WRITE_REGISTERS:
        return 8;
    default:
        return RTU_FRAME_MAX;
    }
}

/* One request with its retries. Units that are no device here get the bus's own settings. */
static void do_request(struct bus *bus, const struct bus_request *request,
                       struct transact_answer *answer)
{
    struct device *device = device_of_unit(bus, request->unit), guest = {0};
    if (!device) {
        device = &guest;
        guest.config = bus->devices[0].config; /* for its ceiling only */
        guest.wire = (struct wire){bus->bus->baud, bus->bus->parity, bus->bus->stop_bits};
    }
    for (unsigned try = 0; try <= request->retries; try++) {
        struct transact_request line = {.pdu = request->pdu,
                                        .pdu_size = request->pdu_size,
                                        .answer_size =
                                            answer_size_of(request->pdu, request->pdu_size),
                                        .unit = request->unit,
                                        .timeout_ns = request->timeout_ms * MS};
        if (device != &guest)
            line.extra_ns = device->config->profile->extra_silence_us * US;
        if (request->unit == 0)
            line.timeout_ns = request->timeout_ms ? request->timeout_ms * MS : BROADCAST_NS;
        bus_ask(bus, device, &line, 0, answer);
        if (device != &guest && answer->quiet_ns > bus->units[device - bus->devices].quiet_us * US)
            bus->units[device - bus->devices].quiet_us = answer->quiet_ns / US;
        if (answer->result == BUS_OK || answer->result == BUS_EXCEPTION ||
            answer->result == BUS_DOWN || answer->result == BUS_INVALID)
            return;
        if (bus->bus->type == BUS_TCP)
            return; /* the connection must be closed first */
        if (try < request->retries)
            (void)transact_idle(&bus->transact, answer->quiet_ns, false);
    }
}

/* The request that reads back what a write wrote; false: nothing to compare. */
static bool read_back_of(const struct bus_request *write, struct bus_request *read)
{
    uint8_t function = write->pdu[0];
    bool one = function == MODBUS_WRITE_COIL || function == MODBUS_WRITE_REGISTER;
    bool many = function == MODBUS_WRITE_COILS || function == MODBUS_WRITE_REGISTERS;
    if ((!one && !many) || write->no_read_back || write->unit == 0 ||
        write->pdu_size < (one ? 5 : 7))
        return false;
    *read = *write;
    read->pdu_size = 5;
    read->pdu[0] = function == MODBUS_WRITE_COIL || function == MODBUS_WRITE_COILS
                       ? MODBUS_READ_COILS
                       : MODBUS_READ_HOLDING;
    if (one) {
        read->pdu[3] = 0;
        read->pdu[4] = 1;
    }
    return true;
}

static bool reads_as_written(const struct bus_request *write, const uint8_t *pdu, size_t size)
{
    switch (write->pdu[0]) {
    case MODBUS_WRITE_COIL:
        return size == 3 && (pdu[2] & 1) == (write->pdu[3] == 0xFF);
    case MODBUS_WRITE_REGISTER:
        return size == 4 && memcmp(pdu + 2, write->pdu + 3, 2) == 0;
    default:
        return size == write->pdu_size - 4u && memcmp(pdu + 2, write->pdu + 6, size - 2) == 0;
    }
}

/* False: the line must be opened anew. */
static bool serve(struct bus *bus, const struct bus_request *request)
{
    struct transact_answer answer = {.result = BUS_DOWN};
    struct bus_reply reply = {0};
    struct bus_request back;
    if (bus->up)
        do_request(bus, request, &answer);
    reply.result = answer.result;
    reply.turnaround_us = (uint32_t)(answer.turnaround_ns / US);
    if (answer.pdu) {
        reply.pdu_size = (uint16_t)answer.pdu_size;
        memcpy(reply.pdu, answer.pdu, answer.pdu_size);
        reply.exception = answer.result == BUS_EXCEPTION ? answer.pdu[1] : 0;
    }
    if (answer.result == BUS_OK && read_back_of(request, &back)) {
        do_request(bus, &back, &answer);
        if (answer.result == BUS_OK && !reads_as_written(request, answer.pdu, answer.pdu_size))
            reply.result = BUS_MISMATCH;
        else if (answer.result != BUS_OK && answer.result != BUS_EXCEPTION)
            reply.result = answer.result;
    }
    request->done(request->context, &reply);
    bool broken =
        bus->bus->type == BUS_TCP && (answer.result == BUS_TIMEOUT || answer.result == BUS_GARBLED);
    return answer.result != BUS_DOWN && !broken;
}

enum bus_result bus_serve_request(struct bus *bus)
{
    struct bus_request request;
    if (!take_request(bus, &request))
        return BUS_STOPPED;
    return serve(bus, &request) ? BUS_OK : BUS_DOWN;
}

static bool take_patient(struct bus *bus, const struct schedule_turn *turn,
                         struct bus_request *request)
{
    (void)pthread_mutex_lock(&bus->mutex);
    bool taken = bus->has_patient &&
                 (!turn || schedule_yields(turn, bus->patient_since_us, line_now_ns() / US));
    if (taken) {
        *request = bus->patient;
        bus->has_patient = false;
    }
    (void)pthread_mutex_unlock(&bus->mutex);
    return taken;
}

enum bus_result bus_serve_patient(struct bus *bus, const struct schedule_turn *turn)
{
    struct bus_request request;
    if (!take_patient(bus, turn, &request))
        return BUS_STOPPED;
    return serve(bus, &request) ? BUS_OK : BUS_DOWN;
}

void bus_end_requests(struct bus *bus)
{
    static const struct bus_reply stopped = {.result = BUS_STOPPED};
    struct bus_request request;
    while (take_request(bus, &request) || take_patient(bus, NULL, &request))
        request.done(request.context, &stopped);
}
