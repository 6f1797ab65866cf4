/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/daemon/publish/link/data_plan.h"

static struct data_plan plan_of(uint64_t limit)
{
    struct data_plan data_plan;
    data_plan_begin(&data_plan, limit);
    return data_plan;
}

static void a_plan_is_thrifty_from_80_percent_and_mute_from_100(void **state)
{
    struct data_plan data_plan = plan_of(1000000);
    (void)state;
    data_plan_add(&data_plan, 202611, 799999);
    assert_int_equal(data_plan_stage(&data_plan), DATA_PLAN_NONE);
    data_plan_add(&data_plan, 202611, 1);
    assert_int_equal(data_plan_stage(&data_plan), DATA_PLAN_MEANS);
    data_plan_add(&data_plan, 202611, 199999);
    assert_int_equal(data_plan_stage(&data_plan), DATA_PLAN_MEANS);
    data_plan_add(&data_plan, 202611, 1);
    assert_int_equal(data_plan_stage(&data_plan), DATA_PLAN_URGENT);
    data_plan = plan_of(0);
    data_plan_add(&data_plan, 202611, UINT64_C(1) << 60);
    assert_int_equal(data_plan_stage(&data_plan), DATA_PLAN_NONE);
}

static void a_new_month_begins_with_nothing_used(void **state)
{
    struct data_plan data_plan = plan_of(1000);
    (void)state;
    data_plan_add(&data_plan, 202612, 990);
    assert_int_equal(data_plan_stage(&data_plan), DATA_PLAN_MEANS);
    data_plan_add(&data_plan, 202701, 20);
    assert_int_equal(data_plan.bytes, 20);
    assert_int_equal(data_plan_stage(&data_plan), DATA_PLAN_NONE);
}

static void a_start_without_a_clock_goes_on_with_the_month_that_was(void **state)
{
    struct data_plan data_plan = plan_of(1000);
    (void)state;
    data_plan_restore(&data_plan, 202611, 700);
    data_plan_add(&data_plan, 0, 150); /* not known: no year 1970 that begins anew */
    assert_int_equal(data_plan_stage(&data_plan), DATA_PLAN_MEANS);
    data_plan_add(&data_plan, 202611, 10);
    assert_int_equal(data_plan.bytes, 860);
    /* It was off over the end of the month: what it sent meanwhile is of the new one. */
    data_plan = plan_of(1000);
    data_plan_restore(&data_plan, 202611, 700);
    data_plan_add(&data_plan, 0, 150);
    data_plan_add(&data_plan, 202612, 10);
    assert_int_equal(data_plan.bytes, 160);
    /* Never known before. */
    data_plan = plan_of(1000);
    data_plan_add(&data_plan, 0, 150);
    data_plan_add(&data_plan, 202612, 10);
    assert_int_equal(data_plan.bytes, 160);
}

static void a_clock_that_goes_back_forgets_nothing(void **state)
{
    struct data_plan data_plan = plan_of(1000);
    (void)state;
    data_plan_add(&data_plan, 202612, 500);
    data_plan_add(&data_plan, 202611, 5);
    assert_int_equal(data_plan.bytes, 505);
    data_plan_add(&data_plan, 202611, 5);
    assert_int_equal(data_plan.bytes, 510);
}

static void it_is_kept_now_and_then_and_at_once_in_a_new_month(void **state)
{
    struct data_plan data_plan = plan_of(30000000);
    unsigned kept = 0;
    (void)state;
    data_plan_restore(&data_plan, 202611, 1000000);
    for (unsigned i = 0; i < 1000; i++) {
        data_plan_add(&data_plan, 202611, 1000);
        kept += data_plan_keep(&data_plan);
    }
    assert_in_range(kept, 14, 16); /* a million bytes, 65,536 at a time */
    data_plan_add(&data_plan, 202612, 1);
    assert_true(data_plan_keep(&data_plan));
    assert_false(data_plan_keep(&data_plan));
    data_plan_add(&data_plan, 202612, 24000000 - 2);
    assert_true(data_plan_keep(&data_plan));
    data_plan_add(&data_plan, 202612, 1); /* 80 %: a crash must not begin in full again */
    assert_true(data_plan_keep(&data_plan));
    assert_false(data_plan_keep(&data_plan));
    data_plan = plan_of(0);
    data_plan_add(&data_plan, 202612, 1000000000);
    assert_false(data_plan_keep(&data_plan));
}

static void an_idle_connection_costs_its_pings(void **state)
{
    struct data_plan data_plan = plan_of(1000);
    struct data_plan_traffic traffic = {.up = true, .passed_ms = 1000, .keepalive_s = 30};
    uint64_t idle = 0, busy = 0;
    (void)state;
    for (unsigned s = 0; s < 3600; s++)
        idle += data_plan_cost(&data_plan, &traffic);
    assert_int_equal(idle, 3600 / 30 * 160);
    traffic.messages = 1;
    traffic.bytes = 100;
    for (unsigned s = 0; s < 3600; s++)
        busy += data_plan_cost(&data_plan, &traffic);
    assert_int_equal(busy, 3600 * 220); /* and no pings */
    traffic = (struct data_plan_traffic){.tls = true, .passed_ms = 1000, .keepalive_s = 30};
    for (unsigned s = 0; s < 3600; s++)
        assert_int_equal(data_plan_cost(&data_plan, &traffic), 0); /* no connection */
    traffic.connects = 1;
    assert_true(data_plan_cost(&data_plan, &traffic) > 5000);
}

static void months_are_those_of_utc(void **state)
{
    (void)state;
    assert_int_equal(data_plan_month(1796083199999), 202611);
    assert_int_equal(data_plan_month(1796083200000), 202612);
    assert_int_equal(data_plan_month(0), 197001);
    assert_int_equal(data_plan_next_ms(1796083199999), 1796083200000);
    assert_int_equal(data_plan_next_ms(1796083200000), 1798761600000); /* and of the year */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_thrifty_from_80_percent_and_mute_from_100),
        cmocka_unit_test(a_new_month_begins_with_nothing_used),
        cmocka_unit_test(a_start_without_a_clock_goes_on_with_the_month_that_was),
        cmocka_unit_test(a_clock_that_goes_back_forgets_nothing),
        cmocka_unit_test(it_is_kept_now_and_then_and_at_once_in_a_new_month),
        cmocka_unit_test(an_idle_connection_costs_its_pings),
        cmocka_unit_test(months_are_those_of_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
