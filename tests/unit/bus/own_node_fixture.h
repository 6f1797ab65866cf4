/* SPDX-License-Identifier: Apache-2.0 */
/* A node of ours with one thermometer and a rain gauge, as the gateway sees it: its samples, the
 * answers of its log, and what the sink was given. */
#ifndef BAIYE_TEST_OWN_NODE_FIXTURE_H
#define BAIYE_TEST_OWN_NODE_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/bus/own_node.h"

#define OWN_READINGS_MAX 64
#define OWN_GAPS_MAX     8

extern struct field_config own_fields[2];
extern struct device_config own_device;
extern const struct wall_ms own_wall;
extern const struct reading_sink own_sink;

/* What own_sink does with a reading and with a gap. */
void own_take_reading(void *context, const struct reading *reading);
void own_take_gap(void *context, const struct reading_gap *gap);

/* What the sink was given since own_reset(). */
extern struct reading readings[OWN_READINGS_MAX];
extern unsigned reading_count;
extern struct reading_gap gaps[OWN_GAPS_MAX];
extern unsigned gap_count;
int own_reset(void **state);

/* A sample of that number was read, so many tenths of a second old; true: a new one. */
bool own_see(struct own_node *node, uint32_t boot, uint32_t seq, uint32_t age_ds, int64_t now_ms);

/* What is asked next; of a fetch, from where and how many words. */
struct asked {
    enum own_node_job job;
    uint16_t boot;
    uint32_t seq;
    uint16_t words;
};
struct asked own_next_within(struct own_node *node, int64_t now_ms, unsigned records_max);
struct asked own_next(struct own_node *node, int64_t now_ms);

/* The answer of its log: `count` records from (boot, seq) on, the first taken `age_ds` ago. What it
 * has lost it says twice, by own_give(). */
void own_give_once(struct own_node *node, uint16_t count, uint16_t boot, uint32_t seq,
                   uint32_t age_ds, uint32_t wall_s, int64_t now_ms);
void own_give(struct own_node *node, uint16_t count, uint16_t boot, uint32_t seq, uint32_t age_ds,
              uint32_t wall_s, int64_t now_ms);
/* The gateway starts: what is stored ends with that sample, whose counter told `told`
 * hundredths. */
void own_go_on(struct own_node *node, struct decode_counters *live, uint32_t boot, uint32_t seq,
               double told);

#endif
