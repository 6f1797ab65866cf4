/* SPDX-License-Identifier: Apache-2.0 */
/* What each service is sent, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/notifier/mail_receivers.h"
#include "gateway/daemon/notifier/ways.h"
#include "gateway/daemon/reason.h"

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
        {WAY_FEISHU, 200,
         "{\"StatusCode\":0,\"StatusMessage\":\"\",\"code\":9499,\"msg\":\"too many request\"}",
         WAY_LIMITED, "too many"},
        {WAY_FEISHU, 400, "{\"code\":9499,\"msg\":\"too many request\",\"data\":{}}", WAY_LIMITED,
         "too many"},
        {WAY_FEISHU, 400, "{\"code\":9499,\"msg\":\"Bad Request\",\"data\":{}}", WAY_REFUSED,
         "refuses"},
        {WAY_FEISHU, 200, "{\"code\":19007,\"msg\":\"Bot Not Enabled\"}", WAY_REFUSED, "stopped"},
        {WAY_FEISHU, 400, "{\"code\":0}", WAY_REFUSED, "400"},
        {WAY_FEISHU, 400, "nonsense", WAY_REFUSED, "400"},
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

/* A server's replies to those who are named, in their order. */
static void session(struct mail_receivers *receivers, const char *const *replies)
{
    static const char *const before[] = {"250-mail.example.org\r\n", "250 AUTH\r\n"};
    mail_receivers_begin(receivers, 42, 3);
    for (size_t i = 0; i < 2; i++)
        mail_receivers_reply(receivers, before[i], strlen(before[i]));
    mail_receivers_command(receivers, "MAIL FROM:<g@example.org>\r\n", 27);
    mail_receivers_reply(receivers, "250 fine\r\n", 10);
    for (; *replies != NULL; replies++) {
        mail_receivers_command(receivers, "RCPT TO:<x@example.org>\r\n", 25);
        mail_receivers_reply(receivers, "550-not the last line\r\n", 23);
        mail_receivers_reply(receivers, *replies, strlen(*replies));
    }
    mail_receivers_command(receivers, "DATA\r\n", 6);
    mail_receivers_reply(receivers, "354 go on\r\n", 11);
}

static void a_mail_goes_again_only_to_those_who_have_not_got_it(void **state)
{
    (void)state;
    struct mail_receivers receivers = {0};
    char why[WAY_WHY_SIZE];
    session(&receivers,
            (const char *const[]){"250 yes\r\n", "552 full\r\n", "450 later\r\n", NULL});
    assert_true(mail_receivers_end(&receivers, true));
    assert_int_equal(way_mail_receivers(receivers.replies, 3, why), WAY_LATER);
    session(&receivers, (const char *const[]){"451 later\r\n", NULL});
    assert_false(mail_receivers_has(&receivers, 0) || mail_receivers_has(&receivers, 1));
    assert_true(mail_receivers_end(&receivers, false)); /* nobody was left to take it for */
    assert_int_equal(way_mail_receivers(receivers.replies, 3, why), WAY_LATER);
    session(&receivers, (const char *const[]){"250 yes\r\n", NULL});
    assert_false(mail_receivers_end(&receivers, false)); /* refused behind DATA */
    session(&receivers, (const char *const[]){"250 yes\r\n", NULL});
    assert_true(mail_receivers_has(&receivers, 2));
    assert_true(mail_receivers_end(&receivers, true));
    assert_int_equal(way_mail_receivers(receivers.replies, 3, why), WAY_PARTLY);
    assert_string_equal(why, "only 2 of 3 receivers: the mailbox is full (552)");
    mail_receivers_begin(&receivers, 43, 3); /* another mail */
    for (unsigned i = 0; i < 3; i++)
        assert_true(mail_receivers_has(&receivers, i));
}

static void a_mail_that_nobody_takes_is_refused_and_one_for_all_is_sent(void **state)
{
    (void)state;
    struct mail_receivers receivers = {0};
    char why[WAY_WHY_SIZE];
    session(&receivers,
            (const char *const[]){"550 who?\r\n", "552 full\r\n", "550 who?\r\n", NULL});
    assert_true(mail_receivers_end(&receivers, false));
    assert_int_equal(way_mail_receivers(receivers.replies, 3, why), WAY_REFUSED);
    receivers = (struct mail_receivers){0};
    session(&receivers, (const char *const[]){"250 yes\r\n", "251 yes\r\n", "250 yes\r\n", NULL});
    assert_true(mail_receivers_end(&receivers, true));
    assert_int_equal(way_mail_receivers(receivers.replies, 3, why), WAY_SENT);
    assert_string_equal(why, "");
    receivers = (struct mail_receivers){0};
    session(&receivers, (const char *const[]){"550 who?\r\n", NULL}); /* and the line was cut */
    assert_false(mail_receivers_end(&receivers, false));
}

