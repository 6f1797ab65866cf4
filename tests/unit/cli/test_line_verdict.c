/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts from counts alone: each needs its own evidence, and what is well is left in peace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tools/cli/line/verdict.h"

static struct verdict_device devices[5];
static struct verdict_line line;
static struct verdict out[VERDICT_MAX];

static int set_up(void **state)
{
    (void)state;
    memset(devices, 0, sizeof devices);
    for (unsigned i = 0; i < 5; i++) {
        devices[i].name = "x";
        devices[i].brief = (struct verdict_tries){.all = 100, .good = 100};
        devices[i].lengthy = devices[i].brief;
        devices[i].brief_bytes = 7;
        devices[i].lengthy_bytes = 70;
        devices[i].waited = 8;
    }
    line = (struct verdict_line){
        .devices = devices, .count = 5, .listened_s = 3, .bytes_s = 960, .asked = 1000};
    return 0;
}

static void break_some(unsigned device, unsigned brief, unsigned lengthy)
{
    devices[device].brief.garbled += brief;
    devices[device].brief.good -= brief;
    devices[device].lengthy.garbled += lengthy;
    devices[device].lengthy.good -= lengthy;
}

static void silence(unsigned device)
{
    devices[device].brief = (struct verdict_tries){.all = 100, .silent = 100};
    devices[device].lengthy = devices[device].brief;
}

static void assert_only(enum verdict_kind kind, int device, int other)
{
    assert_int_equal(verdict_decide(&line, out), 1);
    assert_string_equal(verdict_name(out[0].kind), verdict_name(kind));
    assert_int_equal(out[0].device, device);
    assert_int_equal(out[0].other, other);
}

static void test_a_few_errors_are_well(void **state)
{
    (void)state;
    assert_only(VERDICT_FINE, -1, -1);
    for (unsigned i = 0; i < 5; i++)
        break_some(i, 0, 1);
    assert_only(VERDICT_FINE, -1, -1);
    line.others = 1; /* an answer in thousands has the form of a request */
    line.noise = 2;
    assert_only(VERDICT_FINE, -1, -1);
    line.count = 0;
    assert_only(VERDICT_FINE, -1, -1);
}

static void test_errors_that_begin_behind_a_device_are_a_joint(void **state)
{
    (void)state;
    for (unsigned i = 3; i < 5; i++)
        break_some(i, 2, 20);
    assert_only(VERDICT_JOINT, 2, 3);
    break_some(0, 0, 1);
    assert_only(VERDICT_JOINT, 2, 3);
    break_some(0, 2, 20);
    assert_only(VERDICT_TERMINATION, -1, -1);
}

static void test_errors_of_one_device_are_its_own(void **state)
{
    (void)state;
    break_some(1, 2, 20);
    assert_only(VERDICT_ERRORS, 1, -1);
    (void)set_up(NULL);
    break_some(4, 2, 20); /* the last: what is before it, or itself */
    assert_only(VERDICT_ERRORS, 4, -1);
}

static void test_errors_as_many_in_short_answers_are_no_termination(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        break_some(i, 12, 13);
    assert_only(VERDICT_ERRORS, -1, -1);
}

static void test_two_at_one_address_tear_short_answers_or_answer_twice(void **state)
{
    (void)state;
    break_some(2, 60, 90);
    assert_only(VERDICT_TWINS, 2, -1);
    (void)set_up(NULL);
    devices[3].again = 8;
    assert_only(VERDICT_TWINS, 3, -1);
}

static void test_a_break_after_each_request_is_a_and_b(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        silence(i);
    assert_only(VERDICT_LINE_SILENT, -1, -1);
    line.breaks = 950;
    assert_only(VERDICT_SWAPPED, -1, -1);
    for (unsigned i = 0; i < 5; i++)
        devices[i].other = (struct serial_timing){4800, 'N', 1};
    assert_only(VERDICT_RATE, -1, -1); /* who answers is not swapped */
}

static void test_one_at_another_rate_is_named(void **state)
{
    (void)state;
    silence(4);
    assert_only(VERDICT_DEVICE_SILENT, 4, -1);
    devices[4].other = (struct serial_timing){19200, 'E', 1};
    assert_only(VERDICT_RATE, 4, -1);
}

static void test_what_is_heard_at_rest(void **state)
{
    (void)state;
    line.noise = 12;
    assert_only(VERDICT_BIAS, -1, -1);
    line.others = 4;
    assert_only(VERDICT_MASTER, -1, -1);
    line.others = 0;
    line.noise = 2000;
    assert_only(VERDICT_BABBLE, -1, -1);
}

static void test_echo_and_deafness(void **state)
{
    (void)state;
    line.echoed = 1000;
    assert_only(VERDICT_ECHO, -1, -1);
    line.echoed = 0;
    line.silent_before = true;
    assert_only(VERDICT_DEAF, -1, -1);
    for (unsigned i = 0; i < 5; i++)
        silence(i);
    assert_only(VERDICT_LINE_SILENT, -1, -1);
}

static void test_only_garbage(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        devices[i].brief = (struct verdict_tries){.all = 100, .garbled = 100};
        devices[i].lengthy = devices[i].brief;
    }
    assert_only(VERDICT_GARBAGE, -1, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_few_errors_are_well, set_up),
        cmocka_unit_test_setup(test_errors_that_begin_behind_a_device_are_a_joint, set_up),
        cmocka_unit_test_setup(test_errors_of_one_device_are_its_own, set_up),
        cmocka_unit_test_setup(test_errors_as_many_in_short_answers_are_no_termination, set_up),
        cmocka_unit_test_setup(test_two_at_one_address_tear_short_answers_or_answer_twice, set_up),
        cmocka_unit_test_setup(test_a_break_after_each_request_is_a_and_b, set_up),
        cmocka_unit_test_setup(test_one_at_another_rate_is_named, set_up),
        cmocka_unit_test_setup(test_what_is_heard_at_rest, set_up),
        cmocka_unit_test_setup(test_echo_and_deafness, set_up),
        cmocka_unit_test_setup(test_only_garbage, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
