/* SPDX-License-Identifier: Apache-2.0 */
/* The probe's side of SDI-12: answers commands as a sensor on the line would, from values that
 * the owner gives when a measurement starts. For simulated gardens and for tests of the host.
 * Pure: the owner moves text and keeps the time. One owner at a time. */
#ifndef BAIYE_SDI12_PROBE_H
#define BAIYE_SDI12_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/sdi12/sdi12.h"

enum { SDI12_PROBE_NUMBERS = 20 };

struct sdi12_probe {
    /* Filled by the owner. */
    char address;
    const char *identity; /* after the address: "13METER   TER12 112T12-00012345" */
    uint16_t seconds;     /* ttt of a measurement; 0: the values are there at once */
    /* The values of measurement `index` (0 for M, 1 for M1, …) into numbers[0..max); how many,
     * 0 when the probe has no such measurement. Called once when a measurement starts. */
    size_t (*measure)(void *context, uint8_t index, struct sdi12_number *numbers, size_t max);
    void *context;

    /* The probe's own. */
    struct sdi12_number numbers[SDI12_PROBE_NUMBERS];
    size_t count;
    size_t budget; /* characters of values in an answer to D */
    bool crc;
    bool measuring; /* after M: a service request is due in `seconds` */
};

/* The answer to one command, as a text in answer[0..size), SDI12_ANSWER_MAX is enough. Gives its
 * length, 0 when a probe keeps silent (another's address, unknown command). When this leaves
 * `measuring` true, the owner calls sdi12_probe_ready() after at most `seconds`. */
size_t sdi12_probe_answer(struct sdi12_probe *probe, const char *command, size_t length,
                          char *answer, size_t size);

/* The service request that ends a measurement; 0 when none is due (any more). */
size_t sdi12_probe_ready(struct sdi12_probe *probe, char *answer, size_t size);

/* A TEROS 12 (raw counts, °C, µS/cm bulk) and an ATMOS 14 (kPa, °C, RH 0..1, kPa) as METER's
 * manuals have them: identity and measuring time set, `measure` and `context` left to the owner. */
struct sdi12_probe sdi12_probe_teros12(char address);
struct sdi12_probe sdi12_probe_atmos14(char address);

#endif
