/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/moist_air.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void near(double value, double expected, double within)
{
    assert_true(fabs(value - expected) <= within);
}

/* FAO-56, annex 2, table 2.3. */
static void saturated_air_has_the_published_pressure(void **state)
{
    (void)state;
    near(moist_air_saturation_kpa(1.0), 0.657, 0.0006);
    near(moist_air_saturation_kpa(20.0), 2.338, 0.0006);
    near(moist_air_saturation_kpa(35.0), 5.622, 0.001);
}

static void the_deficit_has_the_check_values(void **state)
{
    (void)state;
    near(moist_air_deficit_kpa(15.0, 90.0), 0.17, 0.005);
    near(moist_air_deficit_kpa(20.0, 60.0), 0.94, 0.005);
    near(moist_air_deficit_kpa(25.0, 50.0), 1.58, 0.005);
    near(moist_air_deficit_kpa(28.0, 40.0), 2.27, 0.005);
    near(moist_air_deficit_kpa(30.0, 40.0), 2.55, 0.005);
    near(moist_air_deficit_kpa(20.0, 103.0), 0.0, 0.0);
    assert_true(isfinite(moist_air_deficit_kpa(-237.3, 50.0)));
    assert_true(isnan(moist_air_deficit_kpa(NAN, 50.0)));
    assert_true(isnan(moist_air_deficit_kpa(20.0, NAN)));
}

static void the_dew_point_saturates_the_air(void **state)
{
    (void)state;
    near(moist_air_dew_point_c(20, 50), 9.2696, 1e-3);
    near(moist_air_dew_point_c(8, 80), 4.7668, 1e-3);
    near(moist_air_dew_point_c(12, 100), 12, 1e-9);
    near(moist_air_saturation_kpa(moist_air_dew_point_c(20, 50)), moist_air_saturation_kpa(20) / 2,
         1e-9);
    assert_true(isnan(moist_air_dew_point_c(20, 0)));
    assert_true(isnan(moist_air_dew_point_c(20, 101)));
    assert_true(isnan(moist_air_dew_point_c(20, NAN)));
    assert_true(isnan(moist_air_dew_point_c(NAN, 50)));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(saturated_air_has_the_published_pressure),
        cmocka_unit_test(the_deficit_has_the_check_values),
        cmocka_unit_test(the_dew_point_saturates_the_air),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
