/* SPDX-License-Identifier: Apache-2.0 */
/* A bus thread: what others ask of it, and who has the line when. In virtual time: bus_bench.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/reason.h"
#include "tests/unit/bus/bus_fixture.h"
#include "tests/unit/bus/virtual_line.h"

static void a_request_goes_before_the_polls(void **state)
{
    (void)state;
    bench_start("", FLAT_OUT("a", "1") FLAT_OUT("b", "2") FLAT_OUT("c", "3"), PROFILE, NULL);
    bench_wait_readings(0, 2);
    for (unsigned i = 0; i < 5; i++) {
        struct bench_call call = {0};
        unsigned before = bench_heard();
        bench_submit(&call, 4, "\x03\x00\x04\x00\x01", 5);
        bench_wait(&call);
        assert_int_equal(call.reply.result, BUS_OK);
        assert_memory_equal(call.reply.pdu, "\x03\x02\x04\x04", 4);
        unsigned at = before;
        while (bench_frame(at).unit != 4)
            at++;
        assert_true(at - before <= 2); /* one that was on the line, one that was about to be */
    }
}

static void a_write_is_read_back(void **state)
{
    (void)state;
    static const char one[] = "\x06\x00\x03\x12\x34",
                      many[] = "\x10\x00\x08\x00\x02\x04\x56\x78\x9A\xBC";
    bench.units[2].stuck = true;
    bench.units[3].write_only = true;
    bench_start("", SELDOM("a", "1"), PROFILE, NULL);
    bench_wait_readings(0, 1);
    struct bench_call call = {0};
    bench_submit(&call, 1, one, 5);
    bench_wait(&call);
    assert_int_equal(call.reply.result, BUS_OK);
    assert_int_equal(call.reply.pdu_size, 5); /* of the write, not of reading it back */
    assert_memory_equal(call.reply.pdu, one, 5);
    bench_submit(&call, 1, many, 10);
    bench_wait(&call);
    assert_int_equal(call.reply.result, BUS_OK);
    assert_int_equal(bench.units[1].registers[9], 0x9ABC);

    unsigned before = bench_heard();
    bench_submit(&call, 2, one, 5); /* acknowledges and does nothing */
    bench_wait(&call);
    assert_int_equal(call.reply.result, BUS_MISMATCH);
    bench_submit(&call, 2, many, 10);
    bench_wait(&call);
    assert_int_equal(call.reply.result, BUS_MISMATCH);
    assert_int_equal(bench_heard() - before, 4); /* told, not tried again: that is the asker's */

    bench_submit(&call, 3, many, 10); /* can't be read: nothing to compare */
    bench_wait(&call);
    assert_int_equal(call.reply.result, BUS_OK);
    call.request.no_read_back = true;
    before = bench_heard();
    bench_submit(&call, 2, one, 5);
    bench_wait(&call);
    assert_int_equal(call.reply.result, BUS_OK);
    assert_int_equal(bench_heard() - before, 1);
}

/* Nobody else waits for a unit that does not answer a request, known to the configuration or
 * not. */
static void the_line_is_not_kept_for_a_request_that_is_tried_again(void **state)
{
    (void)state;
    bench_start("", FLAT_OUT("a", "1") SELDOM("dead", "9"), PROFILE, NULL);
    bench_wait_readings(0, 8);
    static const uint8_t silent[] = {9, 12};
    for (unsigned s = 0; s < 2; s++) {
        struct bench_call call = {.request = {.retries = 2, .timeout_ms = 50}};
        unsigned before = bench_heard(), tries = 0, polls = 0;
        bench_submit(&call, silent[s], "\x03\x00\x05\x00\x01", 5);
        bench_wait(&call);
        assert_int_equal(call.reply.result, BUS_TIMEOUT);
        for (unsigned at = before; at < bench_heard(); at++) {
            struct bench_frame frame = bench_frame(at);
            if (frame.unit == silent[s] && frame.address == 5) {
                assert_true(tries == 0 || polls > 3);
                tries++;
                polls = 0;
            }
            polls += frame.unit == 1;
        }
        assert_int_equal(tries, 3);
    }
}

