/* SPDX-License-Identifier: Apache-2.0 */
/* A late answer, or one to another master, is nobody's value. In virtual time, see bus_bench.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/modbus/rtu.h"
#include "tests/unit/bus/bus_fixture.h"
#include "tests/unit/bus/virtual_line.h"

static struct bench_call read_of_others;

static void ask_during_the_poll(const struct bench_frame *frame)
{
    if (frame->unit == 1 && frame->address == 0 && read_of_others.request.done == NULL)
        bench_submit(&read_of_others, 1, "\x03\x00\x06\x00\x02", 5);
}

/* The poll's answer comes late, when a request for other registers of the unit waits. */
static void a_late_answer_to_a_poll_is_not_taken_for_a_requests(void **state)
{
    (void)state;
    memset(&read_of_others, 0, sizeof read_of_others);
    bench.units[1].delay_ms = 40;      /* more than the frames' time on a true line */
    bench.units[1].late_once_ms = 220; /* its timeout is 150 ms */
    bench.hears = ask_during_the_poll;
    bench_start("", SELDOM("a", "1"), PROFILE, NULL);
    bench_wait_heard(1);
    bench_wait(&read_of_others);
    assert_int_equal(read_of_others.reply.result, BUS_OK);
    assert_memory_equal(read_of_others.reply.pdu, "\x03\x04\x01\x06\x01\x07", 6);
}

/* A unit that is alone on its line and did not answer once is asked again soon, and not before its
 * late window is over: twice its longest time to answer. */
static void a_lone_units_late_window_is_bounded(void **state)
{
    (void)state;
    bench_start("", FLAT_OUT("a", "1"), PROFILE, NULL);
    bench_wait_readings(0, 10);
    unsigned before = bench_heard();
    bench.units[1].lost_once = true;
    bench_wait_heard(before + 20);
    int64_t longest = 0;
    for (unsigned at = before ? before : 1; at < before + 20; at++) {
        int64_t gap = bench_frame(at).at_ns - bench_frame(at - 1).at_ns;
        longest = gap > longest ? gap : longest;
    }
    assert_in_range(longest, 300 * MS, 2000 * MS);
}

static int64_t missed_ns, again_ns; /* when unit 1 was asked in vain, and when anew */

/* Unit 2, asked right after unit 1 did not answer, does so in unit 1's name. */
static void answer_in_anothers_name(const struct bench_frame *frame)
{
    static const uint8_t answer[] = {3, 4, 0xBA, 0xD0, 0xBA, 0xD0};
    uint8_t out[16];
    if (frame->unit == 1 && missed_ns == 0) {
        missed_ns = frame->at_ns;
        bench.units[2].lost_once = true;
    } else if (frame->unit == 1 && again_ns == 0) {
        again_ns = frame->at_ns;
    } else if (frame->unit == 2 && missed_ns > 0 && again_ns == 0) {
        size_t size = rtu_build(1, answer, sizeof answer, out, sizeof out);
        virtual_line_say(frame->at_ns + 25 * MS, out, size);
    }
}

/* The frame may be unit 2's, with a wrong address: the true answer may still come. */
static void a_frame_in_its_name_does_not_end_a_units_late_window(void **state)
{
    (void)state;
    missed_ns = again_ns = 0;
    bench_start("", FLAT_OUT("a", "1") FLAT_OUT("b", "2"), PROFILE, NULL);
    bench_wait_readings(0, 10);
    bench_wait_readings(1, 10);
    unsigned readings = bench_readings(0);
    bench.units[1].late_once_ms = 270; /* twice its longest time to answer is 300 ms */
    bench.hears = answer_in_anothers_name;
    bench_wait_readings(0, readings + 2);
    assert_true(again_ns - missed_ns >= 300 * MS);
    bench_run(20000 * MS); /* health is told every 10 s */
    assert_int_equal(bench_device(0).health.late_answers, 1);
}

/* Values of readings that are not those of registers 0, 1, 8 and 9 of unit 1. */
static unsigned wrong_values;

static void count_wrong_values(const struct reading *reading)
{
    static const uint16_t registers[] = {0, 1, 8, 9};
    for (unsigned i = 0; i < reading->value_count; i++)
        wrong_values +=
            reading->values[i].present && (int)reading->values[i].value != 256 + registers[i];
}

