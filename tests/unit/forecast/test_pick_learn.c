/* SPDX-License-Identifier: Apache-2.0 */
/* What pick.h learns from the notes, and how it judges itself. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spring.h"

static struct pick_model model, other;

static void more_pickers_pick_more_and_nobody_picks_nothing(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, 40);
    struct pick_estimate none = spring_ask(&model, 0.0);
    struct pick_estimate few = spring_ask(&model, 4.0);
    struct pick_estimate many = spring_ask(&model, 16.0);
    assert_true(none.pick_kg[0] == 0.0 && none.pick_kg[2] == 0.0);
    assert_true(few.pick_kg[1] > 0.0 && few.pick_kg[1] < many.pick_kg[1]);
    assert_true(none.ready_kg[1] == many.ready_kg[1]);
}

static void a_day_of_picking_empties_the_bushes(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, 40);
    memcpy(&other, &model, sizeof other);
    struct pick_day picked = spring(40);
    struct pick_day rested = picked;
    rested.kg = 0.0;
    rested.pickers = NAN;
    pick_learn(&model, &picked);
    pick_learn(&other, &rested);
    double after = spring_ask(&model, 10.0).ready_kg[1];
    double without = spring_ask(&other, 10.0).ready_kg[1];
    assert_true(after < without - picked.kg / 2.0);
}

/* A day that nobody noted may have been picked or not: in between, and less sure. */
static void a_day_without_a_note_lies_between_picked_and_rested(void **state)
{
    (void)state;
    static struct pick_model unnoted;
    spring_begin(&model);
    spring_feed(&model, 0, 40);
    memcpy(&other, &model, sizeof other);
    memcpy(&unnoted, &model, sizeof unnoted);
    struct pick_day day = spring(40);
    pick_learn(&model, &day);
    day.kg = day.pickers = NAN;
    pick_learn(&unnoted, &day);
    day.kg = 0.0;
    pick_learn(&other, &day);
    struct pick_estimate estimate = spring_ask(&unnoted, 10.0);
    assert_true(estimate.ready_kg[1] > spring_ask(&model, 10.0).ready_kg[1]);
    assert_true(estimate.ready_kg[1] < spring_ask(&other, 10.0).ready_kg[1]);
}

static void a_crowd_picks_no_more_than_there_is(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, 40);
    struct pick_estimate crowd = spring_ask(&model, 4000.0);
    assert_true(crowd.pick_kg[1] < 1.05 * crowd.ready_kg[1]);
}

static void rain_slows_the_pickers(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, 40);
    struct pick_tomorrow tomorrow = {.growth_cd = 7.0, .rain_chance = 0.0, .pickers = 10.0};
    struct pick_estimate dry;
    struct pick_estimate wet;
    pick_estimate(&model, &tomorrow, &dry);
    tomorrow.rain_chance = 1.0;
    pick_estimate(&model, &tomorrow, &wet);
    assert_true(wet.pick_kg[1] < 0.92 * dry.pick_kg[1]);
    assert_true(wet.ready_kg[1] == dry.ready_kg[1]);
}

static void warmth_brings_leaf(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, 36);
    struct pick_tomorrow tomorrow = {.growth_cd = 0.0, .rain_chance = 0.0, .pickers = 10.0};
    struct pick_estimate cold;
    struct pick_estimate warm;
    pick_estimate(&model, &tomorrow, &cold);
    tomorrow.growth_cd = 12.0;
    pick_estimate(&model, &tomorrow, &warm);
    assert_true(warm.ready_kg[1] > 1.1 * cold.ready_kg[1]);
}

/* The prior says 2.75 kg at the most; these novices pick 1.5. */
static void what_a_picker_takes_is_learned_from_the_notes(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, OPEN);
    struct pick_estimate before = spring_ask(&model, 10.0);
    for (int d = OPEN; d < OPEN + 10; d++) {
        struct pick_day day = spring(d);
        day.rain_mm = 0.0;
        day.kg = 1.5 * day.pickers;
        pick_learn(&model, &day);
    }
    struct pick_estimate after = spring_ask(&model, 10.0);
    assert_true(after.pick_kg[1] > 12.5 && after.pick_kg[1] < 17.0);
    assert_true(after.pick_kg[2] / after.pick_kg[0] < before.pick_kg[2] / before.pick_kg[0]);
}

