/* SPDX-License-Identifier: Apache-2.0 */
/* The readings of one message into PostgreSQL, within a transaction that holds the gateway's row:
 * which of them are new, their rows, and what they add to the hours. One thread. */
#ifndef BAIYE_COUNTY_ROWS_H
#define BAIYE_COUNTY_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/county/connection.h"
#include "gateway/county/copy.h"
#include "gateway/county/hours.h"
#include "gateway/county/message.h"
#include "gateway/county/metrics.h"
#include "gateway/county/sql_text.h"

/* A stream that the message names. */
struct row_stream {
    const char *device;
    int64_t boot, serial;
    int64_t low, high;   /* numbers of its readings in the message */
    size_t first, count; /* of its readings in `places` */
    int32_t id;
    bool crowded;   /* has so many ranges that they are counted */
    int64_t ranges; /* of one that is crowded */
};

/* A reading of the message. */
struct row_place {
    int64_t seq;
    uint32_t at; /* in the message */
    bool known;  /* was stored before, or stands in the message twice */
};

/* Memory that is used again for the next message. */
struct rows {
    struct connection *connection; /* the owner's, as are `metrics`; the rest is zero at first */
    struct metrics *metrics;
    struct row_stream *streams;
    uint32_t *stream_places;               /* by hash: a stream's number and 1; 0: free */
    uint32_t *stream_of;                   /* by reading of the message */
    struct row_place *places;              /* by stream and number */
    const struct known_metric **metric_of; /* by value of the message */
    size_t stream_count, stream_room, hash_room, reading_room, value_room;
    bool used[METRICS_COLUMNS_MAX]; /* columns of the rows that are sent */
    bool any_undated, any_more, any_flags;
    /* A stream of the message has very many ranges: see rows_store_crowded_ranges(). */
    bool crowded;
    int64_t keep_ms,
        now_ms; /* how long readings are kept (the owner's); when the message is taken */
    bool full;  /* the gateway has made as many rows of hours as it may (the owner's) */
    struct copy copy;
    struct copy misdated; /* rows whose time is in no week that is kept */
    size_t misdated_count;
    struct copy columns[9]; /* of the hours */
    struct hours hours;
    struct sql_text texts[5]; /* parameters of the statement at hand */
};

/* Makes the streams of all that the message names, and learns which readings are known. false: the
 * connection says why; so with the other. */
bool rows_find_new(struct rows *rows, const struct message *message);
/* Stores the others. `*fresh`: how many these are. */
bool rows_store(struct rows *rows, const struct message *message, size_t *fresh);
/* Stores, of those, what is known from now on, and the hours. `ids`: the gateway, the message's
 * first and last record numbers or NULL; `*ids_stored`: they are stored as well. */
bool rows_store_ranges(struct rows *rows, const char *const ids[3], bool *ids_stored);
/* The same where streams are crowded, and waits for it, after the message's gaps: false too when
 * one has more ranges than it may (bounds.h), and more than before. */
bool rows_store_crowded_ranges(struct rows *rows, size_t fresh, const char *const ids[3],
                               bool *ids_stored);
/* false: that the gateway is `full`, as the reason. */
bool rows_say_full(struct rows *rows, const struct message *message);
void rows_free(struct rows *rows);

#endif
