/* SPDX-License-Identifier: Apache-2.0 */
/* What a unit may still owe, and what shows that it is past it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/bus/owed.h"

#define MS       1000000LL
#define HOLDING  3
#define INPUT    4
#define SIZE(n)  (uint16_t)(5 + 2 * (n))
#define SENT(ms) ((ms)*MS)

static void a_request_waits_until_the_unit_is_past_one_of_its_form(void **state)
{
    (void)state;
    struct owed owed = {0};
    assert_false(owed_blocks(&owed, HOLDING, SIZE(7), SENT(0)));
    owed_add(&owed, HOLDING, SIZE(7), false, SENT(0));
    assert_true(owed_blocks(&owed, HOLDING, SIZE(7), SENT(100)));
    assert_false(owed_blocks(&owed, HOLDING, SIZE(6), SENT(100)));
    assert_false(owed_blocks(&owed, INPUT, SIZE(7), SENT(100)));
    owed_answered(&owed, HOLDING, SIZE(1), SENT(50));
    assert_false(owed_blocks(&owed, HOLDING, SIZE(7), SENT(100)));
}

static void of_two_alike_one_is_left(void **state)
{
    (void)state;
    struct owed owed = {0};
    owed_add(&owed, HOLDING, SIZE(7), false, SENT(0));
    owed_add(&owed, HOLDING, SIZE(1), true, SENT(100));
    owed_answered(&owed, HOLDING, SIZE(1), SENT(100)); /* of this P or of the next: R is past */
    assert_false(owed_blocks(&owed, HOLDING, SIZE(7), SENT(200)));
    assert_true(owed_blocks(&owed, HOLDING, SIZE(1), SENT(200)));
}

/* Another master asked while our answer was on its way: its answer still comes. */
static void what_was_asked_after_the_answered_request_is_owed_still(void **state)
{
    (void)state;
    struct owed owed = {0};
    owed_add(&owed, HOLDING, SIZE(2), false, SENT(0));
    owed_add(&owed, HOLDING, SIZE(7), false, SENT(150));
    owed_answered(&owed, HOLDING, SIZE(1), SENT(100));
    assert_false(owed_blocks(&owed, HOLDING, SIZE(2), SENT(200)));
    assert_true(owed_blocks(&owed, HOLDING, SIZE(7), SENT(200)));
    owed_overheard(&owed, HOLDING, SIZE(7));
    assert_false(owed_blocks(&owed, HOLDING, SIZE(7), SENT(300)));
}

static void an_exception_to_p_shows_that_a_single_request_is_past(void **state)
{
    (void)state;
    struct owed owed = {0};
    owed_add(&owed, HOLDING, SIZE(1), false, SENT(0));
    assert_true(owed_past_single(&owed, HOLDING, SIZE(2), SENT(100)));
    assert_false(owed_blocks(&owed, HOLDING, SIZE(1), SENT(200)));
    owed_add(&owed, HOLDING, SIZE(1), false, SENT(300));
    owed_add(&owed, HOLDING, SIZE(4), false, SENT(400)); /* of two it is not known which it was */
    assert_false(owed_past_single(&owed, HOLDING, SIZE(2), SENT(500)));
    assert_true(owed_blocks(&owed, HOLDING, SIZE(1), SENT(600)));
}

static void questions_do_not_put_off_that_it_is_forgotten(void **state)
{
    (void)state;
    struct owed owed = {0};
    owed_add(&owed, HOLDING, SIZE(7), false, SENT(0));
    for (int64_t ms = 1000; ms < 10000; ms += 1000)
        owed_add(&owed, HOLDING, SIZE(1), true, SENT(ms));
    assert_true(owed_blocks(&owed, HOLDING, SIZE(7), SENT(9999)));
    assert_false(owed_blocks(&owed, HOLDING, SIZE(7), SENT(10000)));
    assert_true(owed_blocks(&owed, HOLDING, SIZE(1), SENT(10000)));
    assert_false(owed_blocks(&owed, HOLDING, SIZE(1), SENT(19000)));
}

static void another_masters_answer_takes_only_its_own_request_away(void **state)
{
    (void)state;
    struct owed owed = {0};
    owed_add(&owed, HOLDING, SIZE(2), false, SENT(0)); /* ours */
    owed_add(&owed, HOLDING, SIZE(4), false, SENT(10));
    owed_add(&owed, HOLDING, SIZE(2), false, SENT(20)); /* its */
    owed_overheard(&owed, HOLDING, SIZE(2));
    assert_true(owed_blocks(&owed, HOLDING, SIZE(2), SENT(30)));
    assert_true(owed_blocks(&owed, HOLDING, SIZE(4), SENT(30)));
    owed_overheard(&owed, HOLDING, SIZE(2));
    assert_false(owed_blocks(&owed, HOLDING, SIZE(2), SENT(30)));
}

static void p_is_told_from_all_that_is_owed(void **state)
{
    (void)state;
    static const uint8_t seven[] = {HOLDING, 0, 0, 0, 7}, one[] = {HOLDING, 0, 9, 0, 1},
                         last[] = {HOLDING, 0xFF, 0xFF, 0, 1};
    struct owed owed = {0};
    uint8_t probe[OWED_PDU_SIZE];
    owed_add(&owed, HOLDING, SIZE(7), false, SENT(0));
    assert_int_equal(owed_probe(&owed, seven, sizeof seven, probe), SIZE(1));
    assert_memory_equal(probe, "\x03\x00\x00\x00\x01", 5);
    owed_add(&owed, HOLDING, SIZE(1), false, SENT(0));
    assert_int_equal(owed_probe(&owed, seven, sizeof seven, probe), SIZE(2));
    assert_int_equal(owed_probe(&owed, one, sizeof one, probe), SIZE(2));
    assert_memory_equal(probe, "\x03\x00\x09\x00\x02", 5);
    assert_int_equal(owed_probe(&owed, last, sizeof last, probe), SIZE(2));
    assert_memory_equal(probe, "\x03\xFF\xFE\x00\x02", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_waits_until_the_unit_is_past_one_of_its_form),
        cmocka_unit_test(of_two_alike_one_is_left),
        cmocka_unit_test(what_was_asked_after_the_answered_request_is_owed_still),
        cmocka_unit_test(an_exception_to_p_shows_that_a_single_request_is_past),
        cmocka_unit_test(questions_do_not_put_off_that_it_is_forgotten),
        cmocka_unit_test(another_masters_answer_takes_only_its_own_request_away),
        cmocka_unit_test(p_is_told_from_all_that_is_owed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
