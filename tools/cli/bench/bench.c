/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/bench/bench.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_MOST 256

int bench_open(struct bench *bench, const char *port, const struct serial_timing *wire)
{
    *bench = (struct bench){.bus = {.name = "bench",
                                    .type = BUS_RTU,
                                    .baud = wire->baud,
                                    .parity = wire->parity,
                                    .stop_bits = wire->stop_bits}};
    (void)snprintf(bench->bus.port, sizeof bench->bus.port, "%s", port);
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

void bench_ask(struct bench *bench, const struct serial_timing *wire, uint8_t unit,
               const uint8_t *pdu, size_t size, unsigned wait_ms, unsigned tries,
               struct transact_answer *answer)
{
    const struct transact_request request = {.pdu = pdu,
                                             .pdu_size = size,
                                             .answer_size = ANSWER_MOST,
                                             .unit = unit,
                                             .wire = wire,
                                             .timeout_ns = wait_ms * 1000000LL,
                                             .late_ns = wait_ms * 1000000LL,
                                             .fastest_ns = INT64_MIN,
                                             .insists = true};
    for (unsigned i = 0; i < tries; i++) {
        transact_do(&bench->transact, &request, answer);
        bench->echo = bench->echo || answer->echo;
        bench->garbled += answer->result == BUS_GARBLED;
        if (answer->result == BUS_OK || answer->result == BUS_EXCEPTION) {
            bench->answered++;
            return;
        }
        if (answer->result == BUS_DOWN)
            return;
        (void)transact_idle(&bench->transact, answer->quiet_ns, false);
    }
}
