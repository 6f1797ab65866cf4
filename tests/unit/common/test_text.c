/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/common/text.h"

static void pieces_are_appended_in_order(void **state)
{
    char text[16] = "";
    (void)state;
    assert_true(text_add(text, sizeof text, "%s", "soil"));
    assert_true(text_add(text, sizeof text, "%s%d", ", ", 12));
    assert_string_equal(text, "soil, 12");
}

static void a_piece_goes_in_whole_or_not_at_all(void **state)
{
    char text[8] = "1234";
    (void)state;
    assert_false(text_add(text, sizeof text, "%s", "霜冻"));
    assert_string_equal(text, "1234");
    assert_false(text_add(text, sizeof text, "%d", 5678)); /* one byte too many, with its end */
    assert_string_equal(text, "1234");
    assert_true(text_add(text, sizeof text, "%d", 567));
    assert_string_equal(text, "1234567");
    assert_false(text_add(text, sizeof text, "x"));
    assert_true(text_add(text, sizeof text, "%s", ""));
    assert_string_equal(text, "1234567");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_appended_in_order),
        cmocka_unit_test(a_piece_goes_in_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
