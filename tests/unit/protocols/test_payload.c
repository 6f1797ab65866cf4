/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/metric/metric.h"
#include "protocols/mqtt/payload.h"
#include "protocols/mqtt/topic.h"

static void assert_text(const char *got, size_t size, const char *expected)
{
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(got, expected, size);
}

static void decimals_are_the_fewest_digits(void **state)
{
    static const struct {
        int64_t value;
        unsigned decimals;
        const char *text;
    } cases[] = {
        {1821, 2, "18.21"}, {1820, 2, "18.2"},
        {1800, 2, "18"},    {-5, 2, "-0.05"},
        {0, 2, "0"},        {7, 0, "7"},
        {-120, 1, "-12"},   {1, 9, "0.000000001"},
        {100, 0, "100"},    {INT64_MIN, 0, "-9223372036854775808"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[24];
        assert_text(text, json_out_decimal_text(text, cases[i].value, cases[i].decimals),
                    cases[i].text);
    }
}

/* The same by the C library: all digits, the point put in, zeros at the end taken off. */
static void slow_decimal(char *out, int64_t value, unsigned decimals)
{
    char digits[40];
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    int size =
        snprintf(digits, sizeof digits, "%0*llu", (int)decimals + 1, (unsigned long long)magnitude);
    int whole = size - (int)decimals;
    int n = snprintf(out, 48, "%s%.*s.%s", value < 0 ? "-" : "", whole, digits, digits + whole);
    while (out[n - 1] == '0')
        n--;
    n -= out[n - 1] == '.';
    out[n] = '\0';
}

static void decimals_of_every_length_are_right(void **state)
{
    uint32_t seed = 4711;
    (void)state;
    for (unsigned length = 0; length < 64; length++) {
        for (int i = 0; i < 600; i++) {
            char text[48], expected[48];
            seed = seed * 1664525u + 1013904223u;
            uint64_t bits = ((uint64_t)seed << 32 | (seed * 2654435761u)) >> length;
            int64_t value = i % 2 != 0 ? (int64_t)bits : -(int64_t)(bits >> 1);
            unsigned decimals = (unsigned)i % 19;
            slow_decimal(expected, value, decimals);
            assert_text(text, json_out_decimal_text(text, value, decimals), expected);
            slow_decimal(expected, value / 1000 * 1000, decimals); /* zeros at the end */
            assert_text(text, json_out_decimal_text(text, value / 1000 * 1000, decimals), expected);
        }
    }
}

static void reals_read_back_as_they_were(void **state)
{
    uint32_t seed = 12345;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char text[48];
        float single;
        seed = seed * 1664525u + 1013904223u;
        memcpy(&single, &seed, sizeof single);
        if (!isfinite(single) || (fabsf(single) < 1e-30F && single != 0))
            continue;
        text[json_out_real_text(text, (double)single, true)] = '\0';
        assert_true(strtof(text, NULL) == single);
        assert_true(strlen(text) <= 32);
        double value = (double)((int32_t)seed) / 1000.0;
        text[json_out_real_text(text, value, false)] = '\0';
        assert_true(strtod(text, NULL) == value);
    }
}

static void reals_are_short_and_never_not_a_number(void **state)
{
    char text[48];
    (void)state;
    assert_text(text, json_out_real_text(text, (double)6.1F, true), "6.1");
    assert_text(text, json_out_real_text(text, 2000, true), "2000");
    assert_text(text, json_out_real_text(text, -0.25, false), "-0.25");
    assert_text(text, json_out_real_text(text, 0, false), "0");
    assert_text(text, json_out_real_text(text, NAN, false), "null");
    assert_text(text, json_out_real_text(text, -INFINITY, false), "null");
}

static void strings_are_escaped(void **state)
{
    char memory[64];
    struct json_out o = json_out_init(memory, sizeof memory);
    (void)state;
    json_out_string(&o, "a\"b\\c\n上");
    assert_false(o.failed);
    assert_text(memory, o.at, "\"a\\\"b\\\\c\\u000a上\"");
}

static const char *const metrics[] = {"air_temperature", "soil_ph", "rainfall"};

