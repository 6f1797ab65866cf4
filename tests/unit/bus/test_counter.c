/* SPDX-License-Identifier: Apache-2.0 */
/* What is booked of a bought rain gauge or meter, whatever it shows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/bus/counter.h"

#define MINUTE_MS 60000
#define NOTHING   (-1) /* no value */

static const struct field_config rain = {.type = FIELD_U16,
                                         .function = 3,
                                         .role = ROLE_COUNTER,
                                         .scale = 0.1,
                                         .min = 0,
                                         .max = 200,
                                         .most_per_hour = 300};

struct scene {
    const char *what;
    uint32_t shows[8]; /* at each minute; the first one is where it begins */
    double booked[8];  /* mm, of the second on */
    unsigned count;
};

static const struct scene scenes[] = {
    {"one wrong answer", {300, 0, 300, 305}, {NOTHING, 0, 0.5}, 4},
    {"a wrong answer among rain", {300, 0, 304, 310}, {NOTHING, 0.4, 0.6}, 4},
    {"garbage above", {300, 65535, 301, 301}, {NOTHING, 0.1, 0}, 4},
    {"two different wrong answers", {300, 0, 41234, 302}, {NOTHING, NOTHING, 0.2}, 4},
    {"a restart", {300, 2, 5, 6}, {NOTHING, 0.5, 0.1}, 4},
    {"a restart in dry weather", {300, 0, 0, 0, 3}, {NOTHING, 0, 0, 0.3}, 5},
    {"over its end", {65530, 4, 6}, {1.0, 0.2}, 3},
    {"over its end, and a wrong answer", {65530, 30000, 4}, {NOTHING, 1.0}, 3},
    {"a leap that is true is never booked", {300, 9999, 10001, 10002}, {NOTHING, 0.2, 0.1}, 4},
    {"a restart after much rain elsewhere", {40000, 0, 40000, 0, 1}, {NOTHING, 0, NOTHING, 0.1}, 5},
    {"a wrong answer that is possible", {200, 210, 201, 202, 204}, {1.0, NOTHING, 0, 0.2}, 5},
    {"rain on over a wrong answer", {200, 203, 201, 205, 206}, {0.3, NOTHING, 0.2, 0.1}, 5},
    {"zeros while it starts", {300, 0, 0, 0, 305, 306}, {NOTHING, 0, 0, 0.5, 0.1}, 6},
    {"and twice", {300, 0, 0, 2, 0, 0, 305, 306}, {NOTHING, 0, 0.2, NOTHING, 0, 0.5, 0.1}, 8},
    {"and long after a restart",
     {300, 2, 5, 200, 0, 0, 203, 204},
     {NOTHING, 0.5, 19.5, NOTHING, 0, 0.3, 0.1},
     8},
    {"on after a restart", {30, 0, 0, 28, 33, 34}, {NOTHING, 0, 2.8, 0.5, 0.1}, 6},
    {"steady", {7, 7, 7, 8}, {0, 0, 0.1}, 4},
};

/* Nothing is known of how much may come. */
static const struct field_config meter = {.type = FIELD_U16,
                                          .function = 3,
                                          .role = ROLE_COUNTER,
                                          .scale = 0.1,
                                          .min = -INFINITY,
                                          .max = INFINITY};

static const struct scene meter_scenes[] = {
    {"one wrong answer", {21096, 0, 21158, 21160}, {NOTHING, 6.2, 0.2}, 4},
    {"a wrong answer near the end", {60000, 0, 60005, 60006}, {NOTHING, 0.5, 0.1}, 4},
    {"garbage above", {300, 60000, 301, 302}, {NOTHING, 0.1, 0.1}, 4},
    {"a restart", {21096, 2, 5, 6}, {NOTHING, 0.5, 0.1}, 4},
    {"over its end", {65530, 4, 6, 7}, {NOTHING, 1.2, 0.1}, 4},
    {"a leap that is true is booked late", {300, 30000, 30001, 30002}, {NOTHING, 2970.1, 0.1}, 4},
    {"a zero while it starts comes first", {0, 0, 21096, 21158}, {NOTHING, NOTHING, 6.2}, 4},
    {"a new one",
     {0, 0, 0, 0, 0, 0, 0, 3},
     {NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, 0, 0.3},
     8},
    {"zeros while it starts", {16580, 0, 0, 16611, 16642}, {NOTHING, 0, 3.1, 3.1}, 5},
    {"and long after its end",
     {32750, 13, 44, 15253, 0, 0, 15284, 15315},
     {NOTHING, 4.4, 1520.9, NOTHING, 0, 3.1, 3.1},
     8},
    {"steady", {7, 7, 7, 8}, {0, 0, 0.1}, 4},
};

