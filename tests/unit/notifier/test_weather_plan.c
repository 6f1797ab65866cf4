/* SPDX-License-Identifier: Apache-2.0 */
/* When the weather is asked for, in virtual time; and which weather of another process is taken. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/notifier/weather_plan.h"
#include "gateway/forecast/ahead.h"

#define DAY_MS INT64_C(86400000)

/* How often it asks from `from_ms` on, looked at each second. */
static unsigned count_asks(struct weather_plan *plan, int64_t from_ms, int64_t for_ms, bool good)
{
    unsigned asks = 0;
    for (int64_t now_ms = from_ms; now_ms < from_ms + for_ms; now_ms += 1000) {
        if (!weather_due(plan, now_ms, true))
            continue;
        weather_asked(plan);
        assert_false(weather_due(plan, now_ms + DAY_MS, true)); /* one at a time */
        weather_answered(plan, now_ms, good);
        asks++;
    }
    return asks;
}

static void four_times_a_day_from_the_start_on(void **state)
{
    (void)state;
    struct weather_plan plan = {.due_ms = 0};
    assert_false(weather_due(&plan, 5000, false)); /* no certificate can be judged yet */
    assert_true(weather_due(&plan, 5000, true));
    assert_int_equal(count_asks(&plan, 5000, DAY_MS, true), 4);
}

static void a_service_that_fails_costs_little(void **state)
{
    (void)state;
    struct weather_plan plan = {.due_ms = 0};
    unsigned asks = count_asks(&plan, 0, DAY_MS, false);
    assert_in_range(asks, 20, 32); /* after a minute, two, four ... and then each hour */
    plan.failed = 4000000000U;     /* for ever */
    assert_int_equal(count_asks(&plan, 10 * DAY_MS, DAY_MS, false), 23);
    assert_int_equal(count_asks(&plan, 20 * DAY_MS, DAY_MS, true), 4); /* and it is forgotten */
    assert_int_equal(plan.failed, 0);
}

static void what_is_no_weather_is_not_taken(void **state)
{
    (void)state;
    static struct ahead ahead;
    assert_false(ahead_is_sane(&ahead)); /* no hour */
    ahead.count = 3;
    ahead.first_ms = INT64_C(1806192000000);
    ahead.rain_chance[1] = NAN;
    assert_true(ahead_is_sane(&ahead));
    struct ahead odd[8];
    for (int i = 0; i < 8; i++)
        odd[i] = ahead;
    odd[0].count = AHEAD_HOURS + 1;
    odd[1].first_ms += 1;
    odd[2].first_ms = -3600000;
    odd[3].first_ms = INT64_C(1) << 60;
    odd[4].air_c[2] = 61;
    odd[5].air_c[2] = -INFINITY;
    odd[6].rain_mm[0] = -1;
    odd[7].rain_chance[0] = 1.5F;
    for (int i = 0; i < 8; i++)
        assert_false(ahead_is_sane(&odd[i]));
    ahead.air_c[3] = 1000; /* behind its hours */
    assert_true(ahead_is_sane(&ahead));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(four_times_a_day_from_the_start_on),
        cmocka_unit_test(a_service_that_fails_costs_little),
        cmocka_unit_test(what_is_no_weather_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
