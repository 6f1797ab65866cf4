/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/record.h"

#include <math.h>
#include <string.h>
#include <zlib.h>

#include "gateway/daemon/store/little.h"
#include "gateway/daemon/store/varint.h"

#define BODY_VERSION 1u
#define BODY_CRC     3 /* where the checksum is */
#define BODY_FIXED   7 /* version, count, checksum */

/* The kind byte. */
#define BIT_LATE    0x04u
#define BIT_TRUSTED 0x08u
#define BIT_FLAGS   0x10u
#define BIT_ABSENT  0x20u
#define BIT_WIDE    0x40u
#define BIT_MONO    0x80u
#define KIND_MASK   0x03u
#define HOUR_MS     INT64_C(3600000)

static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};

/* ---- Writing: into scratch memory that is always large enough ---- */

static uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static uint8_t *put_float(uint8_t *at, const void *value, size_t size)
{
    little_copy(at, value, size, 1);
    return at + size;
}

void body_begin(struct body *body, uint8_t *data, uint32_t size, const struct body_base *base)
{
    uint8_t *at = data;
    memset(at, 0, BODY_FIXED);
    *at = BODY_VERSION;
    at += BODY_FIXED;
    at = varint_put(at, base->boot);
    at = varint_put(at, (uint64_t)base->wall_ms);
    at = varint_put(at, (uint64_t)base->mono_ms);
    *body = (struct body){.data = data, .size = size, .used = (uint32_t)(at - data), .base = *base};
}

static uint32_t checksum(const uint8_t *data, size_t size)
{
    uLong crc = crc32(0, data, BODY_CRC);
    return (uint32_t)crc32(crc, data + BODY_FIXED, (uInt)(size - BODY_FIXED));
}

void body_seal(struct body *body)
{
    uint32_t crc = checksum(body->data, body->used);
    for (int i = 0; i < 4; i++)
        body->data[BODY_CRC + i] = (uint8_t)(crc >> (24 - 8 * i));
}

bool body_intact(const void *data, size_t size)
{
    const uint8_t *bytes = data;
    uint32_t crc = 0;
    if (size < BODY_FIXED || size > BODY_MAX || bytes[0] != BODY_VERSION)
        return false;
    for (int i = 0; i < 4; i++)
        crc = crc << 8 | bytes[BODY_CRC + i];
    return crc == checksum(bytes, size);
}

/* Appends the finished record behind its length. */
static bool body_append(struct body *body, const uint8_t *record, size_t size)
{
    uint8_t length[3];
    size_t length_size = (size_t)(varint_put(length, size) - length);
    if (body->count == UINT16_MAX || body->size - body->used < size + length_size)
        return false;
    memcpy(body->data + body->used, length, length_size);
    memcpy(body->data + body->used + length_size, record, size);
    body->used += (uint32_t)(size + length_size);
    body->count++;
    body->data[1] = (uint8_t)(body->count >> 8);
    body->data[2] = (uint8_t)body->count;
    return true;
}

void body_undo(struct body *body, const struct body *before)
{
    *body = *before;
    body->data[1] = (uint8_t)(body->count >> 8);
    body->data[2] = (uint8_t)body->count;
}

/* value * 10^decimals when that is a whole number (but for rounding) of at most 53 bits. */
static bool to_scaled(double value, unsigned decimals, int64_t *scaled)
{
    double exact = value * powers[decimals];
    if (!(fabs(exact) < 9.0e15))
        return false;
    double whole = nearbyint(exact);
    *scaled = (int64_t)whole;
    return fabs(exact - whole) <= 1e-9 + 1e-12 * fabs(whole);
}

static bool is_wide(const struct stream_schema_field *field, double value, int64_t *scaled)
{
    *scaled = 0;
    return field->form == PAYLOAD_SCALED && !to_scaled(value, field->decimals, scaled);
}

static uint8_t *put_value(uint8_t *at, const struct stream_schema_field *field, bool wide,
                          double value, int64_t scaled)
{
    if (wide || field->form == PAYLOAD_DOUBLE)
        return put_float(at, &value, sizeof value);
    if (field->form == PAYLOAD_SINGLE) {
        float single = (float)value;
        return put_float(at, &single, sizeof single);
    }
    return varint_put(at, zigzag(scaled));
}

