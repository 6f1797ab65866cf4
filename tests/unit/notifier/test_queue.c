/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told what and when, in virtual time: beginning, escalation, end, quiet hours, rate limits,
 * refusals, restarts, heartbeat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/daemon/notifier/queue.h"

#define NOON   INT64_C(1795521600000) /* 2026-11-24 12:00 UTC, a Tuesday */
#define MINUTE INT64_C(60000)

static struct way_config ways[] = {
    {.name = "yard", .kind = WAY_WEBHOOK, .language = METRIC_EN},
    {.name = "family", .kind = WAY_WECOM, .language = METRIC_ZH},
};
static struct alert_rule rules[] = {{.name = "frost"}};
static struct config config;
static struct queue *queue;
static struct active *active;
static struct queue_now now;

static int begin(void **state)
{
    (void)state;
    config = (struct config){.site = "tea",
                             .ways = ways,
                             .way_count = 2,
                             .groups = {{.ways = 1}, {.ways = 2}},
                             .group_count = 2,
                             .escalate_s = 600,
                             .alerts = rules,
                             .alert_count = 1};
    rules[0].quiet = (struct alert_hours){0};
    now = (struct queue_now){.mono_ms = 1000, .wall = {.ms = NOON, .trust = TIME_TRUSTED}};
    queue = queue_create(&config);
    active = active_create();
    return queue == NULL || active == NULL;
}

static int end(void **state)
{
    (void)state;
    queue_destroy(queue);
    active_destroy(active);
    return 0;
}

static void pass(int64_t ms)
{
    now.mono_ms += ms;
    now.wall.ms += ms;
}

static struct active_now active_now(void)
{
    return (struct active_now){.mono_ms = now.mono_ms, .wall = now.wall};
}

static void stand(const char *id, uint8_t level, const char *what)
{
    struct alert_text text = {.rule = "frost", .level = level};
    struct active_now at = active_now();
    (void)snprintf(text.id, sizeof text.id, "%s", id);
    (void)snprintf(text.words[METRIC_EN].what, ALERT_WHAT_SIZE, "%s", what);
    (void)snprintf(text.words[METRIC_ZH].what, ALERT_WHAT_SIZE, "霜冻");
    (void)snprintf(text.words[METRIC_ZH].place, ALERT_PLACE_SIZE, "上坡");
    (void)snprintf(text.words[METRIC_ZH].todo, CONFIG_ADVICE_SIZE, "盖膜");
    (void)active_set(active, &text, now.mono_ms, 0, &at);
}

static void over(const char *id)
{
    struct active_now at = active_now();
    active_end(active, id, &at);
}

static void look(void)
{
    queue_look(queue, active, &now);
}

/* The way's next message, sent well; "": none. */
static const char *sent(uint16_t way)
{
    static struct way_message message;
    if (!queue_next(queue, way, &now, &message))
        return "";
    queue_done(queue, way, message.id, WAY_SENT, "", &now);
    return message.text;
}

static void restart(void)
{
    static char doc[64000];
    size_t size = queue_write(queue, doc, sizeof doc);
    assert_true(size > 0);
    queue_destroy(queue);
    queue = queue_create(&config);
    now.mono_ms = 77;
    queue_read(queue, doc, size, &now);
}

static void the_first_group_is_told_at_once_and_once(void **state)
{
    (void)state;
    stand("frost-garden", ALERT_ALARM, "Frost: Air 1.3 °C");
    look();
    assert_string_equal(sent(0), "[Alert] Frost: Air 1.3 °C\nsince 12:00");
    stand("frost-garden", ALERT_ALARM,
          "Frost: Air 0.9 °C"); /* a change of the value wakes no one */
    for (int i = 0; i < 9; i++) {
        look();
        pass(MINUTE);
    }
    assert_string_equal(sent(0), "");
    assert_string_equal(sent(1), "");
}

static void an_unanswered_alarm_goes_to_the_next_group(void **state)
{
    (void)state;
    stand("frost-garden", ALERT_ALARM, "Frost");
    look();
    (void)sent(0);
    pass(10 * MINUTE);
    look();
    assert_string_equal(sent(0), "");
    assert_string_equal(sent(1), "【还没人处理】霜冻\n上坡\n12:00 起\n怎么办：盖膜");
}

