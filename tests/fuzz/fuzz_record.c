/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies as they come from a file that rotted: nothing is read beyond their end, and what reads
 * well is copied to what reads the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static bool same(const struct record *a, const struct record *b)
{
    return a->kind == b->kind && a->late == b->late && a->trusted == b->trusted &&
           a->why == b->why && a->boot == b->boot && a->seq == b->seq &&
           a->last_seq == b->last_seq && a->wall_ms == b->wall_ms && a->mono_ms == b->mono_ms &&
           a->add_ms == b->add_ms && a->values_size == b->values_size &&
           (a->values_size == 0 || memcmp(a->values, b->values, a->values_size) == 0);
}

static void read_values(const struct record *record)
{
    static const char *const schemas[] = {"air_temperature:2 soil_ph:f rainfall:d", "a:0", ""};
    for (size_t i = 0; i < sizeof schemas / sizeof schemas[0]; i++) {
        struct stream_schema schema;
        struct payload_value values[READING_VALUES_MAX];
        if (stream_schema_parse(schemas[i], &schema) && record_values(record, &schema, values)) {
            for (unsigned v = 0; v < schema.count; v++)
                (void)payload_value_number(&values[v]);
        }
    }
}

static void copy_is_the_same(const struct body_reader *from, const struct record *record)
{
    uint8_t memory[BODY_HEADER_MAX + RECORD_MAX + 16];
    struct body to;
    struct body_reader reader;
    struct record again;
    body_begin(&to, memory, sizeof memory, &from->base);
    if (!body_copy(&to, from, record, record->stream))
        return;
    body_seal(&to);
    expect(body_intact(memory, to.used) && body_open(&reader, memory, to.used));
    expect(body_next(&reader, &again) && same(record, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct body_reader reader;
    struct record record;
    char text[STREAM_SCHEMA_TEXT_MAX];
    struct stream_schema schema;
    (void)body_intact(data, size);
    if (body_open(&reader, data, size)) {
        while (body_next(&reader, &record)) {
            if (record.kind == RECORD_READING)
                read_values(&record);
            copy_is_the_same(&reader, &record);
        }
    }
    size_t length = size < sizeof text - 1 ? size : sizeof text - 1;
    memcpy(text, data, length);
    text[length] = '\0';
    if (stream_schema_parse(text, &schema)) {
        char again[STREAM_SCHEMA_TEXT_MAX];
        stream_schema_text(&schema, again);
        expect(strcmp(text, again) == 0);
    }
    return 0;
}
