/* SPDX-License-Identifier: Apache-2.0 */
/* How readings are kept: on disk, in RAM after the commit, and on the way to the publishers, one
 * form everywhere, so that nothing is encoded twice. Pure: no clock, no file, no heap.
 *
 * A body is one row of table `batch`: a header and `count` records, each behind its length.
 *
 *   body   := 0x01 count:u16 crc:u32 boot:varint wall_ms:varint mono_ms:varint record*
 *   record := length:varint kind:u8 …
 *     reading    … stream boot seq dt [dmono] [present bits] [flag nibbles] [wide bits] values
 *     gap        … stream boot first last-first why:u8
 *     correction … boot:varint add_ms:zigzag
 *     mean       … stream boot first last-first hour from:u8 count:u8 (n bad [min mean max])*
 *
 * count and crc are big-endian; the CRC-32 covers everything but itself: SQLite has no checksums,
 * and a page that rotted must not become a value. Numbers are LEB128 varints, signed ones in
 * zigzag. wall_ms and mono_ms of the header are one moment; dt is the reading's distance from it
 * and dmono is there only when the two clocks did not run alike. Values are scaled integers (18.21
 * with 2 decimals is 1821), floats, or, for what fits neither, doubles ("wide"). A typical reading
 * of seven values takes 27 bytes.
 *
 * Means are only on the way to a broker, never in the file: what stands for the readings of an hour
 * when its budget is short.
 *
 * Which metrics the values belong to says the stream: one device with one list of fields. */
#ifndef BAIYE_STORE_RECORD_H
#define BAIYE_STORE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"
#include "gateway/daemon/reading.h"
#include "protocols/mqtt/payload.h"

#define RECORD_MAX             320   /* the longest record: 24 doubles and everything else */
#define BODY_HEADER_MAX        32    /* the longest header */
#define BODY_MAX               16384 /* the longest body; holds at least 51 records */
#define STREAM_SCHEMA_TEXT_MAX 1024

/* The fields of a reading, in order. */
struct stream_schema {
    uint8_t count;
    struct stream_schema_field {
        char metric[CONFIG_NAME_SIZE];
        uint8_t form;     /* enum payload_form */
        uint8_t decimals; /* 0..9 */
        uint8_t kind;     /* enum metric_kind of the metric; METRIC_MEAN of one not known */
    } fields[READING_VALUES_MAX];
};

/* A stream's number is stable as long as the store file lives. */
struct stream {
    uint32_t id;
    char device[CONFIG_NAME_SIZE];
    int32_t index; /* of the device in the configuration, -1: it has none of that name */
    const struct stream_schema *schema;
};

/* How a device's readings are kept, from its profile. */
void stream_schema_of_device(const struct device_config *device, struct stream_schema *schema);
/* "air_temperature:2 soil_ph:f …" and back; 'f' is a float, 'd' a double. `text` has room for
 * STREAM_SCHEMA_TEXT_MAX. Parsing fails (false) on anything else than what stream_schema_text()
 * writes. */
void stream_schema_text(const struct stream_schema *schema, char *text);
bool stream_schema_parse(const char *text, struct stream_schema *schema);

struct body_base {
    uint32_t boot; /* the gateway's boot count */
    int64_t wall_ms, mono_ms;
};

struct body {
    uint8_t *data;
    uint32_t size; /* of the memory, at most BODY_MAX */
    uint32_t used;
    uint16_t count;
    struct body_base base;
};

/* Starts an empty body in caller's memory (at least BODY_HEADER_MAX). */
void body_begin(struct body *body, uint8_t *data, uint32_t size, const struct body_base *base);
/* Each appends one record; false when it does not fit (nothing was written). */
bool body_reading(struct body *body, uint32_t stream, const struct stream_schema *schema,
                  const struct reading *reading);
bool body_gap(struct body *body, uint32_t stream, const struct reading_gap *gap);
bool body_correction(struct body *body, uint32_t boot, int64_t add_ms);

#define RECORD_MEAN_CELLS 12 /* of one record; more fields take another one */

/* One device's readings of an hour. */
struct record_mean {
    int64_t t_ms;                       /* where the hour begins (UTC) */
    uint32_t boot, first_seq, last_seq; /* what it stands for lies in here */
    uint8_t from, count;                /* fields of the schema */
    struct record_mean_cell {
        uint32_t n, bad; /* samples; taken, but not to be believed and in none of the others */
        float min, mean, max;
    } cells[RECORD_MEAN_CELLS];
};
bool body_mean(struct body *body, uint32_t stream, const struct record_mean *mean);
/* Takes back what was appended since `body` was as in `before`. */
void body_undo(struct body *body, const struct body *before);

/* Writes the checksum; nothing may be appended after. */
void body_seal(struct body *body);
/* Is it a body with its right checksum? */
bool body_intact(const void *data, size_t size);

enum record_kind { RECORD_READING = 0, RECORD_GAP = 1, RECORD_CORRECTION = 2, RECORD_MEAN = 3 };

struct record {
    uint8_t kind; /* enum record_kind */
    bool late, trusted;
    uint8_t why; /* gap */
    uint32_t stream, boot, seq, last_seq;
    int64_t wall_ms, mono_ms;
    int64_t add_ms;
    uint8_t bits;          /* the kind byte, for record_values() */
    const uint8_t *values; /* encoded, inside the body */
    uint16_t values_size;
};

struct body_reader {
    const uint8_t *data;
    uint32_t size, at, begin; /* the next record; the one just read, behind its length */
    uint16_t count, index;    /* records; the next one's index */
    struct body_base base;
    bool failed; /* the body is damaged from here on */
};

/* false (and `failed`) when it is not a body. */
bool body_open(struct body_reader *reader, const void *data, size_t size);
/* false at the end or at damage. */
bool body_next(struct body_reader *reader, struct record *record);
/* The next reading of that stream: what others have between is passed over without a look at it. */
bool body_next_of(struct body_reader *reader, uint32_t stream, struct record *record);
/* Copies the record just read to another body, if possible byte by byte; for leaving some out and
 * for giving a stream another number. The bases must be equal. */
bool body_copy(struct body *to, const struct body_reader *from, const struct record *record,
               uint32_t stream);
/* The values of a reading; false when they do not fit the schema. `values` has schema->count. */
bool record_values(const struct record *record, const struct stream_schema *schema,
                   struct payload_value *values);
/* false when it is damaged. */
bool record_mean(const struct record *record, struct record_mean *mean);
double payload_value_number(const struct payload_value *value);
/* A value as a reading has it in the form in which it would be kept. */
void payload_value_from(const struct stream_schema_field *field, const struct reading_value *from,
                        struct payload_value *value);

#endif
