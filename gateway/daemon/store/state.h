/* SPDX-License-Identifier: Apache-2.0 */
/* How a call of the store ends, who asks, and how the store is: what its parts and whoever uses it
 * (store.h, feed.h) both need. */
#ifndef BAIYE_STORE_STATE_H
#define BAIYE_STORE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#define STORE_BOARDS_MOST  32 /* boards of one name whose serial numbers are given out */
#define STORE_MACHINE_SIZE 33

/* Negative, append only. */
enum store_result {
    STORE_OK = 0,
    STORE_BUSY = -1,        /* too many requests wait; ask again later */
    STORE_UNAVAILABLE = -2, /* the file cannot be used now; see store_stats.alarm */
    STORE_UNKNOWN = -3,     /* no such device, plot or metric */
    STORE_INVALID = -4,     /* the request contradicts itself */
    STORE_STOPPED = -5,     /* the store is being closed */
    STORE_LIMIT = -6        /* this user has noted as much of a day as anybody may */
};
const char *store_result_text(enum store_result result);

/* Who asks: askers are served fairly, and one that floods the store gets STORE_BUSY while others
 * are answered. */
typedef uint32_t store_asker;
#define STORE_ASKER_GATEWAY 0u /* the gateway itself */
#define STORE_ASKER_CONTROL 1u /* the control socket: goes first */
store_asker store_asker_of(const char *user);

#define STORE_BROKERS_MAX 8

struct store_stats {
    uint64_t taken, stored, duplicates, lost; /* records since start; lost: counted as gaps */
    uint64_t gaps;
    uint64_t commits, commit_errors, bytes_written; /* bytes handed to the file system */
    uint64_t waiting;                               /* records in RAM, not yet committed */
    uint64_t file_bytes, file_limit;                /* of max_size */
    uint64_t used_bytes;   /* of the file: what is dropped is used again, the file never shrinks */
    uint64_t first_record; /* the lowest record number kept, 0: none */
    uint64_t next_record;  /* the next record number */
    uint64_t cursors[STORE_BROKERS_MAX]; /* first record not acknowledged, by broker index */
    uint64_t dropped_quota, salvaged;
    uint64_t history_batches;    /* read since start to answer store_history() */
    uint64_t resend_batches;     /* read since start to find what store_resend() asks for, and from
                                    the file to send it */
    uint64_t quarantined;        /* records kept aside now: some broker refused them for good */
    uint64_t quarantine_dropped; /* since start, for want of room there; reported as gaps */
    uint32_t commit_p99_us;
    int64_t oldest_ms; /* wall time of the oldest record kept, 0: none */
    bool available;    /* the file can be written */
    bool clock_trusted;
    bool copied;     /* of another machine: with this start it has a new identity */
    char alarm[160]; /* why not available, or what was repaired; "" when all is well */
};

#endif
