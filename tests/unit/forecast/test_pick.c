/* SPDX-License-Identifier: Apache-2.0 */
/* What pick.h says and what it does not, and that it always says the same. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/forecast/cultivar.h"
#include "spring.h"

static struct pick_model model, other;

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void assert_same_estimate(const struct pick_estimate *a, const struct pick_estimate *b)
{
    assert_int_equal(a->why, b->why);
    assert_int_equal(a->by, b->by);
    assert_true(same(a->thermal_time, b->thermal_time) && same(a->share_ready, b->share_ready));
    assert_true(same(a->pickers, b->pickers));
    for (int i = 0; i < 3; i++)
        assert_true(same(a->ready_kg[i], b->ready_kg[i]) && same(a->pick_kg[i], b->pick_kg[i]));
}

static void assert_sane_triple(const double triple[3])
{
    assert_true(triple[0] >= 0.0 && triple[0] <= triple[1] && triple[1] <= triple[2]);
    assert_true(isfinite(triple[2]));
}

/* Every number that `why` promises is there, finite and not below zero. */
static void assert_sane(const struct pick_estimate *estimate)
{
    if (estimate->why == PICK_GIVEN || estimate->why == PICK_NO_CREW) {
        assert_sane_triple(estimate->ready_kg);
        assert_true(estimate->pickers >= 0.0 && estimate->pickers < 1e9);
        assert_true(estimate->pickers == floor(estimate->pickers));
        assert_true(estimate->share_ready >= 0.0 && estimate->share_ready <= 1.0);
        assert_true(estimate->thermal_time >= 0.0 && isfinite(estimate->thermal_time));
    }
    if (estimate->why == PICK_GIVEN)
        assert_sane_triple(estimate->pick_kg);
}

static void the_first_prior_follows_standard_and_size(void **state)
{
    (void)state;
    assert_true(pick_prior_first(PICK_BUD, NAN, NAN).opening_cd == 27.0);
    assert_true(pick_prior_first(PICK_ONE_LEAF, NAN, NAN).opening_cd == 67.0);
    assert_true(pick_prior_first(PICK_TWO_LEAVES, NAN, NAN).opening_cd == 117.0);
    assert_true(pick_prior_first(PICK_THREE_LEAVES, NAN, NAN).opening_cd == 177.0);
    assert_true(isnan(pick_prior_first(PICK_BUD, NAN, NAN).season_kg));
    assert_true(pick_prior_first(PICK_BUD, 800.0, 6667.0).season_kg == 800.0);
    assert_true(fabs(pick_prior_first(PICK_BUD, 0.0, 6667.0).season_kg - 480.0) < 1e-9);
}

static void nothing_is_said_before_ten_degrees_are_passed(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, WARM);
    struct pick_estimate estimate = spring_ask(&model, 5.0);
    assert_int_equal(estimate.why, PICK_BEFORE_SEASON);
    assert_true(isnan(estimate.thermal_time) && isnan(estimate.share_ready));
    assert_true(isnan(estimate.ready_kg[1]) && isnan(estimate.pick_kg[1]));
    spring_feed(&model, WARM, OPEN);
    estimate = spring_ask(&model, 5.0);
    assert_int_equal(estimate.why, PICK_GIVEN);
    assert_true(fabs(estimate.thermal_time - (OPEN - WARM) * 7.0) < 1e-9);
    assert_sane(&estimate);
}

static void no_kg_are_told_before_the_opening(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, OPEN - 3); /* 56 of 67 °C d */
    struct pick_estimate estimate = spring_ask(&model, NAN);
    assert_int_equal(estimate.why, PICK_BEFORE_OPENING);
    assert_true(estimate.share_ready > 0.0 && estimate.share_ready < 0.05);
    assert_true(fabs(estimate.thermal_time - 56.0) < 1e-9);
    assert_true(isnan(estimate.ready_kg[1]) && isnan(estimate.pickers));
    assert_true(isnan(estimate.pick_kg[1]));
    estimate = spring_ask(&model, 5.0); /* somebody goes all the same */
    assert_sane_triple(estimate.pick_kg);
    assert_true(isnan(estimate.ready_kg[1]));
}

