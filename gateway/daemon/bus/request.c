/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/bus/impl.h"
#include "protocols/modbus/rtu.h"

#define BROADCAST_NS 100000000LL /* turnaround delay after a broadcast */
#define GUEST_MS     1000        /* as long as a unit may take where no device says more */
#define QUEUE_SIZE   64

/* A request of others on its way. One that must be tried again stays in the queue meanwhile. */
struct bus_waiting {
    struct bus_request request; /* `retries`: those left */
    uint32_t turnaround_us;
    bool written; /* acknowledged; now it is read back */
};

struct requests {
    /* Under the mutex. Others put requests at the end; the thread works on them where they are, and
     * takes them out when they are done. */
    struct bus_waiting *queue; /* QUEUE_SIZE of them; NULL: nothing has ever been requested */
    unsigned count;
    struct bus_waiting background;
    bool has_background;
    int64_t background_since_us;
    /* The thread's own: */
    struct device guest;         /* asked by others, and no device of the bus */
    int64_t quiet_us[BUS_UNITS]; /* as schedule_unit.quiet_us, of units that are no device */
};

bool requests_init(struct bus *bus)
{
    bus->requests = calloc(1, sizeof *bus->requests);
    return bus->requests != NULL;
}

void requests_free(struct bus *bus)
{
    if (bus->requests != NULL)
        free(bus->requests->queue);
    free(bus->requests);
}

static int device_of_unit(const struct bus *bus, uint8_t unit)
{
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        if (bus->devices[i].config->unit == unit)
            return (int)i;
    }
    return -1;
}

/* When a unit may be polled again: before, its answer to the last request may still come. */
static int64_t *quiet_of(struct bus *bus, uint8_t unit)
{
    int device = device_of_unit(bus, unit);
    return device < 0 ? &bus->requests->quiet_us[unit] : &bus->units[device].quiet_us;
}

void bus_request_answered_late(struct bus *bus, uint8_t unit, int64_t now_us)
{
    bus->requests->quiet_us[unit] = now_us;
}

/* Whether an earlier request of the same unit waits: they go in their order. */
static bool is_behind(const struct bus *bus, unsigned at)
{
    for (unsigned i = 0; i < at; i++) {
        if (bus->requests->queue[i].request.unit == bus->requests->queue[at].request.unit)
            return true;
    }
    return false;
}

/* Nearly always, and without a lock: whoever requests counts first, and wakes the thread then. */
static bool no_request_waits(struct bus *bus)
{
    return atomic_load(&bus->control.asked) == 0;
}

/* The first whose unit may be asked; all may while the line is down, and get to know that. */
static struct bus_waiting *next_request(struct bus *bus)
{
    uint64_t count;
    int found = -1;
    if (bus->bus->type != BUS_TCP) { /* the loop does so for all */
        ssize_t woken = read(bus->wake_fd, &count, sizeof count);
        (void)woken; /* only to be woken anew */
    }
    if (no_request_waits(bus))
        return NULL;
    int64_t now_us = line_now_ns() / US;
    (void)pthread_mutex_lock(&bus->mutex);
    for (unsigned i = 0; i < bus->requests->count && found < 0; i++) {
        struct bus_waiting *waiting = &bus->requests->queue[i];
        bool ready = !connection_fine(bus) || *quiet_of(bus, waiting->request.unit) <= now_us;
        if (ready && !is_behind(bus, i))
            found = (int)i;
    }
    struct bus_waiting *next = found >= 0 ? &bus->requests->queue[found] : NULL;
    (void)pthread_mutex_unlock(&bus->mutex);
    return next;
}

int64_t bus_requests_ready_us(struct bus *bus)
{
    int64_t ready_us = INT64_MAX;
    if (no_request_waits(bus))
        return ready_us;
    (void)pthread_mutex_lock(&bus->mutex);
    for (unsigned i = 0; i < bus->requests->count; i++) {
        int64_t quiet_us = *quiet_of(bus, bus->requests->queue[i].request.unit);
        ready_us = quiet_us < ready_us ? quiet_us : ready_us;
    }
    if (bus->requests->has_background &&
        *quiet_of(bus, bus->requests->background.request.unit) < ready_us)
        ready_us = *quiet_of(bus, bus->requests->background.request.unit);
    (void)pthread_mutex_unlock(&bus->mutex);
    return ready_us;
}

/* Unit 0 is everybody on a serial line, and the server itself on Modbus TCP. */
static bool is_broadcast(const struct bus *bus, uint8_t unit)
{
    return unit == 0 && bus->bus->type != BUS_TCP;
}