struct value_bits {
    uint32_t absent, wide;
    bool flags;
    int64_t scaled[READING_VALUES_MAX];
};

static void look_at_values(const struct stream_schema *schema, const struct reading *reading,
                           struct value_bits *bits)
{
    bits->absent = bits->wide = 0;
    bits->flags = false;
    for (unsigned i = 0; i < schema->count; i++) {
        const struct reading_value *value = &reading->values[i];
        bool present = i < reading->value_count && value->present && isfinite(value->value);
        if (!present)
            bits->absent |= 1u << i;
        else if (is_wide(&schema->fields[i], value->value, &bits->scaled[i]))
            bits->wide |= 1u << i;
        bits->flags = bits->flags || (i < reading->value_count && value->flag != METRIC_GOOD);
    }
}

static uint8_t *put_bitmap(uint8_t *at, uint32_t bits, unsigned count)
{
    for (unsigned i = 0; i < count; i += 8)
        *at++ = (uint8_t)(bits >> i);
    return at;
}

static uint8_t *put_flags(uint8_t *at, const struct reading *reading, unsigned count)
{
    for (unsigned i = 0; i < count; i += 2) {
        unsigned low = i < reading->value_count ? reading->values[i].flag & 15u : 0;
        unsigned high = i + 1 < reading->value_count ? reading->values[i + 1].flag & 15u : 0;
        *at++ = (uint8_t)(low | high << 4);
    }
    return at;
}

bool body_reading(struct body *body, uint32_t stream, const struct stream_schema *schema,
                  const struct reading *reading)
{
    uint8_t scratch[RECORD_MAX];
    struct value_bits bits;
    look_at_values(schema, reading, &bits);
    int64_t dt = reading->time.ms - body->base.wall_ms;
    int64_t dmono = reading->taken.ms - body->base.mono_ms - dt;
    unsigned kind = RECORD_READING | (reading->late ? BIT_LATE : 0) |
                    (reading->time.trust == TIME_TRUSTED ? BIT_TRUSTED : 0) |
                    (bits.flags ? BIT_FLAGS : 0) | (bits.absent != 0 ? BIT_ABSENT : 0) |
                    (bits.wide != 0 ? BIT_WIDE : 0) | (dmono != 0 ? BIT_MONO : 0);
    uint8_t *at = scratch;
    *at++ = (uint8_t)kind;
    at = varint_put(at, stream);
    at = varint_put(at, reading->boot);
    at = varint_put(at, reading->seq);
    at = varint_put(at, zigzag(dt));
    if (dmono != 0)
        at = varint_put(at, zigzag(dmono));
    if (bits.absent != 0)
        at = put_bitmap(at, bits.absent, schema->count);
    if (bits.flags)
        at = put_flags(at, reading, schema->count);
    if (bits.wide != 0)
        at = put_bitmap(at, bits.wide, schema->count);
    for (unsigned i = 0; i < schema->count; i++) {
        if ((bits.absent >> i & 1) == 0)
            at = put_value(at, &schema->fields[i], bits.wide >> i & 1, reading->values[i].value,
                           bits.scaled[i]);
    }
    return body_append(body, scratch, (size_t)(at - scratch));
}

bool body_gap(struct body *body, uint32_t stream, const struct reading_gap *gap)
{
    uint8_t scratch[32];
    uint8_t *at = scratch;
    *at++ = RECORD_GAP;
    at = varint_put(at, stream);
    at = varint_put(at, gap->boot);
    at = varint_put(at, gap->first_seq);
    at = varint_put(at, gap->last_seq - gap->first_seq);
    *at++ = gap->why;
    return body_append(body, scratch, (size_t)(at - scratch));
}

bool body_correction(struct body *body, uint32_t boot, int64_t add_ms)
{
    uint8_t scratch[32];
    uint8_t *at = scratch;
    *at++ = RECORD_CORRECTION;
    at = varint_put(at, boot);
    at = varint_put(at, zigzag(add_ms));
    return body_append(body, scratch, (size_t)(at - scratch));
}