static void a_plot_opens_as_its_gate_and_its_last_season_say(void **state)
{
    (void)state;
    struct pick_prior prior = pick_prior_first(PICK_ONE_LEAF, 700, NAN);
    pick_prior_open(&prior, 95, NAN);
    assert_true(prior.opening_cd == 95);
    pick_prior_open(&prior, NAN, 60);
    assert_true(prior.opening_cd > 60 && prior.opening_cd < 70);
    pick_prior_open(&prior, -3, 1e9);
    assert_true(prior.opening_cd > 60 && prior.opening_cd < 70);
    struct pick_day days[OPEN + 1];
    for (int d = 0; d <= OPEN; d++)
        days[d] = spring(d);
    assert_true(fabs(pick_opened_cd(days, OPEN + 1) - (OPEN - WARM) * 7.0) < 1e-9);
    assert_true(isnan(pick_opened_cd(days, OPEN))); /* none was noted */
    for (int d = 0; d < 8; d++)
        days[d + 10].growth_cd = days[d + 10].mean_c = NAN;
    assert_true(isnan(pick_opened_cd(days, OPEN + 1)));
    assert_true(cultivar_gate_cd("baiye-1") == 67);
    assert_true(cultivar_gate_cd("wuniuzao") < 40);
    assert_true(isnan(cultivar_gate_cd("")));
}

static void a_noted_pick_opens_the_season(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, 15);
    struct pick_day early = spring(15);
    early.kg = 3.0;
    early.pickers = 2.0;
    pick_learn(&model, &early);
    assert_int_equal(spring_ask(&model, 2.0).why, PICK_GIVEN);
}

static void a_pick_noted_under_a_winter_date_does_not_use_up_the_season(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, 12);
    struct pick_day slip = spring(OPEN);
    slip.growth_cd = 0.1;
    slip.mean_c = 4.0;
    pick_learn(&model, &slip);
    for (int i = 0; i < PICK_REST_DAYS; i++)
        spring_feed(&model, 12, 13);
    assert_int_equal(spring_ask(&model, 10.0).why, PICK_BEFORE_SEASON);
    spring_feed(&model, WARM, OPEN);
    assert_int_equal(spring_ask(&model, 10.0).why, PICK_GIVEN);
}

/* 48 of 240 hours are a fifth: still enough. What will be picked follows from the notes. */
static void without_a_thermometer_the_notes_still_tell_the_pick(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, 35);
    struct pick_day gap = spring(35);
    gap.missing_hours = 24;
    gap.growth_cd = gap.mean_c = NAN;
    pick_learn(&model, &gap);
    pick_learn(&model, &gap);
    assert_int_equal(spring_ask(&model, 10.0).why, PICK_GIVEN);
    for (int i = 0; i < 9; i++) {
        pick_learn(&model, &gap);
        struct pick_estimate estimate = spring_ask(&model, 10.0);
        assert_int_equal(estimate.why, PICK_NO_DATA);
        assert_true(isnan(estimate.ready_kg[1]) && isnan(estimate.thermal_time));
        assert_sane_triple(estimate.pick_kg);
        assert_true(fabs(estimate.pick_kg[1] - 22.0) < 10.0);
    }
    struct pick_score score;
    pick_score(&model, &score);
    assert_true(score.days > 10); /* they are scored, too */
}

/* Before the first pick only the weather could tell. */
static void nothing_is_said_while_more_than_a_fifth_of_the_hours_is_missing(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, OPEN - 4);
    struct pick_day gap = spring(WARM);
    gap.missing_hours = 24;
    gap.growth_cd = gap.mean_c = gap.kg = NAN;
    for (int i = 0; i < 3; i++)
        pick_learn(&model, &gap);
    struct pick_estimate estimate = spring_ask(&model, 10.0);
    assert_int_equal(estimate.why, PICK_NO_DATA);
    assert_true(isnan(estimate.pick_kg[1]));
}

static void a_new_thermometer_says_nothing_for_eight_days(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, WARM - 5, WARM + 2);
    assert_int_equal(spring_ask(&model, 10.0).why, PICK_NO_DATA);
    spring_feed(&model, WARM + 2, WARM + 3);
    assert_int_equal(spring_ask(&model, 10.0).why, PICK_BEFORE_SEASON);
}

/* Installed in April: the warmth of March is missing from the sum. */
static void a_thermometer_that_came_in_spring_waits_for_the_first_pick(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, WARM, OPEN);
    assert_int_equal(spring_ask(&model, 10.0).why, PICK_LATE_START);
    spring_feed(&model, OPEN, OPEN + 1);
    struct pick_estimate estimate = spring_ask(&model, 11.0);
    assert_int_equal(estimate.why, PICK_GIVEN);
    assert_true(isnan(estimate.thermal_time));
    assert_true(estimate.share_ready > 0.02 && estimate.share_ready < 0.3);
}

