/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void becomes(const char *from, const char *to)
{
    char text[128];
    size_t size = strlen(from);
    memcpy(text, from, size);
    text[plain_text(text, size)] = '\0';
    assert_string_equal(text, to);
}

static void what_people_write_stays(void **state)
{
    (void)state;
    becomes("", "");
    becomes("plot-1: 23.5 °C, 80 %", "plot-1: 23.5 °C, 80 %");
    becomes("白叶一号，茶园", "白叶一号，茶园");
    becomes("\xF0\x9F\x8D\xB5", "\xF0\x9F\x8D\xB5");
}

static void what_a_terminal_obeys_does_not(void **state)
{
    (void)state;
    becomes("a\x1b[2Jb\r\n\tc\x7f", "a?[2Jb???c?");
    becomes("\xC2\x9B"
            "31m red",
            "?31m red"); /* CSI as one character */
    becomes("\xC2\x9D"
            "0;title\x07",
            "?0;title?"); /* OSC */
    becomes("\x9B"
            "31m",
            "?31m"); /* the same as one byte */
    becomes("user\xE2\x80\xAE"
            "nimda",
            "user?nimda");
    becomes("\xE2\x81\xA6x\xE2\x80\x8By\xE2\x80\xA8", "?x?y?");
    becomes("\xEF\xBB\xBFx\xD8\x9C", "?x?");
    becomes("\xF3\xA0\x81\x81", "?");
}

static void what_is_not_utf_8_does_not(void **state)
{
    (void)state;
    becomes("\xC0\xAF", "??");           /* overlong */
    becomes("\xE0\x80\x9B", "???");      /* an overlong CSI */
    becomes("\xED\xA0\x80", "???");      /* half of a pair */
    becomes("\xF4\x90\x80\x80", "????"); /* beyond the last one */
    becomes("\xFF\xFE", "??");
    becomes("cut \xE8\x8C", "cut ??");
}

static void no_input_makes_it_longer_or_unfit(void **state)
{
    (void)state;
    uint32_t random = 7;
    for (unsigned round = 0; round < 20000; round++) {
        char text[16], again[16];
        for (size_t i = 0; i < sizeof text; i++) {
            random = random * 1664525u + 1013904223u;
            text[i] = (char)(random >> 24);
        }
        size_t size = plain_text(text, sizeof text);
        assert_true(size <= sizeof text);
        memcpy(again, text, size);
        assert_int_equal(plain_text(again, size), size);
        assert_memory_equal(again, text, size);
    }
}

static void json_says_the_same(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"{\"a\":\"茶\"}", "{\"a\":\"茶\"}"},
        {"\"\xC2\x9B\xE2\x80\xAE\x7f\"", "\"\\u009b\\u202e\\u007f\""},
        {"\"\xF3\xA0\x81\x81\"", "\"\\udb40\\udc41\""},
        {"\"\\n\\\\\"", "\"\\n\\\\\""},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char *plain = plain_json(pairs[i][0]);
        assert_string_equal(plain, pairs[i][1]);
        free(plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_people_write_stays),
        cmocka_unit_test(what_a_terminal_obeys_does_not),
        cmocka_unit_test(what_is_not_utf_8_does_not),
        cmocka_unit_test(no_input_makes_it_longer_or_unfit),
        cmocka_unit_test(json_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
