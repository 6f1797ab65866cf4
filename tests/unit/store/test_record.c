/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/store/little.h"
#include "gateway/daemon/store/record.h"
#include "protocols/metric/metric.h"
#include "tests/unit/store/garden_config.h"

static const struct body_base base = {.boot = 5, .wall_ms = 1795293274123, .mono_ms = 100000};

static struct stream_schema test_schema(void)
{
    struct stream_schema schema;
    struct config *config = garden_config(1, 1, "");
    stream_schema_of_device(&config->devices[0], &schema);
    garden_config_free(config);
    return schema;
}

static void a_schema_survives_its_text(void **state)
{
    char text[STREAM_SCHEMA_TEXT_MAX];
    struct stream_schema schema = test_schema(), back;
    (void)state;
    stream_schema_text(&schema, text);
    assert_string_equal(text, "air_temperature:2 soil_ph:f soil_conductivity:0");
    assert_true(stream_schema_parse(text, &back));
    assert_memory_equal(&schema, &back, sizeof schema);
    assert_false(stream_schema_parse("air_temperature", &back));
    assert_false(stream_schema_parse("x:q", &back));
}

static void a_reading_comes_back_exactly(void **state)
{
    uint8_t memory[BODY_MAX];
    struct stream_schema schema = test_schema();
    struct reading reading = garden_reading(0, 7, 4711, base.wall_ms + 1234);
    struct payload_value values[READING_VALUES_MAX];
    struct body_reader reader;
    struct record record;
    struct body body;
    (void)state;
    reading.taken.ms = base.mono_ms + 1230; /* the clocks differ a little */
    reading.values[0].flag = METRIC_RANGE;
    reading.values[2].present = false;
    reading.late = true;
    body_begin(&body, memory, sizeof memory, &base);
    assert_true(body_reading(&body, 300, &schema, &reading));
    assert_true(body_open(&reader, memory, body.used));
    assert_int_equal(reader.base.boot, 5);
    assert_true(body_next(&reader, &record));
    assert_int_equal(record.kind, RECORD_READING);
    assert_true(record.late && record.trusted);
    assert_int_equal(record.stream, 300);
    assert_int_equal(record.boot, 7);
    assert_int_equal(record.seq, 4711);
    assert_int_equal(record.wall_ms, base.wall_ms + 1234);
    assert_int_equal(record.mono_ms, base.mono_ms + 1230);
    assert_true(record_values(&record, &schema, values));
    assert_int_equal(values[0].scaled, 4711);
    assert_int_equal(values[0].flag, METRIC_RANGE);
    assert_true(values[1].real == reading.values[1].value);
    assert_false(values[2].present);
    assert_false(body_next(&reader, &record));
    assert_false(reader.failed);
}

static void a_value_between_the_decimals_is_kept_whole(void **state)
{
    uint8_t memory[BODY_MAX];
    struct stream_schema schema = test_schema();
    struct reading reading = garden_reading(0, 1, 1, base.wall_ms);
    struct payload_value values[READING_VALUES_MAX];
    struct body_reader reader;
    struct record record;
    struct body body;
    (void)state;
    reading.values[0].value = 1.0 / 3;
    reading.values[2].value = 1e300;
    body_begin(&body, memory, sizeof memory, &base);
    assert_true(body_reading(&body, 1, &schema, &reading));
    assert_true(body_open(&reader, memory, body.used) && body_next(&reader, &record));
    assert_true(record_values(&record, &schema, values));
    assert_true(values[0].real == 1.0 / 3 && values[2].real == 1e300);
}

static void numbers_in_the_file_have_one_order_of_bytes_on_every_machine(void **state)
{
    static const uint8_t third[] = {0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0xD5, 0x3F};
    const uint32_t words[] = {0x01020304, 0xA0B0C0D0};
    static const uint8_t word_bytes[] = {4, 3, 2, 1, 0xD0, 0xC0, 0xB0, 0xA0};
    uint8_t memory[BODY_MAX], bytes[sizeof words];
    uint32_t back[2];
    struct stream_schema schema = test_schema();
    struct reading reading = garden_reading(0, 1, 1, base.wall_ms);
    struct body body;
    (void)state;
    reading.values[0].value = 1.0 / 3;
    reading.value_count = 1;
    body_begin(&body, memory, sizeof memory, &base);
    assert_true(body_reading(&body, 1, &schema, &reading));
    assert_memory_equal(memory + body.used - sizeof third, third, sizeof third);
    little_copy(bytes, words, sizeof words[0], 2);
    assert_memory_equal(bytes, word_bytes, sizeof word_bytes);
    little_copy(back, bytes, sizeof back[0], 2);
    assert_memory_equal(back, words, sizeof words);
}

