/* SPDX-License-Identifier: Apache-2.0 */
/* Timers that wake late by what a machine takes, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/daemon/bus/wake_latency.h"

#define US 1000LL

static uint32_t state_of_chance;

static int64_t chance(int64_t below)
{
    state_of_chance = state_of_chance * 1664525u + 1013904223u;
    return (int64_t)(state_of_chance >> 8) % below;
}

/* Of wake-ups that come `least` to `least + spread` late: the mean time that passes after the
 * moment wished for, and that is spent awake before it. */
static void run(struct wake_latency *aim, int64_t least_ns, int64_t spread_ns, int times,
                int64_t *over_ns, int64_t *awake_ns)
{
    *over_ns = *awake_ns = 0;
    for (int i = 0; i < times; i++) {
        int64_t due = 1000000000LL + i * 10000000LL, asked = wake_latency_at(aim, due);
        int64_t woke = asked + least_ns + chance(spread_ns);
        assert_in_range(due - asked, 0, WAKE_LATENCY_MOST_NS);
        wake_latency_woke(aim, asked, woke);
        *over_ns += woke > due ? woke - due : 0;
        *awake_ns += woke < due ? due - woke : 0;
    }
    *over_ns /= times;
    *awake_ns /= times;
}

static void asks_for_the_time_itself_before_it_knows(void **state)
{
    (void)state;
    struct wake_latency aim = {0};
    assert_int_equal(wake_latency_at(&aim, 12345), 12345);
}

static void learns_what_its_timers_take(void **state)
{
    (void)state;
    struct wake_latency aim = {0};
    int64_t over, awake;
    state_of_chance = 1;
    run(&aim, 20 * US, 20 * US, 300, &over, &awake);
    run(&aim, 20 * US, 20 * US, 1000, &over, &awake);
    assert_true(over < 16 * US); /* 30 without */
    assert_true(awake < 3 * US);
}

static void one_odd_wake_up_teaches_little(void **state)
{
    (void)state;
    struct wake_latency aim = {0};
    int64_t over, awake;
    run(&aim, 30 * US, 1, 500, &over, &awake);
    int64_t before = aim.early_ns;
    wake_latency_woke(&aim, 0, 20000 * US); /* somebody else had the processor */
    assert_in_range(aim.early_ns, before, before + 2 * US);
    wake_latency_woke(&aim, 1000, 900); /* woken by something else, too early */
    assert_in_range(aim.early_ns, before, before + 2 * US);
}

static void follows_a_machine_that_becomes_fast(void **state)
{
    (void)state;
    struct wake_latency aim = {0};
    int64_t over, awake;
    run(&aim, 45 * US, 1, 500, &over, &awake);
    run(&aim, 2 * US, 1, 20, &over, &awake);
    run(&aim, 2 * US, 1, 20, &over, &awake);
    assert_true(over + awake < US);
}

static void never_stays_awake_for_long(void **state)
{
    (void)state;
    struct wake_latency aim = {0};
    int64_t over, awake;
    run(&aim, 5000 * US, 1, 5000, &over, &awake); /* a machine that is always busy */
    assert_int_equal(aim.early_ns, WAKE_LATENCY_MOST_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asks_for_the_time_itself_before_it_knows),
        cmocka_unit_test(learns_what_its_timers_take),
        cmocka_unit_test(one_odd_wake_up_teaches_little),
        cmocka_unit_test(follows_a_machine_that_becomes_fast),
        cmocka_unit_test(never_stays_awake_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
