/* SPDX-License-Identifier: Apache-2.0 */
/* What a number of polls can show: against the tables of Clopper and Pearson. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tools/cli/report/confidence.h"

static void the_bound_is_that_of_clopper_and_pearson(void **state)
{
    static const struct {
        unsigned errors, polls;
        double most; /* of 100 000 */
    } rows[] = {{0, 20, 13911},     {1, 20, 21611},  {0, 1000, 299},
                {3, 1000, 773},     {5, 1000, 1048}, {10, 10, 100000},
                {500, 1000, 52648}, {0, 0, 100000},  {0, 10000, 30}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double most = confidence_most(rows[i].errors, rows[i].polls) * 100000;
        assert_true(most > rows[i].most - 1 && most < rows[i].most + 1);
    }
}

static void so_many_polls_without_an_error_show_a_rate(void **state)
{
    (void)state;
    assert_int_equal(confidence_polls(0.005), 598);
    assert_true(confidence_most(0, 598) <= 0.005);
    assert_true(confidence_most(0, 597) > 0.005);
    assert_true(confidence_most(9999, 10000) < 1); /* its terms underflow */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bound_is_that_of_clopper_and_pearson),
        cmocka_unit_test(so_many_polls_without_an_error_show_a_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