static void nothing_is_said_after_two_weeks_of_rest(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, 40);
    for (int i = 0; i < PICK_REST_DAYS; i++) {
        assert_int_not_equal(spring_ask(&model, 10.0).why, PICK_AFTER_SEASON);
        struct pick_day rest = spring(WARM);
        rest.growth_cd = 0.0;
        pick_learn(&model, &rest);
    }
    assert_int_equal(spring_ask(&model, 10.0).why, PICK_AFTER_SEASON);
    spring_feed(&model, 40, 41);
    assert_int_equal(spring_ask(&model, 10.0).why, PICK_GIVEN);
}

static void nothing_is_said_when_all_shoots_are_past(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, OPEN);
    spring_feed(&model, CLOSE, CLOSE + 60); /* nobody ever noted a pick */
    assert_int_equal(spring_ask(&model, 10.0).why, PICK_AFTER_SEASON);
}

static void a_plot_of_unknown_size_has_no_kg(void **state)
{
    (void)state;
    struct pick_prior prior = pick_prior_first(PICK_ONE_LEAF, NAN, NAN);
    pick_begin(&model, &prior, SPRING_SEED);
    spring_feed(&model, 0, 40);
    struct pick_estimate estimate = spring_ask(&model, 10.0);
    assert_int_equal(estimate.why, PICK_NO_SIZE);
    assert_true(estimate.share_ready > 0.0 && estimate.thermal_time > 0.0);
    assert_true(isnan(estimate.ready_kg[1]));
    assert_sane_triple(estimate.pick_kg); /* by what its pickers pick */
    assert_true(fabs(estimate.pick_kg[1] - 22.0) < 8.0);
    pick_begin(&model, &prior, SPRING_SEED);
    spring_feed(&model, 0, OPEN);
    assert_true(isnan(spring_ask(&model, 10.0).pick_kg[1]));
}

static void without_a_crew_only_the_bushes_are_told(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, OPEN);
    struct pick_estimate estimate = spring_ask(&model, NAN);
    assert_int_equal(estimate.why, PICK_NO_CREW);
    assert_sane(&estimate);
    assert_true(isnan(estimate.pick_kg[1]));
    spring_feed(&model, OPEN, OPEN + 1); /* from now on as many as came last */
    assert_int_equal(spring_ask(&model, NAN).why, PICK_GIVEN);
}

static void every_reason_has_words(void **state)
{
    (void)state;
    assert_string_equal(pick_why_text(PICK_GIVEN), "");
    for (int why = PICK_GIVEN + 1; why < PICK_WHY_COUNT; why++)
        assert_true(strlen(pick_why_text((enum pick_why)why)) > 10);
    assert_string_equal(pick_why_text(PICK_WHY_COUNT), "");
}

static void the_same_days_give_the_same_numbers(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_begin(&other);
    for (int d = 0; d < CLOSE; d++) {
        spring_feed(&model, d, d + 1);
        spring_ask(&model, 7.0); /* asking changes nothing */
        spring_feed(&other, d, d + 1);
        if (d % 9 == 0 || d == CLOSE - 1) {
            struct pick_estimate a = spring_ask(&model, 12.0);
            struct pick_estimate b = spring_ask(&other, 12.0);
            assert_same_estimate(&a, &b);
        }
    }
    struct pick_score a, b;
    pick_score(&model, &a);
    pick_score(&other, &b);
    assert_int_equal(a.days, b.days);
    assert_true(a.mae_kg == b.mae_kg && a.skill == b.skill && a.coverage == b.coverage);
}

static void a_replay_after_a_restart_gives_the_running_models_numbers(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, 45);
    struct pick_estimate running = spring_ask(&model, 12.0);
    memset(&model, 0xA5, sizeof model);
    spring_begin(&model);
    spring_feed(&model, 0, 45);
    struct pick_estimate replayed = spring_ask(&model, 12.0);
    assert_same_estimate(&running, &replayed);
}

static void assert_bits(double value, double expected)
{
    if (value != expected)
        print_message("%a instead of %a\n", value, expected);
    assert_true(value == expected);
}