static void the_trend_is_shown_unless_a_rule_has_long_been_better(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, OPEN + 2);
    struct pick_estimate estimate = spring_ask(&model, 10.0);
    assert_int_equal(estimate.by, PICK_BY_TREND);
    assert_true(fabs(estimate.rule_kg[PICK_RULE_NORM] - 10.0 * TREND_NORM_KG) < 1e-9);
    for (int d = OPEN + 2; d < OPEN + 22; d++) { /* always the same, whoever comes */
        struct pick_day day = spring(OPEN + 1);
        day.pickers = day.booked = 3.0 + (d * 5) % 11;
        day.kg = 20.0;
        pick_learn(&model, &day);
    }
    estimate = spring_ask(&model, 10.0);
    assert_int_equal(estimate.by, PICK_BY_RULE);
    assert_true(fabs(estimate.pick_kg[1] - 20.0) < 1e-9);
    assert_true(estimate.pick_kg[0] < 20.0 && estimate.pick_kg[2] > 20.0);
}

/* Who always books and has not: 80 % of a normal day would be said before each day of rest. */
static void who_always_books_and_has_not_is_not_expected(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, OPEN + 12);
    struct pick_estimate estimate = spring_ask(&model, NAN);
    assert_true(estimate.pick_kg[1] == 0.0 && estimate.pick_kg[2] > 0.0);
    assert_true(spring_ask(&model, 10.0).pick_kg[1] > 10.0);
    spring_begin(&model);
    for (int d = 0; d < OPEN + 12; d++) {
        struct pick_day day = spring(d);
        day.booked = NAN;
        pick_learn(&model, &day);
    }
    assert_true(spring_ask(&model, NAN).pick_kg[1] > 10.0);
}

/* A row of bookings by who books three times in four: those that are missing were no rest. */
static void who_does_not_always_book_is_expected(void **state)
{
    (void)state;
    spring_begin(&model);
    for (int d = 0; d < OPEN + 14; d++) {
        struct pick_day day = spring(d);
        day.booked = d < OPEN + 3 ? NAN : day.booked;
        pick_learn(&model, &day);
    }
    assert_true(spring_ask(&model, NAN).pick_kg[1] > 10.0);
}

/* Who never notes the crew: an unnoted day must not be taken for one on which all was cleared. */
static void an_unnoted_day_without_any_crew_takes_no_more_than_a_usual_pick(void **state)
{
    (void)state;
    spring_begin(&model);
    for (int d = 0; d < 40; d++) {
        struct pick_day day = spring(d);
        day.pickers = day.booked = NAN;
        pick_learn(&model, &day);
    }
    double before = spring_ask(&model, 10.0).ready_kg[0];
    struct pick_day day = spring(40);
    day.kg = day.pickers = day.booked = NAN;
    pick_learn(&model, &day);
    assert_true(spring_ask(&model, 10.0).ready_kg[0] > before - 30.0);
}

static void days_are_scored_from_the_second_pick_on(void **state)
{
    (void)state;
    struct pick_score score;
    spring_begin(&model);
    spring_feed(&model, 0, OPEN);
    pick_score(&model, &score);
    assert_int_equal(score.days, 0);
    assert_true(isnan(score.mae_kg) && isnan(score.skill) && isnan(score.coverage));
    spring_feed(&model, OPEN, OPEN + 7); /* the first has nothing to be compared with */
    pick_score(&model, &score);
    assert_int_equal(score.days, 6);
}

