/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/field/overheard.h"

static const struct wire_rate rate = {9600, 'N', 1};
static const struct wire_rate other = {115200, 'N', 1};
static struct overheard o;
static uint8_t out[OVERHEARD_BYTES];

static int fresh(void **state)
{
    (void)state;
    o = (struct overheard){0};
    return 0;
}

static void each_takes_what_others_said_in_order_and_once(void **state)
{
    int one = 1, two = 2;
    size_t taken = 0;
    (void)state;
    assert_true(overheard_add(&o, (const uint8_t *)"ask", 3, &rate, &one));
    assert_true(overheard_add(&o, (const uint8_t *)"answer", 6, &rate, &one));
    assert_true(overheard_add(&o, (const uint8_t *)"mine", 4, &rate, &two));
    assert_int_equal(overheard_take(&o, &two, &rate, &taken, out), 9);
    assert_memory_equal(out, "askanswer", 9);
    assert_int_equal(taken, 3);
    assert_int_equal(overheard_take(&o, &two, &rate, &taken, out), 0);
    taken = 1;
    assert_int_equal(overheard_take(&o, &one, &rate, &taken, out), 4);
    assert_memory_equal(out, "mine", 4);
}

static void frames_of_another_rate_are_not_heard(void **state)
{
    int one = 1;
    size_t taken = 0;
    (void)state;
    assert_true(overheard_add(&o, (const uint8_t *)"fast", 4, &other, NULL));
    assert_true(overheard_add(&o, (const uint8_t *)"slow", 4, &rate, NULL));
    assert_int_equal(overheard_take(&o, &one, &rate, &taken, out), 4);
    assert_memory_equal(out, "slow", 4);
}

static void what_does_not_fit_is_refused_and_changes_nothing(void **state)
{
    static const uint8_t frame[OVERHEARD_BYTES / 2];
    size_t taken = 0;
    (void)state;
    assert_true(overheard_add(&o, frame, sizeof(frame), &rate, NULL));
    assert_true(overheard_add(&o, frame, sizeof(frame), &rate, NULL));
    assert_false(overheard_add(&o, frame, 1, &rate, NULL));
    assert_int_equal(overheard_take(&o, &o, &rate, &taken, out), OVERHEARD_BYTES);
    o.count = 0;
    for (int i = 0; i < OVERHEARD_FRAMES; i++)
        assert_true(overheard_add(&o, frame, 1, &rate, NULL));
    assert_false(overheard_add(&o, frame, 1, &rate, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_takes_what_others_said_in_order_and_once, fresh),
        cmocka_unit_test_setup(frames_of_another_rate_are_not_heard, fresh),
        cmocka_unit_test_setup(what_does_not_fit_is_refused_and_changes_nothing, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