/* A device that needs a longer silence of its own gets it, and the others have the line. */
static void the_line_is_not_kept_for_a_units_own_silence(void **state)
{
    (void)state;
    bench_start("",
                FLAT_OUT("a", "1") "      - { name: slow, profile: q, address: 2, every: 1ms }\n",
                PROFILE,
                "label: q\nlimits: { extra_silence: 60ms }\nfields:\n"
                "  - { metric: m0, register: 0 }\n  - { metric: m9, register: 9 }\n");
    bench_wait_readings(1, 5); /* by then its turnaround is known */
    unsigned from = bench_heard();
    bench_wait_readings(1, 10);
    unsigned own = 0, others = 0, end = bench_heard();
    int64_t last_ns = 0;
    for (unsigned at = from; at < end; at++) {
        struct bench_frame frame = bench_frame(at);
        if (frame.unit == 2) {
            assert_true(!last_ns || frame.at_ns - last_ns >= 60 * MS);
            last_ns = frame.at_ns;
            own++;
        }
        others += frame.unit == 1;
    }
    assert_true(others > own); /* and not one after the other */
}

static void while_a_bus_is_paused_its_port_is_closed(void **state)
{
    (void)state;
    bench_start("", FLAT_OUT("a", "1") FLAT_OUT("b", "2"), PROFILE, NULL);
    bench_wait_readings(0, 3);
    bus_pause(bench_bus, 3600);
    bench_run(2000 * MS); /* what is on the line is over */
    assert_true(bus_port_free(bench_bus));
    unsigned before = bench_heard();
    struct bench_call call = {0};
    bench_submit(&call, 3, "\x03\x00\x00\x00\x01", 5);
    bench_wait(&call);
    assert_int_equal(call.reply.result, BUS_PAUSED);
    call.request.background = true;
    bench_submit(&call, 3, "\x03\x00\x00\x00\x01", 5);
    bench_wait(&call);
    assert_int_equal(call.reply.result, BUS_PAUSED);
    assert_int_equal(bench_heard() - before, 0);
    struct bus_stats stats;
    bus_stats(bench_bus, &stats);
    assert_string_equal(stats.state, "paused");
    bench_run(12000 * MS); /* health is reported, and nobody was asked in vain */
    assert_true(bench_device(0).health.online);
    unsigned had = bench_readings(1);
    bus_pause(bench_bus, 0);
    bench_wait_readings(1, had + 3);
    assert_false(bus_port_free(bench_bus));
    (void)bench_stop();
    assert_true(bench_gaps(0, GAP_BUS_DOWN) > 0); /* what was not polled is told */
}

/* Whatever the thread waits for just then. */
static void stops_within_two_seconds(void **state)
{
    (void)state;
    static const struct {
        uint8_t unit, retries;
        uint16_t timeout_ms;
    } waits[] = {{9, 0, 60000}, {0, 0, 60000}, {9, 3, 1}};
    for (unsigned i = 0; i < 3; i++) {
        bench_reset();
        bench.units[1].there = true;
        bench_start("    response: 10s\n", SELDOM("a", "1"), PROFILE, NULL);
        bench_wait_readings(0, 1);
        struct bench_call call = {
            .request = {.retries = waits[i].retries, .timeout_ms = waits[i].timeout_ms}};
        unsigned before = bench_heard();
        bench_submit(&call, waits[i].unit, "\x06\x00\x05\x00\x01", 5);
        bench_wait_heard(before + 1);
        struct bench_call after = {0};
        bench_submit(&after, 1, "\x03\x00\x00\x00\x01", 5);
        if (i == 2)
            bench_wait_heard(before + 2); /* it waits for its next try */
        assert_true(bench_stop() < 2000 * MS);
        assert_true(call.done && after.done);
        if (i < 2)
            assert_int_equal(after.reply.result, BUS_STOPPED);
    }
}