bool body_mean(struct body *body, uint32_t stream, const struct record_mean *mean)
{
    uint8_t scratch[RECORD_MAX]; /* a head of 34 and 12 cells of 22 */
    uint8_t *at = scratch;
    *at++ = RECORD_MEAN;
    at = varint_put(at, stream);
    at = varint_put(at, mean->boot);
    at = varint_put(at, mean->first_seq);
    at = varint_put(at, mean->last_seq - mean->first_seq);
    at = varint_put(at, zigzag(mean->t_ms / HOUR_MS));
    *at++ = mean->from;
    *at++ = mean->count;
    for (unsigned i = 0; i < mean->count; i++) {
        const struct record_mean_cell *cell = &mean->cells[i];
        at = varint_put(at, cell->n);
        at = varint_put(at, cell->bad);
        if (cell->n == 0)
            continue;
        at = put_float(at, &cell->min, sizeof cell->min);
        at = put_float(at, &cell->mean, sizeof cell->mean);
        at = put_float(at, &cell->max, sizeof cell->max);
    }
    return body_append(body, scratch, (size_t)(at - scratch));
}

/* ---- Reading: nothing of what is read is believed ---- */

struct cursor {
    const uint8_t *at, *end;
    bool failed;
};

static uint64_t get_long_varint(struct cursor *c)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (c->at == c->end)
            break;
        uint8_t byte = *c->at++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return value;
    }
    c->failed = true;
    c->at = c->end;
    return 0;
}

/* Nearly all have one or two bytes, and a backlog is read by the million. */
static inline uint64_t get_varint(struct cursor *c)
{
    const uint8_t *at = c->at;
    if (c->end - at < 2 || (at[0] & at[1]) >= 0x80)
        return get_long_varint(c);
    c->at = at + (at[0] < 0x80 ? 1 : 2);
    return at[0] < 0x80 ? at[0] : (at[0] & 0x7Fu) | (unsigned)at[1] << 7;
}

static uint32_t get_varint32(struct cursor *c)
{
    uint64_t value = get_varint(c);
    if (value > UINT32_MAX)
        c->failed = true;
    return (uint32_t)value;
}

static uint8_t get_u8(struct cursor *c)
{
    if (c->at == c->end) {
        c->failed = true;
        return 0;
    }
    return *c->at++;
}

static void get_bytes(struct cursor *c, void *out, size_t size)
{
    if ((size_t)(c->end - c->at) < size) {
        c->failed = true;
        c->at = c->end;
        memset(out, 0, size);
        return;
    }
    memcpy(out, c->at, size);
    c->at += size;
}

static void get_float(struct cursor *c, void *out, size_t size)
{
    uint8_t bytes[sizeof(double)];
    get_bytes(c, bytes, size);
    little_copy(out, bytes, size, 1);
}

bool body_open(struct body_reader *reader, const void *data, size_t size)
{
    struct cursor c = {.at = data, .end = (const uint8_t *)data + size};
    *reader = (struct body_reader){.data = data, .size = (uint32_t)size};
    uint8_t version = get_u8(&c);
    uint16_t high = get_u8(&c);
    reader->count = (uint16_t)(high << 8 | get_u8(&c));
    for (int i = BODY_CRC; i < BODY_FIXED; i++)
        (void)get_u8(&c);
    reader->base.boot = get_varint32(&c);
    reader->base.wall_ms = (int64_t)get_varint(&c);
    reader->base.mono_ms = (int64_t)get_varint(&c);
    reader->at = (uint32_t)(c.at - reader->data);
    reader->failed = c.failed || version != BODY_VERSION || size > BODY_MAX ||
                     reader->base.wall_ms < 0 || reader->base.mono_ms < 0;
    return !reader->failed;
}

static void get_reading(struct cursor *c, const struct body_base *base, struct record *record)
{
    record->stream = get_varint32(c);
    record->boot = get_varint32(c);
    record->seq = record->last_seq = get_varint32(c);
    int64_t dt = unzigzag(get_varint(c));
    int64_t dmono = record->bits & BIT_MONO ? unzigzag(get_varint(c)) : 0;
    record->wall_ms = (int64_t)((uint64_t)base->wall_ms + (uint64_t)dt);
    record->mono_ms = (int64_t)((uint64_t)base->mono_ms + (uint64_t)dt + (uint64_t)dmono);
    record->late = (record->bits & BIT_LATE) != 0;
    record->trusted = (record->bits & BIT_TRUSTED) != 0;
    record->values = c->at;
    record->values_size = (uint16_t)(c->end - c->at);
}

