/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/commission/bench.h"

#include <stdio.h>

#include "protocols/modbus/pdu.h"
#include "protocols/modbus/rtu.h"

#define SCAN_REQUEST_SIZE 2  /* of a PDU */
#define SCAN_ANSWER_SIZE  10 /* the frame with a serial number and an address */

int bench_open(struct bench *bench, const char *port, const struct serial_timing *wire)
{
    struct bus_config bus = {.name = "bench",
                             .type = BUS_RTU,
                             .baud = wire->baud,
                             .parity = wire->parity,
                             .stop_bits = wire->stop_bits};
    (void)snprintf(bus.port, sizeof bus.port, "%s", port);
    return bench_open_bus(bench, &bus);
}

int bench_open_bus(struct bench *bench, const struct bus_config *bus)
{
    *bench = (struct bench){.bus = *bus};
    line_init(&bench->line, &bench->bus, -1);
    int error = line_open(&bench->line);
    if (error != 0)
        line_end(&bench->line);
    transact_init(&bench->transact, &bench->line);
    return error;
}

void bench_close(struct bench *bench)
{
    line_end(&bench->line);
}

/* What a unit that was asked in vain may still say must not be taken for its own next answer, nor
 * come at another rate. */
static void leave_alone(struct bench *bench, uint8_t unit, const struct serial_timing *wire)
{
    const struct serial_timing *set = &bench->line.wire;
    if (bench->owing == unit || set->baud != wire->baud || set->parity != wire->parity)
        bench_settle(bench);
}

static void ask(struct bench *bench, const struct transact_request *request,
                struct transact_answer *answer)
{
    leave_alone(bench, request->unit, request->wire);
    uint64_t stray = bench->transact.stray_bytes;
    transact_do(&bench->transact, request, answer);
    bench->echo = bench->echo || answer->echo;
    bench->garbled += answer->result == BUS_GARBLED;
    bench->heard =
        answer->result == BUS_GARBLED || (bench->transact.stray_bytes != stray && !answer->echo);
    bench->owing = request->unit;
    bench->quiet_ns = answer->quiet_ns;
}

void bench_request(struct bench *bench, const struct serial_timing *wire, uint8_t unit,
                   const uint8_t *pdu, size_t size, unsigned wait_ms, unsigned tries,
                   struct transact_answer *answer)
{
    /* Its wait is the longest possible. */
    bool scan = unit == MODBUS_FAST_UNIT && size == SCAN_REQUEST_SIZE;
    const struct transact_request request = {.pdu = pdu,
                                             .pdu_size = size,
                                             .answer_size = scan ? SCAN_ANSWER_SIZE
                                                                 : rtu_answer_size(pdu, size),
                                             .unit = unit,
                                             .wire = wire,
                                             .timeout_ns = wait_ms * 1000000LL,
                                             .late_ns = scan ? 0 : wait_ms * 1000000LL,
                                             .fastest_ns = INT64_MIN,
                                             .insists = true};
    bool over = false;
    for (unsigned i = 0; i < tries && !over; i++) {
        ask(bench, &request, answer);
        bool answered = answer->result == BUS_OK || answer->result == BUS_EXCEPTION;
        bench->answered += answered;
        over = answered || answer->result == BUS_DOWN;
    }
}

void bench_settle(struct bench *bench)
{
    uint64_t stray = bench->transact.stray_bytes;
    if (bench->owing != 0)
        (void)transact_idle(&bench->transact, bench->quiet_ns, false);
    bench->heard = bench->heard || bench->transact.stray_bytes != stray;
    bench->owing = 0;
}
