/* SPDX-License-Identifier: Apache-2.0 */
/* One message of `readings` as a gateway publishes it (protocols/mqtt/readings.schema.json), taken
 * apart and judged whole: what does not inflate, parse or fit the schema is refused with a reason.
 * Its memory is used again for the next one. Pure; one owner, no thread of its own. */
#ifndef BAIYE_COUNTY_MESSAGE_H
#define BAIYE_COUNTY_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_NAME_SIZE   33         /* [a-z0-9-]{1,32} and NUL */
#define MESSAGE_BYTES_MAX   (2u << 20) /* inflated */
#define MESSAGE_ITEMS_MAX   20000u     /* readings, gaps, means and corrections together */
#define MESSAGE_VALUES_MAX  512u       /* of one item */
#define MESSAGE_TIME_MAX_MS INT64_C(253402300799999) /* the end of the year 9999 */

/* `metric` and `flag` are words of the schema, and point into the message. */
struct message_value {
    const char *metric;
    double number;
    bool believed; /* its flag allows it in means */
};
struct message_flag {
    const char *metric, *flag;
};
/* Of one device: `boot` counts its boots, or the gateway's; (device, boot, seq) is unique within a
 * gateway. `serial` 0: not known. */
struct message_reading {
    const char *device;
    int64_t serial, boot, seq;
    int64_t ts_ms;
    int64_t gateway_boot;     /* of a reading whose ts is not trusted; -1: it is */
    size_t value_at, flag_at; /* the first in the message's `values` and `flags` */
    size_t value_count, flag_count;
};
struct message_gap {
    const char *device;
    int64_t serial, boot, first, last;
};
/* An hour's readings of one metric in one. */
struct message_mean {
    const char *device, *metric;
    int64_t boot, first, last, hour_ms;
    double n, min, mean, max;
};
/* To be added to the ts of that boot's readings whose time was not trusted. */
struct message_correction {
    int64_t gateway_boot, add_ms;
    int64_t id; /* of its record, 0: not told */
};

/* What has room in a message. */
enum message_room {
    MESSAGE_TEXT,
    MESSAGE_READINGS,
    MESSAGE_VALUES,
    MESSAGE_FLAGS,
    MESSAGE_GAPS,
    MESSAGE_MEANS,
    MESSAGE_CORRECTIONS,
    MESSAGE_ROOMS,
};

struct message { /* all zero at first */
    char *text;  /* inflated; strings point into it */
    size_t size;
    char gateway[37];
    int64_t first_id, last_id; /* record numbers that it covers; 0: not told */
    struct message_reading *readings;
    struct message_value *values;
    struct message_flag *flags;
    struct message_gap *gaps;
    struct message_mean *means;
    struct message_correction *corrections;
    size_t reading_count, value_count, flag_count, gap_count, mean_count, correction_count;
    size_t rooms[MESSAGE_ROOMS];
    struct z_stream_s *inflater;
};

/* `deflated`: content type application/json+deflate (a zlib stream). false: `why` says what is
 * wrong with it. */
bool message_inflate(struct message *message, const void *payload, size_t size, bool deflated,
                     char *why, size_t why_size);
/* Whose it is and which records it covers, from its two ends: what was stored before need not be
 * read. false: it can't be told so. */
bool message_glance(struct message *message);
/* Takes apart what was inflated. false: `why` says what is wrong with it. */
bool message_read(struct message *message, char *why, size_t why_size);
/* message_inflate() and message_read(). */
bool message_parse(struct message *message, const void *payload, size_t size, bool deflated,
                   char *why, size_t why_size);
void message_free(struct message *message);

/* The site of baiye/SITE/LEAF; false when it is another topic. */
bool message_site(const char *topic, const char *leaf, char site[MESSAGE_NAME_SIZE]);

/* May a value with that flag (NULL: none) be counted in means? */
bool message_believes(const char *flag);

#endif