static void the_score_names_the_best_rule_and_what_is_worth_against_it(void **state)
{
    (void)state;
    struct pick_score score;
    spring_begin(&model);
    spring_feed(&model, 0, CLOSE);
    pick_score(&model, &score);
    for (int i = 0; i < PICK_RULE_COUNT; i++)
        assert_true(score.rule_mae_kg[score.best_rule] <= score.rule_mae_kg[i]);
    double best = score.rule_mae_kg[score.best_rule];
    assert_true(fabs(score.skill - (1.0 - score.mae_kg / best)) < 1e-12);
    assert_true(score.coverage >= 0.0 && score.coverage <= 1.0);
    assert_in_range(score.near_days, score.days / 2, score.days);
    assert_string_equal(pick_rule_name(PICK_RULE_PICKER), "picker");
    assert_string_equal(pick_rule_name(PICK_RULE_COUNT), "");
}

/* "right within 6 kg on 20 of 22 days": 6 kg is a quarter of a mean day. */
static void near_is_a_quarter_of_a_mean_day_and_counts_the_days_within(void **state)
{
    (void)state;
    struct pick_score score;
    unsigned days = 0, near = 0;
    double sum_kg = 0.0, near_kg[2];
    spring_begin(&model);
    pick_score(&model, &score);
    assert_true(isnan(score.near_kg) && score.near_days == 0);
    for (int d = 0; d < CLOSE; d++) {
        struct pick_day day = spring(d);
        if (day.kg > 0.0 && model.picked_days > 0) {
            sum_kg += day.kg;
            days++;
            for (int i = 0; i < 3; i++) /* shown: every other day a tenth too much, else half */
                day.said_kg[i] = day.kg * (days % 2 ? 1.1 : 1.5);
            near += days % 2;
        }
        pick_learn(&model, &day);
    }
    pick_score(&model, &score);
    assert_int_equal(score.days, days);
    assert_int_equal(score.kept_days, days);
    near_kg[0] = score.near_kg;
    near_kg[1] = 0.25 * sum_kg / days;
    assert_true(fabs(near_kg[0] - near_kg[1]) < 1e-9);
    assert_int_equal(score.near_days, near);
}

/* What had been shown that evening is judged, not what corrected notes make of it now. */
static void a_day_is_judged_by_what_was_kept_of_the_evening_before(void **state)
{
    (void)state;
    struct pick_score score, kept;
    spring_begin(&model);
    spring_begin(&other);
    spring_feed(&model, 0, CLOSE - 1);
    spring_feed(&other, 0, CLOSE - 1);
    struct pick_day day = spring(CLOSE - 1);
    pick_learn(&model, &day);
    day.said_kg[0] = day.kg + 90;
    day.said_kg[1] = day.kg + 100;
    day.said_kg[2] = day.kg + 110;
    pick_learn(&other, &day);
    pick_score(&model, &score);
    pick_score(&other, &kept);
    assert_int_equal(score.kept_days, 0);
    assert_int_equal(kept.kept_days, 1);
    assert_int_equal(kept.days, score.days);
    assert_true(kept.mae_kg > score.mae_kg + 90.0 / score.days);
    assert_true(fabs(kept.rule_mae_kg[0] - score.rule_mae_kg[0]) < 1e-12);
    struct pick_estimate a = spring_ask(&model, 10), b = spring_ask(&other, 10);
    assert_memory_equal(a.pick_kg, b.pick_kg, sizeof a.pick_kg); /* it teaches nothing */
    struct pick_day absurd = spring(CLOSE - 1);
    absurd.said_kg[0] = 5;
    absurd.said_kg[1] = -5;
    absurd.said_kg[2] = 7;
    pick_learn(&other, &absurd);
    pick_score(&other, &kept);
    assert_int_equal(kept.kept_days, 1);
}

/* A comma forgotten: 240 kg for 24. The next evening's numbers are hardly moved by it. */
static void one_slip_of_the_finger_is_not_believed(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_begin(&other);
    spring_feed(&model, 0, 40);
    spring_feed(&other, 0, 40);
    struct pick_day slip = spring(40);
    pick_learn(&other, &slip);
    slip.kg *= 10.0;
    pick_learn(&model, &slip);
    double believed = spring_ask(&other, 10.0).ready_kg[1];
    double with_slip = spring_ask(&model, 10.0).ready_kg[1];
    assert_true(fabs(with_slip - believed) < 0.25 * believed);
}

