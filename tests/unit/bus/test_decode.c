/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/bus/decode.h"

static struct profile_config profile;
static struct device_config device;

#define WORDS_MAX 8

/* The value of the first of some fields whose registers, from 0 on, are `words`. */
static struct reading_value decode_fields(const struct field_config *from, unsigned count,
                                          const uint16_t words[WORDS_MAX], struct decoded *decoded)
{
    static struct field_config fields[4];
    for (unsigned i = 0; i < count; i++) {
        fields[i] = from[i];
        fields[i].channel = -1;
        if (from[i].function == 0)
            fields[i].function = 3;
        if (from[i].scale == 0)
            fields[i].scale = 1;
        if (from[i].max == 0) {
            fields[i].min = -1e30;
            fields[i].max = 1e30;
        }
        if (from[i].role == ROLE_METRIC)
            fields[i].metric[0] = (char)('m' + i);
    }
    profile = (struct profile_config){
        .fields = fields, .field_count = (uint16_t)count, .max_registers = 125};
    device =
        (struct device_config){.profile = &profile, .metrics = {&fields[0]}, .metric_count = 1};
    struct decode_map map;
    struct plan plan;
    uint16_t room[DECODE_IMAGE];
    struct decode_image image = {.words = room, .room = DECODE_IMAGE};
    struct decode_counters counters = {0};
    static const struct plan_cost cost = {1000, 10, 1};
    static const struct plan_lessons none;
    decode_map_init(&map, &profile);
    plan_make(map.items, map.item_count, &(struct plan_limits){125, 8}, &cost, &none, &plan);
    assert_true(decode_layout(&plan, &image));
    for (unsigned r = 0; r < plan.read_count; r++) {
        const struct plan_read *read = &plan.reads[r];
        uint8_t pdu[2 + 2 * WORDS_MAX] = {read->function, (uint8_t)plan_read_bytes(read)};
        for (unsigned i = 0; i < plan_read_words(read); i++) {
            unsigned at = read->address + i;
            pdu[2 + 2 * i] = (uint8_t)(at < WORDS_MAX ? words[at] >> 8 : 0);
            pdu[3 + 2 * i] = (uint8_t)(at < WORDS_MAX ? words[at] : 0);
        }
        if (read->function <= 2)
            pdu[2] = (uint8_t)words[0];
        decode_answer(read, pdu, image.words + image.start[r]);
    }
    decode_device(&device, &map, &plan, &image, &counters, NULL, 0, decoded);
    return decoded->values[0];
}

/* The value of one field whose registers are `words`. */
static struct reading_value decode_one(struct field_config field, uint16_t first, uint16_t second)
{
    struct decoded decoded;
    return decode_fields(&field, 1, (const uint16_t[WORDS_MAX]){first, second}, &decoded);
}

static double decode_four(struct field_config field, uint16_t a, uint16_t b, uint16_t c, uint16_t d)
{
    struct decoded decoded;
    return decode_fields(&field, 1, (const uint16_t[WORDS_MAX]){a, b, c, d}, &decoded).value;
}

/* What is left out gets its default in decode_one(). */
#define FIELD(...) ((struct field_config){__VA_ARGS__})

static void reads_every_type_and_order(void **state)
{
    (void)state;
    assert_true(decode_one(FIELD(.type = FIELD_U16), 0xFFFE, 0).value == 65534);
    assert_true(decode_one(FIELD(.type = FIELD_S16), 0xFFFE, 0).value == -2);
    assert_true(decode_one(FIELD(.type = FIELD_S16, .order = ORDER_BADC), 0xFEFF, 0).value == -2);
    static const struct {
        uint8_t order;
        uint16_t first, second;
    } orders[] = {{ORDER_ABCD, 0x1234, 0x5678},
                  {ORDER_CDAB, 0x5678, 0x1234},
                  {ORDER_BADC, 0x3412, 0x7856},
                  {ORDER_DCBA, 0x7856, 0x3412}};
    for (unsigned i = 0; i < 4; i++) {
        struct field_config u32 = FIELD(.type = FIELD_U32, .order = orders[i].order);
        assert_true(decode_one(u32, orders[i].first, orders[i].second).value == 0x12345678);
    }
    assert_true(decode_one(FIELD(.type = FIELD_S32), 0xFFFF, 0xFFFF).value == -1);
    assert_true(decode_one(FIELD(.type = FIELD_F32), 0x41CC, 0x0000).value == 25.5);
    assert_true(decode_one(FIELD(.type = FIELD_F32, .order = ORDER_CDAB), 0, 0x41CC).value == 25.5);
    assert_true(decode_one(FIELD(.type = FIELD_BITS, .bit = 4, .bit_count = 3), 0x00D5, 0).value ==
                5);
    assert_true(decode_one(FIELD(.type = FIELD_BITS, .bit = 0, .bit_count = 16), 0xFFFF, 0).value ==
                65535);
    assert_true(decode_one(FIELD(.type = FIELD_BOOL, .function = 1), 1, 0).value == 1);
}

