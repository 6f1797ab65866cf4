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

/* The value of one field whose registers are `words`. */
static struct reading_value decode_one(struct field_config field, uint16_t first, uint16_t second)
{
    static struct field_config fields[1];
    fields[0] = field;
    fields[0].channel = -1;
    if (field.function == 0)
        fields[0].function = 3;
    if (field.scale == 0)
        fields[0].scale = 1;
    if (field.max == 0) {
        fields[0].min = -1e12;
        fields[0].max = 1e12;
    }
    strcpy(fields[0].metric, "m");
    profile = (struct profile_config){.fields = fields, .field_count = 1, .max_registers = 125};
    device =
        (struct device_config){.profile = &profile, .metrics = {&fields[0]}, .metric_count = 1};
    struct decode_map map;
    struct plan plan;
    struct decode_image image = {0};
    struct decode_counters counters = {0};
    struct decoded decoded;
    static const struct plan_cost cost = {1000, 10, 1};
    static const struct plan_lessons none;
    decode_map_init(&map, &profile);
    plan_make(map.items, map.item_count, &(struct plan_limits){125, 0}, &cost, &none, &plan);
    assert_true(decode_layout(&plan, &image));
    uint8_t pdu[6] = {
        3, 4, (uint8_t)(first >> 8), (uint8_t)first, (uint8_t)(second >> 8), (uint8_t)second};
    if (fields[0].function <= 2)
        pdu[2] = (uint8_t)first;
    decode_answer(&plan.reads[0], pdu, image.words);
    decode_device(&device, &map, &plan, &image, &counters, NULL, 0, &decoded);
    return decoded.values[0];
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
    uint32_t last = 0;
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
    uint32_t last = 262130;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_type_and_order),
        cmocka_unit_test(scales_and_offsets),
        cmocka_unit_test(marks_what_is_no_value),
        cmocka_unit_test(flags_what_is_implausible),
        cmocka_unit_test(knows_enumerations),
        cmocka_unit_test(counters_become_increments),
        cmocka_unit_test(counters_may_end_before_their_type_does),
        cmocka_unit_test(counters_of_a_new_boot_begin_at_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
