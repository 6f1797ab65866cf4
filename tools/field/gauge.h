/* SPDX-License-Identifier: Apache-2.0 */
/* A tipping bucket in the garden's rain, on the contact of a native node. When it tips follows from
 * seed and start of the weather alone. A node without power counts nothing. */
#ifndef BAIYE_FIELD_GAUGE_H
#define BAIYE_FIELD_GAUGE_H

#include "tools/field/endpoint.h"
#include "tools/field/garden.h"

struct gauge {
    struct garden *garden;
    double bucket_mm;
    struct endpoint contact; /* a byte a tip */
    struct loop_timer timer;
    double rained_until_s, mm; /* of the garden's time; since then */
    uint64_t tips;             /* of the rain */
    uint64_t counted;          /* of rain and hand, while the node was there */
};

void gauge_init(struct gauge *gauge, struct garden *garden, double bucket_mm);
/* False: errno says why. */
bool gauge_open(struct gauge *gauge, const char *path);
void gauge_close(struct gauge *gauge);
void gauge_tip(struct gauge *gauge, uint64_t tips);

#endif