static void reads_64_bits_in_every_order(void **state)
{
    (void)state;
    static const struct {
        uint8_t order;
        uint16_t words[4];
    } orders[] = {{ORDER_ABCD, {0x0001, 0x2345, 0x6789, 0xABCD}},
                  {ORDER_CDAB, {0xABCD, 0x6789, 0x2345, 0x0001}},
                  {ORDER_BADC, {0x0100, 0x4523, 0x8967, 0xCDAB}},
                  {ORDER_DCBA, {0xCDAB, 0x8967, 0x4523, 0x0100}}};
    for (unsigned i = 0; i < 4; i++) {
        const uint16_t *w = orders[i].words;
        struct field_config field = FIELD(.type = FIELD_U64, .order = orders[i].order);
        assert_true(decode_raw(&field, w) == 0x000123456789ABCD);
        assert_true(decode_four(field, w[0], w[1], w[2], w[3]) == 0x000123456789ABCD);
    }
    struct field_config whole = FIELD(.type = FIELD_U64);
    assert_true(decode_raw(&whole, (const uint16_t[]){0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE}) ==
                UINT64_MAX - 1);
    struct field_config s64 = FIELD(.type = FIELD_S64);
    assert_true(decode_four(s64, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE) == -2);
    assert_true(decode_four(s64, 0x8000, 0, 0, 0) == -9223372036854775808.0);
    struct field_config f64 = FIELD(.type = FIELD_F64);
    assert_true(decode_four(f64, 0x4039, 0x8000, 0, 0) == 25.5);
    f64.order = ORDER_CDAB;
    assert_true(decode_four(f64, 0, 0, 0x8000, 0x4039) == 25.5);
}

static void reads_sign_and_magnitude(void **state)
{
    (void)state;
    struct field_config field = FIELD(.type = FIELD_SM16, .scale = 0.1);
    assert_true(fabs(decode_one(field, 0x8065, 0).value + 10.1) < 1e-9);
    assert_true(fabs(decode_one(field, 0x0065, 0).value - 10.1) < 1e-9);
    assert_true(decode_one(field, 0x8000, 0).value == 0);
    assert_true(decode_one(FIELD(.type = FIELD_SM32), 0x8000, 0x0005).value == -5);
}

static void reads_two_values_in_one_register(void **state)
{
    (void)state;
    assert_true(decode_one(FIELD(.type = FIELD_U8), 0xFE7F, 0).value == 0x7F);
    assert_true(decode_one(FIELD(.type = FIELD_U8, .byte = 1), 0xFE7F, 0).value == 0xFE);
    assert_true(decode_one(FIELD(.type = FIELD_S8, .byte = 1), 0xFE7F, 0).value == -2);
    assert_true(decode_one(FIELD(.type = FIELD_S8), 0x7FFE, 0).value == -2);
    struct field_config nothing =
        FIELD(.type = FIELD_S8, .no_value_count = 1, .no_values = {(uint64_t)-128});
    assert_false(decode_one(nothing, 0x0180, 0).present);
}

static void reads_decimal_digits(void **state)
{
    (void)state;
    assert_true(decode_one(FIELD(.type = FIELD_BCD16), 0x1234, 0).value == 1234);
    assert_true(decode_one(FIELD(.type = FIELD_BCD32), 0x0012, 0x3456).value == 123456);
    assert_true(decode_four(FIELD(.type = FIELD_BCD64), 0, 0x1234, 0x5678, 0x9012) == 123456789012);
    struct reading_value wrong = decode_one(FIELD(.type = FIELD_BCD16), 0x12A4, 0);
    assert_false(wrong.present);
    assert_int_equal(wrong.flag, METRIC_FAULT);
    struct field_config blank =
        FIELD(.type = FIELD_BCD16, .no_value_count = 1, .no_values = {0xFFFF});
    assert_int_equal(decode_one(blank, 0xFFFF, 0).flag, METRIC_ABSENT);
}

