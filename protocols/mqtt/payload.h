/* SPDX-License-Identifier: Apache-2.0 */
/* The payloads of readings: `…/readings`, `…/dev/<device>/live` and `…/dev/<device>/v/<metric>`,
 * as the *.schema.json files of this folder describe them. Values arrive as scaled integers, the
 * form in which devices give and the store keeps them, and leave with the fewest digits. */
#ifndef BAIYE_PAYLOAD_H
#define BAIYE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/mqtt/json.h"

#define PAYLOAD_VALUES_MAX 24

enum payload_form {
    PAYLOAD_SCALED, /* scaled / 10^decimals */
    PAYLOAD_SINGLE, /* `real` holds a float */
    PAYLOAD_DOUBLE  /* `real` */
};

struct payload_value {
    bool present;
    uint8_t flag;     /* enum metric_flag */
    uint8_t form;     /* enum payload_form */
    uint8_t decimals; /* 0..9 */
    int64_t scaled;
    double real;
};

/* The names of a device's fields as they stand in every item, written once for all. */
struct payload_fields {
    struct {
        char text[40]; /* "air_temperature": */
        uint8_t size;
    } fields[PAYLOAD_VALUES_MAX];
    uint16_t room; /* more than all fields and values of an item take */
    bool usable;   /* none is too long */
};
void payload_fields_make(struct payload_fields *fields, const char *const *metrics, uint8_t count);

struct payload_reading {
    const char *device;
    uint32_t serial;                     /* of a node's board, 0: none, or not known */
    const char *const *metrics;          /* `count` names */
    const struct payload_fields *fields; /* of the same names, or NULL: items take longer */
    uint8_t count;
    bool clock_untrusted; /* every good value is flagged `clock` */
    uint32_t boot, seq;
    uint32_t gateway_boot; /* written (as "gb") when the time is not trusted, else not */
    int64_t ts_ms;
    struct payload_value values[PAYLOAD_VALUES_MAX];
};

/* An item of "readings". */
void payload_item(struct json_out *o, const struct payload_reading *reading);
/* The same for a gap; first == last gives "gap":[n,n]. `why` is a name without escapes. */
void payload_gap(struct json_out *o, const char *device, uint32_t serial, uint32_t boot,
                 uint32_t first, uint32_t last, const char *why);
/* What stands for an hour's readings when data is short: per metric n, min, mean, max, and how many
 * samples are in none of these since they may not be believed. */
struct payload_mean {
    const char *device;
    uint32_t boot, first, last; /* the readings' numbers lie in here */
    int64_t hour_ms;            /* where it begins (UTC) */
    uint8_t count;
    struct payload_mean_value {
        const char *metric;
        uint8_t form, decimals;
        uint32_t n, bad;
        double min, mean, max;
    } values[PAYLOAD_VALUES_MAX];
};
void payload_mean(struct json_out *o, const struct payload_mean *mean);
/* Readings of gateway boot `boot` that went out flagged `clock` are to be shifted by add_ms. `id`,
 * the number of the record, tells one that comes again; 0: not known. */
void payload_correction(struct json_out *o, uint32_t boot, int64_t add_ms, uint64_t id);
/* Opens `{"v":1,"gw":…,"readings":[`. */
void payload_batch_begin(struct json_out *o, const char *gateway);
/* Closes it, with `"ids":[first,last]`, the numbers of the records that the batch covers, unless
 * first is 0. At most PAYLOAD_BATCH_END_SIZE bytes. */
void payload_batch_end(struct json_out *o, uint64_t first_id, uint64_t last_id);
#define PAYLOAD_BATCH_END_SIZE 52

/* The whole payload of …/live. */
void payload_live(struct json_out *o, const struct payload_reading *reading, uint32_t every_ms);
/* The payload of …/v/<metric>: a plain number; returns its length, 0 when there is none. `out`
 * has room for 40 bytes. */
size_t payload_scalar(char *out, const struct payload_value *value);

#endif
