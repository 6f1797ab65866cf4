/* SPDX-License-Identifier: Apache-2.0 */
/* One bus: a thread that owns one line (serial port or TCP connection), polls its devices by the
 * plan, and serves requests of others between polls. Nothing else touches the line. All lines of
 * Modbus TCP have one thread together; a serial line, and one of RTU over TCP, has its own. */
#ifndef BAIYE_BUS_BUS_H
#define BAIYE_BUS_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/bus/bus_result.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/reading.h"

struct bus;

struct bus_reply {
    enum bus_result result;
    uint8_t exception; /* Modbus exception code with BUS_EXCEPTION */
    uint16_t pdu_size;
    uint8_t pdu[253]; /* the answer: function code and data */
    uint32_t turnaround_us;
    uint32_t took_us; /* of the line, by its last try; waiting for its turn not counted */
};

/* One request/answer pair on the line, given as a PDU (function code and data). It goes before all
 * polls, as soon as what is on the line is over; but a unit that did not answer is not polled again
 * while its answer may still come (twice its longest time to answer, 2 s at most unless a profile
 * says otherwise), and others have the line meanwhile. Requests to one unit keep their order.
 * Unit 0 is a broadcast: the reply is BUS_OK when it is on its way. A write (functions 5, 6, 15,
 * 16) that is acknowledged is read back and compared, unless `no_read_back` says that its registers
 * do not read as written (commands, windows, the unit's own address), or elsewhere; a unit that
 * refuses to read them has nothing to compare and the write stands. `done` is called once on the
 * bus thread; it must not block. The request is copied. */
struct bus_request {
    uint8_t unit;
    uint8_t retries;     /* beyond the first try, 0..3 */
    uint16_t timeout_ms; /* 0: learned or the profile's */
    bool no_read_back;
    uint8_t verify_function; /* another register shows what was written: read by this; 0: none */
    uint16_t verify_address;
    /* A poll that is due goes first, for SCHEDULE_MAX_WAIT_US at most: for work that takes minutes.
     * One such request of a bus at a time; another one meanwhile is BUS_BUSY. */
    bool background;
    uint16_t pdu_size;
    uint8_t pdu[253];
    void *context;
    void (*done)(void *context, const struct bus_reply *reply);
};

/* A write is verified as the profile says. */
static inline void bus_verify_as(struct bus_request *request, const struct write_config *write)
{
    request->no_read_back = write->verify == VERIFY_NONE;
    request->verify_function = write->verify == VERIFY_ELSEWHERE ? write->verify_function : 0;
    request->verify_address = write->verify_address;
}

struct bus_stats {
    uint64_t requests, answers, timeouts, crc_errors, stray_bytes, reopened;
    uint64_t busy_us; /* wire time used since start */
    uint64_t silence_violations;
    char state[16];   /* "up", "down", "paused"; "away": its converter has not dialled in */
    struct hint hint; /* what a technician should look at */
};

/* Starts the thread, or joins it. `boot` is the gateway's boot count: identity of devices that have
 * none. The sink must outlive the bus. NULL when the thread cannot be started (errno). */
struct bus *bus_start(const struct config *config, uint16_t bus_index, uint32_t boot,
                      const struct reading_sink *sink);
/* Ends within 2 s, answers waiting requests with BUS_STOPPED, frees. */
void bus_stop(struct bus *bus);

/* Queues a request in front of the polls. Any thread. BUS_OK: `done` will be called. BUS_BUSY,
 * BUS_INVALID: it will not. */
enum bus_result bus_submit(struct bus *bus, const struct bus_request *request);
/* Leaves the port to another program for `seconds`: it is closed once what is on the line is over,
 * requests end with BUS_PAUSED, and what was not polled is a gap. 0: resumes. Any thread. */
void bus_pause(struct bus *bus, uint32_t seconds);
/* Is it paused, and the port closed? Any thread. */
bool bus_port_free(struct bus *bus);
/* The bus's converter has dialled in: its socket, the bus's from now on, and whence it came, for
 * people. The one that it had before is closed. Any thread. */
void bus_give(struct bus *bus, int fd, const char *from);
/* A copy of the counters. Any thread. */
void bus_stats(struct bus *bus, struct bus_stats *stats);
/* Milliseconds since the thread last made a step; for the watchdog. Any thread. */
int64_t bus_idle_ms(struct bus *bus);

/* Polls every device of the bus once on the caller's thread, retries included, and gives what
 * comes to the sink. `answered` has room for config.device_count and is set for those that
 * answered. 0, or the errno of opening the line, tried for 3 s. */
int bus_once(const struct config *config, uint16_t bus_index, const struct reading_sink *sink,
             bool *answered);
#endif
