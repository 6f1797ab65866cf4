/* SPDX-License-Identifier: Apache-2.0 */
/* What a unit refuses is split off, remembered, and costs no other. In virtual time (bus_bench.h),
 * the first hour after the machine's start included. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/bus/bus_fixture.h"

static void what_a_device_refuses_is_split_off_and_remembered(void **state)
{
    (void)state;
    bench.units[1].refuses = 1u << 2;
    bench_start("", FLAT_OUT("a", "1"),
                "label: p\nfields:\n  - { metric: m0, register: 0 }\n"
                "  - { metric: m1, register: 1 }\n  - { metric: m2, register: 2 }\n"
                "  - { metric: m3, register: 3 }\n",
                NULL);
    bench_wait_readings(0, 5);
    unsigned refused = 0, last = 0, count = bench_heard();
    for (unsigned at = 0; at < count; at++) {
        if (bench_frame(at).refused) {
            refused++;
            last = at;
        }
    }
    assert_in_range(refused, 1, 4);
    assert_true(last < 8); /* before the first reading */
    struct bench_device device = bench_device(0);
    static const double values[] = {256, 257, 0, 259};
    for (unsigned i = 0; i < 4; i++) {
        assert_true(device.last.values[i].present == (i != 2));
        assert_true(i == 2 || device.last.values[i].value == values[i]);
    }
    assert_int_equal(device.last.values[2].flag, METRIC_ABSENT);
    (void)bench_stop();
    assert_int_equal(bench_gaps(0, GAP_EXCEPTION), 0);
}

#define SEVEN                                                                                      \
    "label: p\nlimits: { response_max: 150ms }\n"                                                  \
    "fields:\n  - { metric: m0, register: 0 }\n  - { metric: m1, register: 1 }\n"                  \
    "  - { metric: m2, register: 2 }\n  - { metric: m3, register: 3 }\n"                           \
    "  - { metric: m4, register: 4 }\n  - { metric: m5, register: 5 }\n"                           \
    "  - { metric: m6, register: 6 }\n"

static unsigned present_values(void)
{
    struct bench_device device = bench_device(0);
    unsigned present = 0;
    for (unsigned i = 0; i < device.last.value_count; i++)
        present += device.last.values[i].present;
    return present;
}

/* By whatever code, or by silence (0), whichever register of seven: six are live soon. */
static void one_refused_register_costs_no_other(void **state)
{
    (void)state;
    static const uint8_t codes[] = {1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 0x40, 0};
    static const uint8_t places[] = {0, 3, 6};
    for (unsigned c = 0; c < sizeof codes; c++) {
        for (unsigned p = 0; p < sizeof places; p++) {
            bench_reset();
            bench.units[1].there = true;
            bench.units[1].refuses = (uint16_t)(1u << places[p]);
            bench.units[1].refuses_by = codes[c];
            bench.units[1].refuses_silently = codes[c] == 0;
            bench_start("", EACH_SECOND, SEVEN, NULL);
            bench_run(INT64_C(60000000000));
            assert_int_equal(present_values(), 6);
            assert_true(bench_device(0).health.online);
            bench.units[1].refuses = 0;
            bench_run(INT64_C(3700000000000)); /* an hour later it is there again, by itself */
            assert_int_equal(present_values(), 7);
            (void)bench_stop();
        }
    }
}

static void all_that_was_refused_comes_back_when_one_does(void **state)
{
    (void)state;
    bench.units[1].refuses = 1u << 1 | 1u << 3 | 1u << 5;
    bench_start("", EACH_SECOND, SEVEN, NULL);
    bench_run(INT64_C(60000000000));
    assert_int_equal(present_values(), 4);
    bench_run(INT64_C(3700000000000)); /* asked again, and refused: nothing else changes */
    assert_int_equal(present_values(), 4);
    bench.units[1].refuses = 0;
    bench_run(INT64_C(3700000000000));
    assert_int_equal(present_values(), 7);
}

#define S INT64_C(1000000000)

/* Requests of a minute of polls each second. */
static unsigned requests_a_minute(void)
{
    unsigned before = bench_heard();
    bench_run(60 * S);
    return bench_heard() - before;
}

/* As the hour passes each is asked for again; then all of it is one request, as before. */
static void what_is_refused_no_more_is_read_in_one_request_again(void **state)
{
    (void)state;
    bench.units[1].refuses = 1u << 3;
    bench_start("", EACH_SECOND, SEVEN, NULL);
    bench_run(60 * S);
    bench.units[1].refuses = 0;
    bench_run(3700 * S);
    assert_int_equal(present_values(), 7);
    assert_in_range(requests_a_minute(), 59, 61);
}

/* Busy with one register: asked for again each minute, and one request with the others when it was
 * not busy for an hour. Another one that it lacks is none of its business. */
static void what_a_unit_is_busy_with_comes_back_within_a_minute(void **state)
{
    (void)state;
    bench.units[1].busy = 1u << 3;
    bench.units[1].refuses = 1u << 5;
    bench_start("", EACH_SECOND, SEVEN, NULL);
    bench_run(30 * S);
    assert_int_equal(present_values(), 5);
    assert_true(bench_device(0).health.online);
    unsigned readings = bench_readings(0);
    bench_run(600 * S);
    assert_in_range(bench_readings(0) - readings, 595, 601); /* it costs the others nothing */
    bench.units[1].busy = 0;
    bench_run(61 * S);
    assert_int_equal(present_values(), 6);
    readings = bench_readings(0);
    for (unsigned i = 0; i < 10; i++) { /* now and then once more */
        bench.units[1].busy = 1u << 3;
        bench_run(5 * S);
        bench.units[1].busy = 0;
        bench_run(65 * S);
        assert_int_equal(present_values(), 6);
    }
    assert_in_range(bench_readings(0) - readings, 695, 701);
    bench.units[1].refuses = 0;
    bench_run(7300 * S);
    assert_int_equal(present_values(), 7);
    assert_in_range(requests_a_minute(), 59, 61);
}

