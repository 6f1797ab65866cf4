/* SPDX-License-Identifier: Apache-2.0 */
/* Gardens that fall silent, in virtual time: who is told what, by the queue that a gateway has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/county/silence.h"
#include "gateway/daemon/notifier/queue.h"

#define NOON    INT64_C(1795521600000) /* 2026-11-24 12:00 UTC */
#define MINUTE  INT64_C(60000)
#define LIMIT   (120 * MINUTE)
#define GARDENS 5000u

static struct way_config ways[] = {{.name = "desk", .kind = WAY_WEBHOOK, .language = METRIC_EN},
                                   {.name = "head", .kind = WAY_WEBHOOK, .language = METRIC_ZH}};
static struct config config;
static struct queue *queue;
static struct active *active;
static int64_t passed_ms;

/* When each garden was last heard; the rest of the county is well. */
static struct {
    int64_t heard_ms;
    const char *seen_by;
} gardens[GARDENS];

static int begin(void **state)
{
    (void)state;
    config = (struct config){.site = "county-a",
                             .ways = ways,
                             .way_count = 2,
                             .groups = {{.ways = 1}, {.ways = 2}},
                             .group_count = 2,
                             .escalate_s = 600};
    passed_ms = 0;
    memset(gardens, 0, sizeof gardens);
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

/* What PostgreSQL would say at this moment of the first `count` gardens. */
static void look(uint32_t count)
{
    static struct silence silences[GARDENS];
    struct active_now now = {.mono_ms = 1000 + passed_ms,
                             .wall = {.ms = NOON + passed_ms, .trust = TIME_TRUSTED}};
    struct queue_now own = {.mono_ms = now.mono_ms, .wall = now.wall};
    uint32_t silent = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (passed_ms - gardens[i].heard_ms <= LIMIT)
            continue;
        struct silence *one = &silences[silent++];
        *one = (struct silence){.region = "north", .since_ms = NOON + gardens[i].heard_ms};
        (void)snprintf(one->site, sizeof one->site, "farm-%u", i);
        (void)snprintf(one->label, sizeof one->label, "茶园 %u", i);
        if (gardens[i].seen_by != NULL)
            (void)snprintf(one->seen_by, sizeof one->seen_by, "%s", gardens[i].seen_by);
    }
    silence_look(active, silences, silent, count, &now);
    queue_look(queue, active, &own);
}

static void pass_with(uint32_t count, int64_t ms)
{
    for (int64_t step = 0; step < ms; step += MINUTE) {
        passed_ms += MINUTE;
        look(count);
    }
}

/* All but `silent` are heard in each of so many minutes. */
static void live(uint32_t count, uint32_t silent, int64_t ms)
{
    for (int64_t step = 0; step < ms; step += MINUTE) {
        for (uint32_t i = silent; i < count; i++)
            gardens[i].heard_ms = passed_ms;
        pass_with(count, MINUTE);
    }
}

static const char *sent(uint16_t way)
{
    static struct way_message message;
    struct queue_now now = {.mono_ms = 1000 + passed_ms,
                            .wall = {.ms = NOON + passed_ms, .trust = TIME_TRUSTED}};
    if (!queue_next(queue, way, &now, &message))
        return "";
    queue_done(queue, way, message.id, WAY_SENT, "", &now);
    return message.text;
}

static void a_silent_garden_is_told_of_once_when_the_limit_has_passed(void **state)
{
    (void)state;
    live(10, 1, LIMIT);
    assert_string_equal(sent(0), "");
    live(10, 1, 2 * MINUTE);
    assert_string_equal(sent(0), "[Alert] nothing is heard of the garden 茶园 0\nnorth\nsince "
                                 "12:00\nWhat to do: call somebody there: has the gateway power, "
                                 "and is there a network?");
    gardens[0].seen_by = "li";
    live(10, 1, 300 * MINUTE);
    assert_string_equal(sent(0), "");
    assert_string_equal(sent(1), ""); /* somebody has seen it */
}

static void what_nobody_has_seen_goes_to_the_next(void **state)
{
    (void)state;
    live(10, 1, LIMIT + 2 * MINUTE);
    assert_non_null(strstr(sent(0), "[Alert]"));
    live(10, 1, 11 * MINUTE);
    assert_non_null(strstr(sent(1), "【还没人处理】茶园 茶园 0 没有消息了"));
    gardens[0].heard_ms = passed_ms;
    live(10, 0, MINUTE);
    assert_non_null(strstr(sent(0), "[Over]"));
    assert_non_null(strstr(sent(1), "【已解除】"));
    live(10, 0, LIMIT * 3);
    assert_string_equal(sent(0), "");
}

static void a_garden_that_falls_silent_again_is_told_of_again(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        live(10, 1, LIMIT + 2 * MINUTE);
        assert_non_null(strstr(sent(0), "[Alert]"));
        live(10, 0, 5 * MINUTE);
        assert_non_null(strstr(sent(0), "[Over]"));
    }
}

static void a_county_that_hears_nothing_is_one_alert_and_not_thousands(void **state)
{
    (void)state;
    pass_with(GARDENS, LIMIT + 2 * MINUTE);
    assert_non_null(strstr(sent(0), "[Alert] nothing is heard of 5000 of 5000 gardens"));
    assert_string_equal(sent(0), "");
    assert_int_equal(active_count(active), 1);
    live(GARDENS, 0, 2 * MINUTE);
    assert_non_null(strstr(sent(0), "[Over]"));
    assert_string_equal(sent(0), "");
}

static void of_very_many_the_longest_are_told_one_by_one(void **state)
{
    (void)state;
    live(GARDENS, 400, LIMIT + 2 * MINUTE);
    assert_int_equal(active_count(active), SILENCE_MOST);
    assert_non_null(strstr(sent(0), "茶园 0"));
}

int main(void)
{
    (void)setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_silent_garden_is_told_of_once_when_the_limit_has_passed,
                                        begin, end),
        cmocka_unit_test_setup_teardown(what_nobody_has_seen_goes_to_the_next, begin, end),
        cmocka_unit_test_setup_teardown(a_garden_that_falls_silent_again_is_told_of_again, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_county_that_hears_nothing_is_one_alert_and_not_thousands,
                                        begin, end),
        cmocka_unit_test_setup_teardown(of_very_many_the_longest_are_told_one_by_one, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
