/* SPDX-License-Identifier: Apache-2.0 */
/* What a bus thread gives away: one reading of one device, one gap, or one device's health. These
 * structs are copied by value through queues; they hold no pointers. */
#ifndef BAIYE_READING_H
#define BAIYE_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/common/clock.h"
#include "gateway/daemon/hint.h"
#include "protocols/metric/metric.h"

#define READING_VALUES_MAX 24 /* metrics of one device; config refuses a profile with more */

#define READING_COUNTERS_MAX 4 /* of one device */

/* Where the counters of a device that reports no boot stand with a reading, in raw codes, in the
 * order of its metrics; bit i of `known`: there is a code of the i-th. */
struct reading_mark {
    uint8_t known;
    uint64_t codes[READING_COUNTERS_MAX];
    int64_t wall_ms; /* of the reading; 0: not known */
};

/* A metric that has shown one value since then. */
struct reading_still {
    double value;
    int64_t since_ms; /* wall time */
};

/* Not `present` and good: the field has a longer period of its own and was not read this time. */
struct reading_value {
    double value; /* in the metric's unit; meaningless unless `present` */
    bool present;
    uint8_t flag; /* enum metric_flag */
};

/* Is it one that was not read this time? */
static inline bool reading_value_rests(const struct reading_value *value)
{
    return !value->present && value->flag == METRIC_GOOD;
}

/* Identity is (device, boot, seq). The i-th value belongs to the i-th field of the device's
 * profile (struct device_config.fields): no name travels. */
struct reading {
    uint16_t device; /* index into config.devices */
    uint8_t value_count;
    bool late; /* fetched from the node's log: goes to the store, never to the live table */
    uint32_t boot;
    uint32_t seq;
    struct monotonic_ms taken;
    struct wall_ms time;
    struct reading_mark mark;                        /* kept with the reading */
    struct reading_value values[READING_VALUES_MAX]; /* those behind value_count mean nothing */
};

enum gap_why {
    GAP_TIMEOUT = 0, /* the device did not answer */
    GAP_GARBLED = 1, /* it answered, but nothing that may be believed */
    GAP_EXCEPTION = 2,
    GAP_BUS_DOWN = 3, /* no adapter or no connection */
    GAP_OVERFLOW = 4, /* the gateway's memory ring was full */
    GAP_QUOTA = 5,    /* thinned or dropped by the store's max_size */
    GAP_NODE_LOG = 6, /* the node no longer had it */
    GAP_DAMAGED = 7,  /* was in a damaged store file and could not be salvaged */
    GAP_WHY_COUNT
};

struct reading_gap {
    uint16_t device;
    uint8_t why; /* enum gap_why */
    uint32_t boot;
    uint32_t first_seq, last_seq; /* inclusive */
};

#define READING_TEXT_SIZE 33 /* what a device says of itself: 32 letters */

struct device_health {
    uint16_t device;
    bool online;              /* the last poll was answered */
    bool away;                /* its line's converter has not dialled in */
    struct wall_ms last_seen; /* ms 0: never */
    uint64_t polls, good, timeouts, crc_errors, exceptions, late_answers, retries;
    uint32_t turnaround_p50_us, turnaround_p99_us;
    uint32_t silence_us; /* the line is left silent so long before its requests; 0: no serial one */
    struct hint hint;    /* what a technician should look at */
    /* What the device says of itself, or "". */
    char model[READING_TEXT_SIZE], serial[READING_TEXT_SIZE], firmware[READING_TEXT_SIZE];
    uint32_t board; /* our nodes: serial number of the one that answers; 0: not known */
};

/* What topic dev/NAME/health and rpc `stats` of a device say of it, as members of an object that is
 * open. */
#define HEALTH_JSON_SIZE 2048
struct json_out;
void device_health_json(struct json_out *o, const struct device_health *health);

/* "timeout", "garbled", … as in the JSON `why`. */
const char *gap_why_name(enum gap_why why);

/* Of one boot: by counter of the device, in the order of its metrics, the sum of all increments
 * that are stored. */
struct reading_boot_sums {
    uint32_t boot;
    bool known; /* not so in files of an older version */
    double sums[READING_COUNTERS_MAX];
};

#define READING_BOOTS_BACK 8 /* so many are looked at for where something may be missing */

struct reading_stored {
    uint32_t boot, seq; /* before the first one that is missing: the log is fetched from there on */
    bool whole;         /* none is: that is the newest one stored */
    uint8_t boot_count;
    struct reading_boot_sums
        boots[READING_BOOTS_BACK]; /* of the newest boots stored, newest first */
};

/* A node's board, as it stands under a device's name. */
struct reading_board {
    uint32_t boot_base; /* its boots are given and kept as so much more than it says */
    uint32_t replaced;  /* the serial number that answered here before, 0: none, or the same */
    int owner;          /* the device whose board this is, as far as known; -1: no other's */
};
#define BOARD_BOOT_BITS 16 /* a board's own count of boots has so many */

/* Where a bus thread puts what it took. Both functions copy, never block and never fail: what
 * does not fit is counted as a gap by the receiver. Called from any bus thread. */
struct reading_sink {
    void *context;
    void (*reading)(void *context, const struct reading *reading);
    void (*gap)(void *context, const struct reading_gap *gap);
    void (*health)(void *context, const struct device_health *health);
    /* Wall time with its trust. NULL: CLOCK_REALTIME, trusted. */
    struct wall_ms (*now)(void *context);
    /* What is stored of a device with its own numbers; false: nothing. May be asked while a bus
     * starts. NULL: never. */
    bool (*last)(void *context, uint16_t device, struct reading_stored *stored);
    /* Where the counters of another device stood with its newest stored reading; false: not known.
     * As `last`. */
    bool (*mark)(void *context, uint16_t device, struct reading_mark *mark);
    /* A metric of another device has stood still for a while; NULL: it moves again. Kept, so that a
     * restart is no movement. NULL: nobody keeps it. */
    void (*stands)(void *context, uint16_t device, uint8_t metric,
                   const struct reading_still *still);
    /* What was kept when the store was opened; false: nothing. As `last`. */
    bool (*stood)(void *context, uint16_t device, uint8_t metric, struct reading_still *still);
    /* A node said its serial number. false: another board belongs here and this one elsewhere: no
     * reading of it is to be given. NULL: nobody wants to know. */
    bool (*board)(void *context, uint16_t device, uint32_t serial, struct reading_board *board);
};

/* A sink that looks at what it is given and passes all of it on. */
struct reading_relay {
    struct reading_sink sink; /* its context is the relay */
    const struct reading_sink *next;
    void *owner;
};

/* Everything is passed on to `next`, whose functions are all there; the owner then puts its own in
 * the place of those that it wants to see, which call the next one's themselves. */
void reading_relay_init(struct reading_relay *relay, const struct reading_sink *next, void *owner);

#endif
