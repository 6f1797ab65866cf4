/* SPDX-License-Identifier: Apache-2.0 */
/* Off-the-shelf Modbus probes with their vendors' register maps, quirks included, and the plain
 * responder. Pure: a request PDU and the weather in, an answer PDU and the values that stand in
 * it out. The maps:
 *   XY-MD02        FC04 0x0001 temperature, 0x0002 humidity (x0.1; 0x0002 alone is refused);
 *                  FC03/06 0x0101 address, 0x0102 baud (bit/s), 0x0103/0x0104 corrections x0.1
 *   RS-WS-N01-TR   FC03 0x0000 moisture, 0x0001 temperature (x0.1); 0x07D0 address,
 *                  0x07D1 baud code 0..2
 *   ZTS-3001       FC03 0x0000 moisture, temperature (x0.1), conductivity, pH x0.1, N, P, K,
 *                  salinity, 0x0008 dissolved solids; 0x0022..0x0024 coefficients; 0x07D0
 *                  address, 0x07D1 baud code 0..7
 *   responder      FC03/04 0x0000..registers-1: register a of unit u in its n-th answer is
 *                  (31 n + 257 a + 4099 u) & 0x7fff, so that no two can be mixed up unseen */
#ifndef BAIYE_FIELD_PROBE_H
#define BAIYE_FIELD_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/field/scene.h"
#include "tools/field/weather.h"

#define PROBE_PDU_SIZE  253
#define PROBE_GIVEN_MAX 8
#define PROBE_EXTRAS    3

struct probe {
    enum unit_kind kind;
    uint8_t address;
    uint32_t baud;
    uint16_t registers;          /* responder */
    uint32_t answers;            /* responder: answers given so far */
    int16_t extra[PROBE_EXTRAS]; /* corrections and coefficients */
};

struct probe_value {
    const char *metric;
    double value;
};

/* What one answer gives away. */
struct probe_given {
    struct probe_value values[PROBE_GIVEN_MAX];
    size_t count;
    bool sample;              /* the first metric is among them: one whole measurement */
    uint16_t first, quantity; /* responder: registers answered */
    uint32_t answer;          /* responder: n of this answer */
};

void probe_init(struct probe *probe, enum unit_kind kind, uint8_t address, uint32_t baud,
                uint16_t registers);
/* The probe listens to frames for `address` (its own, a broadcast, or its query address). */
bool probe_hears(const struct probe *probe, uint8_t address);
/* Serves one request (function code and data). Size of the answer, 0: the probe stays silent.
 * `answer` has room for PROBE_PDU_SIZE bytes. A new address or rate is in `probe` afterwards; the
 * answer itself still goes out under the old ones. */
size_t probe_serve(struct probe *probe, const struct weather_now *now, const uint8_t *pdu,
                   size_t size, uint8_t *answer, struct probe_given *given);
/* Value of a responder's register. */
uint16_t probe_responder_value(uint8_t unit, uint16_t reg, uint32_t answer);

#endif