/* A broadcast is not answered: its last bytes are still to be sent when the next one is due. */
static void the_rate_changes_when_everything_is_sent(void **state)
{
    (void)state;
    static const uint8_t head[] = {16, 0, 0, 0, 100, 200};
    bench_start("    response: 1s\n",
                "      - { name: slow, profile: p, address: 2, baud: 2400, every: 1h }\n", PROFILE,
                NULL);
    bench_wait_readings(0, 1);
    struct bench_call call = {.request = {.timeout_ms = 1}}, next = {0};
    uint8_t pdu[206] = {0};
    memcpy(pdu, head, sizeof head);
    virtual_line.sets = 0;
    bench_submit(&call, 0, (const char *)pdu, sizeof pdu); /* at 9600 */
    bench_submit(&next, 2, "\x03\x00\x00\x00\x01", 5);     /* at 2400 */
    bench_wait(&next);
    assert_int_equal(next.reply.result, BUS_OK);
    assert_int_equal(virtual_line.sets, 2); /* up for the broadcast, down again */
    struct bench_frame broadcast = {0};
    for (unsigned at = 0; at < bench_heard(); at++) {
        if (bench_frame(at).unit == 0)
            broadcast = bench_frame(at);
    }
    /* 209 characters' time. */
    assert_true(virtual_line.set_at_ns - broadcast.at_ns >= 200 * MS);
}

static void health_counts_what_happened(void **state)
{
    (void)state;
    bench.echo = true;
    bench.units[1].delay_ms = 40; /* more than the frames' time on a true line */
    bench_start("", FLAT_OUT("a", "1"), PROFILE, NULL);
    bench_wait_readings(0, 2);
    bench.units[1].late_once_ms = 250; /* one timeout, one late answer, one retry */
    bench_wait_readings(0, 4);
    struct bus_stats stats;
    bench_run(20000 * MS); /* reported every 10 s */
    bus_stats(bench_bus, &stats);
    assert_int_equal(stats.hint.id, HINT_ECHO);
    struct device_health health = bench_device(0).health;
    assert_int_equal(health.late_answers, 1);
    assert_true(health.timeouts >= 1 && health.retries >= 1);
    assert_true(health.turnaround_p50_us >= 1000);
    assert_true(health.online);
    assert_true(stats.answers >= 4);
    assert_true(stats.timeouts >= 1);
}

/* A scan asks 247 addresses where a few are: that nobody is there is no fault of the line. */
static void an_address_of_nobody_is_no_timeout_of_the_line(void **state)
{
    (void)state;
    bench_start("", FLAT_OUT("a", "1"), PROFILE, NULL);
    bench_wait_readings(0, 2);
    for (uint8_t unit = 50; unit < 60; unit++) {
        struct bench_call call = {.request.timeout_ms = 60};
        bench_submit(&call, unit, "\x03\x00\x00\x00\x01", 5);
        bench_wait(&call);
        assert_int_equal(call.reply.result, BUS_TIMEOUT);
    }
    struct bus_stats stats;
    bench_run(20000 * MS); /* reported every 10 s */
    bus_stats(bench_bus, &stats);
    assert_true(stats.answers >= 2);
    assert_int_equal(stats.timeouts, 0);
}

/* An output that does not switch, and a siren, tell a farmer why. */
static void each_end_of_a_request_is_told_in_chinese_too(void **state)
{
    (void)state;
    for (int result = BUS_PAUSED; result < BUS_OK; result++) {
        char chinese[REASON_SIZE];
        reason_chinese(bus_result_text((enum bus_result)result), chinese, sizeof chinese);
        assert_true((unsigned char)chinese[0] >= 0x80);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_end_of_a_request_is_told_in_chinese_too),
        BUS_TEST(a_request_goes_before_the_polls),
        BUS_TEST(a_write_is_read_back),
        BUS_TEST(the_line_is_not_kept_for_a_request_that_is_tried_again),
        BUS_TEST(the_line_is_not_kept_for_a_units_own_silence),
        BUS_TEST(while_a_bus_is_paused_its_port_is_closed),
        BUS_TEST(stops_within_two_seconds),
        BUS_TEST(the_rate_changes_when_everything_is_sent),
        BUS_TEST(health_counts_what_happened),
        BUS_TEST(an_address_of_nobody_is_no_timeout_of_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