/* Minutes after which the way hears of it, as "10 30 70 ". */
static const char *heard(uint16_t way, unsigned minutes)
{
    static char times[128];
    times[0] = '\0';
    for (unsigned minute = 1; minute <= minutes; minute++) {
        pass(MINUTE);
        look();
        if (strstr(sent(way), "[Still open] Frost\n") != NULL)
            (void)snprintf(times + strlen(times), sizeof times - strlen(times), "%u ", minute);
    }
    return times;
}

static void an_alarm_that_nobody_answers_is_told_again_and_again(void **state)
{
    (void)state;
    config.group_count = 1;
    stand("frost-garden", ALERT_ALARM, "Frost");
    stand("dry-upper", ALERT_WATCH, "Dry");
    look();
    (void)sent(0);
    assert_string_equal(heard(0, 300), "10 30 70 130 190 250 ");
    restart(); /* as before, not from the beginning */
    assert_string_equal(heard(0, 100), "60 ");
    assert_true(active_acknowledge(active, "frost-garden", "li", now.wall.ms));
    assert_string_equal(heard(0, 300), "");
    over("frost-garden");
    look();
    assert_non_null(strstr(sent(0), "[Over] Frost"));
}

/* Behind the last group all are told, and none that has not heard the first word of it yet. */
static void behind_the_last_group_all_are_told_again_once_each(void **state)
{
    (void)state;
    struct way_message message;
    config.escalate_s = 7200; /* longer than what it grows to otherwise */
    stand("frost-garden", ALERT_ALARM, "Frost");
    look();
    for (unsigned hour = 0; hour < 6; hour++) {
        if (queue_next(queue, 0, &now, &message))
            queue_done(queue, 0, message.id, WAY_UNREACHED, "no uplink", &now);
        pass(60 * MINUTE);
        look();
        assert_true((strstr(sent(1), "【还没人处理】") != NULL) ==
                    (hour == 1 || hour == 3 || hour == 5));
    }
    assert_string_equal(sent(0), "[Alert] Frost\nsince 12:00");
    assert_string_equal(sent(0), "");
}

static void an_acknowledged_alarm_and_a_watch_go_no_further(void **state)
{
    (void)state;
    stand("frost-garden", ALERT_ALARM, "Frost");
    stand("dry-upper", ALERT_WATCH, "Dry");
    look();
    (void)sent(0);
    assert_true(active_acknowledge(active, "frost-garden", "li", now.wall.ms));
    pass(60 * MINUTE);
    look();
    assert_string_equal(sent(1), "");
}

static void the_end_is_told_to_all_that_were_told(void **state)
{
    (void)state;
    stand("frost-garden", ALERT_ALARM, "Frost");
    look();
    (void)sent(0);
    pass(10 * MINUTE);
    look();
    (void)sent(1);
    pass(30 * MINUTE);
    over("frost-garden");
    look();
    assert_string_equal(sent(0), "[Over] Frost\nsince 12:00, for 40 min");
    assert_string_equal(sent(1), "【已解除】霜冻\n上坡\n12:00 起，持续 40 分钟");
    look();
    assert_string_equal(sent(0), "");
}

static void what_was_never_delivered_is_told_as_over_alone(void **state)
{
    (void)state;
    struct way_message message;
    stand("frost-garden", ALERT_ALARM, "Frost");
    look();
    assert_true(queue_next(queue, 0, &now, &message));
    queue_done(queue, 0, message.id, WAY_UNREACHED, "no uplink", &now);
    pass(60 * MINUTE);
    over("frost-garden");
    look();
    assert_string_equal(sent(0), "[Over] Frost\nsince 12:00, for 60 min");
    assert_string_equal(sent(0), "");
}

static void many_at_once_become_one_message(void **state)
{
    (void)state;
    char id[32];
    for (int i = 0; i < 12; i++) {
        (void)snprintf(id, sizeof id, "a-%d", i);
        stand(id, ALERT_WATCH, id);
    }
    look();
    const char *text = sent(0);
    assert_non_null(strstr(text, "a-0"));
    assert_non_null(strstr(text, "a-11"));
    assert_string_equal(sent(0), "");
}

