/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/bus/health.h"

#define MS      1000000LL
#define CEILING (1000 * MS)

static void tries(struct health *health, enum health_end end, unsigned size, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        health_try(health, end, size, 5 * MS);
}

static void learns_a_timeout_between_floor_and_ceiling(void **state)
{
    (void)state;
    struct health health = {0};
    assert_int_equal(health_timeout_ns(&health, CEILING), CEILING); /* nothing known yet */
    tries(&health, HEALTH_GOOD, 10, 10);
    assert_int_equal(health_timeout_ns(&health, CEILING), 100 * MS); /* the floor */
    health_try(&health, HEALTH_GOOD, 10, 200 * MS);
    assert_int_equal(health_timeout_ns(&health, CEILING), 420 * MS);
    assert_int_equal(health_timeout_ns(&health, 300 * MS), 300 * MS);
    health_try(&health, HEALTH_SILENT, 10, 0);
    assert_int_equal(health_timeout_ns(&health, CEILING), CEILING); /* after a failure */
    for (unsigned i = 0; i < 2000; i++)
        health_try(&health, HEALTH_GOOD, 10, 5 * MS);
    assert_true(health_timeout_ns(&health, CEILING) <= 101 * MS); /* and forgets */
}

static void percentiles_are_within_a_fifth(void **state)
{
    (void)state;
    struct health health = {0};
    assert_int_equal(health_percentile_us(&health, 0.5), 0);
    for (unsigned i = 1; i <= 100; i++)
        health_try(&health, HEALTH_GOOD, 10, i * MS);
    assert_in_range(health_percentile_us(&health, 0.5), 50000, 62000);
    assert_in_range(health_percentile_us(&health, 0.99), 99000, 120000);
    struct health slow = {0};
    health_try(&slow, HEALTH_GOOD, 10, 3600000 * MS);
    assert_true(health_percentile_us(&slow, 0.5) > 1000000);
}

/* One answer that seems too fast changes nothing; a unit that has become faster is believed. */
static void believes_a_faster_unit_after_a_while(void **state)
{
    (void)state;
    struct health health = {0};
    health_try(&health, HEALTH_SILENT, 10, 0);
    assert_int_equal(health_fastest_ns(&health), 0); /* not before it was asked */
    tries(&health, HEALTH_GOOD, 10, HEALTH_LEARNT - 1);
    assert_true(health_fastest_ns(&health) == INT64_MIN);
    tries(&health, HEALTH_GOOD, 10, 1);
    assert_int_equal(health_fastest_ns(&health), 5 * MS);
    health_too_fast(&health, MS);
    health_too_fast(&health, MS);
    assert_int_equal(health_fastest_ns(&health), 5 * MS);
    health_too_fast(&health, MS);
    assert_int_equal(health_fastest_ns(&health), MS);
    for (unsigned i = 0; i < 3; i++) { /* one that takes now long and now not */
        assert_int_equal(health_fastest_ns(&health), MS);
        health_too_fast(&health, -MS);
        tries(&health, HEALTH_GOOD, 10, 10);
    }
    assert_true(health_fastest_ns(&health) == -MS);
    for (unsigned i = 0; i < 10; i++) { /* now and then an answer that comes twice */
        health_too_fast(&health, -2 * MS);
        tries(&health, HEALTH_GOOD, 10, 100);
    }
    assert_true(health_fastest_ns(&health) == -MS);
}

static void hints_at_what_is_wrong(void **state)
{
    (void)state;
    struct health d[3] = {0};
    assert_string_equal(health_bus_hint(d, 3, false, false), "");
    for (unsigned i = 0; i < 3; i++)
        tries(&d[i], HEALTH_GARBLED, 10, 20);
    assert_non_null(strstr(health_bus_hint(d, 3, false, false), "A and B swapped"));
    memset(d, 0, sizeof d);
    for (unsigned i = 0; i < 3; i++)
        tries(&d[i], HEALTH_SILENT, 10, 20);
    assert_non_null(strstr(health_bus_hint(d, 3, false, false), "no unit answers"));
    assert_string_equal(health_device_hint(d, 3, 0), ""); /* it is not this unit's fault */

    memset(d, 0, sizeof d);
    for (unsigned i = 0; i < 3; i++)
        tries(&d[i], HEALTH_GOOD, 10, 40);
    assert_string_equal(health_bus_hint(d, 3, false, false), "");
    assert_non_null(strstr(health_bus_hint(d, 3, true, false), "echo"));
    assert_non_null(strstr(health_bus_hint(d, 3, true, true), "without being asked"));
    tries(&d[1], HEALTH_GARBLED, 10, 20);
    assert_non_null(strstr(health_device_hint(d, 3, 1), "two devices with one address"));
    assert_string_equal(health_device_hint(d, 3, 0), "");

    memset(d, 0, sizeof d);
    tries(&d[0], HEALTH_GOOD, 10, 40);
    tries(&d[1], HEALTH_SILENT, 10, 40);
    assert_non_null(strstr(health_device_hint(d, 2, 1), "no answer"));

    memset(d, 0, sizeof d);
    tries(&d[0], HEALTH_GOOD, 10, 100);
    tries(&d[0], HEALTH_GOOD, 60, 80);
    tries(&d[0], HEALTH_GARBLED, 60, 20);
    assert_non_null(strstr(health_bus_hint(d, 1, false, false), "termination"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_a_timeout_between_floor_and_ceiling),
        cmocka_unit_test(percentiles_are_within_a_fifth),
        cmocka_unit_test(believes_a_faster_unit_after_a_while),
        cmocka_unit_test(hints_at_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
