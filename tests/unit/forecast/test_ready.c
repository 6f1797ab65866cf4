/* SPDX-License-Identifier: Apache-2.0 */
/* What a count of ready shoots says of the leaf on the bushes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spring.h"

#define AREA_M2 10000.0

static struct pick_model model, other;

/* The spring's first 40 days, on so much ground; counted on the last of them. */
static void live(struct pick_model *of, double area_m2, double shoots_m2)
{
    struct pick_prior prior = pick_prior_first(PICK_ONE_LEAF, 700.0, area_m2);
    pick_begin(of, &prior, SPRING_SEED);
    spring_feed(of, 0, 39);
    struct pick_day day = spring(39);
    day.shoots_m2 = shoots_m2;
    pick_learn(of, &day);
}

static void without_a_count_the_leaf_that_is_ready_is_not_told(void **state)
{
    (void)state;
    live(&model, AREA_M2, NAN);
    struct pick_estimate said = spring_ask(&model, 10.0);
    assert_true(said.ready_kg[1] > 0.0);
    assert_true(isnan(said.counted_kg[0]) && isnan(said.counted_kg[1]) &&
                isnan(said.counted_kg[2]));
}

static void nor_is_it_where_the_area_is_not_known(void **state)
{
    (void)state;
    live(&model, NAN, 100.0);
    assert_true(isnan(spring_ask(&model, 10.0).counted_kg[1]));
}

/* 100 shoots of 0.12 g on 10,000 m2 are some 90 kg. */
static void a_count_moves_it_and_no_pick(void **state)
{
    (void)state;
    live(&model, AREA_M2, 100.0);
    live(&other, AREA_M2, 300.0);
    struct pick_estimate few = spring_ask(&model, 10.0), many = spring_ask(&other, 10.0);
    assert_true(few.counted_kg[0] < few.counted_kg[1] && few.counted_kg[1] < few.counted_kg[2]);
    assert_true(few.counted_kg[1] > 20.0 && few.counted_kg[1] < 300.0);
    assert_true(many.counted_kg[1] > 1.4 * few.counted_kg[1]);
    assert_memory_equal(few.pick_kg, many.pick_kg, sizeof few.pick_kg);
    assert_memory_equal(few.ready_kg, many.ready_kg, sizeof few.ready_kg);
}

static void a_count_is_too_old_after_a_week(void **state)
{
    (void)state;
    live(&model, AREA_M2, 100.0);
    for (int i = 1; i < READY_DAYS; i++) {
        spring_feed(&model, 39 + i, 40 + i);
        assert_true(spring_ask(&model, 10.0).counted_kg[1] > 0.0);
    }
    spring_feed(&model, 39 + READY_DAYS, 40 + READY_DAYS);
    assert_true(isnan(spring_ask(&model, 10.0).counted_kg[1]));
}

/* None in all frames, a slip of a hundred times: numbers in order, all the same. */
static void what_cannot_be_still_gives_numbers_in_order(void **state)
{
    (void)state;
    static const double shoots_m2[] = {0.0, 1.0, 4500.0, 1e9};
    for (size_t i = 0; i < sizeof shoots_m2 / sizeof shoots_m2[0]; i++) {
        live(&model, AREA_M2, shoots_m2[i]);
        const struct pick_estimate said = spring_ask(&model, 10.0);
        assert_true(said.counted_kg[0] > 0.0 && said.counted_kg[0] < said.counted_kg[1]);
        assert_true(said.counted_kg[1] < said.counted_kg[2] && said.counted_kg[2] < 1e6);
    }
    live(&model, AREA_M2, -1.0);
    assert_true(isnan(spring_ask(&model, 10.0).counted_kg[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_count_the_leaf_that_is_ready_is_not_told),
        cmocka_unit_test(nor_is_it_where_the_area_is_not_known),
        cmocka_unit_test(a_count_moves_it_and_no_pick),
        cmocka_unit_test(a_count_is_too_old_after_a_week),
        cmocka_unit_test(what_cannot_be_still_gives_numbers_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
