/* SPDX-License-Identifier: Apache-2.0 */
/* What a bus makes of right answers that are no values. In virtual time, see bus_bench.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/bus/bus_fixture.h"

static unsigned frozen_flags[BENCH_UNITS][4];

static void count_frozen(const struct reading *reading)
{
    for (unsigned i = 0; i < 4; i++)
        frozen_flags[reading->device][i] += reading->values[i].flag == METRIC_STUCK;
}

/* Two days of the same answers: an air probe is frozen, rain, pH and conductivity are not; one
 * that moved once after a day is not yet. */
static void what_stands_still_for_two_days_is_stuck(void **state)
{
    (void)state;
    static const char profile[] = "label: p\nfields:\n"
                                  "  - { metric: air_temperature, register: 0, scale: 0.01 }\n"
                                  "  - { metric: soil_ph, register: 1, scale: 0.01 }\n"
                                  "  - { metric: soil_conductivity, register: 2 }\n"
                                  "  - { metric: rainfall, register: 3, role: counter }\n";
    const int64_t hour_ns = INT64_C(3600) * 1000000000;
    memset(frozen_flags, 0, sizeof frozen_flags);
    bench.takes = count_frozen;
    bench_start("", SELDOM("a", "1") SELDOM("b", "2"), profile, NULL);
    bench_run(24 * hour_ns);
    bench.units[2].registers[0]++;
    bench_run(23 * hour_ns);
    assert_int_equal(frozen_flags[0][0], 0);
    bench_run(3 * hour_ns);
    assert_true(frozen_flags[0][0] >= 1 && frozen_flags[0][0] <= 3);
    assert_true(bench_device(0).last.values[0].present);
    assert_int_equal(frozen_flags[1][0], 0);
    bench.units[1].registers[0]++;
    bench_run(2 * hour_ns);
    assert_int_equal(bench_device(0).last.values[0].flag, METRIC_GOOD);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(frozen_flags[0][i] + frozen_flags[1][i], 0);
}

static bool stored_at_300(void *context, uint16_t device, struct reading_mark *mark)
{
    (void)context;
    *mark = (struct reading_mark){.known = 1, .codes = {300}};
    return device == 0;
}

/* 300 was stored, then the gateway was away while it rained. */
static void a_counter_goes_on_from_the_newest_stored_reading(void **state)
{
    (void)state;
    bench.mark = stored_at_300;
    bench.units[1].registers[0] = 350;
    bench.units[2].registers[0] = 350;
    bench_start("", SELDOM("a", "1") SELDOM("b", "2"),
                "label: p\nfields:\n  - { metric: rainfall, register: 0, type: u16, scale: 0.1, "
                "unit: mm, role: counter }\n  - { metric: m1, register: 1 }\n",
                NULL);
    bench_wait_readings(0, 1);
    bench_wait_readings(1, 1);
    struct reading first = bench.devices[0].last, other = bench.devices[1].last;
    assert_true(first.values[0].present && first.values[0].flag == METRIC_GOOD);
    assert_true(first.values[0].value > 4.99 && first.values[0].value < 5.01);
    assert_int_equal(first.mark.known, 1);
    assert_int_equal(first.mark.codes[0], 350);
    assert_false(other.values[0].present); /* of this one nothing is known */
}

static unsigned present_values(void)
{
    struct bench_device device = bench_device(0);
    unsigned present = 0;
    for (unsigned i = 0; i < device.last.value_count; i++)
        present += device.last.values[i].present;
    return present;
}

#define ZEROS(key)                                                                                 \
    "label: p\nlimits: { response_max: 150ms }\n" key                                              \
    "fields:\n  - { metric: m0, register: 0 }\n  - { metric: m1, register: 1 }\n"

static void zeros_after_power_up_are_no_values(void **state)
{
    (void)state;
    bench.units[1].registers[0] = bench.units[1].registers[1] = 0;
    bench_start("", EACH_SECOND, ZEROS("all_zero: nothing\n"), NULL);
    bench_wait_readings(0, 3);
    assert_int_equal(present_values(), 0);
    bench.units[1].registers[1] = 5; /* one zero among others is a value */
    bench_run(INT64_C(3000000000));
    assert_int_equal(present_values(), 2);
}

static void a_probe_that_warms_up_gives_nothing_meanwhile(void **state)
{
    (void)state;
    bench_start("", EACH_SECOND, ZEROS("warm_up: 30s\n"), NULL);
    bench_run(INT64_C(20000000000));
    assert_int_equal(present_values(), 0);
    bench_run(INT64_C(20000000000));
    assert_int_equal(present_values(), 2);
    bench.units[1].there = false;
    bench_run(INT64_C(60000000000));
    bench.units[1].there = true;
    unsigned before = bench_readings(0);
    bench_wait_readings(0, before + 2);
    assert_int_equal(present_values(), 0);
    bench_run(INT64_C(40000000000));
    assert_int_equal(present_values(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUS_TEST(a_counter_goes_on_from_the_newest_stored_reading),
        BUS_TEST(what_stands_still_for_two_days_is_stuck),
        BUS_TEST(zeros_after_power_up_are_no_values),
        BUS_TEST(a_probe_that_warms_up_gives_nothing_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