/* Busy with everything, as after its start: no register is to blame. */
static void a_unit_that_was_busy_for_a_while_is_read_as_before(void **state)
{
    (void)state;
    static const unsigned busy_s[] = {2, 10, 90, 4000};
    for (unsigned i = 0; i < sizeof busy_s / sizeof busy_s[0]; i++) {
        bench_reset();
        bench.units[1].there = true;
        bench_start("", EACH_SECOND, SEVEN, NULL);
        bench_wait_readings(0, 5);
        bench.units[1].busy = 0xFFFF;
        bench_run(busy_s[i] * S);
        if (busy_s[i] >= 90) {
            assert_false(bench_device(0).health.online);
            assert_int_equal(bench_device(0).health.hint.id, HINT_BUSY);
        }
        bench.units[1].busy = 0;
        unsigned readings = bench_readings(0);
        bench_run(6 * S);
        assert_in_range(bench_readings(0) - readings, 3, 7);
        assert_int_equal(present_values(), 7);
        bench_run(3700 * S);
        assert_in_range(requests_a_minute(), 59, 61);
        (void)bench_stop();
    }
}

/* A unit that is gone refuses nothing, whoever says so for it. */
static void a_unit_that_another_speaks_for_has_lost_no_field_when_it_is_back(void **state)
{
    (void)state;
    static const uint8_t codes[] = {10, 11};
    for (unsigned c = 0; c < sizeof codes; c++) {
        bench_reset();
        bench.units[1].there = bench.units[2].there = true;
        bench_start("", EACH_SECOND SELDOM("b", "2"), SEVEN, NULL);
        bench_wait_readings(0, 5);
        bench.units[1].refuses_by = codes[c];
        bench.units[1].refuses = 0xFFFF;
        bench_run(300 * S);
        assert_false(bench_device(0).health.online);
        assert_in_range(requests_a_minute(), 1, 10);
        bench.units[1].refuses = 0;
        bench_run(60 * S);
        assert_true(bench_device(0).health.online);
        assert_int_equal(present_values(), 7);
        assert_in_range(requests_a_minute(), 59, 61);
        (void)bench_stop();
    }
}

static void a_unit_that_refuses_everything_costs_a_request_a_minute(void **state)
{
    (void)state;
    bench.units[1].refuses = 0xFFFF;
    bench_start("", EACH_SECOND, SEVEN, NULL);
    bench_run(INT64_C(60000000000));
    unsigned before = bench_heard();
    bench_run(INT64_C(3600000000000));
    assert_in_range(bench_heard() - before, 30, 70);
    assert_false(bench_device(0).health.online);
}

static void a_unit_that_gives_only_exceptions_is_not_online(void **state)
{
    (void)state;
    bench_start("", EACH_SECOND, SEVEN, NULL);
    bench_wait_readings(0, 5);
    bench.units[1].refuses_by = 4; /* the probe behind it is gone */
    bench.units[1].refuses = 0xFFFF;
    bench_run(INT64_C(300000000000));
    struct bench_device device = bench_device(0);
    assert_false(device.health.online);
    assert_int_equal(device.health.hint.id, HINT_PROBE_FAILED);
    bench.units[1].refuses = 0;
    bench_run(INT64_C(180000000000));
    assert_true(bench_device(0).health.online);
    assert_int_equal(present_values(), 7);
}

/* A probe of one register: there is no second one to ask for. */
static void one_lost_answer_costs_a_unit_that_refuses_what_else_is_asked_little(void **state)
{
    (void)state;
    bench.units[1].refuses = 0xFFFE;
    bench_start("", EACH_SECOND,
                "label: p\nlimits: { response_max: 150ms }\n"
                "fields:\n  - { metric: m0, register: 0 }\n",
                NULL);
    bench_wait_readings(0, 5);
    for (unsigned i = 0; i < 5; i++) {
        bench.units[1].lost_once = true;
        unsigned before = bench_readings(0);
        bench_run(INT64_C(10000000000));
        assert_in_range(bench_readings(0) - before, 8, 11);
    }
    assert_true(bench_device(0).health.online);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUS_TEST(what_a_device_refuses_is_split_off_and_remembered),
        BUS_TEST(one_refused_register_costs_no_other),
        BUS_TEST(one_lost_answer_costs_a_unit_that_refuses_what_else_is_asked_little),
        BUS_TEST(all_that_was_refused_comes_back_when_one_does),
        BUS_TEST(what_is_refused_no_more_is_read_in_one_request_again),
        BUS_TEST(what_a_unit_is_busy_with_comes_back_within_a_minute),
        BUS_TEST(a_unit_that_was_busy_for_a_while_is_read_as_before),
        BUS_TEST(a_unit_that_another_speaks_for_has_lost_no_field_when_it_is_back),
        BUS_TEST(a_unit_that_refuses_everything_costs_a_request_a_minute),
        BUS_TEST(a_unit_that_gives_only_exceptions_is_not_online),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
