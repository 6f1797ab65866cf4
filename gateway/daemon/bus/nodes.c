/* SPDX-License-Identifier: Apache-2.0 */
/* Our own nodes: their settings, their clocks and their log, in what the polls leave of a line. */
#include <stdlib.h>

#include "gateway/daemon/bus/impl.h"

#include "protocols/node_log/node_log.h"

#define STARVED_MS         10000       /* a node's log waits for idle time no longer */
#define TIME_TURNAROUND_NS 100000000LL /* after the time by broadcast */
#define SLACK_SHARE        20
#define SLACK_MOST_US      500000LL
/* Around the records of a window: request and answer frame, and the window's head. */
#define FETCH_BYTES (19u + SERIAL_ANSWER_BYTES + 2u * NODE_LOG_WINDOW_HEAD)

struct tending {
    unsigned fetch_from; /* the node whose log is fetched next */
    int64_t fetched_ms;  /* last time that nodes' logs had the line */
};

bool tending_init(struct bus *bus)
{
    bus->tending = calloc(1, sizeof *bus->tending);
    if (bus->tending == NULL)
        return false;
    bus->tending->fetched_ms = bus_now_ms();
    return true;
}

bool bus_nodes_starve(const struct bus *bus, int64_t now_ms)
{
    return now_ms - bus->tending->fetched_ms >= STARVED_MS;
}

static int64_t need_ns(const struct bus *bus, const struct device *device, size_t bytes)
{
    return serial_timing_bytes_ns(&device->wire, bytes) + 3 * bus->transact.silence_ns +
           device->health.peak_ns;
}

/* A log may put off the poll that comes next by a twentieth of the shortest period. */
static int64_t slack_ns(const struct bus *bus)
{
    int64_t shortest_us = SLACK_MOST_US * SLACK_SHARE;
    for (unsigned i = 0; i < bus->bus->device_count; i++)
        if (!bus->units[i].dead && bus->units[i].period_us < shortest_us)
            shortest_us = bus->units[i].period_us;
    return shortest_us / SLACK_SHARE * US;
}

/* How many of a log's records can be asked for in `room_ns`; at least 1. A window of fewer records
 * costs more line a record, but a line with many polls never has room for a whole one. */
static unsigned records_in(const struct bus *bus, const struct device *device, int64_t room_ns)
{
    int64_t record_ns = serial_timing_bytes_ns(&device->wire, 2 * NODE_LOG_RECORD_WORDS);
    int64_t rest_ns = room_ns - need_ns(bus, device, FETCH_BYTES);
    if (rest_ns < record_ns)
        return 1;
    return (unsigned)(rest_ns / record_ns < NODE_LOG_WINDOW_RECORDS ? rest_ns / record_ns
                                                                    : NODE_LOG_WINDOW_RECORDS);
}

/* No one but our own nodes hears a broadcast here: what others would make of it, no one knows. */
static bool all_are_own(const struct bus *bus)
{
    const struct serial_timing *first = &bus->devices[0].wire;
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        const struct serial_timing *wire = &bus->devices[i].wire;
        if (bus->devices[i].node == NULL || wire->baud != first->baud ||
            wire->parity != first->parity || wire->stop_bits != first->stop_bits)
            return false;
    }
    return bus->bus->type != BUS_TCP && bus->bus->device_count > 1;
}

static enum bus_result time_sent(struct bus *bus, struct transact_answer *answer)
{
    int64_t now = bus_now_ms();
    for (unsigned i = 0; answer->result == BUS_OK && i < bus->bus->device_count; i++)
        if (bus->devices[i].node->status & NODE_STATUS_TIME)
            own_node_time_sent(bus->devices[i].node, now);
    return answer->result == BUS_DOWN ? BUS_DOWN : BUS_OK;
}

/* The clocks of a whole line by one frame, as soon as one of them is to be set again; one that has
 * no time yet is given it alone, since it says so when it missed that. BUS_STOPPED: none is to be
 * set. */
