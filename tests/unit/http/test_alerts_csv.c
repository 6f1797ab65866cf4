/* SPDX-License-Identifier: Apache-2.0 */
/* A line of the season's list: quoted as spreadsheets read it, and no formula in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/http/alerts_csv.h"

static char line[ALERTS_CSV_LINE];

static const char *line_of(const char *doc, int64_t ended_ms)
{
    struct store_alert alert = {.id = "x", .ended_ms = ended_ms, .doc = doc, .size = strlen(doc)};
    size_t size = alerts_csv_line(&alert, line);
    assert_in_range(size, 0, sizeof line - 1);
    line[size] = '\0';
    return line;
}

static void a_line_has_words_times_and_the_worst(void **state)
{
    (void)state;
    assert_string_equal(
        line_of(
            "{\"v\":1,\"id\":\"frost-garden\",\"level\":\"alarm\",\"since\":1795521600000,"
            "\"what\":\"Frost: Air -1.4 °C, below 2 °C\",\"place\":\"上坡, 下坡\",\"todo\":\"\","
            "\"zh\":{\"what\":\"霜冻\",\"place\":\"上坡、下坡\"},\"value\":1,\"extreme\":-1.4,"
            "\"unit\":\"°C\",\"decimals\":1,\"acked_by\":\"li\",\"acked_ts\":1795521660000}",
            1795525200000),
        "2026-11-24T12:00:00Z,2026-11-24T13:00:00Z,60,\"alarm\",\"frost-garden\","
        "\"Frost: Air -1.4 °C, below 2 °C\",\"霜冻\",\"上坡, "
        "下坡\",\"上坡、下坡\",-1.4,\"°C\",\"li\","
        "2026-11-24T12:01:00Z\r\n");
    assert_string_equal(line_of("{\"what\":\"x\",\"since\":1795521600000}", 0),
                        "2026-11-24T12:00:00Z,,,,,\"x\",,,,,,,\r\n");
}

static void nothing_in_a_line_is_a_formula_or_breaks_out(void **state)
{
    (void)state;
    static const char *const evil[] = {"=cmd|' /C calc'!A0",
                                       "+1",
                                       "-1",
                                       "@SUM(A1)",
                                       "\\t=1",
                                       "\\r=1",
                                       "\\n=1",
                                       "＝1",
                                       "－1",
                                       "＠x",
                                       "＋1"};
    for (size_t i = 0; i < sizeof evil / sizeof evil[0]; i++) {
        char doc[200];
        (void)snprintf(doc, sizeof doc,
                       "{\"what\":\"%s\",\"place\":\"%s\",\"acked_by\":\"%s\",\"id\":\"%s\"}",
                       evil[i], evil[i], evil[i], evil[i]);
        (void)line_of(doc, 0);
        unsigned quoted = 0;
        for (const char *at = line; (at = strstr(at, "\"'")) != NULL; at++)
            quoted++;
        assert_int_equal(quoted, 4);
    }
    assert_string_equal(line_of("{\"what\":\"a \\\"b\\\", c\\nd\"}", 0),
                        ",,,,,\"a \"\"b\"\", c\nd\",,,,,,,\r\n");
}

static void what_can_not_be_read_or_does_not_fit_is_left_out(void **state)
{
    (void)state;
    static char doc[STORE_ALERT_MAX + 8];
    assert_string_equal(line_of("{", 0), "");
    assert_string_equal(line_of("[]", 0), "");
    assert_string_equal(line_of("{\"id\":\"x\"}", 0), "");
    int at = snprintf(doc, sizeof doc, "{\"what\":\"");
    for (; at < STORE_ALERT_MAX - 2; at += 2)
        memcpy(doc + at, "\\\"", 2);
    memcpy(doc + at, "\"}", 3);
    assert_string_not_equal(line_of(doc, 0), ""); /* each quote doubled: it fits still */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_words_times_and_the_worst),
        cmocka_unit_test(nothing_in_a_line_is_a_formula_or_breaks_out),
        cmocka_unit_test(what_can_not_be_read_or_does_not_fit_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
