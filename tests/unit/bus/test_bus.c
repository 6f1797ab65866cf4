/* SPDX-License-Identifier: Apache-2.0 */
/* A bus thread: what others ask of it, and who has the line when. In virtual time, see garden.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/bus/impl.h"
#include "gateway/daemon/bus/load.h"
#include "protocols/modbus/rtu.h"
#include "tests/unit/bus/garden.h"
#include "tests/unit/bus/virtual_line.h"

#define PROFILE                                                                                    \
    "label: p\nlimits: { response_max: 150ms }\n"                                                  \
    "fields:\n  - { metric: m0, register: 0 }\n  - { metric: m1, register: 1 }\n"
#define EACH_SECOND "      - { name: a, profile: p, address: 1, every: 1s }\n"
#define FLAT_OUT(name, address)                                                                    \
    "      - { name: " name ", profile: p, address: " address ", every: 1ms }\n"
#define SELDOM(name, address)                                                                      \
    "      - { name: " name ", profile: p, address: " address ", every: 1h }\n"

/* Two blocks of one size, which can't be read together: a late answer to one fits the other. */
#define TWO_BLOCKS                                                                                 \
    "label: p\nlimits: { response_max: 50ms }\n"                                                   \
    "fields:\n  - { metric: m0, register: 0 }\n  - { metric: m1, register: 1 }\n"                  \
    "  - { metric: m2, register: 8 }\n  - { metric: m3, register: 9 }\n"

static int set_up(void **state)
{
    (void)state;
    garden_reset();
    for (unsigned unit = 1; unit <= 4; unit++)
        garden.units[unit].there = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (garden_bus != NULL)
        (void)garden_stop();
    return 0;
}

static void a_request_goes_before_the_polls(void **state)
{
    (void)state;
    garden_start("", FLAT_OUT("a", "1") FLAT_OUT("b", "2") FLAT_OUT("c", "3"), PROFILE, NULL);
    garden_wait_readings(0, 2);
    for (unsigned i = 0; i < 5; i++) {
        struct garden_call call = {0};
        unsigned before = garden_heard();
        garden_submit(&call, 4, "\x03\x00\x04\x00\x01", 5);
        garden_wait(&call);
        assert_int_equal(call.reply.result, BUS_OK);
        assert_memory_equal(call.reply.pdu, "\x03\x02\x04\x04", 4);
        unsigned at = before;
        while (garden_frame(at).unit != 4)
            at++;
        assert_true(at - before <= 2); /* one that was on the line, one that was about to be */
    }
}

static void a_write_is_read_back(void **state)
{
    (void)state;
    static const char one[] = "\x06\x00\x03\x12\x34",
                      many[] = "\x10\x00\x08\x00\x02\x04\x56\x78\x9A\xBC";
    garden.units[2].stuck = true;
    garden.units[3].write_only = true;
    garden_start("", SELDOM("a", "1"), PROFILE, NULL);
    garden_wait_readings(0, 1);
    struct garden_call call = {0};
    garden_submit(&call, 1, one, 5);
    garden_wait(&call);
    assert_int_equal(call.reply.result, BUS_OK);
    assert_int_equal(call.reply.pdu_size, 5); /* of the write, not of reading it back */
    assert_memory_equal(call.reply.pdu, one, 5);
    garden_submit(&call, 1, many, 10);
    garden_wait(&call);
    assert_int_equal(call.reply.result, BUS_OK);
    assert_int_equal(garden.units[1].registers[9], 0x9ABC);

    unsigned before = garden_heard();
    garden_submit(&call, 2, one, 5); /* acknowledges and does nothing */
    garden_wait(&call);
    assert_int_equal(call.reply.result, BUS_MISMATCH);
    garden_submit(&call, 2, many, 10);
    garden_wait(&call);
    assert_int_equal(call.reply.result, BUS_MISMATCH);
    assert_int_equal(garden_heard() - before, 4); /* told, not tried again: that is the asker's */

    garden_submit(&call, 3, many, 10); /* can't be read: nothing to compare */
    garden_wait(&call);
    assert_int_equal(call.reply.result, BUS_OK);
    call.request.no_read_back = true;
    before = garden_heard();
    garden_submit(&call, 2, one, 5);
    garden_wait(&call);
    assert_int_equal(call.reply.result, BUS_OK);
    assert_int_equal(garden_heard() - before, 1);
}

