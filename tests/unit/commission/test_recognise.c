/* SPDX-License-Identifier: Apache-2.0 */
/* A profile is claimed only when it is ahead of all others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/daemon/commission/recognise.h"

static const struct recognise_evidence fair = {.good = 3, .address = SAYS_FITS, .rate = SAYS_FITS};

static void test_each_contradiction_takes_points(void **state)
{
    (void)state;
    struct recognise_evidence worse[5] = {fair, fair, fair, fair, fair};
    worse[0].implausible = 1;
    worse[1].address = SAYS_OTHER;
    worse[2].rate = SAYS_OTHER;
    worse[3].more = true;
    worse[4].good = 2;
    worse[4].zero = 1;
    for (unsigned i = 0; i < 5; i++)
        assert_true(recognise_points(&worse[i]) < recognise_points(&fair));
    struct recognise_evidence named = fair;
    named.named = true;
    assert_true(recognise_points(&named) > recognise_points(&fair));
}

static enum recognise_sure judge(int first, int second)
{
    struct recognise_match matches[2] = {{NULL, second}, {NULL, first}};
    enum recognise_sure sure = recognise_judge(matches, 2);
    assert_int_equal(matches[0].points, first > second ? first : second);
    return sure;
}

static void test_twins_are_not_claimed(void **state)
{
    (void)state;
    assert_int_equal(judge(14, 14), RECOGNISE_PERHAPS);
    assert_int_equal(judge(14, 13), RECOGNISE_PERHAPS); /* one value more may be chance */
    assert_int_equal(judge(14, 12), RECOGNISE_LIKELY);
    assert_int_equal(judge(14, 11), RECOGNISE_SURE);
    assert_int_equal(judge(4, -9), RECOGNISE_LIKELY); /* too little speaks for it */
    assert_int_equal(judge(0, -9), RECOGNISE_NONE);
    assert_int_equal(recognise_judge(NULL, 0), RECOGNISE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_contradiction_takes_points),
        cmocka_unit_test(test_twins_are_not_claimed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