static struct payload_reading example(void)
{
    struct payload_reading reading = {.device = "plot-1",
                                      .metrics = metrics,
                                      .count = 3,
                                      .boot = 7,
                                      .seq = 4711,
                                      .ts_ms = 1795293274123};
    reading.values[0] = (struct payload_value){.present = true, .decimals = 2, .scaled = 1821};
    reading.values[1] = (struct payload_value){
        .present = true, .form = PAYLOAD_SINGLE, .real = (double)5.4F, .flag = METRIC_RANGE};
    reading.values[2] = (struct payload_value){.flag = METRIC_ABSENT};
    return reading;
}

/* Whatever is written in one go is what is written piece by piece. */
static void a_plain_item_has_the_same_bytes(void **state)
{
    struct payload_fields fields;
    uint32_t seed = 20261122;
    (void)state;
    payload_fields_make(&fields, metrics, 3);
    assert_true(fields.usable);
    for (int n = 0; n < 20000; n++) {
        char plain[2048], pieces[2048];
        struct json_out a = json_out_init(plain, sizeof plain);
        struct json_out b = json_out_init(pieces, sizeof pieces);
        struct payload_reading reading = example();
        for (unsigned i = 0; i < 3; i++) {
            seed = seed * 1664525u + 1013904223u;
            struct payload_value *value = &reading.values[i];
            *value = (struct payload_value){.present = seed >> 8 & 15,
                                            .flag = (seed >> 12 & 31) == 0 ? METRIC_RANGE : 0,
                                            .form = (uint8_t)(seed >> 17 & 1),
                                            .decimals = (uint8_t)(seed >> 18 & 3)};
            value->scaled = (int64_t)(int32_t)seed >> (seed >> 20 & 31);
            value->real = (double)((float)(seed & 0xFFFF) / 100);
        }
        payload_item(&b, &reading);
        reading.fields = &fields;
        payload_item(&a, &reading);
        payload_item(&a, &reading);
        payload_item(&b, &reading);
        assert_int_equal(a.at, b.at);
        assert_memory_equal(plain, pieces, a.at);
    }
}

/* Never a byte beyond the end, whatever the room. */
static void an_item_that_does_not_fit_is_refused(void **state)
{
    struct payload_fields fields;
    struct payload_reading reading = example();
    (void)state;
    reading.values[1].flag = reading.values[2].flag = METRIC_GOOD;
    reading.values[2].present = true;
    payload_fields_make(&fields, metrics, 3);
    reading.fields = &fields;
    char whole[512];
    struct json_out all = json_out_init(whole, sizeof whole);
    payload_item(&all, &reading);
    for (size_t size = 0; size < 600; size++) {
        char *memory = malloc(size + 1);
        struct json_out o = json_out_init(memory, size);
        payload_item(&o, &reading);
        assert_int_equal(o.failed, size < all.at);
        assert_true(o.at <= size);
        free(memory);
    }
}

static void a_batch_has_readings_gaps_and_corrections(void **state)
{
    char memory[512];
    struct json_out o = json_out_init(memory, sizeof memory);
    struct payload_reading reading = example();
    (void)state;
    payload_batch_begin(&o, "gw-uuid");
    payload_item(&o, &reading);
    payload_gap(&o, "plot-1", 0, 7, 4712, 4720, "quota");
    payload_correction(&o, 3, -5000, 903);
    payload_batch_end(&o, 901, 903);
    assert_false(o.failed);
    assert_text(memory, o.at,
                "{\"v\":1,\"gw\":\"gw-uuid\",\"readings\":[{\"d\":\"plot-1\",\"boot\":7,\"seq\":"
                "4711,\"ts\":1795293274123,\"values\":{\"air_temperature\":18.21,\"soil_ph\":5.4},"
                "\"flags\":{\"soil_ph\":\"range\",\"rainfall\":\"absent\"}},{\"d\":\"plot-1\","
                "\"boot\":7,\"gap\":[4712,4720],\"why\":\"quota\"},{\"boot\":3,\"add_ms\":-5000,"
                "\"id\":903}],"
                "\"ids\":[901,903]}");
}

