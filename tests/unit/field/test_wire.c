/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/field/wire.h"

#define SILENCE 1750000

static const struct wire_rate r9600_8n1 = {9600, 'N', 1};
static const struct wire_rate r9600_8e1 = {9600, 'E', 1};
static const struct wire_rate r115200 = {115200, 'N', 1};

static void eight_bytes_8n1_at_9600_take_8333_us(void **state)
{
    (void)state;
    assert_int_equal(wire_bytes_ns(&r9600_8n1, 8), 8333333);
}

static void parity_makes_eleven_bits(void **state)
{
    (void)state;
    assert_int_equal(wire_char_bits(&r9600_8e1), 11);
    assert_int_equal(wire_bytes_ns(&r9600_8e1, 8), 9166666);
}

static void silence_is_three_and_a_half_characters_up_to_19200(void **state)
{
    struct wire_rate r19200 = {19200, 'E', 1};
    (void)state;
    assert_int_equal(wire_silence_ns(&r9600_8n1), 3645833);
    assert_int_equal(wire_silence_ns(&r19200), 2005208);
}

static void silence_is_1750_us_above_19200(void **state)
{
    struct wire_rate r38400 = {38400, 'N', 1};
    (void)state;
    assert_int_equal(wire_silence_ns(&r38400), 1750000);
    assert_int_equal(wire_silence_ns(&r115200), 1750000);
}

static void a_late_hand_over_does_not_move_the_next_request(void **state)
{
    struct wire_clock clock = {.quiet_since_ns = 0};
    (void)state;
    wire_gave(&clock, 1000000, 1090000); /* 90 us late */
    assert_int_equal(wire_request_start(&clock, 1090000 + 1750000, 0, SILENCE), 1000000 + 1750000);
    assert_true(wire_silence_kept(&clock, 1000000 + 1750000, 1750000));
}

static void a_request_one_microsecond_early_violates_the_silence(void **state)
{
    struct wire_clock clock = {.quiet_since_ns = 0};
    (void)state;
    wire_gave(&clock, 1000000, 1090000);
    int64_t start = wire_request_start(&clock, 1090000 + 1749000, 0, SILENCE);
    assert_false(wire_silence_kept(&clock, start, 1750000));
}

static void lateness_is_taken_off_once_only(void **state)
{
    struct wire_clock clock = {.quiet_since_ns = 0};
    (void)state;
    wire_gave(&clock, 1000000, 1090000);
    wire_took(&clock, 3000000); /* a request that nobody answers */
    assert_int_equal(wire_request_start(&clock, 9000000, 0, SILENCE), 9000000);
}

static void lateness_beyond_the_limit_slows_the_line(void **state)
{
    struct wire_clock clock = {.quiet_since_ns = 0};
    (void)state;
    wire_gave(&clock, 1000000, 31000000);
    assert_int_equal(wire_request_start(&clock, 33000000, 0, SILENCE), 33000000 - WIRE_LATE_MAX_NS);
}

/* Given 90 us late, passed on in 30 us at least: the master has it at 120. It writes t3.5 after,
 * and that takes 40 us at least. */
static void what_a_pty_takes_at_least_is_no_silence(void **state)
{
    struct wire_clock clock = {.latency = {30000, 40000}};
    int64_t wrote = 1120000 + SILENCE, due = 1000000 + SILENCE;
    (void)state;
    wire_gave(&clock, 1000000, 1090000);
    assert_int_equal(wire_request_start(&clock, wrote + 40000, 0, SILENCE), due);
    assert_int_equal(wire_request_start(&clock, wrote + 70000, 0, SILENCE), due + 30000);
    assert_int_equal(wire_request_start(&clock, wrote + 70000, wrote, SILENCE), due);
    assert_int_equal(wire_request_start(&clock, wrote + 70000, wrote + 9, SILENCE), due + 9);
    wire_took(&clock, 5000000); /* nobody answered: the master has heard nothing since */
    assert_int_equal(wire_request_start(&clock, 9040000, 0, SILENCE), 9000000);
}

/* The pty was faster than at its best before: no reason to say that the master was early. */
static void what_is_taken_off_makes_nobody_early(void **state)
{
    struct wire_clock clock = {.latency = {30000, 40000}};
    int64_t given = 1090000, due = 1000000 + SILENCE;
    (void)state;
    wire_gave(&clock, 1000000, given);
    assert_int_equal(wire_request_start(&clock, given + SILENCE + 5, 0, SILENCE), due);
    int64_t wrote = given + SILENCE - 1; /* but this one is, whatever the pty does */
    assert_int_equal(wire_request_start(&clock, wrote + 90000, wrote, SILENCE), due - 1);
    assert_false(wire_silence_kept(&clock, due - 1, SILENCE));
}

static void the_first_request_ever_needs_no_silence(void **state)
{
    struct wire_clock clock = {.quiet_since_ns = 0};
    (void)state;
    assert_true(wire_silence_kept(&clock, 5, 3645833));
}

static void a_thousand_polls_with_late_hand_overs_take_the_wires_time(void **state)
{
    struct wire_clock clock = {.quiet_since_ns = 0};
    int64_t seen = 1000000000, cycle = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        int64_t start = wire_request_start(&clock, seen, 0, SILENCE);
        int64_t end = start + wire_bytes_ns(&r115200, 8);
        wire_took(&clock, end);
        int64_t answer_end = end + wire_silence_ns(&r115200) + wire_bytes_ns(&r115200, 25);
        int64_t given = answer_end + 20000 + (i * 7919) % 180000; /* 20..200 us late */
        wire_gave(&clock, answer_end, given);
        seen = given + wire_silence_ns(&r115200);
        cycle = answer_end + wire_silence_ns(&r115200);
    }
    int64_t ideal = 1000 * (wire_bytes_ns(&r115200, 8) + wire_bytes_ns(&r115200, 25) +
                            2 * wire_silence_ns(&r115200));
    assert_int_equal(cycle - 1000000000, ideal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_bytes_8n1_at_9600_take_8333_us),
        cmocka_unit_test(parity_makes_eleven_bits),
        cmocka_unit_test(silence_is_three_and_a_half_characters_up_to_19200),
        cmocka_unit_test(silence_is_1750_us_above_19200),
        cmocka_unit_test(a_late_hand_over_does_not_move_the_next_request),
        cmocka_unit_test(a_request_one_microsecond_early_violates_the_silence),
        cmocka_unit_test(lateness_is_taken_off_once_only),
        cmocka_unit_test(lateness_beyond_the_limit_slows_the_line),
        cmocka_unit_test(what_a_pty_takes_at_least_is_no_silence),
        cmocka_unit_test(what_is_taken_off_makes_nobody_early),
        cmocka_unit_test(the_first_request_ever_needs_no_silence),
        cmocka_unit_test(a_thousand_polls_with_late_hand_overs_take_the_wires_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