static unsigned frozen_flags[GARDEN_UNITS][4];

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
    garden.takes = count_frozen;
    garden_start("", SELDOM("a", "1") SELDOM("b", "2"), profile, NULL);
    garden_run(24 * hour_ns);
    garden.units[2].registers[0]++;
    garden_run(23 * hour_ns);
    assert_int_equal(frozen_flags[0][0], 0);
    garden_run(3 * hour_ns);
    assert_true(frozen_flags[0][0] >= 1 && frozen_flags[0][0] <= 3);
    assert_true(garden_device(0).last.values[0].present);
    assert_int_equal(frozen_flags[1][0], 0);
    garden.units[1].registers[0]++;
    garden_run(2 * hour_ns);
    assert_int_equal(garden_device(0).last.values[0].flag, METRIC_GOOD);
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
    garden.mark = stored_at_300;
    garden.units[1].registers[0] = 350;
    garden.units[2].registers[0] = 350;
    garden_start("", SELDOM("a", "1") SELDOM("b", "2"),
                 "label: p\nfields:\n  - { metric: rainfall, register: 0, type: u16, scale: 0.1, "
                 "unit: mm, role: counter }\n  - { metric: m1, register: 1 }\n",
                 NULL);
    garden_wait_readings(0, 1);
    garden_wait_readings(1, 1);
    struct reading first = garden.devices[0].last, other = garden.devices[1].last;
    assert_true(first.values[0].present && first.values[0].flag == METRIC_GOOD);
    assert_true(first.values[0].value > 4.99 && first.values[0].value < 5.01);
    assert_int_equal(first.mark.known, 1);
    assert_int_equal(first.mark.codes[0], 350);
    assert_false(other.values[0].present); /* of this one nothing is known */
}

static struct garden_call read_of_others;

static void ask_during_the_poll(const struct garden_frame *frame)
{
    if (frame->unit == 1 && frame->address == 0 && read_of_others.request.done == NULL)
        garden_submit(&read_of_others, 1, "\x03\x00\x06\x00\x02", 5);
}

/* The poll's answer comes late, when a request for other registers of the unit waits. */
static void a_late_answer_to_a_poll_is_not_taken_for_a_requests(void **state)
{
    (void)state;
    memset(&read_of_others, 0, sizeof read_of_others);
    garden.units[1].delay_ms = 40;      /* more than the frames' time on a true line */
    garden.units[1].late_once_ms = 220; /* its timeout is 150 ms */
    garden.hears = ask_during_the_poll;
    garden_start("", SELDOM("a", "1"), PROFILE, NULL);
    garden_wait_heard(1);
    garden_wait(&read_of_others);
    assert_int_equal(read_of_others.reply.result, BUS_OK);
    assert_memory_equal(read_of_others.reply.pdu, "\x03\x04\x01\x06\x01\x07", 6);
}

/* Nobody else waits for a unit that does not answer a request, known to the configuration or not.
 */