static void a_graver_one_is_told_anew(void **state)
{
    (void)state;
    stand("store", ALERT_WATCH, "slow disk");
    look();
    (void)sent(0);
    stand("store", ALERT_ALARM, "no disk");
    look();
    assert_string_equal(sent(0), "[Alert] no disk\nsince 12:00");
    stand("store", ALERT_WATCH, "slow disk");
    look();
    assert_string_equal(sent(0), "");
}

static void one_that_becomes_graver_in_its_quiet_hours_is_told_behind_them(void **state)
{
    (void)state;
    config.group_count = 1;
    stand("frost-garden", ALERT_WATCH, "Cold");
    look();
    (void)sent(0);
    rules[0].quiet = (struct alert_hours){.from = 11 * 60, .to = 13 * 60};
    stand("frost-garden", ALERT_ALARM, "Frost");
    look();
    assert_string_equal(sent(0), "");
    pass(60 * MINUTE);
    look();
    assert_string_equal(sent(0), "[Alert] Frost\nsince 12:00");
}

static void in_its_quiet_hours_a_rule_waits(void **state)
{
    (void)state;
    rules[0].quiet = (struct alert_hours){.from = 11 * 60, .to = 13 * 60};
    stand("frost-garden", ALERT_ALARM, "Frost");
    stand("short-garden", ALERT_ALARM, "short");
    look();
    pass(59 * MINUTE);
    over("short-garden"); /* no one heard of it: no one hears of its end */
    look();
    assert_string_equal(sent(0), "");
    pass(MINUTE);
    look();
    assert_string_equal(sent(0), "[Alert] Frost\nsince 12:00");
}

static void a_service_has_its_rate(void **state)
{
    (void)state;
    for (unsigned i = 0; i < way_per_minute(WAY_WECOM); i++) {
        queue_test(queue, 1, &now);
        assert_string_not_equal(sent(1), "");
        pass(10);
    }
    queue_test(queue, 1, &now);
    assert_string_equal(sent(1), "");
    pass(MINUTE);
    assert_non_null(strstr(sent(1), "【测试】"));
}

static void trouble_waits_longer_each_time_and_limits_a_minute(void **state)
{
    (void)state;
    struct way_message message;
    int64_t waited = 0;
    queue_test(queue, 0, &now);
    for (int i = 0; i < 12; i++) {
        int64_t from = now.mono_ms;
        while (!queue_next(queue, 0, &now, &message))
            pass(500);
        assert_true(now.mono_ms - from >= waited && now.mono_ms - from <= 2 * MINUTE);
        waited = now.mono_ms - from;
        queue_done(queue, 0, message.id, WAY_UNREACHED, "no uplink", &now);
    }
    assert_string_equal(queue_trouble(queue, 0), ""); /* the uplink is none of its own */
    pass(2 * MINUTE);
    assert_true(queue_next(queue, 0, &now, &message));
    queue_done(queue, 0, message.id, WAY_LIMITED, "too many", &now);
    pass(MINUTE - 1);
    assert_false(queue_next(queue, 0, &now, &message));
    pass(1);
    assert_string_not_equal(sent(0), "");
}

/* What stands then comes in two messages: the one that was tried, and all that came since. */
static void an_hour_without_uplink_loses_nothing_and_tells_once(void **state)
{
    (void)state;
    struct way_message message;
    char id[32];
    stand("frost-garden", ALERT_ALARM, "Frost");
    look();
    for (unsigned minute = 0; minute < 60; minute++) {
        if (queue_next(queue, 0, &now, &message))
            queue_done(queue, 0, message.id, WAY_UNREACHED, "no uplink", &now);
        (void)snprintf(id, sizeof id, "dry-%u", minute);
        if (minute % 6 == 0)
            stand(id, ALERT_WATCH, id);
        if (minute % 12 == 0)
            over(id); /* began and ended meanwhile */
        look();
        pass(MINUTE);
    }
    assert_string_equal(queue_trouble(queue, 0), "");
    pass(2 * MINUTE);
    assert_non_null(strstr(sent(0), "Frost"));
    const char *rest = sent(0);
    for (unsigned minute = 0; minute < 60; minute += 6) {
        (void)snprintf(id, sizeof id, "] dry-%u\n", minute);
        const char *first = strstr(rest, id);
        assert_true((first != NULL) == (minute % 12 != 0)); /* never looked at while it stood */
        assert_true(first == NULL || strstr(first + 1, id) == NULL);
    }
    assert_string_equal(sent(0), "");
}

