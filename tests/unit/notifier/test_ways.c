/* SPDX-License-Identifier: Apache-2.0 */
/* What each service is sent, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/notifier/ways.h"

static const struct way_secrets secrets = {.token = "k e/y", .secret = "SEC1"};
static const struct way_message message = {
    .id = 42, .level = 2, .title = "【告警】霜冻", .text = "【告警】\"霜冻\"\n上坡"};
static struct way_request request;

static void build(uint8_t kind, const struct way_secrets *with)
{
    struct way_config way = {
        .kind = kind, .url = "https://example.org/send", .topic = "garden", .name = "yard"};
    memset(&request, 0, sizeof request);
    assert_true(way_request(&way, with, &message, INT64_C(1700000000123), &request));
    request.body[request.body_size] = '\0';
}

static void each_service_gets_its_own_request(void **state)
{
    (void)state;
    static const struct way_secrets plain = {.token = "tk"};
    build(WAY_WECOM, &secrets);
    assert_string_equal(request.url, "https://example.org/send?key=k%20e%2Fy");
    assert_string_equal(request.body, "{\"msgtype\":\"text\",\"text\":{\"content\":"
                                      "\"【告警】\\\"霜冻\\\"\\u000a上坡\"}}");
    build(WAY_DINGTALK, &plain);
    assert_string_equal(request.url, "https://example.org/send?access_token=tk");
    build(WAY_DINGTALK, &secrets);
    assert_string_equal(request.url,
                        "https://example.org/send?access_token=k%20e%2Fy&timestamp=1700000000123"
                        "&sign=LtwRhnP04fXYO09uCgUpnz%2F3dV0OxcApXKnTCuuaVBQ%3D");
    build(WAY_FEISHU, &secrets);
    assert_string_equal(request.url, "https://example.org/send/k%20e%2Fy");
    assert_string_equal(
        request.body,
        "{\"timestamp\":\"1700000000\",\"sign\":\"s3Va4ru9IQUY6HTJcYx7OEVyXl0V0S/y32v4ZbfOHCI=\","
        "\"msg_type\":\"text\",\"content\":{\"text\":"
        "\"【告警】\\\"霜冻\\\"\\u000a上坡\"}}");
    build(WAY_NTFY, &plain);
    assert_string_equal(request.body,
                        "{\"topic\":\"garden\",\"title\":\"【告警】霜冻\",\"message\":"
                        "\"【告警】\\\"霜冻\\\"\\u000a上坡\",\"priority\":5,"
                        "\"sequence_id\":\"baiye-2a\"}");
    assert_string_equal(request.headers[1], "Authorization: Bearer tk");
    build(WAY_WEBHOOK, &(struct way_secrets){.token = ""});
    assert_string_equal(request.headers[1], "");
    assert_non_null(strstr(request.body, "\"level\":\"alarm\""));
    assert_string_equal(request.headers[3], "Idempotency-Key: \"baiye-yard-2a\"");
}

static const char *templated(const char *template)
{
    struct way_config way = {.kind = WAY_WEBHOOK, .url = "https://example.org/send"};
    (void)snprintf(way.template, sizeof way.template, "%s", template);
    memset(&request, 0, sizeof request);
    assert_true(way_request(&way, &(struct way_secrets){.token = "tk"}, &message, 0, &request));
    request.body[request.body_size] = '\0';
    return request.body;
}

static void a_webhook_has_the_body_that_the_file_says(void **state)
{
    (void)state;
    /* JSON stays JSON whatever the alert says. */
    assert_string_equal(templated("{\"m\":\"$title: $text\",\"l\":\"$level\",\"p\":\"5$$\"}"),
                        "{\"m\":\"【告警】霜冻: 【告警】\\\"霜冻\\\"\\u000a上坡\","
                        "\"l\":\"alarm\",\"p\":\"5$\"}");
    assert_non_null(strstr(request.headers[0], "application/json"));
    assert_string_equal(request.headers[1], "Authorization: Bearer tk");
    assert_string_equal(templated("$text!"), "【告警】\"霜冻\"\n上坡!");
    assert_non_null(strstr(request.headers[0], "text/plain"));
}