static void the_line_is_not_kept_for_a_request_that_is_tried_again(void **state)
{
    (void)state;
    garden_start("", FLAT_OUT("a", "1") SELDOM("dead", "9"), PROFILE, NULL);
    garden_wait_readings(0, 8);
    static const uint8_t silent[] = {9, 12};
    for (unsigned s = 0; s < 2; s++) {
        struct garden_call call = {.request = {.retries = 2, .timeout_ms = 50}};
        unsigned before = garden_heard(), tries = 0, polls = 0;
        garden_submit(&call, silent[s], "\x03\x00\x05\x00\x01", 5);
        garden_wait(&call);
        assert_int_equal(call.reply.result, BUS_TIMEOUT);
        for (unsigned at = before; at < garden_heard(); at++) {
            struct garden_frame frame = garden_frame(at);
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

/* Polls of nine units in four minutes of a full line, after half a minute; a tenth is dead or there
 * is none. */
static unsigned polls_of_nine(bool with_dead)
{
    char devices[1024] = "";
    size_t at = 0;
    garden_reset();
    for (unsigned unit = 1; unit <= (with_dead ? 10 : 9); unit++) {
        garden.units[unit].there = unit < 10;
        at += (size_t)snprintf(devices + at, sizeof devices - at,
                               "      - { name: u%u, profile: p, address: %u, every: 1ms }\n", unit,
                               unit);
    }
    garden_start("", devices, PROFILE, NULL);
    garden_run(30000 * MS);
    unsigned before = 0, after = 0, of_dead = 0;
    for (unsigned device = 0; device < 9; device++)
        before += garden_readings(device);
    unsigned heard = garden_heard();
    garden_run(240000 * MS);
    for (unsigned device = 0; device < 9; device++)
        after += garden_readings(device);
    for (; heard < garden_heard(); heard++)
        of_dead += garden_frame(heard).unit == 10;
    (void)garden_stop();
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
        garden_reset();
        for (unsigned unit = 1; unit <= 10; unit++) {
            garden.units[unit].there = true;
            garden.units[unit].delay_ms = 27;
            at += (size_t)snprintf(devices + at, sizeof devices - at,
                                   "      - { name: u%u, profile: p, address: %u, every: 1ms }\n",
                                   unit, unit);
        }
        garden_start("", devices, PROFILE, NULL);
        garden_wait_readings(9, 20);
        garden.units[10].there = false;
        garden_run(away_s[i] * 1000 * MS);
        assert_true(garden_bus->units[9].dead);
        unsigned had = garden_readings(9);
        garden.units[10].there = true;
        garden_run((away_s[i] > 20 ? away_s[i] * 100 : 2000) * MS + 200 * MS);
        assert_true(garden_readings(9) > had);
        (void)garden_stop();
    }
}

/* What --check says of a device that stops answering is what it costs. */
static void a_device_that_dies_costs_what_was_said(void **state)
{
    (void)state;
    garden_start("", FLAT_OUT("a", "1") FLAT_OUT("b", "2"), PROFILE, NULL);
    garden_wait_readings(1, 10);
    struct load_device load;
    load_device(garden_bus->config, &garden_bus->config->devices[1], &load);
    unsigned from = garden_heard();
    garden.units[2].there = false;
    garden_run(5000 * MS);
    int64_t cost_ns = 0, tries = 0;
    for (unsigned at = from; at + 1 < garden_heard() && tries < 4; at++) {
        struct garden_frame frame = garden_frame(at);
        cost_ns += frame.unit == 2 ? garden_frame(at + 1).at_ns - frame.at_ns : 0;
        tries += frame.unit == 2;
    }
    assert_int_equal(tries, 4);
    assert_true(garden_bus->units[1].dead);
    assert_in_range(cost_ns, load.dying_ns * 3 / 4, load.dying_ns);
    for (unsigned at = from; at < garden_heard(); at++)
        tries -= garden_frame(at).unit == 2;
    assert_true(tries >= -2); /* and then seldom */
}

/* A device that needs a longer silence of its own gets it, and the others have the line. */
static void the_line_is_not_kept_for_a_units_own_silence(void **state)
{
    (void)state;
    garden_start("",
                 FLAT_OUT("a", "1") "      - { name: slow, profile: q, address: 2, every: 1ms }\n",
                 PROFILE,
                 "label: q\nlimits: { extra_silence: 60ms }\nfields:\n"
                 "  - { metric: m0, register: 0 }\n  - { metric: m9, register: 9 }\n");
    garden_wait_readings(1, 5); /* by then its turnaround is known */
    unsigned from = garden_heard();
    garden_wait_readings(1, 10);
    unsigned own = 0, others = 0, end = garden_heard();
    int64_t last_ns = 0;
    for (unsigned at = from; at < end; at++) {
        struct garden_frame frame = garden_frame(at);
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
    garden_start("", FLAT_OUT("a", "1") FLAT_OUT("b", "2"), PROFILE, NULL);
    garden_wait_readings(0, 3);
    bus_pause(garden_bus, 3600);
    garden_run(2000 * MS); /* what is on the line is over */
    assert_true(bus_port_free(garden_bus));
    unsigned before = garden_heard();
    struct garden_call call = {0};
    garden_submit(&call, 3, "\x03\x00\x00\x00\x01", 5);
    garden_wait(&call);
    assert_int_equal(call.reply.result, BUS_PAUSED);
    call.request.background = true;
    garden_submit(&call, 3, "\x03\x00\x00\x00\x01", 5);
    garden_wait(&call);
    assert_int_equal(call.reply.result, BUS_PAUSED);
    assert_int_equal(garden_heard() - before, 0);
    struct bus_stats stats;
    bus_stats(garden_bus, &stats);
    assert_string_equal(stats.state, "paused");
    unsigned had = garden_readings(1);
    bus_pause(garden_bus, 0);
    garden_wait_readings(1, had + 3);
    assert_false(bus_port_free(garden_bus));
    (void)garden_stop();
    assert_true(garden_gaps(0, GAP_BUS_DOWN) > 0); /* what was not polled is told */
}

static void wait_for_opening(unsigned count)
{
    for (unsigned i = 0; i < 2000 && virtual_line.opens < count; i++)
        garden_run(100 * MS);
    assert_int_equal(virtual_line.opens, count);
}

/* An adapter that passes nothing on until it is opened anew, and soon again nothing. */
static void a_line_that_nobody_answers_on_is_opened_anew_after_30_s_and_once_a_minute(void **state)
{
    (void)state;
    garden_start("", EACH_SECOND, PROFILE, NULL);
    garden_wait_readings(0, 5);
    assert_int_equal(virtual_line.opens, 1);
    garden.units[1].there = false;
    int64_t silent_ns = line_now_ns();
    wait_for_opening(2);
    assert_in_range((virtual_line.open_at_ns - silent_ns) / MS, 29000, 33000);
    int64_t anew_ns = virtual_line.open_at_ns;
    garden.units[1].there = true;
    garden_wait_readings(0, garden_readings(0) + 5);
    garden.units[1].there = false;
    wait_for_opening(3);
    assert_in_range((virtual_line.open_at_ns - anew_ns) / MS, 60000, 64000);
}

static void one_unit_that_answers_keeps_the_line_open(void **state)
{
    (void)state;
    garden_start("", FLAT_OUT("a", "1") FLAT_OUT("b", "2"), PROFILE, NULL);
    garden_wait_readings(1, 5);
    garden.units[2].there = false;
    garden_run(INT64_C(120000000000));
    assert_int_equal(virtual_line.opens, 1);
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
        garden_reset();
        garden.units[1].there = true;
        garden_start("    response: 10s\n", SELDOM("a", "1"), PROFILE, NULL);
        garden_wait_readings(0, 1);
        struct garden_call call = {
            .request = {.retries = waits[i].retries, .timeout_ms = waits[i].timeout_ms}};
        unsigned before = garden_heard();
        garden_submit(&call, waits[i].unit, "\x06\x00\x05\x00\x01", 5);
        garden_wait_heard(before + 1);
        struct garden_call after = {0};
        garden_submit(&after, 1, "\x03\x00\x00\x00\x01", 5);
        if (i == 2)
            garden_wait_heard(before + 2); /* it waits for its next try */
        assert_true(garden_stop() < 2000 * MS);
        assert_true(call.done && after.done);
        if (i < 2)
            assert_int_equal(after.reply.result, BUS_STOPPED);
    }
}

static void what_a_device_refuses_is_split_off_and_remembered(void **state)
{
    (void)state;
    garden.units[1].refuses = 1u << 2;
    garden_start("", FLAT_OUT("a", "1"),
                 "label: p\nfields:\n  - { metric: m0, register: 0 }\n"
                 "  - { metric: m1, register: 1 }\n  - { metric: m2, register: 2 }\n"
                 "  - { metric: m3, register: 3 }\n",
                 NULL);
    garden_wait_readings(0, 5);
    unsigned refused = 0, last = 0, count = garden_heard();
    for (unsigned at = 0; at < count; at++) {
        if (garden_frame(at).refused) {
            refused++;
            last = at;
        }
    }
    assert_in_range(refused, 1, 4);
    assert_true(last < 8); /* before the first reading */
    struct garden_device device = garden_device(0);
    static const double values[] = {256, 257, 0, 259};
    for (unsigned i = 0; i < 4; i++) {
        assert_true(device.last.values[i].present == (i != 2));
        assert_true(i == 2 || device.last.values[i].value == values[i]);
    }
    assert_int_equal(device.last.values[2].flag, METRIC_ABSENT);
    (void)garden_stop();
    assert_int_equal(garden_gaps(0, GAP_EXCEPTION), 0);
}

/* A broadcast is not answered: its last bytes are still to be sent when the next one is due. */
static void the_rate_changes_when_everything_is_sent(void **state)
{
    (void)state;
    static const uint8_t head[] = {16, 0, 0, 0, 100, 200};
    garden_start("    response: 1s\n",
                 "      - { name: slow, profile: p, address: 2, baud: 2400, every: 1h }\n", PROFILE,
                 NULL);
    garden_wait_readings(0, 1);
    struct garden_call call = {.request = {.timeout_ms = 1}}, next = {0};
    uint8_t pdu[206] = {0};
    memcpy(pdu, head, sizeof head);
    virtual_line.sets = 0;
    garden_submit(&call, 0, (const char *)pdu, sizeof pdu); /* at 9600 */
    garden_submit(&next, 2, "\x03\x00\x00\x00\x01", 5);     /* at 2400 */
    garden_wait(&next);
    assert_int_equal(next.reply.result, BUS_OK);
    assert_int_equal(virtual_line.sets, 2); /* up for the broadcast, down again */
    struct garden_frame broadcast = {0};
    for (unsigned at = 0; at < garden_heard(); at++) {
        if (garden_frame(at).unit == 0)
            broadcast = garden_frame(at);
    }
    /* 209 characters' time. */
    assert_true(virtual_line.set_at_ns - broadcast.at_ns >= 200 * MS);
}

/* A unit that is alone on its line and did not answer once is asked again soon, and not before its
 * late window is over: twice its longest time to answer. */
static void a_lone_units_late_window_is_bounded(void **state)
{
    (void)state;
    garden_start("", FLAT_OUT("a", "1"), PROFILE, NULL);
    garden_wait_readings(0, 10);
    unsigned before = garden_heard();
    garden.units[1].lost_once = true;
    garden_wait_heard(before + 20);
    int64_t longest = 0;
    for (unsigned at = before ? before : 1; at < before + 20; at++) {
        int64_t gap = garden_frame(at).at_ns - garden_frame(at - 1).at_ns;
        longest = gap > longest ? gap : longest;
    }
    assert_in_range(longest, 300 * MS, 2000 * MS);
}

static int64_t missed_ns, again_ns; /* when unit 1 was asked in vain, and when anew */

/* Unit 2, asked right after unit 1 did not answer, does so in unit 1's name. */
static void answer_in_anothers_name(const struct garden_frame *frame)
{
    static const uint8_t answer[] = {3, 4, 0xBA, 0xD0, 0xBA, 0xD0};
    uint8_t out[16];
    if (frame->unit == 1 && missed_ns == 0) {
        missed_ns = frame->at_ns;
        garden.units[2].lost_once = true;
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
    garden_start("", FLAT_OUT("a", "1") FLAT_OUT("b", "2"), PROFILE, NULL);
    garden_wait_readings(0, 10);
    garden_wait_readings(1, 10);
    unsigned readings = garden_readings(0);
    garden.units[1].late_once_ms = 270; /* twice its longest time to answer is 300 ms */
    garden.hears = answer_in_anothers_name;
    garden_wait_readings(0, readings + 2);
    assert_true(again_ns - missed_ns >= 300 * MS);
    garden_run(20000 * MS); /* health is told every 10 s */
    assert_int_equal(garden_device(0).health.late_answers, 1);
}

static void health_counts_what_happened(void **state)
{
    (void)state;
    garden.echo = true;
    garden.units[1].delay_ms = 40; /* more than the frames' time on a true line */
    garden_start("", FLAT_OUT("a", "1"), PROFILE, NULL);
    garden_wait_readings(0, 2);
    garden.units[1].late_once_ms = 250; /* one timeout, one late answer, one retry */
    garden_wait_readings(0, 4);
    struct bus_stats stats;
    garden_run(20000 * MS); /* reported every 10 s */
    bus_stats(garden_bus, &stats);
    assert_non_null(strstr(stats.hint, "echo"));
    struct device_health health = garden_device(0).health;
    assert_int_equal(health.late_answers, 1);
    assert_true(health.timeouts >= 1 && health.retries >= 1);
    assert_true(health.turnaround_p50_us >= 1000);
    assert_true(health.online);
    assert_true(stats.answers >= 4);
    assert_true(stats.timeouts >= 1);
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
    garden_reset();
    garden.units[1].there = true;
    garden.units[1].refuses = 0x00FC; /* what lies between the blocks */
    garden.units[1].delay_ms = least_ms;
    garden.units[1].delay_most_ms = most_ms;
    garden.takes = count_wrong_values;
    garden_start("", device, TWO_BLOCKS, NULL);
    garden_run(INT64_C(600000000000));
    unsigned readings = garden_readings(0);
    (void)garden_stop();
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

static void another_master_asks(const struct garden_frame *frame)
{
    static const uint8_t request[] = {0x01, 0x03, 0x00, 0x08, 0x00, 0x02},
                         reply[] = {0x01, 0x03, 0x04, 0x01, 0x08, 0x01, 0x09};
    uint8_t bytes[RTU_FRAME_MAX];
    if (frame->count != 2 || frame->address != 0 || garden_heard() % 3 != 0)
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
    garden.units[1].refuses = 0x00FC;
    garden.units[1].delay_ms = 60;
    garden.units[2].refuses = 0x00FC;
    garden.hears = another_master_asks;
    garden.takes = count_wrong_values;
    wrong_values = 0;
    garden_start("", FLAT_OUT("a", "1"), TWO_BLOCKS, NULL);
    garden_run(INT64_C(60000000000));
    struct bus_stats stats;
    bus_stats(garden_bus, &stats);
    assert_true(requests_of_others > 50);
    assert_int_equal(wrong_values, 0);
    assert_true(garden_readings(0) > 50); /* what is possible between */
    assert_non_null(strstr(stats.hint, "another master"));
}

/* ---- what a unit refuses ---- */

#define SEVEN                                                                                      \
    "label: p\nlimits: { response_max: 150ms }\n"                                                  \
    "fields:\n  - { metric: m0, register: 0 }\n  - { metric: m1, register: 1 }\n"                  \
    "  - { metric: m2, register: 2 }\n  - { metric: m3, register: 3 }\n"                           \
    "  - { metric: m4, register: 4 }\n  - { metric: m5, register: 5 }\n"                           \
    "  - { metric: m6, register: 6 }\n"

static unsigned present_values(void)
{
    struct garden_device device = garden_device(0);
    unsigned present = 0;
    for (unsigned i = 0; i < device.last.value_count; i++)
        present += device.last.values[i].present;
    return present;
}

/* By whatever code, or by silence, one register of seven is refused: six are live soon. */
static void one_refused_register_costs_no_other(void **state)
{
    (void)state;
    static const uint8_t codes[] = {1, 2, 3, 4, 0};
    for (unsigned c = 0; c < sizeof codes; c++) {
        garden_reset();
        garden.units[1].there = true;
        garden.units[1].refuses = 1u << 3;
        garden.units[1].refuses_by = codes[c];
        garden.units[1].refuses_silently = codes[c] == 0;
        garden_start("", EACH_SECOND, SEVEN, NULL);
        garden_run(INT64_C(40000000000));
        assert_int_equal(present_values(), 6);
        assert_true(garden_device(0).health.online);
        garden.units[1].refuses = 0;
        garden_run(INT64_C(3700000000000)); /* an hour later it is there again, by itself */
        assert_int_equal(present_values(), 7);
        (void)garden_stop();
    }
}

static void all_that_was_refused_comes_back_when_one_does(void **state)
{
    (void)state;
    garden.units[1].refuses = 1u << 1 | 1u << 3 | 1u << 5;
    garden_start("", EACH_SECOND, SEVEN, NULL);
    garden_run(INT64_C(60000000000));
    assert_int_equal(present_values(), 4);
    garden_run(INT64_C(3700000000000)); /* asked again, and refused: nothing else changes */
    assert_int_equal(present_values(), 4);
    garden.units[1].refuses = 0;
    garden_run(INT64_C(3700000000000));
    assert_int_equal(present_values(), 7);
}

static void a_unit_that_refuses_everything_costs_a_request_a_minute(void **state)
{
    (void)state;
    garden.units[1].refuses = 0xFFFF;
    garden_start("", EACH_SECOND, SEVEN, NULL);
    garden_run(INT64_C(60000000000));
    unsigned before = garden_heard();
    garden_run(INT64_C(3600000000000));
    assert_in_range(garden_heard() - before, 30, 70);
    assert_false(garden_device(0).health.online);
}

static void a_unit_that_gives_only_exceptions_is_not_online(void **state)
{
    (void)state;
    garden_start("", EACH_SECOND, SEVEN, NULL);
    garden_wait_readings(0, 5);
    garden.units[1].refuses_by = 4; /* the probe behind it is gone */
    garden.units[1].refuses = 0xFFFF;
    garden_run(INT64_C(300000000000));
    struct garden_device device = garden_device(0);
    assert_false(device.health.online);
    assert_non_null(strstr(device.health.hint, "the probe behind it"));
    garden.units[1].refuses = 0;
    garden_run(INT64_C(180000000000));
    assert_true(garden_device(0).health.online);
    assert_int_equal(present_values(), 7);
}

/* ---- what a probe shows before it has measured ---- */

#define ZEROS(key)                                                                                 \
    "label: p\nlimits: { response_max: 150ms }\n" key                                              \
    "fields:\n  - { metric: m0, register: 0 }\n  - { metric: m1, register: 1 }\n"

static void zeros_after_power_up_are_no_values(void **state)
{
    (void)state;
    garden.units[1].registers[0] = garden.units[1].registers[1] = 0;
    garden_start("", EACH_SECOND, ZEROS("all_zero: nothing\n"), NULL);
    garden_wait_readings(0, 3);
    assert_int_equal(present_values(), 0);
    garden.units[1].registers[1] = 5; /* one zero among others is a value */
    garden_run(INT64_C(3000000000));
    assert_int_equal(present_values(), 2);
}

static void a_probe_that_warms_up_gives_nothing_meanwhile(void **state)
{
    (void)state;
    garden_start("", EACH_SECOND, ZEROS("warm_up: 30s\n"), NULL);
    garden_run(INT64_C(20000000000));
    assert_int_equal(present_values(), 0);
    garden_run(INT64_C(20000000000));
    assert_int_equal(present_values(), 2);
    garden.units[1].there = false;
    garden_run(INT64_C(60000000000));
    garden.units[1].there = true;
    unsigned before = garden_readings(0);
    garden_wait_readings(0, before + 2);
    assert_int_equal(present_values(), 0);
    garden_run(INT64_C(40000000000));
    assert_int_equal(present_values(), 2);
}

/* A probe of one register: there is no second one to ask for. */
static void one_lost_answer_costs_a_unit_that_refuses_what_else_is_asked_little(void **state)
{
    (void)state;
    garden.units[1].refuses = 0xFFFE;
    garden_start("", EACH_SECOND,
                 "label: p\nlimits: { response_max: 150ms }\n"
                 "fields:\n  - { metric: m0, register: 0 }\n",
                 NULL);
    garden_wait_readings(0, 5);
    for (unsigned i = 0; i < 5; i++) {
        garden.units[1].lost_once = true;
        unsigned before = garden_readings(0);
        garden_run(INT64_C(10000000000));
        assert_in_range(garden_readings(0) - before, 8, 11);
    }
    assert_true(garden_device(0).health.online);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_request_goes_before_the_polls),
        TEST(a_counter_goes_on_from_the_newest_stored_reading),
        TEST(what_stands_still_for_two_days_is_stuck),
        TEST(a_write_is_read_back),
        TEST(a_late_answer_to_a_poll_is_not_taken_for_a_requests),
        TEST(no_value_is_an_earlier_requests_however_late_it_comes),
        TEST(no_value_is_the_answer_to_another_masters_request),
        TEST(a_unit_that_is_slower_than_its_profile_says_is_given_time),
        TEST(the_line_is_not_kept_for_a_request_that_is_tried_again),
        TEST(a_dead_unit_costs_the_others_a_hundredth),
        TEST(a_unit_that_was_away_is_back_within_two_seconds_or_a_tenth),
        TEST(a_device_that_dies_costs_what_was_said),
        TEST(the_line_is_not_kept_for_a_units_own_silence),
        TEST(while_a_bus_is_paused_its_port_is_closed),
        TEST(a_line_that_nobody_answers_on_is_opened_anew_after_30_s_and_once_a_minute),
        TEST(one_unit_that_answers_keeps_the_line_open),
        TEST(stops_within_two_seconds),
        TEST(what_a_device_refuses_is_split_off_and_remembered),
        TEST(the_rate_changes_when_everything_is_sent),
        TEST(a_lone_units_late_window_is_bounded),
        TEST(a_frame_in_its_name_does_not_end_a_units_late_window),
        TEST(health_counts_what_happened),
        TEST(one_refused_register_costs_no_other),
        TEST(one_lost_answer_costs_a_unit_that_refuses_what_else_is_asked_little),
        TEST(zeros_after_power_up_are_no_values),
        TEST(a_probe_that_warms_up_gives_nothing_meanwhile),
        TEST(all_that_was_refused_comes_back_when_one_does),
        TEST(a_unit_that_refuses_everything_costs_a_request_a_minute),
        TEST(a_unit_that_gives_only_exceptions_is_not_online),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