/* As energy meters of the SunSpec kind have it, and level probes with a register of decimals. */
static void a_register_may_hold_the_scale(void **state)
{
    (void)state;
    struct decoded decoded;
    struct field_config field = FIELD(.type = FIELD_S16, .scale_sign = 1, .scale_address = 3);
    const uint16_t words[WORDS_MAX] = {2305, 0, 0, 0xFFFF};
    assert_true(decode_fields(&field, 1, words, &decoded).value == 230.5);
    const uint16_t thousands[WORDS_MAX] = {23, 0, 0, 3};
    assert_true(decode_fields(&field, 1, thousands, &decoded).value == 23000);
    field.no_value_count = 1;
    field.no_values[0] = 0x8000;
    const uint16_t neither[WORDS_MAX] = {0x8000, 0, 0, 0x8000};
    assert_int_equal(decode_fields(&field, 1, neither, &decoded).flag, METRIC_ABSENT);
    const uint16_t garbage[WORDS_MAX] = {2305, 0, 0, 77};
    assert_false(decode_fields(&field, 1, garbage, &decoded).present);
    assert_int_equal(decoded.values[0].flag, METRIC_FAULT);
    field.scale_sign = -1;
    const uint16_t decimals[WORDS_MAX] = {2305, 0, 0, 2};
    assert_true(decode_fields(&field, 1, decimals, &decoded).value == 23.05);
}

static void texts_are_what_the_device_says_of_itself(void **state)
{
    (void)state;
    struct decoded decoded;
    struct field_config fields[] = {
        FIELD(.type = FIELD_U16),
        FIELD(.role = ROLE_MODEL, .type = FIELD_TEXT, .text_registers = 3, .address = 1),
        FIELD(.role = ROLE_FIRMWARE, .type = FIELD_U16, .scale = 0.01, .address = 4),
        FIELD(.role = ROLE_SERIAL, .type = FIELD_U32, .address = 5),
    };
    const uint16_t words[WORDS_MAX] = {1, 0x2041, 0x2042, 0x2000, 123, 0xFFFF, 0xFFFF};
    (void)decode_fields(fields, 4, words, &decoded);
    assert_int_equal(decoded.said, 7);
    assert_string_equal(decoded.texts[0], "A B");
    assert_string_equal(decoded.texts[1], "4294967295");
    assert_string_equal(decoded.texts[2], "1.23");
    fields[1].order = ORDER_BADC;
    const uint16_t swapped[WORDS_MAX] = {1, 0x4241, 0x0043, 0xFFFF, 0, 0, 0};
    (void)decode_fields(fields, 4, swapped, &decoded);
    assert_string_equal(decoded.texts[0], "ABC");
}

static void a_register_number_may_stand_for_32_bits(void **state)
{
    (void)state;
    struct decoded decoded;
    struct field_config fields[] = {
        FIELD(.type = FIELD_F32, .address_words = 2),
        FIELD(.type = FIELD_U32, .address_words = 2, .address = 1),
    };
    /* two registers are asked for, and eight bytes come */
    const uint16_t words[WORDS_MAX] = {0x41CC, 0x0000, 0x0001, 0x86A0};
    assert_true(decode_fields(fields, 2, words, &decoded).value == 25.5);
    device.metrics[0] = &profile.fields[1];
    struct decode_map map;
    decode_map_init(&map, &profile);
    assert_int_equal(map.items[1].count, 1);
    assert_int_equal(map.items[1].words, 2);
    assert_int_equal(map.items[0].group, map.items[1].group);
}

static void scales_and_offsets(void **state)
{
    (void)state;
    struct reading_value value =
        decode_one(FIELD(.type = FIELD_S16, .scale = 0.1, .offset = -40), 0xFF9B, 0);
    assert_true(value.present && fabs(value.value + 50.1) < 1e-9);
}

static void marks_what_is_no_value(void **state)
{
    (void)state;
    struct field_config field =
        FIELD(.type = FIELD_S16, .no_value_count = 1, .no_values = {0x8000});
    struct reading_value value = decode_one(field, 0x8000, 0);
    assert_false(value.present);
    assert_int_equal(value.flag, METRIC_ABSENT);
    field.no_value_count = 3; /* a maker may have several */
    field.no_values[1] = 0x7FFD;
    field.no_values[2] = 0x7FFE;
    assert_false(decode_one(field, 0x7FFD, 0).present);
    assert_false(decode_one(field, 0x7FFE, 0).present);
    assert_true(decode_one(field, 0x7FFC, 0).present);
    field.no_value_count = 1;
    field.no_values[0] = (uint32_t)-1; /* written as -1 in a profile */
    assert_false(decode_one(field, 0xFFFF, 0).present);
    assert_true(decode_one(field, 0x8000, 0).present);
    struct reading_value nan_value = decode_one(FIELD(.type = FIELD_F32), 0x7FC0, 0);
    assert_false(nan_value.present);
    assert_int_equal(nan_value.flag, METRIC_FAULT);
    assert_false(decode_one(FIELD(.type = FIELD_F32), 0x7F80, 0).present); /* infinity */
}

static void flags_what_is_implausible(void **state)
{
    (void)state;
    struct field_config field = FIELD(.type = FIELD_U16, .scale = 0.1, .min = 0, .max = 100);
    assert_int_equal(decode_one(field, 1000, 0).flag, METRIC_GOOD);
    struct reading_value value = decode_one(field, 1001, 0);
    assert_true(value.present);
    assert_int_equal(value.flag, METRIC_RANGE);
}

