/* SPDX-License-Identifier: Apache-2.0 */
/* One message of `readings` as a gateway publishes it (protocols/mqtt/readings.schema.json), taken
 * apart and judged whole: what does not inflate, parse or fit the schema is refused with a reason.
 * Pure; one owner, no thread of its own. */
#ifndef BAIYE_COUNTY_MESSAGE_H
#define BAIYE_COUNTY_MESSAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MESSAGE_NAME_SIZE   33         /* [a-z0-9-]{1,32} and NUL */
#define MESSAGE_BYTES_MAX   (2u << 20) /* inflated */
#define MESSAGE_ITEMS_MAX   20000u     /* readings, gaps, means and corrections together */
#define MESSAGE_TIME_MAX_MS INT64_C(253402300799999) /* the end of the year 9999 */

/* Of one device: `boot` counts its boots, or the gateway's; (device, boot, seq) is unique within a
 * gateway. `serial` 0: not known. */
struct message_reading {
    const char *device;
    int64_t serial, boot, seq;
    int64_t ts_ms;
    int64_t gateway_boot; /* of a reading whose ts is not trusted; -1: it is */
    json_t *values, *flags;
};
struct message_gap {
    const char *device;
    int64_t serial, boot, first, last;
};
/* An hour's readings in one: by metric n, min, mean, max. */
struct message_mean {
    const char *device;
    int64_t boot, first, last, hour_ms;
    json_t *means, *bad; /* bad: may be NULL */
};
/* To be added to the ts of that boot's readings whose time was not trusted. */
struct message_correction {
    int64_t gateway_boot, add_ms;
    int64_t id; /* of its record, 0: not told */
};

struct message {
    json_t *root; /* owns all that is pointed to */
    char gateway[37];
    int64_t first_id, last_id; /* record numbers that it covers; 0: not told */
    struct message_reading *readings;
    struct message_gap *gaps;
    struct message_mean *means;
    struct message_correction *corrections;
    size_t reading_count, gap_count, mean_count, correction_count;
};

/* `deflated`: content type application/json+deflate (a zlib stream). false: `why` says what is
 * wrong with it. message_free() in either case. */
bool message_parse(struct message *message, const void *payload, size_t size, bool deflated,
                   char *why, size_t why_size);
void message_free(struct message *message);

/* The site of baiye/SITE/LEAF; false when it is another topic. */
bool message_site(const char *topic, const char *leaf, char site[MESSAGE_NAME_SIZE]);

/* May a value with that flag (NULL: none) be counted in means? */
bool message_believes(const char *flag);

#endif
