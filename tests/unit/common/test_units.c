/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void understands_units(void **state)
{
    (void)state;
    uint64_t n;
    double d;
    int64_t i;
    assert_true(units_duration_us("1.5ms", &n) && n == 1500);
    assert_true(units_duration_us("10 min", &n) && n == 600000000);
    assert_false(units_duration_us("10", &n));
    assert_false(units_duration_us("-1s", &n));
    assert_false(units_duration_us("1fortnight", &n));
    assert_false(units_duration_us("99999999999d", &n));
    assert_true(units_bytes("30MB/month", &n) && n == 30000000);
    assert_true(units_bytes("1GiB", &n) && n == 1073741824);
    assert_false(units_bytes("30MB/week", &n));
    assert_true(units_area_m2("2.5mu", &d) && d > 1666.6 && d < 1666.7);
    assert_true(units_integer("0x07D0", &i) && i == 2000);
    assert_true(units_integer("-5", &i) && i == -5);
    assert_true(units_integer("010", &i) && i == 10);
    assert_false(units_integer("1e3", &i));
    assert_false(units_integer("99999999999999999999", &i));
    assert_false(units_number("nan", &d));
    assert_false(units_number("1.2.3", &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understands_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
