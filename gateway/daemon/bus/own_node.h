/* SPDX-License-Identifier: Apache-2.0 */
/* What the gateway does for our own nodes besides polling: knows which samples it has, asks for the
 * next one right after it was taken, sets their sampling period and clock, and fetches what it
 * missed from their log. Pure: it makes requests and takes answers; the bus sends them in the
 * line's idle time.
 *
 * A sample is (boot, seq). Known are those up to `boot, seq`; a jump leaves a hole, and all holes
 * together are one stretch of the log walked from `cursor` to `until`: the log's window gives
 * records of one boot at a time, counting up by one, and begins with the next that is still there.
 *
 * A line is open to anybody and a checksum lets one damaged frame of 65,536 through, so a number is
 * believed only where it can be: no more samples than the time since the last one holds, no
 * boot before the last. What is beyond that is refused and reported, until the samples after it go
 * on from there at their pace, with none of the believed ones in between.
 *
 * A counter (rain) is reported once, whatever is asked for twice: the store knows the sum of what
 * is reported of a boot. A live reading reports all that has come since, also what fell into a
 * hole; the records of the log tell it for boots that are over, and for the time that the gateway
 * was away: then the second live reading tells what the first one, before the log was asked, could
 * not. */
#ifndef BAIYE_BUS_OWN_NODE_H
#define BAIYE_BUS_OWN_NODE_H

#include "gateway/daemon/bus/decode.h"
#include "gateway/daemon/bus/transact.h"

#define OWN_NODE_HOLES_MAX 16

struct own_node_place {
    uint32_t boot, seq;
};

/* Samples that are not believed yet. */
struct own_node_doubt {
    struct own_node_place first, last;
    int64_t taken_ms; /* of `last` */
    uint8_t count;    /* 0: there is none */
};

struct own_node_hole {
    struct own_node_place from, until; /* until is not in it */
    bool counted; /* the live counters after it include what fell into its last boot */
    bool report;  /* what the log has lost is a gap: it once was expected */
    struct decode_counters counters; /* where counters stood before `from` */
};

struct own_node {
    const struct device_config *device;
    struct decode_counters *live; /* as the last live reading left them; NULL: none */
    bool whole;                   /* nothing was missing before `last` when the gateway started */
    bool withhold;   /* the next live reading's counters wait for what the log reports */
    bool unreported; /* they do: as `first` has them */
    struct decode_counters first;
    struct reading_stored before; /* what an earlier run of the gateway stored */
    bool seen;                    /* a sample was seen since start */
    bool before_known;            /* `last` is what an earlier run of the gateway stored */
    struct own_node_place last;   /* newest sample known */
    struct own_node_doubt doubt;
    uint32_t refused;   /* samples since start that were not believed */
    int64_t refused_ms; /* when the last of them came, monotonic */
    int64_t taken_ms;   /* when it was taken, monotonic */
    uint32_t period_ms; /* in force, as the node reports; 0: not known */
    uint16_t status;
    uint8_t step; /* of setting the period: unlock, write, commit */
    int64_t set_after_ms, time_after_ms, fetch_after_ms; /* not before these times */
    int64_t time_due_ms; /* its clock is set again then, though it has one; 0: not seen yet */
    bool lost_said;      /* the log said once that it goes on at `lost_until` only */
    struct own_node_place lost_until;
    unsigned hole_count;
    struct own_node_hole holes[OWN_NODE_HOLES_MAX];
    /* Which board it is, so that one that was put in another's place is not taken for it: asked
     * before the first sample of a boot is believed, and when it was silent. */
    bool asks_serial;
    bool checked;          /* the board that answers is the one that belongs here .. */
    uint32_t checked_boot; /* .. in this boot */
    bool misplaced;        /* it belongs elsewhere: nothing of it is taken */
    uint32_t serial;       /* 0: not known */
    uint32_t boot_base;    /* struct reading_board */
    uint8_t serial_tries;
    bool identified; /* its firmware's version was read in this boot */
    int64_t identify_after_ms;
    char firmware[32]; /* "" until then */
};

enum own_node_job {
    OWN_NODE_IDLE,
    OWN_NODE_SET_PERIOD,
    OWN_NODE_SET_TIME,
    OWN_NODE_FETCH,
    OWN_NODE_IDENTIFY
};

/* `before`: what is stored, NULL: nothing. `live`: its counters go on with that; may be NULL. */
void own_node_init(struct own_node *node, const struct device_config *device,
                   const struct reading_stored *before, struct decode_counters *live);
/* A snapshot came whose answer began at `answered_ms` (monotonic). `period_s`: register of that
 * name. True when it is a sample not seen before; then node->taken_ms is its time. */
bool own_node_snapshot(struct own_node *node, const struct decoded *decoded, uint16_t period_s,
                       int64_t answered_ms);
/* It was silent: another one may stand there now. */
void own_node_silent(struct own_node *node);
/* Is its serial number asked for, before anything of it counts? */
static inline bool own_node_unknown(const struct own_node *node)
{
    return node->asks_serial && !node->checked;
}
/* After a new sample: its counters, and its values, of which the counted ones may be withheld. */
void own_node_counters(struct own_node *node, const struct decode_counters *counters,
                       struct reading_value *values);
/* When to poll it next: right after its next sample. */
int64_t own_node_due_ms(const struct own_node *node, int64_t now_ms);

/* Its clock wants to be set: it has none, or was given it last a day ago; an hour, when it runs
 * without its crystal. Only from a clock that is trusted. */
bool own_node_wants_time(const struct own_node *node, int64_t now_ms, struct wall_ms wall);
/* The request that sets it, for one node or by broadcast; its size. And that it was sent. */
size_t own_node_time_request(struct wall_ms wall, uint8_t pdu[MODBUS_PDU_MAX]);
void own_node_time_sent(struct own_node *node, int64_t now_ms);
/* What should be requested of it next, besides polling; the request PDU and the size of the
 * expected answer frame are filled. `wall` is the time now; of its log at most `records_max`
 * records. */
enum own_node_job own_node_next(struct own_node *node, int64_t now_ms, struct wall_ms wall,
                                unsigned records_max, uint8_t pdu[MODBUS_PDU_MAX], size_t *pdu_size,
                                uint16_t *answer_size);
/* Its end. Readings and gaps that came of it go to `sink` with late = true. */
void own_node_done(struct own_node *node, enum own_node_job job,
                   const struct transact_answer *answer, int64_t now_ms, struct wall_ms wall,
                   const struct reading_sink *sink);

#endif