static void knows_enumerations(void **state)
{
    (void)state;
    struct field_config field =
        FIELD(.type = FIELD_U16, .enum_count = 3, .enum_values = {0, 45, 90});
    assert_true(decode_one(field, 2, 0).value == 90);
    assert_false(decode_one(field, 3, 0).present);
    assert_int_equal(decode_one(field, 3, 0).flag, METRIC_RANGE);
}

static void counters_become_increments(void **state)
{
    (void)state;
    struct field_config field = FIELD(.type = FIELD_U16, .scale = 0.1, .min = 0, .max = 200);
    uint64_t last = 0;
    bool known = false;
    assert_false(decode_counter(&field, 60000, METRIC_GOOD, &last, &known).present);
    struct reading_value value = decode_counter(&field, 60012, METRIC_GOOD, &last, &known);
    assert_true(fabs(value.value - 1.2) < 1e-9);
    assert_true(decode_counter(&field, 60012, METRIC_GOOD, &last, &known).value == 0);
    last = 65530; /* passes its end */
    value = decode_counter(&field, 4, METRIC_GOOD, &last, &known);
    assert_true(fabs(value.value - 1.0) < 1e-9);
    last = 5000; /* was cleared, then rained 0.3 mm */
    value = decode_counter(&field, 3, METRIC_GOOD, &last, &known);
    assert_true(fabs(value.value - 0.3) < 1e-9);
    value = decode_counter(&field, 9003, METRIC_GOOD, &last, &known);
    assert_int_equal(value.flag, METRIC_RANGE); /* 900 mm at once */
}

static void counters_may_end_before_their_type_does(void **state)
{
    (void)state;
    struct field_config field =
        FIELD(.type = FIELD_U32, .scale = 0.01, .min = 0, .max = 200, .wraps = 262136);
    uint64_t last = 262130;
    bool known = true;
    struct reading_value value = decode_counter(&field, 4, METRIC_GOOD, &last, &known);
    assert_true(fabs(value.value - 0.10) < 1e-9);
    last = 131000; /* cleared half-way: the way over the end would be 1,311 mm */
    value = decode_counter(&field, 7, METRIC_GOOD, &last, &known);
    assert_true(fabs(value.value - 0.07) < 1e-9);
    last = 262136; /* a code that it cannot have shown */
    value = decode_counter(&field, 2, METRIC_GOOD, &last, &known);
    assert_true(fabs(value.value - 0.02) < 1e-9);
}

/* After a restart a counter that has already passed what it showed before was still at 0. */
static void counters_of_a_new_boot_begin_at_0(void **state)
{
    (void)state;
    struct field_config field = FIELD(.type = FIELD_U32, .scale = 0.01, .min = 0, .max = 200);
    struct decode_counters counters = {.boot = 3, .last = {20}, .known = {true}};
    decode_counters_boot(&counters, 3);
    assert_true(
        fabs(decode_counter(&field, 60, METRIC_GOOD, &counters.last[0], &counters.known[0]).value -
             0.4) < 1e-9);
    decode_counters_boot(&counters, 4);
    assert_true(
        fabs(decode_counter(&field, 80, METRIC_GOOD, &counters.last[0], &counters.known[0]).value -
             0.8) < 1e-9);
}

static void a_64_bit_counter_loses_no_code(void **state)
{
    (void)state;
    struct field_config field = FIELD(.type = FIELD_U64, .scale = 1, .min = 0, .max = 1000);
    uint64_t last = 0xFFFFFFFFFFFFFF00;
    bool known = true;
    assert_true(decode_counter(&field, 0xFFFFFFFFFFFFFF03, METRIC_GOOD, &last, &known).value == 3);
    assert_true(decode_counter(&field, 5, METRIC_GOOD, &last, &known).value == 0x102);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_type_and_order),
        cmocka_unit_test(reads_64_bits_in_every_order),
        cmocka_unit_test(reads_sign_and_magnitude),
        cmocka_unit_test(reads_two_values_in_one_register),
        cmocka_unit_test(reads_decimal_digits),
        cmocka_unit_test(a_register_may_hold_the_scale),
        cmocka_unit_test(texts_are_what_the_device_says_of_itself),
        cmocka_unit_test(a_register_number_may_stand_for_32_bits),
        cmocka_unit_test(scales_and_offsets),
        cmocka_unit_test(marks_what_is_no_value),
        cmocka_unit_test(flags_what_is_implausible),
        cmocka_unit_test(knows_enumerations),
        cmocka_unit_test(counters_become_increments),
        cmocka_unit_test(counters_may_end_before_their_type_does),
        cmocka_unit_test(counters_of_a_new_boot_begin_at_0),
        cmocka_unit_test(a_64_bit_counter_loses_no_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