/* Of ASCII a reason in Chinese has the number, its brackets and what services call themselves. */
static bool is_chinese(const char *why, const char *told)
{
    char chinese[REASON_SIZE];
    reason_chinese(why, chinese, sizeof chinese);
    bool english = false;
    for (const char *at = chinese; *at != '\0'; at++)
        english = english || (*at >= 'a' && *at <= 'z' && strstr(chinese, told) == NULL);
    return !english && strcmp(chinese, why) != 0;
}

static void every_reason_is_given_in_chinese_too(void **state)
{
    (void)state;
    static const struct {
        uint8_t kind;
        long codes[12];
    } robots[] = {
        {WAY_WECOM, {45009, 45033, -1, 93000, 40058, 4711}},
        {WAY_DINGTALK, {130101, 410100, 90030, -1, 300001, 310000, 400013, 400101, 400102}},
        {WAY_FEISHU, {11232, 99991400, 9499, 19001, 19007, 19021, 19022, 19024}}};
    static const long statuses[] = {429, 401, 403, 404, 400, 503};
    char why[WAY_WHY_SIZE], body[64];
    for (size_t r = 0; r < sizeof robots / sizeof robots[0]; r++) {
        struct way_config way = {.kind = robots[r].kind};
        for (const long *code = robots[r].codes; *code != 0; code++) {
            (void)snprintf(body, sizeof body, "{\"%s\":%ld}",
                           robots[r].kind == WAY_FEISHU ? "code" : "errcode", *code);
            (void)way_answer(&way, 200, body, strlen(body), why);
            if (!is_chinese(why, "code"))
                fail_msg("\"%s\" has no Chinese", why);
        }
        (void)way_answer(&way, 200, "?", 1, why);
        if (!is_chinese(why, way_kind_name(way.kind)))
            fail_msg("\"%s\" has no Chinese", why);
    }
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct way_config way = {.kind = WAY_WEBHOOK};
        (void)way_answer(&way, statuses[i], "", 0, why);
        if (!is_chinese(why, "HTTP"))
            fail_msg("\"%s\" has no Chinese", why);
    }
    for (long status = 400; status < 600; status++) {
        (void)way_mail_answer(status, why);
        if (!is_chinese(why, "-"))
            fail_msg("\"%s\" has no Chinese", why);
    }
}

static void what_stands_in_a_reason_stays_or_is_chinese(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"wrong key (93000)", "密钥不对（93000）"},
        {"its file ding.key can't be read, or is empty", "读不到它的文件 ding.key，或文件是空的"},
        {"not reached: Timeout was reached", "连不上：等不到应答"},
        {"not reached: Weird", "连不上：Weird"},
        {"only 1 of 3 numbers: the SIM card wants its PIN", "1 / 3 个号码收到：SIM 卡要 PIN 码"},
        {"only 1 of 3 receivers: the mailbox is full (552)", "1 / 3 个收件人收到：邮箱满了（552）"},
        {"only 1 of 3 numbers", "only 1 of 3 numbers"},
        {"its file * can't be read, or is empty", "读不到它的文件 *，或文件是空的"},
        {"open failed: EIO", "open failed: EIO"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char chinese[REASON_SIZE], small[8];
        reason_chinese(cases[i][0], chinese, sizeof chinese);
        assert_string_equal(chinese, cases[i][1]);
        reason_chinese(cases[i][0], small, sizeof small);
        assert_true(strlen(small) < sizeof small);
    }
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
        cmocka_unit_test(a_mail_goes_again_only_to_those_who_have_not_got_it),
        cmocka_unit_test(a_mail_that_nobody_takes_is_refused_and_one_for_all_is_sent),
        cmocka_unit_test(every_reason_is_given_in_chinese_too),
        cmocka_unit_test(what_stands_in_a_reason_stays_or_is_chinese),
        cmocka_unit_test(a_text_message_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