static void check(const struct scene *all, size_t count, const struct field_config *field)
{
    for (size_t s = 0; s < count; s++) {
        const struct scene *scene = &all[s];
        struct counter counter = {0};
        for (unsigned i = 0; i < scene->count; i++) {
            struct reading_value value =
                counter_take(&counter, field, scene->shows[i], METRIC_GOOD, i * MINUTE_MS);
            double wanted = i > 0 ? scene->booked[i - 1] : NOTHING;
            if (value.present ? fabs(value.value - wanted) > 1e-9 : wanted >= 0)
                fail_msg("%s: answer %u books %g, not %g", scene->what, i,
                         value.present ? value.value : NOTHING, wanted);
            assert_true(!value.present || value.flag == METRIC_GOOD);
        }
    }
}

static void books_what_came_and_nothing_else(void **state)
{
    (void)state;
    check(scenes, sizeof scenes / sizeof scenes[0], &rain);
}

static void without_a_bound_what_is_odd_waits_for_the_next_answer(void **state)
{
    (void)state;
    check(meter_scenes, sizeof meter_scenes / sizeof meter_scenes[0], &meter);
}

static void what_came_while_it_was_not_asked_is_booked(void **state)
{
    (void)state;
    struct counter counter = {0};
    (void)counter_take(&counter, &rain, 300, METRIC_GOOD, 0);
    struct reading_value value =
        counter_take(&counter, &rain, 800, METRIC_GOOD, INT64_C(12) * 3600000);
    assert_true(value.present && fabs(value.value - 50) < 1e-9);
}

/* A storm, while the gateway had no power: more than one reading may hold, and no impossible
 * rate. */
static void more_than_one_reading_holds_is_booked_after_days(void **state)
{
    (void)state;
    int64_t days = INT64_C(3) * 24 * 3600000;
    struct counter counter = {0};
    (void)counter_take(&counter, &rain, 300, METRIC_GOOD, 0);
    assert_false(counter_take(&counter, &rain, 2800, METRIC_GOOD, days).present);
    struct reading_value value = counter_take(&counter, &rain, 2801, METRIC_GOOD, days + MINUTE_MS);
    assert_true(value.present && value.flag == METRIC_GOOD && fabs(value.value - 250.1) < 1e-9);
}

static void another_power_of_ten_waits_for_the_next_answer(void **state)
{
    (void)state;
    struct counter counter = {0};
    assert_true(counter_exponent(&counter, -1));
    (void)counter_take(&counter, &rain, 300, METRIC_GOOD, 0);
    assert_false(counter_exponent(&counter, 0)); /* one wrong answer */
    assert_true(counter_exponent(&counter, -1));
    assert_true(fabs(counter_take(&counter, &rain, 305, METRIC_GOOD, MINUTE_MS).value - 0.5) <
                1e-9);
    assert_false(counter_exponent(&counter, -2));
    assert_true(counter_exponent(&counter, -2)); /* 305 tenths are 3050 hundredths */
    struct field_config finer = rain;
    finer.scale = 0.01;
    struct reading_value value =
        counter_take(&counter, &finer, 3055, METRIC_GOOD, INT64_C(2) * MINUTE_MS);
    assert_true(value.present && fabs(value.value - 0.05) < 1e-9);
}

/* Of which a double has no two neighbours: what came between is exact all the same. */
static void a_counter_of_64_bits_loses_nothing(void **state)
{
    (void)state;
    struct field_config wide = rain;
    struct counter counter = {0};
    wide.type = FIELD_U64;
    wide.scale = 0.001;
    (void)counter_take(&counter, &wide, UINT64_MAX - 2, METRIC_GOOD, 0);
    assert_true(fabs(counter_take(&counter, &wide, UINT64_MAX, METRIC_GOOD, 60000).value - 0.002) <
                1e-12);
    assert_true(fabs(counter_take(&counter, &wide, 2, METRIC_GOOD, 120000).value - 0.003) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(books_what_came_and_nothing_else),
        cmocka_unit_test(without_a_bound_what_is_odd_waits_for_the_next_answer),
        cmocka_unit_test(what_came_while_it_was_not_asked_is_booked),
        cmocka_unit_test(a_counter_of_64_bits_loses_nothing),
        cmocka_unit_test(more_than_one_reading_holds_is_booked_after_days),
        cmocka_unit_test(another_power_of_ten_waits_for_the_next_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