/* Ten minutes with a unit that takes so long; the readings it gave. */
static unsigned readings_of(unsigned least_ms, unsigned most_ms, const char *every)
{
    char device[128];
    (void)snprintf(device, sizeof device,
                   "      - { name: a, profile: p, address: 1, every: %s }\n", every);
    bench_reset();
    bench.units[1].there = true;
    bench.units[1].refuses = 0x00FC; /* what lies between the blocks */
    bench.units[1].delay_ms = least_ms;
    bench.units[1].delay_most_ms = most_ms;
    bench.takes = count_wrong_values;
    bench_start("", device, TWO_BLOCKS, NULL);
    bench_run(INT64_C(600000000000));
    unsigned readings = bench_readings(0);
    (void)bench_stop();
    return readings;
}

static void no_value_is_an_earlier_requests_however_late_it_comes(void **state)
{
    (void)state;
    static const unsigned late_ms[][2] = {{30, 100},   {30, 180},   {100, 400},
                                          {150, 1000}, {900, 3000}, {2000, 7000}};
    wrong_values = 0;
    for (unsigned i = 0; i < sizeof late_ms / sizeof late_ms[0]; i++) {
        (void)readings_of(late_ms[i][0], late_ms[i][1], "1ms");
        (void)readings_of(late_ms[i][0], late_ms[i][1], "1s");
    }
    assert_int_equal(wrong_values, 0);
}

static void a_unit_that_is_slower_than_its_profile_says_is_given_time(void **state)
{
    (void)state;
    assert_in_range(readings_of(30, 180, "1s"), 500, 600);
    assert_in_range(readings_of(900, 3000, "10s"), 30, 61);
}

/* A PLC asks unit 1 for registers 8 and 9 right after we asked it for 0 and 1, or while we ask unit
 * 2; the unit hears it, and answers it first. */
static unsigned requests_of_others;

static void another_master_asks(const struct bench_frame *frame)
{
    static const uint8_t request[] = {0x01, 0x03, 0x00, 0x08, 0x00, 0x02},
                         reply[] = {0x01, 0x03, 0x04, 0x01, 0x08, 0x01, 0x09};
    uint8_t bytes[RTU_FRAME_MAX];
    if (frame->count != 2 || frame->address != 0 || bench_heard() % 3 != 0)
        return;
    size_t size = rtu_build(request[0], request + 1, sizeof request - 1, bytes, sizeof bytes);
    virtual_line_say(frame->at_ns + 12 * INT64_C(1000000), bytes, size);
    size = rtu_build(reply[0], reply + 1, sizeof reply - 1, bytes, sizeof bytes);
    virtual_line_say(frame->at_ns + 32 * INT64_C(1000000), bytes, size);
    requests_of_others++;
}

static void no_value_is_the_answer_to_another_masters_request(void **state)
{
    (void)state;
    bench.units[1].refuses = 0x00FC;
    bench.units[1].delay_ms = 60;
    bench.units[2].refuses = 0x00FC;
    bench.hears = another_master_asks;
    bench.takes = count_wrong_values;
    wrong_values = 0;
    bench_start("", FLAT_OUT("a", "1"), TWO_BLOCKS, NULL);
    bench_run(INT64_C(60000000000));
    struct bus_stats stats;
    bus_stats(bench_bus, &stats);
    assert_true(requests_of_others > 50);
    assert_int_equal(wrong_values, 0);
    assert_true(bench_readings(0) > 50); /* what is possible between */
    assert_int_equal(stats.hint.id, HINT_OTHER_MASTER);
}

/* A PLC asked for registers 8 and 9 just before the line was opened: nobody heard that. */
static void no_value_answers_what_was_asked_before_the_line_was_opened(void **state)
{
    (void)state;
    static const uint8_t reply[] = {0x03, 0x04, 0x01, 0x08, 0x01, 0x09};
    uint8_t bytes[RTU_FRAME_MAX];
    size_t size = rtu_build(1, reply, sizeof reply, bytes, sizeof bytes);
    bench.units[1].refuses = 0x00FC;
    bench.units[1].delay_ms = 60;
    bench.takes = count_wrong_values;
    wrong_values = 0;
    bench_start("", FLAT_OUT("a", "1"), TWO_BLOCKS, NULL);
    virtual_line_say(line_now_ns() + 35 * MS, bytes, size);
    bench_run(INT64_C(10000000000));
    assert_true(bench_readings(0) > 5);
    assert_int_equal(wrong_values, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BUS_TEST(a_late_answer_to_a_poll_is_not_taken_for_a_requests),
        BUS_TEST(no_value_is_an_earlier_requests_however_late_it_comes),
        BUS_TEST(no_value_is_the_answer_to_another_masters_request),
        BUS_TEST(no_value_answers_what_was_asked_before_the_line_was_opened),
        BUS_TEST(a_unit_that_is_slower_than_its_profile_says_is_given_time),
        BUS_TEST(a_lone_units_late_window_is_bounded),
        BUS_TEST(a_frame_in_its_name_does_not_end_a_units_late_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
