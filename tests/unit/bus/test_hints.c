/* SPDX-License-Identifier: Apache-2.0 */
/* The table of hints: each is whole in both languages, and fits with its numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/hint.h"

static const struct {
    const char *en, *zh;
} rows[] = {
#define HINT(id, en, zh) {en, zh},
#include "gateway/daemon/hints.def"
#undef HINT
};

static bool has_chinese(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text >= 0xE4 && (unsigned char)*text <= 0xE9)
            return true;
    }
    return false;
}

static void each_hint_is_in_both_languages(void **state)
{
    (void)state;
    for (unsigned i = HINT_NONE + 1; i < HINT_COUNT; i++) {
        if (rows[i].en[0] == '\0' || has_chinese(rows[i].en) || !has_chinese(rows[i].zh))
            fail_msg("hint %u: \"%s\", \"%s\"", i, rows[i].en, rows[i].zh);
        for (unsigned k = HINT_NONE; k < i; k++)
            assert_string_not_equal(rows[k].zh, rows[i].zh);
    }
}

static void both_languages_have_the_same_numbers_and_room_for_them(void **state)
{
    (void)state;
    for (unsigned i = 0; i < HINT_COUNT; i++) {
        const char *const both[] = {rows[i].en, rows[i].zh};
        for (unsigned l = 0; l < 2; l++) {
            bool a = strstr(both[l], "{a}") != NULL, b = strstr(both[l], "{b}") != NULL;
            assert_int_equal(a, strstr(both[1 - l], "{a}") != NULL);
            assert_int_equal(b, strstr(both[1 - l], "{b}") != NULL);
            assert_int_equal(a + b, strchr(both[l], '{') != NULL ? 2 : 0);
            assert_true(strlen(both[l]) < HINT_TEXT_SIZE); /* a number is as long as {a} at most */
        }
    }
}

static void numbers_stand_where_each_language_has_them(void **state)
{
    (void)state;
    char text[HINT_TEXT_SIZE];
    const struct hint hint = {HINT_WRONG_FUNCTION, 255, 3};
    assert_string_equal(
        hint_text(hint, METRIC_EN, text),
        "it answers with function 255 where 3 was asked: not this profile's device?");
    assert_string_equal(hint_text(hint, METRIC_ZH, text),
                        "问的是功能码 3，回的是 255：设备与 profile 不是同一型号？");
    assert_string_equal(hint_text((struct hint){.id = HINT_NONE}, METRIC_ZH, text), "");
    assert_string_equal(hint_text((struct hint){.id = HINT_COUNT}, METRIC_EN, text), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_hint_is_in_both_languages),
        cmocka_unit_test(both_languages_have_the_same_numbers_and_room_for_them),
        cmocka_unit_test(numbers_stand_where_each_language_has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
