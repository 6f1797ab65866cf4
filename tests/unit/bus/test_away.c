/* SPDX-License-Identifier: Apache-2.0 */
/* Units that are away cost the others little, and come back soon. In virtual time: bus_bench.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/daemon/bus/load.h"
#include "tests/unit/bus/bus_fixture.h"
#include "tests/unit/bus/virtual_line.h"

/* Polls of nine units in four minutes of a full line, after half a minute; a tenth is dead or there
 * is none. */
static unsigned polls_of_nine(bool with_dead)
{
    char devices[1024] = "";
    size_t at = 0;
    bench_reset();
    for (unsigned unit = 1; unit <= (with_dead ? 10 : 9); unit++) {
        bench.units[unit].there = unit < 10;
        at += (size_t)snprintf(devices + at, sizeof devices - at,
                               "      - { name: u%u, profile: p, address: %u, every: 1ms }\n", unit,
                               unit);
    }
    bench_start("", devices, PROFILE, NULL);
    bench_run(30000 * MS);
    unsigned before = 0, after = 0, of_dead = 0;
    for (unsigned device = 0; device < 9; device++)
        before += bench_readings(device);
    unsigned heard = bench_heard();
    bench_run(240000 * MS);
    for (unsigned device = 0; device < 9; device++)
        after += bench_readings(device);
    for (; heard < bench_heard(); heard++)
        of_dead += bench_frame(heard).unit == 10;
    (void)bench_stop();
    assert_true(!with_dead || of_dead > 0); /* it is still looked for */
    return after - before;
}

static void a_dead_unit_costs_the_others_a_hundredth(void **state)
{
    (void)state;
    unsigned alone = polls_of_nine(false), with_dead = polls_of_nine(true);
    assert_true(alone > 1000);
    assert_true(with_dead * 100 >= alone * 99);
}

/* Nine others and a full line: the tenth goes, and comes back. */
static void a_unit_that_was_away_is_back_within_two_seconds_or_a_tenth(void **state)
{
    (void)state;
    static const int64_t away_s[] = {15, 60, 300};
    for (unsigned i = 0; i < 3; i++) {
        char devices[1024] = "";
        size_t at = 0;
        bench_reset();
        for (unsigned unit = 1; unit <= 10; unit++) {
            bench.units[unit].there = true;
            bench.units[unit].delay_ms = 27;
            at += (size_t)snprintf(devices + at, sizeof devices - at,
                                   "      - { name: u%u, profile: p, address: %u, every: 1ms }\n",
                                   unit, unit);
        }
        bench_start("", devices, PROFILE, NULL);
        bench_wait_readings(9, 20);
        bench.units[10].there = false;
        bench_run(away_s[i] * 1000 * MS);
        assert_true(bench_bus->units[9].dead);
        unsigned had = bench_readings(9);
        bench.units[10].there = true;
        bench_run((away_s[i] > 20 ? away_s[i] * 100 : 2000) * MS + 200 * MS);
        assert_true(bench_readings(9) > had);
        (void)bench_stop();
    }
}

/* What --check says of a device that stops answering is what it costs. */
static void a_device_that_dies_costs_what_was_said(void **state)
{
    (void)state;
    bench_start("", FLAT_OUT("a", "1") FLAT_OUT("b", "2"), PROFILE, NULL);
    bench_wait_readings(1, 10);
    struct load_device load;
    load_device(bench_bus->config, &bench_bus->config->devices[1], &load);
    unsigned from = bench_heard();
    bench.units[2].there = false;
    bench_run(5000 * MS);
    int64_t cost_ns = 0, tries = 0;
    for (unsigned at = from; at + 1 < bench_heard() && tries < 4; at++) {
        struct bench_frame frame = bench_frame(at);
        cost_ns += frame.unit == 2 ? bench_frame(at + 1).at_ns - frame.at_ns : 0;
        tries += frame.unit == 2;
    }
    assert_int_equal(tries, 4);
    assert_true(bench_bus->units[1].dead);
    assert_in_range(cost_ns, load.dying_ns * 3 / 4, load.dying_ns);
    for (unsigned at = from; at < bench_heard(); at++)
        tries -= bench_frame(at).unit == 2;
    assert_true(tries >= -2); /* and then seldom */
}

static void wait_for_opening(unsigned count)
{
    for (unsigned i = 0; i < 2000 && virtual_line.opens < count; i++)
        bench_run(100 * MS);
    assert_int_equal(virtual_line.opens, count);
}

/* An adapter that passes nothing on until it is opened anew, and soon again nothing. */
static void a_line_that_nobody_answers_on_is_opened_anew_after_30_s_and_once_a_minute(void **state)
{
    (void)state;
    bench_start("", EACH_SECOND, PROFILE, NULL);
    bench_wait_readings(0, 5);
    assert_int_equal(virtual_line.opens, 1);
    bench.units[1].there = false;
    int64_t silent_ns = line_now_ns();
    wait_for_opening(2);
    assert_in_range((virtual_line.open_at_ns - silent_ns) / MS, 29000, 33000);
    int64_t anew_ns = virtual_line.open_at_ns;
    bench.units[1].there = true;
    bench_wait_readings(0, bench_readings(0) + 5);
    bench.units[1].there = false;
    wait_for_opening(3);
    assert_in_range((virtual_line.open_at_ns - anew_ns) / MS, 60000, 64000);
}

static void one_unit_that_answers_keeps_the_line_open(void **state)
{
    (void)state;
    bench_start("", FLAT_OUT("a", "1") FLAT_OUT("b", "2"), PROFILE, NULL);
    bench_wait_readings(1, 5);
    bench.units[2].there = false;
    bench_run(INT64_C(120000000000));
    assert_int_equal(virtual_line.opens, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUS_TEST(a_dead_unit_costs_the_others_a_hundredth),
        BUS_TEST(a_unit_that_was_away_is_back_within_two_seconds_or_a_tenth),
        BUS_TEST(a_device_that_dies_costs_what_was_said),
        BUS_TEST(a_line_that_nobody_answers_on_is_opened_anew_after_30_s_and_once_a_minute),
        BUS_TEST(one_unit_that_answers_keeps_the_line_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
