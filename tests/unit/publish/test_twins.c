/* SPDX-License-Identifier: Apache-2.0 */
/* A copied card: both boxes come to know of each other, and neither of any that is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/publish/worker/twins.h"

#define UUID  "01234567-89ab-4def-8123-456789abcdef"
#define OWN   UUID " 0000000000000001"
#define CLONE UUID " 0000000000000002"
#define THIRD UUID " 0000000000000003"
#define OTHER "11234567-89ab-4def-8123-456789abcdef 0000000000000004"

static void who_is_heard_once_is_old_news(void **state)
{
    struct twins twins = {0};
    (void)state;
    assert_int_equal(twins_now(&twins, OWN, 1000), PUBLISH_TWIN_NONE);
    assert_true(twins_speak_ms(&twins, 1000) == INT64_MAX);
    twins_hear(&twins, CLONE, OWN, 1000);
    assert_int_equal(twins_now(&twins, OWN, 1000), PUBLISH_TWIN_NONE);
    twins_hear(&twins, CLONE, OWN, 9000);
    assert_int_equal(twins_now(&twins, OWN, 9000), PUBLISH_TWIN_IDENTITY);
    assert_int_equal(twins_now(&twins, OWN, 9000 + 180000), PUBLISH_TWIN_NONE);
    twins_hear(&twins, CLONE, OWN, 500000);
    assert_int_equal(twins_now(&twins, OWN, 500000), PUBLISH_TWIN_NONE);
}

static void another_gateway_of_a_site_of_that_name_is_told_apart(void **state)
{
    struct twins twins = {0};
    (void)state;
    for (int64_t at = 1000; at < 3000; at += 1000)
        twins_hear(&twins, OTHER, OWN, at);
    assert_int_equal(twins_now(&twins, OWN, 3000), PUBLISH_TWIN_SITE);
    twins_hear(&twins, CLONE, OWN, 3000);
    twins_hear(&twins, CLONE, OWN, 4000);
    assert_int_equal(twins_now(&twins, OWN, 4000), PUBLISH_TWIN_IDENTITY);
}

static void own_words_through_a_bridge_are_nobody(void **state)
{
    static const char *const marks[] = {OWN, "", "online", UUID, OWN "0"};
    struct twins twins = {0};
    (void)state;
    for (unsigned i = 0; i < 10; i++)
        twins_hear(&twins, marks[i % 5], OWN, 1000 + i);
    assert_true(twins_speak_ms(&twins, 2000) == INT64_MAX);
    assert_int_equal(twins_now(&twins, OWN, 2000), PUBLISH_TWIN_NONE);
}

/* Each hears what the other says: the second ones come within a quarter of a minute. */
static void both_know_soon_and_say_little_later(void **state)
{
    struct twins a = {0}, b = {0};
    int64_t both_ms = 0;
    unsigned words = 0;
    (void)state;
    twins_hear(&a, CLONE, OWN, 0); /* who came second said so */
    for (int64_t now = 0; now < 3600000; now += 1000) {
        if (twins_speak_ms(&a, now) <= now) {
            twins_spoke(&a, now);
            twins_hear(&b, OWN, CLONE, now);
            words++;
        }
        if (twins_speak_ms(&b, now) <= now) {
            twins_spoke(&b, now);
            twins_hear(&a, CLONE, OWN, now);
            words++;
        }
        bool both = twins_now(&a, OWN, now) == PUBLISH_TWIN_IDENTITY &&
                    twins_now(&b, CLONE, now) == PUBLISH_TWIN_IDENTITY;
        if (both && both_ms == 0)
            both_ms = now;
        assert_true(both || both_ms == 0); /* and from then on always */
    }
    assert_in_range(both_ms, 1000, 15000);
    assert_in_range(words, 100, 140);
}

static void three_are_known_although_they_speak_in_turn(void **state)
{
    static const char *const marks[] = {CLONE, THIRD, OTHER};
    struct twins twins = {0};
    (void)state;
    for (unsigned i = 0; i < 6; i++)
        twins_hear(&twins, marks[i % 3], OWN, 1000 + 1000 * i);
    assert_int_equal(twins_now(&twins, OWN, 7000), PUBLISH_TWIN_IDENTITY);
    /* More than there is room for: the newest. */
    char mark[TWINS_MARK_SIZE];
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(mark, sizeof mark, UUID " %016u", i + 100);
        twins_hear(&twins, mark, OWN, 8000 + i);
        twins_hear(&twins, mark, OWN, 8000 + i);
    }
    assert_int_equal(twins_now(&twins, OWN, 9000), PUBLISH_TWIN_IDENTITY);
}

static void sessions_taken_over_again_and_again_are_waited_for_longer(void **state)
{
    struct twins twins = {0};
    int64_t now = 1000;
    uint32_t before = 0;
    (void)state;
    assert_int_equal(twins_taken_over(&twins, now), 0); /* once is nothing */
    assert_int_equal(twins_now(&twins, OWN, now), PUBLISH_TWIN_NONE);
    for (unsigned i = 0; i < 20; i++) {
        now += 1000 + before;
        uint32_t wait = twins_taken_over(&twins, now);
        assert_true(wait > before || wait == 300000);
        assert_int_equal(twins_now(&twins, OWN, now), PUBLISH_TWIN_SESSION);
        before = wait;
    }
    assert_int_equal(before, 300000);
    now += 900000;
    assert_int_equal(twins_now(&twins, OWN, now), PUBLISH_TWIN_NONE);
    assert_int_equal(twins_taken_over(&twins, now), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_heard_once_is_old_news),
        cmocka_unit_test(another_gateway_of_a_site_of_that_name_is_told_apart),
        cmocka_unit_test(own_words_through_a_bridge_are_nobody),
        cmocka_unit_test(both_know_soon_and_say_little_later),
        cmocka_unit_test(three_are_known_although_they_speak_in_turn),
        cmocka_unit_test(sessions_taken_over_again_and_again_are_waited_for_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