static void get_gap(struct cursor *c, struct record *record)
{
    record->stream = get_varint32(c);
    record->boot = get_varint32(c);
    record->seq = get_varint32(c);
    record->last_seq = record->seq + get_varint32(c);
    record->why = get_u8(c);
    if (record->why >= GAP_WHY_COUNT || record->last_seq < record->seq)
        c->failed = true;
}

static void get_mean(struct cursor *c, struct record *record)
{
    record->stream = get_varint32(c);
    record->boot = get_varint32(c);
    record->seq = get_varint32(c);
    record->last_seq = record->seq + get_varint32(c);
    record->values = c->at;
    record->values_size = (uint16_t)(c->end - c->at);
    if (record->last_seq < record->seq)
        c->failed = true;
}

/* The next record's bytes. false at the end or at damage. */
static bool next_bytes(struct body_reader *reader, struct cursor *c)
{
    if (reader->failed || reader->index == reader->count)
        return false;
    *c = (struct cursor){.at = reader->data + reader->at, .end = reader->data + reader->size};
    uint64_t length = get_varint(c);
    reader->failed =
        c->failed || length == 0 || length > RECORD_MAX || length > (uint64_t)(c->end - c->at);
    if (!reader->failed)
        c->end = c->at + length;
    return !reader->failed;
}

bool body_next_of(struct body_reader *reader, uint32_t stream, struct record *record)
{
    struct cursor c;
    while (next_bytes(reader, &c)) {
        const uint8_t *end = c.end;
        bool reading = (get_u8(&c) & KIND_MASK) == RECORD_READING;
        if (reading && get_varint32(&c) == stream)
            return body_next(reader, record);
        reader->at = (uint32_t)(end - reader->data);
        reader->index++;
    }
    return false;
}

bool body_next(struct body_reader *reader, struct record *record)
{
    struct cursor c;
    if (!next_bytes(reader, &c))
        return false;
    reader->begin = (uint32_t)(c.at - reader->data);
    memset(record, 0, sizeof *record);
    record->bits = get_u8(&c);
    record->kind = record->bits & KIND_MASK;
    if (record->kind == RECORD_READING) {
        get_reading(&c, &reader->base, record);
    } else if (record->kind == RECORD_GAP) {
        get_gap(&c, record);
    } else if (record->kind == RECORD_CORRECTION) {
        record->boot = get_varint32(&c);
        record->add_ms = unzigzag(get_varint(&c));
    } else {
        get_mean(&c, record);
    }
    reader->failed = c.failed;
    reader->at = (uint32_t)(c.end - reader->data);
    reader->index++;
    return !c.failed;
}

bool body_copy(struct body *to, const struct body_reader *from, const struct record *record,
               uint32_t stream)
{
    uint8_t scratch[RECORD_MAX + 8];
    const uint8_t *end = from->data + from->at;
    if (stream == record->stream || record->kind == RECORD_CORRECTION) /* nearly always */
        return body_append(to, from->data + from->begin, from->at - from->begin);
    uint8_t *at = scratch;
    *at++ = record->bits;
    at = varint_put(at, stream);
    at = varint_put(at, record->boot);
    at = varint_put(at, record->seq);
    if (record->kind == RECORD_GAP) {
        at = varint_put(at, record->last_seq - record->seq);
        *at++ = record->why;
        return body_append(to, scratch, (size_t)(at - scratch));
    }
    if (record->kind == RECORD_MEAN) {
        at = varint_put(at, record->last_seq - record->seq);
        memcpy(at, record->values, (size_t)(end - record->values));
        at += end - record->values;
        return body_append(to, scratch, (size_t)(at - scratch));
    }
    /* Of a damaged body the distances may be any: they wrap as they did when they were read. */
    uint64_t dt = (uint64_t)record->wall_ms - (uint64_t)to->base.wall_ms;
    uint64_t dmono = (uint64_t)record->mono_ms - (uint64_t)to->base.mono_ms - dt;
    at = varint_put(at, zigzag((int64_t)dt));
    if (record->bits & BIT_MONO)
        at = varint_put(at, zigzag((int64_t)dmono));
    memcpy(at, record->values, (size_t)(end - record->values));
    at += end - record->values;
    return body_append(to, scratch, (size_t)(at - scratch));
}