static enum bus_result send_time(struct bus *bus, int64_t room_ns)
{
    int64_t now = bus_now_ms();
    struct wall_ms wall = bus_wall(bus, now);
    uint8_t pdu[MODBUS_PDU_MAX];
    struct transact_request request = {
        .pdu = pdu, .unit = MODBUS_BROADCAST, .timeout_ns = TIME_TURNAROUND_NS};
    bool wanted = false;
    if (!all_are_own(bus) || room_ns < 2 * TIME_TURNAROUND_NS)
        return BUS_STOPPED;
    for (unsigned i = 0; i < bus->bus->device_count; i++)
        wanted = wanted || (bus->devices[i].node->status & NODE_STATUS_TIME &&
                            own_node_wants_time(bus->devices[i].node, now, wall));
    if (!wanted)
        return BUS_STOPPED;
    request.pdu_size = own_node_time_request(wall, pdu);
    return bus_exchange(bus, &bus->devices[0], &request, 0, time_sent);
}

static enum bus_result node_answered(struct bus *bus, struct transact_answer *answer)
{
    unsigned index = bus->exchange.index;
    if (answer->result == BUS_DOWN)
        return BUS_DOWN;
    bus->units[index].quiet_us = answer->quiet_ns / US;
    int64_t now = bus_now_ms();
    own_node_done(bus->devices[index].node, bus->exchange.job, answer, now, bus_wall(bus, now),
                  bus->sink);
    if (bus->exchange.job == OWN_NODE_SET_PERIOD) /* its next sample comes by another clock now */
        schedule_set_due(&bus->schedule, index, now * US);
    return BUS_OK;
}

/* One request of a node that wants one, in at most `room_ns` of line; in more, and a whole window,
 * when none had room for long. */
enum bus_result bus_tend_nodes(struct bus *bus, int64_t room_ns)
{
    if (bus->only_polls)
        return BUS_STOPPED;
    int64_t now = bus_now_ms();
    if (bus->node_count == 0) {
        bus->tending->fetched_ms = now;
        return BUS_STOPPED;
    }
    struct wall_ms wall = bus_wall(bus, now);
    bool starved = bus_nodes_starve(bus, now), waiting = false;
    room_ns += slack_ns(bus);
    enum bus_result sent = send_time(bus, room_ns);
    if (sent != BUS_STOPPED)
        return sent;
    for (unsigned k = 0; k < bus->bus->device_count; k++) {
        unsigned index = (bus->tending->fetch_from + k) % bus->bus->device_count;
        struct device *device = &bus->devices[index];
        uint8_t pdu[MODBUS_PDU_MAX];
        struct transact_request request = {.pdu = pdu, .unit = device->config->unit};
        if (device->node == NULL || bus->units[index].dead || bus->units[index].quiet_us > now * US)
            continue;
        unsigned records = starved ? NODE_LOG_WINDOW_RECORDS : records_in(bus, device, room_ns);
        enum own_node_job job = own_node_next(device->node, now, wall, records, pdu,
                                              &request.pdu_size, &request.answer_size);
        waiting = waiting || job != OWN_NODE_IDLE;
        /* Nothing of it counts before it is known which board it is. */
        bool urgent = job == OWN_NODE_IDENTIFY && own_node_unknown(device->node);
        if (job == OWN_NODE_IDLE ||
            (!starved && !urgent &&
             room_ns < need_ns(bus, device, request.pdu_size + 3u + request.answer_size)))
            continue;
        bus->tending->fetch_from = index + (job == OWN_NODE_FETCH);
        bus->tending->fetched_ms = now;
        bus->exchange.index = index;
        bus->exchange.job = job;
        return bus_exchange(bus, device, &request, 0, node_answered);
    }
    if (!waiting)
        bus->tending->fetched_ms = now;
    return BUS_STOPPED;
}
