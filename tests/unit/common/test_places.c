/* SPDX-License-Identifier: Apache-2.0 */
/* Who gives up a place when few are left, and whose time is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/common/places.h"

#define MOST 10
#define ROOM 12

static struct place list[ROOM];
static struct places places;
static struct place *gone;

static int begin(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROOM; i++)
        list[i] = (struct place){0};
    places = (struct places){.list = list, .room = ROOM, .most = MOST, .spare = 2, .share = 3};
    gone = NULL;
    return 0;
}

/* Without a socket they have no address of their own: it is given. */
static struct place *come(uint64_t address, int64_t at_ms)
{
    struct place *place = places_take(&places, -1, at_ms, &gone);
    if (place != NULL)
        place->address = address;
    return place;
}

static void while_there_is_room_nobody_goes(void **state)
{
    (void)state;
    for (int64_t i = 0; i < MOST - 2; i++) {
        assert_non_null(come(1, i));
        assert_null(gone);
    }
    assert_int_equal(places.taken, MOST - 2);
}

static void who_has_more_than_its_share_gives_up_its_oldest(void **state)
{
    (void)state;
    struct place *old = come(7, 0), *first = NULL;
    for (int64_t i = 1; i < MOST - 2; i++) {
        struct place *one = come(1, i);
        first = first != NULL ? first : one;
    }
    assert_non_null(come(2, 100));
    assert_ptr_equal(gone, first); /* not the one that has been idle longest */
    assert_false(old->leaving);
    assert_true(first->leaving);
    places_release(&places, first);
    assert_int_equal(places.leaving, 0);
}

static void of_small_shares_who_is_idle_longest_goes_and_who_is_answered_last(void **state)
{
    (void)state;
    struct place *first = come(100, 0), *second = come(101, 1);
    for (uint64_t i = 2; i < MOST - 2; i++)
        (void)come(100 + i, (int64_t)i);
    place_set_busy(first, true, 0);
    assert_non_null(come(200, 50));
    assert_ptr_equal(gone, second);
    for (unsigned i = 0; i < ROOM; i++) {
        if (list[i].taken && !list[i].busy)
            place_set_busy(&list[i], true, 60);
    }
    assert_non_null(come(201, 70));
    assert_ptr_equal(gone, first); /* nobody is idle: the longest answer */
}

static void those_that_stay_are_not_chosen_and_in_the_end_there_is_no_room(void **state)
{
    (void)state;
    for (int64_t i = 0; i < ROOM; i++) {
        struct place *place = come(1, i);
        assert_non_null(place);
        place->stays = true;
    }
    assert_null(gone);
    assert_null(come(1, 100));
    assert_null(gone);
    assert_int_equal(places_end_overdue(&places, 1, 1, 1000), 0);
}

static void each_has_its_time(void **state)
{
    (void)state;
    struct place *idle = come(1, 0), *busy = come(2, 0), *young = come(3, 500);
    place_set_busy(busy, true, 0);
    assert_int_equal(places_end_overdue(&places, 1000, 5000, 999), 0);
    assert_int_equal(places_end_overdue(&places, 1000, 5000, 1000), 1);
    assert_true(idle->leaving && !busy->leaving && !young->leaving);
    assert_int_equal(places_end_overdue(&places, 1000, 5000, 1100), 0); /* once */
    place_set_busy(young, true, 1400); /* it is asked for something: its time begins anew */
    assert_int_equal(places_end_overdue(&places, 1000, 5000, 5000), 1);
    assert_true(busy->leaving && !young->leaving);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(while_there_is_room_nobody_goes, begin),
        cmocka_unit_test_setup(who_has_more_than_its_share_gives_up_its_oldest, begin),
        cmocka_unit_test_setup(of_small_shares_who_is_idle_longest_goes_and_who_is_answered_last,
                               begin),
        cmocka_unit_test_setup(those_that_stay_are_not_chosen_and_in_the_end_there_is_no_room,
                               begin),
        cmocka_unit_test_setup(each_has_its_time, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
