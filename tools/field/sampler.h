/* SPDX-License-Identifier: Apache-2.0 */
/* Finds out which sample of a node became of which answers of its sensors. A node asks all its
 * sensors once a sample: one round. Its snapshot, seen on the line, says "sample `seq` of boot
 * `boot` was taken so long ago": that names one round, and by counting all rounds around it, also
 * those whose snapshot no one ever polled.
 *
 *   rounds     r0   r1   r2   r3   r4   r5            boot 7: r2 is seq 3 (seen), so r0 is seq 1,
 *   snapshots            7/3            7/6           r1 is 2; r5 is seq 6, so r3 and r4 are 4, 5
 *
 * Pure: time comes as argument. */
#ifndef BAIYE_FIELD_SAMPLER_H
#define BAIYE_FIELD_SAMPLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAMPLER_ROUNDS 1024 /* remembered; a power of two */

enum sampler_channel {
    SAMPLER_AIR_TEMPERATURE,
    SAMPLER_AIR_HUMIDITY,
    SAMPLER_SOIL_MOISTURE,
    SAMPLER_SOIL_TEMPERATURE,
    SAMPLER_SOIL_CONDUCTIVITY,
    SAMPLER_CHANNEL_COUNT
};

enum sampler_source { SAMPLER_I2C, SAMPLER_SOIL, SAMPLER_AIR, SAMPLER_SOURCE_COUNT };

struct sampler_round {
    int64_t start_ns;
    unsigned sources;  /* asked in this round: bit of enum sampler_source */
    unsigned channels; /* bit i: value[i] was given */
    bool cut;          /* the node lost its power: what it asks now is another round */
    bool doubtful;     /* and nobody had seen it as a sample: it may be none */
    double value[SAMPLER_CHANNEL_COUNT];
};

struct sampler {
    struct sampler_round rounds[SAMPLER_ROUNDS];
    uint32_t count; /* rounds so far; the last is rounds[(count - 1) % SAMPLER_ROUNDS] */
    uint32_t told;  /* rounds before this one were emitted, or never will be */
    bool known;     /* the next three are set */
    uint32_t boot;
    uint32_t round, seq; /* `round` is sample `seq` of `boot` */
    uint32_t samples;    /* distinct (boot, seq) seen */
    void (*emit)(void *context, uint32_t boot, uint32_t seq, const struct sampler_round *round);
    void *context;
};

const char *sampler_metric(enum sampler_channel channel);

/* The node starts to ask a sensor: a new round if it had asked this one in the present round. */
void sampler_asks(struct sampler *sampler, enum sampler_source source, int64_t now_ns);
/* What a sensor answered, in the present round. */
void sampler_gives(struct sampler *sampler, enum sampler_channel channel, double value);
/* The node loses its power. Its last round is a sample when a snapshot has shown it; else it is
 * doubtful: the node may have had its answers and not written them yet, and nobody can tell. */
void sampler_cut(struct sampler *sampler);
/* A snapshot showed sample `seq` of `boot`, taken at `taken_ns`. Emits what is now certain; false
 * when no round fits. */
bool sampler_seen(struct sampler *sampler, uint32_t boot, uint32_t seq, int64_t taken_ns);

#endif
