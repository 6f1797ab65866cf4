/* SPDX-License-Identifier: Apache-2.0 */
/* The acceptance sheet: whatever a name holds is text, and nothing of the sheet is fetched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/common/language.h"
#include "tools/cli/report/document.h"

#define NASTY "<script>\\\"'&\\u001b[2J</script>"

static const char report_text[] =
    "{\"site\":\"garden\",\"label\":\"" NASTY "\",\"made\":\"" NASTY "\",\"operator\":\"" NASTY
    "\",\"version\":\"" NASTY "\",\"polls\":1000,\"limit\":0.005,"
    "\"lines\":[{\"bus\":\"" NASTY "\",\"how\":\"" NASTY "\"}],"
    "\"uplink\":[{\"quality\":61,\"operator\":\"" NASTY "\",\"access\":\"" NASTY "\"}],"
    "\"devices\":[{\"name\":\"" NASTY "\",\"label\":\"" NASTY "\",\"plot_label\":\"" NASTY
    "\",\"bus\":\"" NASTY "\",\"unit\":7,\"profile\":\"" NASTY "\",\"serial\":\"" NASTY
    "\",\"model\":\"" NASTY "\",\"firmware\":\"" NASTY "\",\"hint\":\"" NASTY
    "\",\"photo_data\":\"" NASTY "\",\"passed\":false,\"reasons\":[\"errors\",\"" NASTY "\"],"
    "\"polls\":{\"polls\":1000,\"answers\":988,\"timeouts\":7,\"garbled\":5,\"error_rate\":0.012,"
    "\"error_rate_most\":0.01937,\"p50_us\":12300,\"p99_us\":45600},"
    "\"values\":[{\"metric\":\"" NASTY "\",\"value\":1.25,\"decimals\":1,\"unit\":\"" NASTY
    "\",\"flag\":\"" NASTY "\"},{\"metric\":\"air_temperature\",\"value\":null,\"unit\":\"C\","
    "\"flag\":\"uncalibrated\",\"decimals\":1}],"
    "\"calibration\":[{\"metric\":\"" NASTY "\",\"how\":\"" NASTY "\",\"on\":\"" NASTY
    "\",\"by\":\"" NASTY "\",\"due\":\"" NASTY "\",\"past\":true}]}]}";

static char *render(const char *language)
{
    char *html = NULL;
    size_t size = 0;
    json_t *report = json_loads(report_text, 0, NULL);
    assert_non_null(report);
    FILE *out = open_memstream(&html, &size);
    assert_non_null(out);
    document_write(out, report, language);
    assert_int_equal(fclose(out), 0);
    json_decref(report);
    return html;
}

static unsigned count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *at = strstr(text, what); at != NULL; at = strstr(at + 1, what))
        n++;
    return n;
}

static void characters_of_markup_are_escaped_and_control_characters_left_out(void **state)
{
    char *out = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&out, &size);
    (void)state;
    assert_non_null(stream);
    document_escape(stream, "a<b>&\"'\x1b\x01\x7f\n茶");
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(out, "a&lt;b&gt;&amp;&quot;&#39;茶");
    free(out);
}

static void no_text_of_others_becomes_markup(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        char *html = render(i == 0 ? "en" : "zh-CN");
        assert_int_equal(count(html, "<script"), 0);
        assert_int_equal(count(html, "\x1b"), 0);
        /* Everywhere: 1 title and heading of the garden less than twice, each other field once. */
        assert_in_range(count(html, "&lt;script&gt;&quot;&#39;&amp;[2J&lt;/script&gt;"), 25, 40);
        assert_int_equal(count(html, "http"), 1); /* http-equiv: nothing is fetched */
        assert_int_equal(count(html, "default-src 'none'"), 1);
        free(html);
    }
}

static void figures_are_those_of_the_report(void **state)
{
    (void)state;
    char *html = render("en");
    assert_non_null(strstr(html, "1.20 %"));
    assert_non_null(strstr(html, "12.3"));
    assert_non_null(strstr(html, "45.6"));
    assert_non_null(strstr(html, "1000 asked, 988 answered; 7 silent, 5 garbled"));
    assert_non_null(strstr(html, "Not passed: 1 of 1 devices"));
    assert_non_null(strstr(html, "more errors than allowed"));
    assert_non_null(strstr(html, "calibration past its date"));
    assert_non_null(strstr(html, "signal 61 %"));
    assert_non_null(strstr(html, "0.50 % may fail"));
    assert_non_null(strstr(html, "at most 1.94 %, with 95 % confidence"));
    assert_non_null(strstr(html, "less than 0.30 % do"));
    assert_null(strstr(html, "too few"));
    free(html);
}

/* 20 polls may all be answered where one in ten fails. */
static void too_few_polls_are_said_to_be_too_few(void **state)
{
    char text[320];
    (void)state;
    json_t *report = json_pack("{s:i,s:f}", "polls", 20, "limit", 0.005);
    assert_true(document_shows_too_little(report, text, sizeof text));
    assert_non_null(strstr(text, "20 polls are too few to show an error rate of 0.50 %"));
    assert_non_null(strstr(text, "up to 13.91 %"));
    assert_non_null(strstr(text, "--polls 598"));
    (void)json_object_set_new(report, "polls", json_integer(598));
    assert_false(document_shows_too_little(report, text, sizeof text));
    json_decref(report);
}

static void it_is_in_chinese_from_its_head_to_the_signatures(void **state)
{
    static const char *const words[] = {"验收单", "测试内容", "序列号", "误码率", "技术员",
                                        "客户",   "签字",     "未通过", "校准"};
    (void)state;
    (void)setenv("LC_ALL", "zh_CN.UTF-8", 1);
    language_open();
    char *html = render("zh-CN");
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strstr(html, words[i]) == NULL)
            print_error("%s is missing\n", words[i]);
        assert_non_null(strstr(html, words[i]));
    }
    assert_null(strstr(html, "Device"));
    assert_null(strstr(html, "Signatures"));
    free(html);
    language_close();
    html = render("en");
    assert_non_null(strstr(html, "Signatures"));
    assert_null(strstr(html, "验收"));
    free(html);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_of_markup_are_escaped_and_control_characters_left_out),
        cmocka_unit_test(no_text_of_others_becomes_markup),
        cmocka_unit_test(figures_are_those_of_the_report),
        cmocka_unit_test(too_few_polls_are_said_to_be_too_few),
        cmocka_unit_test(it_is_in_chinese_from_its_head_to_the_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