static void a_typical_reading_is_small(void **state)
{
    uint8_t memory[BODY_MAX];
    struct stream_schema schema = {.count = 7};
    struct reading reading = garden_reading(0, 7, 4711, base.wall_ms + 60000);
    struct body body;
    (void)state;
    reading.taken.ms = base.mono_ms + 60000;
    reading.value_count = 7;
    for (unsigned i = 0; i < 7; i++) {
        schema.fields[i] = (struct stream_schema_field){.form = PAYLOAD_SCALED, .decimals = 2};
        reading.values[i] = (struct reading_value){.value = 18.21 + i * 10, .present = true};
    }
    body_begin(&body, memory, sizeof memory, &base);
    uint32_t before = body.used;
    assert_true(body_reading(&body, 12, &schema, &reading));
    assert_in_range(body.used - before, 1, 30);
}

static void gaps_and_corrections_come_back(void **state)
{
    uint8_t memory[BODY_MAX], other[BODY_MAX];
    struct reading_gap gap = {.why = GAP_QUOTA, .boot = 3, .first_seq = 10, .last_seq = UINT32_MAX};
    struct body_reader reader;
    struct record record = {0};
    struct body body, copy;
    (void)state;
    body_begin(&body, memory, sizeof memory, &base);
    assert_true(body_gap(&body, 9, &gap));
    assert_true(body_correction(&body, 4, -123456));
    assert_true(body_open(&reader, memory, body.used) && body_next(&reader, &record));
    assert_int_equal(record.last_seq, UINT32_MAX);
    assert_int_equal(record.why, GAP_QUOTA);
    body_begin(&copy, other, sizeof other, &base);
    assert_true(body_copy(&copy, &reader, &record, 9));
    assert_true(body_next(&reader, &record));
    assert_int_equal(record.add_ms, -123456);
    assert_true(body_copy(&copy, &reader, &record, 0));
    assert_int_equal(copy.used, body.used);
    assert_memory_equal(other, memory, body.used);
}

/* A question about one device passes over the others' records, gaps and damage alike. */
static void readings_of_one_stream_are_found_among_others(void **state)
{
    uint8_t memory[BODY_MAX];
    struct stream_schema schema;
    struct reading reading = {.value_count = 1, .time.ms = base.wall_ms};
    struct reading_gap gap = {.first_seq = 1, .last_seq = 2};
    struct body_reader reader;
    struct record record = {0};
    struct body body;
    (void)state;
    assert_true(stream_schema_parse("air_temperature:2", &schema));
    body_begin(&body, memory, sizeof memory, &base);
    for (uint32_t seq = 1; seq <= 3; seq++) {
        reading.seq = seq;
        assert_true(body_reading(&body, 300, &schema, &reading) && body_gap(&body, 7, &gap));
        assert_true(body_reading(&body, 7, &schema, &reading) && body_correction(&body, 7, 7));
    }
    assert_true(body_open(&reader, memory, body.used));
    for (uint32_t seq = 1; seq <= 3; seq++) {
        assert_true(body_next_of(&reader, 7, &record));
        assert_true(record.kind == RECORD_READING && record.stream == 7 && record.seq == seq);
        assert_int_equal(reader.index, 4 * seq - 1);
    }
    assert_false(body_next_of(&reader, 7, &record));
    assert_false(reader.failed);
    assert_true(body_open(&reader, memory, body.used - 1) && body_next_of(&reader, 300, &record));
    while (body_next_of(&reader, 8, &record))
        ;
    assert_true(reader.failed);
}

static void damage_is_noticed_and_never_read_beyond(void **state)
{
    uint8_t memory[BODY_MAX];
    struct stream_schema schema = test_schema();
    struct body body;
    (void)state;
    body_begin(&body, memory, sizeof memory, &base);
    for (uint32_t i = 0; i < 20; i++) {
        struct reading reading = garden_reading(0, 7, i, base.wall_ms + i);
        assert_true(body_reading(&body, 1, &schema, &reading));
    }
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        size_t size = (size_t)rand() % (body.used + 1u);
        uint8_t *exact = malloc(size > 0 ? size : 1); /* so that a sanitizer sees an overrun */
        struct payload_value values[READING_VALUES_MAX];
        struct body_reader reader;
        struct record record;
        assert_non_null(exact);
        memcpy(exact, memory, size);
        for (int flips = rand() % 4; size > 0 && flips > 0; flips--)
            exact[(size_t)rand() % size] = (uint8_t)rand();
        if (body_open(&reader, exact, size)) {
            while (body_next(&reader, &record))
                (void)record_values(&record, &schema, values);
        }
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schema_survives_its_text),
        cmocka_unit_test(a_reading_comes_back_exactly),
        cmocka_unit_test(a_value_between_the_decimals_is_kept_whole),
        cmocka_unit_test(numbers_in_the_file_have_one_order_of_bytes_on_every_machine),
        cmocka_unit_test(a_typical_reading_is_small),
        cmocka_unit_test(gaps_and_corrections_come_back),
        cmocka_unit_test(readings_of_one_stream_are_found_among_others),
        cmocka_unit_test(damage_is_noticed_and_never_read_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