static void a_refusal_is_trouble_of_the_way_and_told_by_the_others(void **state)
{
    (void)state;
    struct way_message message;
    config.groups[0].ways = 3;
    queue_test(queue, 0, &now);
    assert_true(queue_next(queue, 0, &now, &message));
    queue_done(queue, 0, message.id, WAY_REFUSED, "wrong key", &now);
    assert_string_equal(queue_trouble(queue, 0), "wrong key");
    assert_int_equal(queue_count(queue, 0), 0); /* for good */
    stand("notify-yard", ALERT_WATCH, "yard does not work");
    look();
    assert_int_equal(queue_count(queue, 0), 0);
    assert_string_not_equal(sent(1), "");
    queue_test(queue, 0, &now);
    (void)sent(0);
    assert_string_equal(queue_trouble(queue, 0), "");
}

static void answer(uint16_t way, enum way_outcome outcome, const char *why)
{
    struct way_message message;
    pass(3 * MINUTE);
    assert_true(queue_next(queue, way, &now, &message));
    queue_done(queue, way, message.id, outcome, why, &now);
}

static void a_service_that_says_too_many_all_the_time_is_trouble(void **state)
{
    (void)state;
    queue_test(queue, 1, &now);
    for (int i = 0; i < 4; i++) {
        answer(1, WAY_LIMITED, "too many");
        answer(1, WAY_UNREACHED, "no uplink");
        assert_string_equal(queue_trouble(queue, 1), "");
    }
    answer(1, WAY_LIMITED, "too many");
    assert_string_equal(queue_trouble(queue, 1), "too many");
    answer(1, WAY_SENT, "");
    assert_string_equal(queue_trouble(queue, 1), "");
}

/* An address with a slip in it: no one is there, while the others are reached. */
static void a_way_that_alone_is_not_reached_is_trouble(void **state)
{
    (void)state;
    queue_test(queue, 0, &now);
    for (int i = 0; i < 20; i++)
        answer(0, WAY_UNREACHED, "not reached: Couldn't resolve host name");
    assert_string_equal(queue_trouble(queue, 0), ""); /* perhaps nothing is */
    queue_test(queue, 1, &now);
    assert_string_not_equal(sent(1), "");
    for (int i = 0; i < 4; i++) {
        answer(0, WAY_UNREACHED, "not reached: Couldn't resolve host name");
        assert_string_equal(queue_trouble(queue, 0), ""); /* the uplink may be back just now */
    }
    answer(0, WAY_UNREACHED, "not reached: Couldn't resolve host name");
    assert_string_equal(queue_trouble(queue, 0), "not reached: Couldn't resolve host name");
    answer(0, WAY_SENT, "");
    assert_string_equal(queue_trouble(queue, 0), "");
}

/* Those who have it are there to answer; that others are not must be told. */
static void what_reached_some_of_its_receivers_is_delivered_and_trouble(void **state)
{
    (void)state;
    stand("dry-upper", ALERT_WATCH, "Dry");
    look();
    answer(0, WAY_PARTLY, "only 1 of 2 receivers: the mailbox is full (552)");
    assert_non_null(strstr(queue_trouble(queue, 0), "full"));
    assert_int_equal(queue_count(queue, 0), 0);
    look();
    assert_string_equal(sent(1), ""); /* not the next group's */
}

static void a_process_that_ends_loses_nothing(void **state)
{
    (void)state;
    struct way_message first, second;
    queue_test(queue, 0, &now);
    assert_true(queue_next(queue, 0, &now, &first));
    assert_false(queue_next(queue, 0, &now, &second)); /* one at a time */
    queue_again(queue);
    assert_true(queue_next(queue, 0, &now, &second));
    assert_string_equal(first.text, second.text);
    assert_true(first.id == second.id); /* the service may have it: the same again */
    queue_done(queue, 0, first.id + 1, WAY_SENT, "", &now);
    assert_int_equal(queue_count(queue, 0), 1);
    queue_done(queue, 0, second.id, WAY_SENT, "", &now);
    assert_int_equal(queue_count(queue, 0), 0);
}

