/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/common/reason.h"

#define MOST 3

/* "a|b" of what stands for the holes; "no": it is another reason. */
static const char *parts_of(const char *pattern, const char *hole, const char *text)
{
    static char found[200];
    struct reason_part parts[MOST] = {{NULL, 0}};
    if (!reason_fits(pattern, hole, text, parts, MOST))
        return "no";
    found[0] = '\0';
    for (unsigned i = 0; i < MOST && parts[i].text != NULL; i++)
        (void)snprintf(found + strlen(found), sizeof found - strlen(found), "%s%.*s",
                       i > 0 ? "|" : "", (int)parts[i].size, parts[i].text);
    return found;
}

static void each_hole_has_what_stood_for_it(void **state)
{
    static const char *const cases[][4] = {
        {"%s of %s failed; %s", "%s", "5 of 100 failed; farm-1: no answer",
         "5|100|farm-1: no answer"},
        {"only * of * numbers: *", "*", "only 1 of 3 numbers: a: b", "1|3|a: b"},
        {"its file * can't be read", "*", "its file a.key can't be read", "a.key"},
        {"its file * can't be read", "*", "its file  can't be read can't be read",
         " can't be read"},
        {"* cannot be used: *", "*", "cloud cannot be used: x cannot be used: y",
         "cloud|x cannot be used: y"},
        {"*", "*", "", ""},
        {"no answer", "*", "no answer", ""},
        {"wrong key (*)", "*", "wrong key ()", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(parts_of(cases[i][0], cases[i][1], cases[i][2]), cases[i][3]);
}

static void what_differs_in_a_word_is_another_reason(void **state)
{
    static const char *const cases[][3] = {
        {"only * of * numbers: *", "*", "only 1 of 3 numbers"},
        {"no answer", "*", "no answer yet"},
        {"wrong key (*)", "*", "wrong key (93000"},
        {"wrong key (*)", "*", "wrong key (93000) now"},
        {"a*a", "*", "a"}, /* no letter counts twice */
        {"%s of %s", "%s", "1 0f 2"},
        {"* * * *", "*", "1 2 3 4"}, /* more holes than are asked for */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(parts_of(cases[i][0], cases[i][1], cases[i][2]), "no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_hole_has_what_stood_for_it),
        cmocka_unit_test(what_differs_in_a_word_is_another_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
