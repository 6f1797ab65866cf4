/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/grow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void what_is_in_it_stays_while_one_by_one_is_added(void **state)
{
    (void)state;
    uint32_t *numbers = NULL;
    size_t room = 0, times = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        size_t before = room;
        uint32_t *grown = grow_array(numbers, &room, i + 1u, sizeof *numbers);
        assert_non_null(grown);
        numbers = grown;
        numbers[i] = i;
        times += room != before;
    }
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(numbers[i], i);
    assert_true(times < 10); /* it doubles */
    free(numbers);
}

static void there_is_room_for_all_that_is_wanted_at_once(void **state)
{
    (void)state;
    size_t room = 0;
    char *text = grow_array(NULL, &room, 70000, 1);
    assert_non_null(text);
    assert_true(room >= 70000);
    text[69999] = 'x';
    assert_ptr_equal(grow_array(text, &room, 70000, 1), text);
    free(text);
}

static void more_than_can_be_counted_is_refused_and_nothing_changes(void **state)
{
    (void)state;
    size_t room = 0;
    uint64_t *numbers = grow_array(NULL, &room, 4, sizeof *numbers);
    assert_non_null(numbers);
    size_t before = room;
    numbers[3] = 7;
    assert_null(grow_array(numbers, &room, SIZE_MAX / 8 + 1, sizeof *numbers));
    assert_null(grow_array(numbers, &room, SIZE_MAX, sizeof *numbers));
    assert_int_equal(room, before);
    assert_int_equal(numbers[3], 7);
    free(numbers);
    room = SIZE_MAX / 2 + 1; /* can't double */
    assert_null(grow_array(NULL, &room, 1, 1));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_it_stays_while_one_by_one_is_added),
        cmocka_unit_test(there_is_room_for_all_that_is_wanted_at_once),
        cmocka_unit_test(more_than_can_be_counted_is_refused_and_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