static void an_untrusted_time_flags_what_is_good(void **state)
{
    char memory[512];
    struct json_out o = json_out_init(memory, sizeof memory);
    struct payload_reading reading = example();
    (void)state;
    reading.clock_untrusted = true;
    payload_live(&o, &reading, 1500);
    assert_false(o.failed);
    assert_text(memory, o.at,
                "{\"ts\":1795293274123,\"every_s\":1.5,\"boot\":7,\"seq\":4711,\"values\":{"
                "\"air_temperature\":18.21,\"soil_ph\":5.4},\"flags\":{\"air_temperature\":"
                "\"clock\",\"soil_ph\":\"range\",\"rainfall\":\"absent\"}}");
}

static void what_does_not_fit_is_a_sticky_failure(void **state)
{
    char memory[40];
    struct json_out o = json_out_init(memory, sizeof memory);
    struct payload_reading reading = example();
    (void)state;
    payload_item(&o, &reading);
    assert_true(o.failed);
    assert_true(o.at <= sizeof memory);
}

static void rpc_topics_are_taken_apart_exactly(void **state)
{
    char user[16], method[16];
    static const char *const bad[] = {
        "baiye/s/rpc/u",   "baiye/s/rpc/u/",
        "baiye/s/rpc//m",  "baiye/s/rpc/u/m/x",
        "baiye/t/rpc/u/m", "xbaiye/s/rpc/u/m",
        "baiye/s/rpc/u/+", "baiye/s/rpc/a-user-that-is-too-long/m",
    };
    (void)state;
    const char *good = "baiye/s/rpc/lin/read";
    assert_true(topic_parse_rpc(good, strlen(good), "s", user, sizeof user, method, sizeof method));
    assert_string_equal(user, "lin");
    assert_string_equal(method, "read");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(
            topic_parse_rpc(bad[i], strlen(bad[i]), "s", user, sizeof user, method, sizeof method));
}

static void a_brokers_mount_point_before_a_topic_is_found(void **state)
{
    static const struct {
        const char *topic;
        size_t at;
    } rows[] = {
        {"baiye/s/rpc/u/m", 0},
        {"gw/baiye/s/rpc/u/m", 3},
        {"a/b/baiye/s/gateway/status", 4},
        {"xbaiye/s/rpc/u/m", 0},
        {"gw/baiye/t/rpc/u/m", 0},
        {"gw/baiye/s", 0},
        {"baiye/baiye/s/rpc/u", 6},
        {"", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(topic_behind_mount(rows[i].topic, strlen(rows[i].topic), "s"), rows[i].at);
}

static void answers_go_to_the_asker_only(void **state)
{
    (void)state;
    assert_true(topic_may_answer("baiye/s/answer/lin/1", "s", "lin"));
    assert_true(topic_may_answer("baiye/s/answer/lin/app/1", "s", "lin"));
    assert_false(topic_may_answer("baiye/s/answer/lin", "s", "lin"));
    assert_false(topic_may_answer("baiye/s/answer/linda/1", "s", "lin"));
    assert_false(topic_may_answer("baiye/s/answer/lin/", "s", "lin"));
    assert_false(topic_may_answer("baiye/s/answer/lin/#", "s", "lin"));
    assert_false(topic_may_answer("baiye/s/dev/plot-1/live", "s", "lin"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_the_fewest_digits),
        cmocka_unit_test(decimals_of_every_length_are_right),
        cmocka_unit_test(reals_read_back_as_they_were),
        cmocka_unit_test(reals_are_short_and_never_not_a_number),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(a_plain_item_has_the_same_bytes),
        cmocka_unit_test(an_item_that_does_not_fit_is_refused),
        cmocka_unit_test(a_batch_has_readings_gaps_and_corrections),
        cmocka_unit_test(an_untrusted_time_flags_what_is_good),
        cmocka_unit_test(what_does_not_fit_is_a_sticky_failure),
        cmocka_unit_test(rpc_topics_are_taken_apart_exactly),
        cmocka_unit_test(a_brokers_mount_point_before_a_topic_is_found),
        cmocka_unit_test(answers_go_to_the_asker_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
