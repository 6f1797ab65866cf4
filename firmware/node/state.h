/* SPDX-License-Identifier: Apache-2.0 */
/* All that a node knows, and what can be reported of it. The registers show it, node.h moves it. */
#ifndef BAIYE_FIRMWARE_NODE_STATE_H
#define BAIYE_FIRMWARE_NODE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/hal.h"
#include "firmware/node/black_box.h"
#include "firmware/node/calibration.h"
#include "firmware/node/clock.h"
#include "firmware/node/link.h"
#include "firmware/node/log.h"
#include "firmware/node/sampler.h"
#include "firmware/node/sdi_pass.h"
#include "firmware/node/settings.h"
#include "firmware/node/statistics.h"
#include "firmware/node/task_watchdog.h"
#include "firmware/node/update.h"

/* Of a program that is not in a slot; one that is has the version that its image was signed
 * with. */
#define NODE_VERSION_MAJOR 0
#define NODE_VERSION_MINOR 1
#define NODE_VERSION_PATCH 0

/* What the board's main() states about the board. Pointers outlive the node. */
struct node_config {
    const struct node_probe *probes;
    size_t probe_count;               /* up to SAMPLER_PROBES_MAX */
    struct sdi12_line *sdi;           /* for the technician's commands; NULL: none */
    uint32_t silence_us;              /* 0: the standard's, or hal_bus_silence_floor_us() */
    bool no_power_up_line;            /* do not listen at 19,200 8E1 after power-up */
    const struct node_update *update; /* NULL: a board without slots */
};

struct node {
    struct node_config config;
    struct black_box black_box;
    struct settings settings;
    struct wall wall;
    struct calibration calibration;
    struct sampler sampler;
    struct statistics statistics;
    struct sdi_pass sdi_pass;
    struct log log;
    struct link link;
    struct task_watchdog watch;
    struct modbus_model model;
    bool remembers;      /* the memory that stays answered: address, boot and log are known */
    bool well;           /* has run for NODE_WELL_US */
    uint64_t recall_us;  /* else: when to try it again */
    uint64_t started_us; /* node_init() */
    uint64_t unlocked_until_us;
    uint64_t indicate_until_us;
    uint64_t asleep_us;       /* of the time since reset */
    uint64_t wanted_us;       /* when node_poll() asked to be called; 0: not yet */
    uint16_t supply_least_mv; /* 0xFFFF: not measured */
    uint16_t late_most;       /* 0.1 ms */
    uint16_t self_test;       /* NODE_SELF_TEST */
    uint16_t log_wanted[3];
    uint16_t log_words[NODE_LOG_WINDOW_WORDS];
    char text[14]; /* of identity_object() */
};

bool node_unlocked(const struct node *node, uint64_t now_us);
/* Tests itself now; the result stays in the node. */
void node_self_test(struct node *node);
/* Major << 24 | minor << 16 | patch. */
uint32_t node_version(const struct node *node);
/* Share of the time since reset not spent in node_turn()'s sleep, in 0.1 %. */
uint16_t node_awake(const struct node *node, uint64_t now_us);
uint16_t node_status(const struct node *node, uint64_t now_us);

#endif
