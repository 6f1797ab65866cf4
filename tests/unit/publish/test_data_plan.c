/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/daemon/publish/link/data_plan.h"

static struct thrift plan_of(uint64_t limit)
{
    struct thrift thrift;
    thrift_begin(&thrift, limit);
    return thrift;
}

static void a_plan_is_thrifty_from_80_percent_and_mute_from_100(void **state)
{
    struct thrift thrift = plan_of(1000000);
    (void)state;
    thrift_add(&thrift, 202611, 799999);
    assert_int_equal(thrift_stage(&thrift), THRIFT_NONE);
    thrift_add(&thrift, 202611, 1);
    assert_int_equal(thrift_stage(&thrift), THRIFT_MEANS);
    thrift_add(&thrift, 202611, 199999);
    assert_int_equal(thrift_stage(&thrift), THRIFT_MEANS);
    thrift_add(&thrift, 202611, 1);
    assert_int_equal(thrift_stage(&thrift), THRIFT_URGENT);
    thrift = plan_of(0);
    thrift_add(&thrift, 202611, UINT64_C(1) << 60);
    assert_int_equal(thrift_stage(&thrift), THRIFT_NONE);
}

static void a_new_month_begins_with_nothing_used(void **state)
{
    struct thrift thrift = plan_of(1000);
    (void)state;
    thrift_add(&thrift, 202612, 990);
    assert_int_equal(thrift_stage(&thrift), THRIFT_MEANS);
    thrift_add(&thrift, 202701, 20);
    assert_int_equal(thrift.bytes, 20);
    assert_int_equal(thrift_stage(&thrift), THRIFT_NONE);
}

static void a_start_without_a_clock_goes_on_with_the_month_that_was(void **state)
{
    struct thrift thrift = plan_of(1000);
    (void)state;
    thrift_restore(&thrift, 202611, 700);
    thrift_add(&thrift, 0, 150); /* not known: no year 1970 that begins anew */
    assert_int_equal(thrift_stage(&thrift), THRIFT_MEANS);
    thrift_add(&thrift, 202611, 10);
    assert_int_equal(thrift.bytes, 860);
    /* It was off over the end of the month: what it sent meanwhile is of the new one. */
    thrift = plan_of(1000);
    thrift_restore(&thrift, 202611, 700);
    thrift_add(&thrift, 0, 150);
    thrift_add(&thrift, 202612, 10);
    assert_int_equal(thrift.bytes, 160);
    /* Never known before. */
    thrift = plan_of(1000);
    thrift_add(&thrift, 0, 150);
    thrift_add(&thrift, 202612, 10);
    assert_int_equal(thrift.bytes, 160);
}

static void a_clock_that_goes_back_forgets_nothing(void **state)
{
    struct thrift thrift = plan_of(1000);
    (void)state;
    thrift_add(&thrift, 202612, 500);
    thrift_add(&thrift, 202611, 5);
    assert_int_equal(thrift.bytes, 505);
    thrift_add(&thrift, 202611, 5);
    assert_int_equal(thrift.bytes, 510);
}

static void it_is_kept_now_and_then_and_at_once_in_a_new_month(void **state)
{
    struct thrift thrift = plan_of(30000000);
    unsigned kept = 0;
    (void)state;
    thrift_restore(&thrift, 202611, 1000000);
    for (unsigned i = 0; i < 1000; i++) {
        thrift_add(&thrift, 202611, 1000);
        kept += thrift_keep(&thrift);
    }
    assert_in_range(kept, 14, 16); /* a million bytes, 65,536 at a time */
    thrift_add(&thrift, 202612, 1);
    assert_true(thrift_keep(&thrift));
    assert_false(thrift_keep(&thrift));
    thrift_add(&thrift, 202612, 24000000 - 2);
    assert_true(thrift_keep(&thrift));
    thrift_add(&thrift, 202612, 1); /* 80 %: a crash must not begin in full again */
    assert_true(thrift_keep(&thrift));
    assert_false(thrift_keep(&thrift));
    thrift = plan_of(0);
    thrift_add(&thrift, 202612, 1000000000);
    assert_false(thrift_keep(&thrift));
}

static void an_idle_connection_costs_its_pings(void **state)
{
    struct thrift thrift = plan_of(1000);
    struct thrift_traffic traffic = {.up = true, .passed_ms = 1000, .keepalive_s = 30};
    uint64_t idle = 0, busy = 0;
    (void)state;
    for (unsigned s = 0; s < 3600; s++)
        idle += thrift_cost(&thrift, &traffic);
    assert_int_equal(idle, 3600 / 30 * 160);
    traffic.messages = 1;
    traffic.bytes = 100;
    for (unsigned s = 0; s < 3600; s++)
        busy += thrift_cost(&thrift, &traffic);
    assert_int_equal(busy, 3600 * 220); /* and no pings */
    traffic = (struct thrift_traffic){.tls = true, .passed_ms = 1000, .keepalive_s = 30};
    for (unsigned s = 0; s < 3600; s++)
        assert_int_equal(thrift_cost(&thrift, &traffic), 0); /* no connection */
    traffic.connects = 1;
    assert_true(thrift_cost(&thrift, &traffic) > 5000);
}

static void months_are_those_of_utc(void **state)
{
    (void)state;
    assert_int_equal(thrift_month(1796083199999), 202611);
    assert_int_equal(thrift_month(1796083200000), 202612);
    assert_int_equal(thrift_month(0), 197001);
    assert_int_equal(thrift_next_ms(1796083199999), 1796083200000);
    assert_int_equal(thrift_next_ms(1796083200000), 1798761600000); /* and of the year */
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