/* Taken over from a run; changes with every change of the model, and with nothing else. */
static void a_season_gives_the_same_bits_on_every_machine(void **state)
{
    (void)state;
    spring_begin(&model);
    spring_feed(&model, 0, 45);
    struct pick_estimate estimate = spring_ask(&model, 12.0);
    assert_bits(estimate.pick_kg[1], 0x1.ba979779ce7b6p+4);
    assert_bits(estimate.ready_kg[1], 0x1.92b6e52bb480ep+7);
}

/* What a grower may type, and a broken sensor may send. */
static void absurd_inputs_give_no_absurd_numbers(void **state)
{
    (void)state;
    static const double odd[] = {NAN, 0.0,   -1.0,   1e9,      -1e9,     1e-300,
                                 5e4, -50.0, 4000.0, HUGE_VAL, -HUGE_VAL};
    enum { ODD = sizeof odd / sizeof odd[0] };
    spring_begin(&model);
    spring_feed(&model, 0, OPEN + 3);
    for (unsigned i = 0; i < 2 * ODD; i++) {
        struct pick_day day = {odd[i % ODD],
                               odd[(i + 3) % ODD],
                               i % 5,
                               odd[(i + 1) % ODD],
                               odd[(i * 7) % ODD],
                               odd[(i * 5) % ODD],
                               odd[(i * 3) % ODD],
                               {odd[i % ODD], odd[(i * 2) % ODD], odd[(i * 9) % ODD]},
                               odd[(i * 4) % ODD]};
        struct pick_tomorrow tomorrow = {odd[(i * 3) % ODD], odd[(i + 4) % ODD], odd[i % ODD]};
        struct pick_estimate estimate;
        pick_learn(&model, &day);
        pick_estimate(&model, &tomorrow, &estimate);
        assert_sane(&estimate);
    }
    struct pick_estimate estimate = spring_ask(&model, 10.0);
    assert_int_equal(estimate.why, PICK_GIVEN);
    struct pick_score score;
    pick_score(&model, &score);
    assert_true(score.days > 0 && score.mae_kg >= 0.0 && isfinite(score.mae_kg));
}

static void absurd_priors_are_replaced(void **state)
{
    (void)state;
    struct pick_prior prior = {NAN,
                               -3.0,
                               0.0,
                               HUGE_VAL,
                               600.0,
                               NAN,
                               -1.0,
                               1e300,
                               0.0,
                               NAN,
                               {-1.0, HUGE_VAL, NAN, 1e300, 0.0, -1.0, {{0}}}};
    struct pick_prior first = pick_prior_first(PICK_ONE_LEAF, 600.0, NAN);
    pick_begin(&model, &prior, SPRING_SEED);
    pick_begin(&other, &first, SPRING_SEED);
    spring_feed(&model, 0, OPEN + 2);
    spring_feed(&other, 0, OPEN + 2);
    struct pick_estimate a = spring_ask(&model, 10.0);
    struct pick_estimate b = spring_ask(&other, 10.0);
    assert_same_estimate(&a, &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_prior_follows_standard_and_size),
        cmocka_unit_test(nothing_is_said_before_ten_degrees_are_passed),
        cmocka_unit_test(no_kg_are_told_before_the_opening),
        cmocka_unit_test(a_plot_opens_as_its_gate_and_its_last_season_say),
        cmocka_unit_test(a_noted_pick_opens_the_season),
        cmocka_unit_test(a_pick_noted_under_a_winter_date_does_not_use_up_the_season),
        cmocka_unit_test(without_a_thermometer_the_notes_still_tell_the_pick),
        cmocka_unit_test(nothing_is_said_while_more_than_a_fifth_of_the_hours_is_missing),
        cmocka_unit_test(a_new_thermometer_says_nothing_for_eight_days),
        cmocka_unit_test(a_thermometer_that_came_in_spring_waits_for_the_first_pick),
        cmocka_unit_test(nothing_is_said_after_two_weeks_of_rest),
        cmocka_unit_test(nothing_is_said_when_all_shoots_are_past),
        cmocka_unit_test(a_plot_of_unknown_size_has_no_kg),
        cmocka_unit_test(without_a_crew_only_the_bushes_are_told),
        cmocka_unit_test(every_reason_has_words),
        cmocka_unit_test(the_same_days_give_the_same_numbers),
        cmocka_unit_test(a_replay_after_a_restart_gives_the_running_models_numbers),
        cmocka_unit_test(a_season_gives_the_same_bits_on_every_machine),
        cmocka_unit_test(absurd_inputs_give_no_absurd_numbers),
        cmocka_unit_test(absurd_priors_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
