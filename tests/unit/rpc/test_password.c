/* SPDX-License-Identifier: Apache-2.0 */
/* Which passwords are taken: not the first that are tried, and each that a phone makes up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "gateway/daemon/rpc/password.h"

static void test_what_is_made_up_is_taken(void **state)
{
    (void)state;
    assert_null(password_problem("uncle", "19925697e145384efbbab589"));
    uint64_t random = 1;
    for (unsigned i = 0; i < 500; i++) { /* 96 bits in hexadecimal, as the app's */
        char made[25];
        for (unsigned j = 0; j < 24; j++) {
            random = random * UINT64_C(6364136223846793005) + 1;
            made[j] = "0123456789abcdef"[random >> 60];
        }
        made[24] = '\0';
        assert_null(password_problem("uncle", made));
    }
}

static void test_what_is_tried_first_is_refused_however_long(void **state)
{
    (void)state;
    static const char *const common[] = {
        "password",
        "1234567890",
        "qwertyuiop",
        "abcdefghijklmnopqrstuvwxyz",
        "01234567890123456789",
        "0123456789abcdef0123456789abcdef",
    };
    for (unsigned i = 0; i < sizeof common / sizeof common[0]; i++) {
        if (password_problem("uncle", common[i]) == NULL)
            fail_msg("%s is taken", common[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_made_up_is_taken),
        cmocka_unit_test(test_what_is_tried_first_is_refused_however_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