static void a_mail_is_whole(void **state)
{
    (void)state;
    struct way_config way = {
        .kind = WAY_MAIL, .name = "li", .from = "g@example.org", .to = {"li@example.org"}};
    char mail[8192];
    size_t size = way_mail(&way, &message, INT64_C(1700000000123), mail, sizeof mail - 1);
    mail[size] = '\0';
    assert_true(size > 0);
    assert_non_null(strstr(mail, "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"));
    assert_non_null(strstr(mail, "From: <g@example.org>\r\nTo: <li@example.org>\r\n"));
    assert_non_null(strstr(mail, "Subject: =?UTF-8?B?44CQ5ZGK6K2m44CR6Zyc5Ya7?=\r\n"));
    assert_non_null(strstr(mail, "Message-ID: <2a.li@baiye>\r\n")); /* the same when sent again */
    assert_string_equal(mail + size - 2, "\r\n");
    assert_int_equal(way_mail(&way, &message, 0, mail, 300), 0);
}

struct answer_case {
    uint8_t kind;
    long status;
    const char *body;
    enum way_outcome outcome;
    const char *why;
};

static void answers_are_read(void **state)
{
    (void)state;
    static const struct answer_case cases[] = {
        {WAY_WECOM, 200, "{\"errcode\":0,\"errmsg\":\"ok\"}", WAY_SENT, ""},
        {WAY_WECOM, 200, "{\"errcode\":45009}", WAY_LIMITED, "too many"},
        {WAY_WECOM, 200, "{\"errcode\":93000}", WAY_REFUSED, "wrong key"},
        {WAY_WECOM, 200, "{\"errcode\":777}", WAY_REFUSED, "777"},
        {WAY_WECOM, 200, "<html>log in to the hotel</html>", WAY_LATER, "not one of wecom"},
        {WAY_WECOM, 200, "{\"errcode\":\"0\"}", WAY_LATER, "not one of"},
        {WAY_WECOM, 500, "", WAY_LATER, "500"},
        {WAY_DINGTALK, 200, "{\"errcode\":0}", WAY_SENT, ""},
        {WAY_DINGTALK, 200, "{\"errcode\":310000}", WAY_REFUSED, "secret"},
        {WAY_DINGTALK, 200, "{\"errcode\":130101}", WAY_LIMITED, "too many"},
        {WAY_FEISHU, 200, "{\"code\":0}", WAY_SENT, ""},
        {WAY_FEISHU, 200, "{\"StatusCode\":0}", WAY_SENT, ""},
        {WAY_FEISHU, 200, "{\"code\":19021}", WAY_REFUSED, "secret"},
        {WAY_FEISHU, 200, "{\"code\":11232}", WAY_LIMITED, "too many"},
        {WAY_NTFY, 200, "", WAY_SENT, ""},
        {WAY_NTFY, 429, "", WAY_LIMITED, "too many"},
        {WAY_NTFY, 403, "", WAY_REFUSED, "wrong key"},
        {WAY_WEBHOOK, 204, "", WAY_SENT, ""},
        {WAY_WEBHOOK, 400, "", WAY_REFUSED, "400"},
        {WAY_WEBHOOK, 302, "", WAY_LATER, "302"},
        {WAY_WEBHOOK, 503, "", WAY_LATER, "503"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[WAY_WHY_SIZE];
        struct way_config way = {.kind = cases[i].kind};
        enum way_outcome outcome =
            way_answer(&way, cases[i].status, cases[i].body, strlen(cases[i].body), why);
        if (outcome != cases[i].outcome || strstr(why, cases[i].why) == NULL ||
            (outcome == WAY_SENT) != (why[0] == '\0'))
            fail_msg("case %zu: outcome %d, \"%s\"", i, (int)outcome, why);
    }
    char why[WAY_WHY_SIZE];
    assert_int_equal(way_mail_answer(535, why), WAY_REFUSED);
    assert_int_equal(way_mail_answer(552, why), WAY_REFUSED);
    assert_non_null(strstr(why, "full"));
    assert_int_equal(way_mail_answer(451, why), WAY_LATER);
}

static void a_text_message_is_cut_between_characters(void **state)
{
    (void)state;
    struct way_message long_one = {.level = 2};
    char text[WAY_SMS_SIZE];
    for (int i = 0; i < 200; i++)
        strcat(long_one.text, "霜");
    way_sms_text(&long_one, text);
    assert_int_equal(strlen(text), 134 * 3);
    long_one.text[0] = '\0';
    for (int i = 0; i < 40; i++)
        strcat(long_one.text, "frost tonight ");
    way_sms_text(&long_one, text);
    assert_int_equal(strlen(text), 306);
    strcpy(long_one.text, "冻 short");
    way_sms_text(&long_one, text);
    assert_string_equal(text, "冻 short");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_service_gets_its_own_request),
        cmocka_unit_test(a_webhook_has_the_body_that_the_file_says),
        cmocka_unit_test(a_mail_is_whole),
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(a_text_message_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
