/* SPDX-License-Identifier: Apache-2.0 */
/* One device on a bus: its plan, its poll in progress, its numbers. Owned by the bus thread. */
#ifndef BAIYE_BUS_DEVICE_H
#define BAIYE_BUS_DEVICE_H

#include "gateway/common/log.h"
#include "gateway/daemon/bus/decode.h"
#include "gateway/daemon/bus/link_quality.h"
#include "gateway/daemon/bus/own_node.h"
#include "gateway/daemon/bus/own_silence.h"
#include "gateway/daemon/bus/own_writes.h"
#include "gateway/daemon/bus/transact.h"

/* What most devices never use: its pages are not touched before. Zeroed memory of the caller's. */
struct device_rare {
    struct device_still { /* since when a metric has shown the same; not of our own nodes */
        double value;
        int64_t since_ms;
        bool known;
        bool asked; /* for what was kept before the start */
        bool kept;  /* by the sink, for the next start */
    } still[READING_VALUES_MAX];
    struct counter foreign[READING_VALUES_MAX]; /* of a device that reports no boot, by metric */
    int64_t group_due_ms[PLAN_ITEMS_MAX];       /* of reads with a period of their own, by group */
    struct own_writes writes;
};

/* What a device has outside of its struct: the caller's, must live as long as the device. */
struct device_memory {
    const struct decode_map *map; /* of its profile */
    struct device_rare *rare;
    uint16_t *words, room; /* device_words() of them */
    struct own_node
        *node; /* only for one of our own nodes; without it such a one gives no readings */
};

/* The same in one piece, as large as it can be: for one device alone. */
struct device_alone {
    struct decode_map map;
    struct device_rare rare;
    uint16_t words[DECODE_IMAGE];
};

/* The poll in progress. */
struct device_poll {
    uint8_t first_read;
    bool cut_short;      /* the last try was a probe with less than its longest time to answer */
    int64_t answered_ns; /* begin of the answer to its first read */
};

/* What it does not answer while it answers other reads (poll.c, refused.c). */
struct device_refusal {
    uint8_t code;         /* of the last exception to a poll */
    uint8_t polls;        /* in a row that ended with one */
    uint8_t silent_read;  /* the one that had no answer last */
    uint8_t silent_reads; /* in a row that had no answer although the unit answers other reads */
    uint8_t item;         /* the one requested anew last */
    bool retrying;        /* that one is in the plan again, alone */
    bool one_item;        /* the plan is that one alone: everything had been refused */
    bool learned_now;     /* by its silence: not to be forgotten when it counts as alive again */
    bool reported;        /* in the log */
    uint8_t part;         /* the one requested last to see whether the unit is alive */
    bool elsewhere;       /* it answers for others than those that it is silent to */
    bool asked_part;      /* it is dead, and its last probe was for one part */
    bool alive;           /* … which it answered */
    uint64_t answered;    /* bit i: read i of this plan was, so it is no wrong one */
    uint64_t busy;        /* bit i: item i is left out, or alone again, since the unit was busy */
    int64_t since_ms;     /* when one was first refused, or requested anew; 0: none is refused */
    int64_t busy_ms;      /* when it last said so of a part; 0: not in the last hour */
};

/* What is reported of it. */
struct health_report {
    struct wall_ms last_seen;
    bool online;
};

/* What was written of it last, so that only changes are. */
struct device_logs {
    struct log_state state, hint, refusal, write;
};

struct device {
    const struct device_config *config;
    const struct reading_sink *sink;
    struct device_rare *rare;
    struct serial_timing wire;
    const struct decode_map *map;
    struct plan_cost cost;
    struct plan_lessons lessons;
    struct plan plan;
    struct decode_image image;
    struct decode_counters counters;
    uint8_t read; /* of the plan: the next one of the poll in progress */
    struct device_poll poll;
    char texts[DECODE_TEXTS][DECODE_TEXT]; /* what it reported of itself, "": nothing yet */
    uint32_t boot, seq;     /* of devices without their own: seq of the last poll due */
    struct reading_gap gap; /* being collected; first_seq 0: none */
    int64_t gap_since_ms, babble_ms;
    int64_t late_ns; /* so long after a request an answer of it has come; 0: none was late */
    int64_t back_ms; /* when it answered after a start or a silence */
    struct device_refusal refusal;
    struct link_quality health;
    struct own_silence silence; /* on a serial line */
    struct health_report report;
    struct device_logs logs;
    struct own_node *node;   /* our own nodes; NULL: another's */
    bool counts, may_freeze; /* it has counters, fields that may not stand still; not our own */
    bool may_be_overdue;     /* it has a calibration that ends */
};

enum device_state { DEVICE_ONLINE, DEVICE_SILENT, DEVICE_GARBAGE, DEVICE_REFUSES, DEVICE_ODD };

#define DEVICE_REFUSED_POLLS 3 /* so many in a row, and it gives no values: it is not online */

/* Prepares the device and its first plan. `boot` is the gateway's. */
void device_init(struct device *device, const struct device_config *config,
                 const struct bus_config *bus, uint32_t boot, const struct reading_sink *sink,
                 const struct device_memory *memory);
/* The same with the map made, and memory in one piece. */
void device_init_alone(struct device *device, const struct device_config *config,
                       const struct bus_config *bus, uint32_t boot, const struct reading_sink *sink,
                       struct own_node *node, struct device_alone *alone);
/* Words that the image of such a device may take. */
uint16_t device_words(const struct decode_map *map);
/* The longest time that it may take to answer. */
int64_t device_ceiling_ns(const struct device_config *config, const struct bus_config *bus);
/* Makes the plan anew after something was learned. */
void device_plan(struct device *device);
/* The request for its next read. `pdu` holds 5 bytes. */
void device_request(const struct device *device, uint8_t pdu[5], struct transact_request *request);
/* And for any read of it. */
void device_read_request(const struct device *device, const struct plan_read *read, uint8_t pdu[5],
                         struct transact_request *request);
/* A poll in progress: which of its reads are due, and `read` at the first one; on to the next,
 * false: that was the last; all were answered. */
void device_poll_begin(struct device *device, int64_t now_ms);
bool device_poll_next(struct device *device);
void device_poll_done(struct device *device, int64_t now_ms);
/* With the next poll all of it is read. */
void device_all_due(struct device *device);
/* All reads of a poll have come: the reading, if there is one (a node's sample seen before and a
 * map that is not believed are none). */
bool device_reading(struct device *device, struct wall_ms wall, int64_t now_ms,
                    struct reading *reading);

/* `count` polls due failed; gaps are collected and given away when they end or grow old. */
void device_gap(struct device *device, uint32_t count, enum gap_why why, int64_t now_ms,
                const struct reading_sink *sink);
void device_gap_flush(struct device *device, const struct reading_sink *sink);

#endif