static uint32_t get_bitmap(struct cursor *c, unsigned count)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < count; i += 8)
        bits |= (uint32_t)get_u8(c) << i;
    return bits;
}

static void get_value(struct cursor *c, const struct stream_schema_field *field, bool wide,
                      struct payload_value *value)
{
    value->form = wide ? (uint8_t)PAYLOAD_DOUBLE : field->form;
    value->decimals = field->decimals;
    if (value->form == PAYLOAD_DOUBLE) {
        get_float(c, &value->real, sizeof value->real);
    } else if (value->form == PAYLOAD_SINGLE) {
        float single;
        get_float(c, &single, sizeof single);
        value->real = (double)single;
    } else {
        value->scaled = unzigzag(get_varint(c));
    }
}

bool record_values(const struct record *record, const struct stream_schema *schema,
                   struct payload_value *values)
{
    struct cursor c = {.at = record->values, .end = record->values + record->values_size};
    uint8_t nibbles[READING_VALUES_MAX / 2] = {0};
    uint32_t absent = record->bits & BIT_ABSENT ? get_bitmap(&c, schema->count) : 0;
    if (record->bits & BIT_FLAGS)
        get_bytes(&c, nibbles, (schema->count + 1u) / 2);
    uint32_t wide = record->bits & BIT_WIDE ? get_bitmap(&c, schema->count) : 0;
    for (unsigned i = 0; i < schema->count; i++) {
        values[i] = (struct payload_value){.present = (absent >> i & 1) == 0,
                                           .flag = nibbles[i / 2] >> (i % 2 * 4) & 15};
        if (values[i].present)
            get_value(&c, &schema->fields[i], wide >> i & 1, &values[i]);
    }
    return !c.failed && c.at == c.end;
}

bool record_mean(const struct record *record, struct record_mean *mean)
{
    struct cursor c = {.at = record->values, .end = record->values + record->values_size};
    int64_t hour = unzigzag(get_varint(&c));
    memset(mean, 0, sizeof *mean);
    mean->boot = record->boot;
    mean->first_seq = record->seq;
    mean->last_seq = record->last_seq;
    mean->from = get_u8(&c);
    mean->count = get_u8(&c);
    if (hour < 0 || hour > INT64_MAX / HOUR_MS || mean->count > RECORD_MEAN_CELLS)
        return false;
    mean->t_ms = hour * HOUR_MS;
    for (unsigned i = 0; i < mean->count; i++) {
        struct record_mean_cell *cell = &mean->cells[i];
        cell->n = get_varint32(&c);
        cell->bad = get_varint32(&c);
        if (cell->n == 0)
            continue;
        get_float(&c, &cell->min, sizeof cell->min);
        get_float(&c, &cell->mean, sizeof cell->mean);
        get_float(&c, &cell->max, sizeof cell->max);
    }
    return !c.failed && c.at == c.end;
}

double payload_value_number(const struct payload_value *value)
{
    return value->form == PAYLOAD_SCALED ? (double)value->scaled / powers[value->decimals]
                                         : value->real;
}

void payload_value_from(const struct stream_schema_field *field, const struct reading_value *from,
                        struct payload_value *value)
{
    *value = (struct payload_value){.present = from->present && isfinite(from->value),
                                    .flag = from->flag,
                                    .form = field->form,
                                    .decimals = field->decimals,
                                    .real = from->value};
    if (field->form == PAYLOAD_SINGLE)
        value->real = (double)(float)from->value;
    if (field->form == PAYLOAD_SCALED && value->present &&
        !to_scaled(from->value, field->decimals, &value->scaled))
        value->form = PAYLOAD_DOUBLE;
}
