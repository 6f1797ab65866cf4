/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that fit: words stay whole, Chinese is two columns wide and keeps its marks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cli/screen.h"

static void assert_wrapped(unsigned width, unsigned at, unsigned indent, const char *text,
                           const char *expected)
{
    char *lines = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&lines, &size);
    assert_non_null(out);
    screen_wrap(out, width, at, indent, text);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(lines, expected);
    free(lines);
}

static void test_words_stay_whole(void **state)
{
    (void)state;
    assert_wrapped(20, 4, 2, "one two three four five", "one two three\n  four five\n");
    assert_wrapped(8, 0, 2, "a verylongwordindeed b", "a\n  verylongwordindeed\n  b\n");
    assert_wrapped(0, 4, 2, "one  two three four five", "one  two three four five\n");
    assert_wrapped(9, 0, 0, "one two a", "one two a\n");
    assert_wrapped(8, 0, 0, "one two a", "one two\na\n");
    assert_wrapped(8, 0, 0, "", "\n");
}

static void test_chinese_is_broken_anywhere_but_before_its_marks(void **state)
{
    (void)state;
    assert_wrapped(8, 0, 2, "没有串口在这里", "没有串口\n  在这里\n");
    assert_wrapped(8, 0, 0, "没有串口。好", "没有串\n口。好\n");
    assert_wrapped(6, 0, 0, "abc没有", "abc没\n有\n");
}

static void test_columns_count_chinese_twice(void **state)
{
    (void)state;
    assert_int_equal(screen_columns("故障 x°"), 7);
    assert_int_equal(screen_columns("\xE6\x95"), 1); /* cut in its middle */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_stay_whole),
        cmocka_unit_test(test_chinese_is_broken_anywhere_but_before_its_marks),
        cmocka_unit_test(test_columns_count_chinese_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