/* A service that knows keys takes it once: nothing else may go under the same one. */
static void what_may_have_been_delivered_goes_again_as_it_was(void **state)
{
    (void)state;
    struct way_message first, again, next;
    stand("frost-garden", ALERT_ALARM, "Frost");
    look();
    assert_true(queue_next(queue, 0, &now, &first));
    assert_true(queue_changed(queue)); /* written before it is sent */
    restart();
    stand("dry-upper", ALERT_WATCH, "Dry");
    look();
    assert_true(queue_next(queue, 0, &now, &again));
    assert_true(again.id == first.id);
    assert_string_equal(again.text, first.text);
    queue_done(queue, 0, again.id, WAY_UNREACHED, "not reached", &now);
    pass(MINUTE);
    assert_true(queue_next(queue, 0, &now, &again));
    assert_true(again.id == first.id);
    queue_done(queue, 0, again.id, WAY_SENT, "", &now);
    assert_true(queue_next(queue, 0, &now, &next));
    assert_true(next.id != first.id);
    assert_non_null(strstr(next.text, "Dry"));
    /* What the service did not take for sure goes with what came since. */
    queue_done(queue, 0, next.id, WAY_LIMITED, "too many", &now);
    stand("heat-garden", ALERT_WATCH, "Heat");
    look();
    pass(2 * MINUTE);
    assert_true(queue_next(queue, 0, &now, &again));
    assert_true(again.id != next.id);
    assert_non_null(strstr(again.text, "Dry"));
    assert_non_null(strstr(again.text, "Heat"));
}

static void over_a_restart_no_one_is_told_twice_and_no_end_is_lost(void **state)
{
    (void)state;
    stand("frost-garden", ALERT_ALARM, "Frost");
    stand("dry-upper", ALERT_WATCH, "Dry");
    look();
    (void)sent(0);
    assert_true(queue_changed(queue));
    assert_false(queue_changed(queue));
    restart();
    look();
    assert_string_equal(sent(0), "");
    restart();
    over("dry-upper"); /* while it was away */
    look();
    assert_non_null(strstr(sent(0), "[Over] Dry"));
    pass(10 * MINUTE);
    look();
    assert_string_not_equal(sent(1), ""); /* and an alarm goes on to the next group */
    stand("heat-garden", ALERT_WATCH, "Heat");
    look();
    restart(); /* what waited, waits */
    assert_non_null(strstr(sent(0), "Heat"));
}

static void a_document_that_can_not_be_read_is_none(void **state)
{
    (void)state;
    static const char *const docs[] = {
        "",
        "{",
        "[]",
        "{\"v\":2,\"notices\":[{\"way\":\"yard\",\"kind\":0,\"text\":\"x\"}]}",
        "{\"v\":1,\"notices\":7,\"cases\":[1,{\"id\":7}]}",
        "{\"v\":1,\"notices\":[{\"way\":\"gone\",\"kind\":0,\"text\":\"x\"},{\"way\":9}]}"};
    for (size_t i = 0; i < sizeof docs / sizeof docs[0]; i++)
        queue_read(queue, docs[i], strlen(docs[i]), &now);
    look();
    assert_string_equal(sent(0), "");
}

static void more_than_fits_is_written_as_far_as_it_goes(void **state)
{
    (void)state;
    static char doc[4000];
    char id[32];
    for (int i = 0; i < 100; i++) {
        (void)snprintf(id, sizeof id, "a-%d", i);
        stand(id, ALERT_WATCH, id);
    }
    look();
    size_t size = queue_write(queue, doc, sizeof doc);
    assert_true(size > 1000 && size <= sizeof doc && doc[size - 1] == '}');
    queue_destroy(queue);
    queue = queue_create(&config);
    queue_read(queue, doc, size, &now);
    assert_true(queue_count(queue, 0) > 3);
}

static void all_is_well_is_told_once_a_week(void **state)
{
    (void)state;
    config.heartbeat_day = 3; /* Tuesday */
    config.heartbeat_minute = 12 * 60 + 30;
    unsigned beats = 0;
    for (int i = 0; i < 15 * 24 * 60; i++) {
        look();
        const char *text = sent(0);
        beats += strstr(text, "[All is well] tea") != NULL;
        pass(MINUTE);
    }
    assert_int_equal(beats, 3);
}

/* The way that does not work is alone in the first group: all others are told, not the next group
 * after ten minutes, which a watch never reaches. */