/* The request that reads back what a write wrote; false: nothing to compare. */
static bool read_back_of(const struct bus *bus, const struct bus_request *write,
                         struct bus_request *read)
{
    uint8_t function = write->pdu[0];
    bool one = function == MODBUS_WRITE_COIL || function == MODBUS_WRITE_REGISTER;
    bool many = function == MODBUS_WRITE_COILS || function == MODBUS_WRITE_REGISTERS;
    if ((!one && !many) || write->no_read_back || is_broadcast(bus, write->unit) ||
        write->pdu_size < (one ? 5 : 7))
        return false;
    *read = *write;
    read->pdu_size = 5;
    read->pdu[0] = function == MODBUS_WRITE_COIL || function == MODBUS_WRITE_COILS
                       ? MODBUS_READ_COILS
                       : MODBUS_READ_HOLDING;
    if (write->verify_function != 0) {
        read->pdu[0] = write->verify_function;
        read->pdu[1] = (uint8_t)(write->verify_address >> 8);
        read->pdu[2] = (uint8_t)write->verify_address;
    }
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

static void end_request(struct bus *bus, struct bus_waiting *waiting, const struct bus_reply *reply)
{
    void *context = waiting->request.context;
    void (*done)(void *, const struct bus_reply *) = waiting->request.done;
    (void)pthread_mutex_lock(&bus->mutex);
    (void)atomic_fetch_sub(&bus->control.asked, 1);
    if (waiting == &bus->requests->background) {
        bus->requests->has_background = false;
    } else {
        struct bus_waiting *end = bus->requests->queue + bus->requests->count--;
        memmove(waiting, waiting + 1, (size_t)(end - waiting - 1) * sizeof *waiting);
    }
    (void)pthread_mutex_unlock(&bus->mutex);
    done(context, reply);
}

/* An acknowledged write that reads back as written, or can't be read, is good. */
static enum bus_result read_back_result(const struct bus_request *write,
                                        const struct transact_answer *answer)
{
    if (answer->result == BUS_OK && !reads_as_written(write, answer->pdu, answer->pdu_size))
        return BUS_MISMATCH;
    bool shown = write->verify_function != 0; /* then it must be readable */
    return answer->result == BUS_EXCEPTION && !shown ? BUS_OK : answer->result;
}

/* What the asker gets. The answer to a write repeats what was written. */
static void make_reply(const struct bus_waiting *waiting, const struct transact_answer *answer,
                       struct bus_reply *reply)
{
    int64_t took_ns = answer->end_ns - answer->sent_ns;
    *reply = (struct bus_reply){.result = answer->result,
                                .turnaround_us = waiting->turnaround_us,
                                .took_us = took_ns > 0 ? (uint32_t)(took_ns / US) : 0};
    if (waiting->written) {
        reply->result = read_back_result(&waiting->request, answer);
        reply->exception = reply->result == BUS_EXCEPTION ? answer->pdu[1] : 0;
        reply->pdu_size = 5;
        memcpy(reply->pdu, waiting->request.pdu, 5);
    } else {
        if (answer->pdu != NULL) {
            reply->pdu_size = (uint16_t)answer->pdu_size;
            memcpy(reply->pdu, answer->pdu, answer->pdu_size);
            reply->exception = answer->result == BUS_EXCEPTION ? answer->pdu[1] : 0;
        }
    }
}

/* How a try has ended. Where it has to be made again the request stays where it is until its unit
 * may be asked again, and others have the line meanwhile. */
static enum bus_result try_ended(struct bus *bus, struct transact_answer *answer)
{
    struct bus_waiting *waiting = bus->exchange.served;
    struct bus_request back;
    struct bus_reply reply;
    int64_t *quiet_us = quiet_of(bus, waiting->request.unit);
    if (!is_broadcast(bus, waiting->request.unit) && answer->quiet_ns > *quiet_us * US)
        *quiet_us = answer->quiet_ns / US;
    bool failed = answer->result == BUS_TIMEOUT || answer->result == BUS_GARBLED;
    bool broken =
        answer->result == BUS_DOWN || (failed && !connection_outlives(bus, answer->result));
    if (!waiting->written)
        waiting->turnaround_us =
            answer->turnaround_ns > 0 ? (uint32_t)(answer->turnaround_ns / US) : 0;
    if (failed && waiting->request.retries > 0) {
        waiting->request.retries--;
        return broken ? BUS_DOWN : BUS_OK;
    }
    if (answer->result == BUS_OK && !waiting->written &&
        read_back_of(bus, &waiting->request, &back)) {
        waiting->written = true;
        return BUS_OK;
    }
    make_reply(waiting, answer, &reply);
    end_request(bus, waiting, &reply);
    return broken ? BUS_DOWN : BUS_OK;
}

/* One try. Units that are no device here get the bus's own settings. */
static enum bus_result try_request(struct bus *bus, const struct bus_request *request)
{
    int index = device_of_unit(bus, request->unit);
    static const struct profile_config no_profile = {.response_max_ms = GUEST_MS};
    static const struct device_config nobody = {.profile = &no_profile};
    bus->requests->guest = (struct device){
        .config = bus->bus->device_count > 0 ? bus->devices[0].config : &nobody, /* its ceiling */
        .wire = (struct serial_timing){bus->bus->baud, bus->bus->parity, bus->bus->stop_bits}};
    struct transact_request line = {.pdu = request->pdu,
                                    .pdu_size = request->pdu_size,
                                    .answer_size = rtu_answer_size(request->pdu, request->pdu_size),
                                    .unit = request->unit,
                                    .insists = true,
                                    .timeout_ns = request->timeout_ms * MS};
    if (is_broadcast(bus, request->unit) && request->timeout_ms == 0)
        line.timeout_ns = BROADCAST_NS;
    return bus_exchange(bus, index < 0 ? &bus->requests->guest : &bus->devices[index], &line, 0,
                        try_ended);
}

/* One step of one request: a try, or reading back what was written. */
static enum bus_result serve(struct bus *bus, struct bus_waiting *waiting)
{
    bool paused = atomic_load(&bus->control.paused);
    struct transact_answer none = {.result = paused ? BUS_PAUSED : BUS_DOWN};
    struct bus_request back;
    bus->exchange.served = waiting;
    if (!bus->link.up)
        return try_ended(bus, &none);
    bool reads = waiting->written && read_back_of(bus, &waiting->request, &back);
    return try_request(bus, reads ? &back : &waiting->request);
}

enum bus_result bus_serve_request(struct bus *bus)
{
    struct bus_waiting *waiting = next_request(bus);
    return waiting != NULL ? serve(bus, waiting) : BUS_STOPPED;
}

enum bus_result bus_serve_background(struct bus *bus, const struct schedule_turn *turn)
{
    if (no_request_waits(bus))
        return BUS_STOPPED;
    int64_t now_us = line_now_ns() / US;
    (void)pthread_mutex_lock(&bus->mutex);
    bool ready =
        bus->requests->has_background &&
        (turn == NULL || schedule_yields(turn, bus->requests->background_since_us, now_us)) &&
        (!connection_fine(bus) || *quiet_of(bus, bus->requests->background.request.unit) <= now_us);
    (void)pthread_mutex_unlock(&bus->mutex);
    return ready ? serve(bus, &bus->requests->background) : BUS_STOPPED;
}

void bus_end_requests(struct bus *bus)
{
    static const struct bus_reply stopped = {.result = BUS_STOPPED};
    struct bus_waiting *waiting;
    do {
        (void)pthread_mutex_lock(&bus->mutex);
        waiting = bus->requests->count > 0        ? bus->requests->queue
                  : bus->requests->has_background ? &bus->requests->background
                                                  : NULL;
        (void)pthread_mutex_unlock(&bus->mutex);
        if (waiting != NULL)
            end_request(bus, waiting, &stopped);
    } while (waiting);
}

/* Under the mutex. NULL: there is none. */
static struct bus_waiting *place_for(struct bus *bus, bool background)
{
    if (background)
        return bus->requests->has_background ? NULL : &bus->requests->background;
    if (bus->requests->queue == NULL)
        bus->requests->queue = calloc(QUEUE_SIZE, sizeof *bus->requests->queue);
    return bus->requests->queue == NULL || bus->requests->count == QUEUE_SIZE
               ? NULL
               : &bus->requests->queue[bus->requests->count];
}

enum bus_result bus_submit(struct bus *bus, const struct bus_request *request)
{
    if (request->pdu_size == 0 || request->pdu_size > sizeof request->pdu || request->retries > 3 ||
        request->done == NULL)
        return BUS_INVALID;
    (void)pthread_mutex_lock(&bus->mutex);
    struct bus_waiting *place = place_for(bus, request->background);
    bool room = place != NULL && !atomic_load(&bus->control.stopping);
    if (room) {
        *place = (struct bus_waiting){.request = *request};
        (void)atomic_fetch_add(&bus->control.asked, 1);
    }
    if (room && request->background) {
        bus->requests->has_background = true;
        bus->requests->background_since_us = line_now_ns() / US;
    } else if (room) {
        bus->requests->count++;
    }
    (void)pthread_mutex_unlock(&bus->mutex);
    if (!room)
        return BUS_BUSY;
    bus_wake(bus);
    return BUS_OK;
}