static struct pick_score score_of_season(int day, double factor, double crew_factor)
{
    struct pick_score score;
    spring_begin(&model);
    for (int d = 0; d < CLOSE; d++) {
        struct pick_day noted = spring(d);
        if (d == day) {
            noted.kg *= factor;
            noted.pickers *= crew_factor;
        }
        pick_learn(&model, &noted);
    }
    pick_score(&model, &score);
    return score;
}

/* Nobody can foresee a comma: a doubted note is none of what the forecast is judged by. */
static void a_doubted_note_scores_nothing(void **state)
{
    (void)state;
    static const double factors[][2] = {{10, 1}, {100, 1}, {0.1, 1}, {0.01, 1}, {1, 10}, {1, 0.1}};
    struct pick_score clean = score_of_season(-1, 1, 1);
    for (int d = OPEN + 1; d < CLOSE - 1; d += 3) {
        for (size_t i = 0; i < sizeof factors / sizeof factors[0]; i++) {
            struct pick_score score = score_of_season(d, factors[i][0], factors[i][1]);
            if (score.days != clean.days - 1 || score.mae_kg > 1.3 * clean.mae_kg)
                fail_msg("day %d x %g, crew x %g: %u days, %.2f kg, clean %.2f", d, factors[i][0],
                         factors[i][1], score.days, score.mae_kg, clean.mae_kg);
            assert_int_equal(pick_doubted_ago(&model), CLOSE - 1 - d);
        }
    }
    assert_int_equal(score_of_season(OPEN, 10, 1).days, clean.days); /* the first pick, too */
    (void)score_of_season(-1, 1, 1);
    assert_int_equal(pick_doubted_ago(&model), -1);
}

/* Last year's total was given for another plot: ten times too small. */
static void a_prior_that_was_far_off_is_given_up(void **state)
{
    (void)state;
    struct pick_prior prior = pick_prior_first(PICK_ONE_LEAF, 60.0, NAN);
    pick_begin(&model, &prior, SPRING_SEED);
    spring_feed(&model, 0, CLOSE - 5);
    struct pick_day day = spring(CLOSE - 5);
    struct pick_estimate estimate = spring_ask(&model, day.booked);
    assert_int_equal(estimate.why, PICK_GIVEN);
    assert_true(fabs(estimate.pick_kg[1] - day.kg) < 0.5 * day.kg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_pickers_pick_more_and_nobody_picks_nothing),
        cmocka_unit_test(a_day_of_picking_empties_the_bushes),
        cmocka_unit_test(a_day_without_a_note_lies_between_picked_and_rested),
        cmocka_unit_test(a_crowd_picks_no_more_than_there_is),
        cmocka_unit_test(rain_slows_the_pickers),
        cmocka_unit_test(warmth_brings_leaf),
        cmocka_unit_test(what_a_picker_takes_is_learned_from_the_notes),
        cmocka_unit_test(the_trend_is_shown_unless_a_rule_has_long_been_better),
        cmocka_unit_test(who_always_books_and_has_not_is_not_expected),
        cmocka_unit_test(who_does_not_always_book_is_expected),
        cmocka_unit_test(an_unnoted_day_without_any_crew_takes_no_more_than_a_usual_pick),
        cmocka_unit_test(days_are_scored_from_the_second_pick_on),
        cmocka_unit_test(the_score_names_the_best_rule_and_what_is_worth_against_it),
        cmocka_unit_test(near_is_a_quarter_of_a_mean_day_and_counts_the_days_within),
        cmocka_unit_test(a_day_is_judged_by_what_was_kept_of_the_evening_before),
        cmocka_unit_test(one_slip_of_the_finger_is_not_believed),
        cmocka_unit_test(a_doubted_note_scores_nothing),
        cmocka_unit_test(a_prior_that_was_far_off_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