static void a_way_that_does_not_work_is_told_by_all_the_others(void **state)
{
    (void)state;
    stand("notify-yard", ALERT_WATCH, "no alert reaches yard by webhook: wrong key");
    look();
    assert_string_equal(sent(0), "");
    assert_non_null(strstr(sent(1), "霜冻"));
    over("notify-yard");
    look();
    assert_string_equal(sent(0), "");
    assert_non_null(strstr(sent(1), "【已解除】"));
}

static void refuse(uint16_t way, const char *why)
{
    struct way_message message;
    assert_true(queue_next(queue, way, &now, &message));
    queue_done(queue, way, message.id, WAY_REFUSED, why, &now);
}

/* Nobody has heard of it: there is no answer to wait for. */
static void an_alert_that_reached_nobody_goes_to_the_next_group_at_once(void **state)
{
    (void)state;
    stand("dry-upper", ALERT_WATCH, "Dry");
    look();
    refuse(0, "wrong key");
    pass(1000);
    look();
    assert_non_null(strstr(sent(1), "霜冻"));
    pass(60 * MINUTE);
    look();
    assert_string_equal(sent(0), "");
    assert_string_equal(sent(1), "");
}

static void one_that_reached_somebody_waits_for_an_answer(void **state)
{
    (void)state;
    config.groups[0].ways = 3;
    config.groups[1].ways = 2;
    stand("dry-upper", ALERT_WATCH, "Dry");
    look();
    assert_string_not_equal(sent(1), "");
    refuse(0, "wrong key");
    pass(60 * MINUTE);
    look();
    assert_string_equal(sent(1), "");
}

/* What does not work is not known to work again because the gateway started anew. */
static void a_trouble_is_known_over_a_restart(void **state)
{
    (void)state;
    static char doc[64000];
    stand("frost-garden", ALERT_ALARM, "Frost");
    look();
    refuse(0, "wrong key (93000)");
    assert_true(queue_changed(queue));
    size_t size = queue_write(queue, doc, sizeof doc);
    queue_destroy(queue);
    queue = queue_create(&config);
    queue_read(queue, doc, size, &now);
    assert_string_equal(queue_trouble(queue, 0), "wrong key (93000)");
    assert_string_equal(queue_trouble(queue, 1), "");
    (void)queue_changed(queue);
    queue_test(queue, 0, &now);
    assert_string_not_equal(sent(0), ""); /* mended */
    assert_string_equal(queue_trouble(queue, 0), "");
    assert_true(queue_changed(queue));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_first_group_is_told_at_once_and_once),
        CASE(an_unanswered_alarm_goes_to_the_next_group),
        CASE(an_alarm_that_nobody_answers_is_told_again_and_again),
        CASE(behind_the_last_group_all_are_told_again_once_each),
        CASE(an_acknowledged_alarm_and_a_watch_go_no_further),
        CASE(the_end_is_told_to_all_that_were_told),
        CASE(what_was_never_delivered_is_told_as_over_alone),
        CASE(many_at_once_become_one_message),
        CASE(a_graver_one_is_told_anew),
        CASE(one_that_becomes_graver_in_its_quiet_hours_is_told_behind_them),
        CASE(in_its_quiet_hours_a_rule_waits),
        CASE(a_service_has_its_rate),
        CASE(trouble_waits_longer_each_time_and_limits_a_minute),
        CASE(an_hour_without_uplink_loses_nothing_and_tells_once),
        CASE(a_refusal_is_trouble_of_the_way_and_told_by_the_others),
        CASE(a_service_that_says_too_many_all_the_time_is_trouble),
        CASE(a_way_that_alone_is_not_reached_is_trouble),
        CASE(what_reached_some_of_its_receivers_is_delivered_and_trouble),
        CASE(a_process_that_ends_loses_nothing),
        CASE(what_may_have_been_delivered_goes_again_as_it_was),
        CASE(over_a_restart_no_one_is_told_twice_and_no_end_is_lost),
        CASE(a_document_that_can_not_be_read_is_none),
        CASE(more_than_fits_is_written_as_far_as_it_goes),
        CASE(all_is_well_is_told_once_a_week),
        CASE(a_way_that_does_not_work_is_told_by_all_the_others),
        CASE(an_alert_that_reached_nobody_goes_to_the_next_group_at_once),
        CASE(one_that_reached_somebody_waits_for_an_answer),
        CASE(a_trouble_is_known_over_a_restart),
    };
    (void)setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
