/* SPDX-License-Identifier: Apache-2.0 */
/* What stands: its life from beginning to end, what is told and kept of it, over a restart and over
 * a step of the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/alerts/active.h"

#define NOON INT64_C(1795521600000)

static struct active *active;
static struct active_now now;

static int begin(void **state)
{
    (void)state;
    active = active_create();
    now = (struct active_now){.mono_ms = 100000, .wall = {.ms = NOON, .trust = TIME_TRUSTED}};
    return active == NULL;
}

static int end(void **state)
{
    (void)state;
    active_destroy(active);
    return 0;
}

static void pass(int64_t ms)
{
    now.mono_ms += ms;
    now.wall.ms += ms;
}

static struct alert_text frost(const char *what)
{
    struct alert_text text = {.id = "frost-garden",
                              .rule = "frost",
                              .where = "garden",
                              .level = ALERT_ALARM,
                              .measured = true,
                              .value = 1.26,
                              .extreme = -0.5,
                              .decimals = 1,
                              .unit = "°C",
                              .devices = "d-1 d-2"};
    (void)snprintf(text.words[METRIC_EN].what, ALERT_WHAT_SIZE, "%s", what);
    (void)snprintf(text.words[METRIC_ZH].what, ALERT_WHAT_SIZE, "霜冻");
    (void)snprintf(text.words[METRIC_ZH].place, ALERT_PLACE_SIZE, "上坡");
    return text;
}

/* As if all had been told and written. */
static void all_done(void)
{
    for (struct alert *alert = active_first(active); alert != NULL; alert = alert->next)
        alert->publish = alert->publish_now = alert->save = alert->save_now = false;
    active_sweep(active);
}

static void an_alert_keeps_its_beginning_while_its_words_change(void **state)
{
    (void)state;
    struct alert_text text = frost("cold");
    assert_true(active_set(active, &text, now.mono_ms - 5000, 0, &now));
    const struct alert *alert = active_find(active, "frost-garden");
    assert_true(alert->since_ms == NOON - 5000 && alert->publish_now && alert->save_now);
    all_done();
    pass(60000);
    assert_false(active_set(active, &text, now.mono_ms, 0, &now));
    assert_false(alert->publish || alert->save); /* the same words: nothing to do */
    text = frost("colder");
    assert_false(active_set(active, &text, now.mono_ms, 0, &now));
    assert_true(alert->publish && !alert->publish_now); /* may wait */
    assert_true(alert->since_ms == NOON - 5000);
    all_done();
    text.level = ALERT_WATCH;
    assert_false(active_set(active, &text, now.mono_ms, 0, &now));
    assert_true(alert->publish_now); /* must not */
}

static void an_ended_one_stays_until_it_is_told_and_written(void **state)
{
    (void)state;
    struct alert_text text = frost("cold");
    (void)active_set(active, &text, now.mono_ms, 0, &now);
    all_done();
    pass(3600000);
    active_end(active, "frost-garden", &now);
    assert_null(active_find(active, "frost-garden"));
    active_sweep(active);
    struct alert *ended = active_first(active);
    assert_non_null(ended);
    assert_true(ended->ended_ms - ended->since_ms == 3600000);
    assert_int_equal(active_count(active), 0);
    assert_true(active_set(active, &text, now.mono_ms, 0, &now)); /* a new one meanwhile */
    assert_ptr_not_equal(active_find(active, "frost-garden"), ended);
    ended->publish = ended->save = false;
    ended->saving = true; /* on its way to the store */
    active_sweep(active);
    assert_ptr_equal(active_first(active), ended);
    ended->saving = false;
    active_sweep(active);
    assert_ptr_not_equal(active_first(active), ended);
    assert_int_equal(active_count(active), 1);
    active_end(active, "no-such", &now);
    assert_int_equal(active_count(active), 1);
}

static void the_beginning_follows_a_clock_that_is_set(void **state)
{
    (void)state;
    struct alert_text text = frost("cold");
    now.wall = (struct wall_ms){.ms = 1000, .trust = TIME_UNTRUSTED};
    (void)active_set(active, &text, now.mono_ms, 0, &now);
    all_done();
    pass(7000);
    active_clock(active, &now);
    const struct alert *alert = active_find(active, "frost-garden");
    assert_false(alert->publish);
    now.wall = (struct wall_ms){.ms = NOON, .trust = TIME_TRUSTED};
    active_clock(active, &now);
    assert_true(alert->publish_now && alert->save_now && alert->since_ms == NOON - 7000);
    assert_true(alert->begun_ms == 1000); /* its row has the same name for ever */
}

static void restore(int64_t begun_ms, const char *doc)
{
    assert_true(active_restore(active, "frost-garden", begun_ms, doc, strlen(doc)));
}

static void over_a_restart_it_is_the_one_that_it_was(void **state)
{
    char doc[2048];
    struct json_out o = json_out_init(doc, sizeof doc - 1);
    struct alert_text text = frost("cold");
    (void)active_set(active, &text, now.mono_ms, 0, &now);
    assert_true(active_acknowledge(active, "frost-garden", "li", NOON + 5));
    assert_false(active_acknowledge(active, "frost-upper", "li", NOON + 5));
    active_doc(&o, active_find(active, "frost-garden"));
    assert_false(o.failed);
    doc[o.at] = '\0';
    assert_non_null(strstr(doc, "{\"v\":1,"));
    active_destroy(active);
    assert_int_equal(begin(state), 0);
    restore(NOON, doc);
    const struct alert *alert = active_find(active, "frost-garden");
    assert_true(alert->since_ms == NOON && alert->begun_ms == NOON && alert->acked_ms == NOON + 5);
    assert_string_equal(alert->acked_by, "li");
    assert_string_equal(alert->text.devices, "d-1 d-2");
    assert_string_equal(alert->text.words[METRIC_ZH].place, "上坡");
    assert_true(alert->text.measured && alert->text.decimals == 1 && alert->text.extreme == -0.5);
    assert_true(alert->publish_now);
}

static void raised_again_before_its_row_was_read_it_is_the_same_one(void **state)
{
    (void)state;
    struct alert_text text = frost("colder");
    pass(90000);
    (void)active_set(active, &text, now.mono_ms, 0, &now);
    restore(NOON - 9,
            "{\"v\":1,\"what\":\"cold\",\"since\":77,\"acked_by\":\"li\",\"acked_ts\":8}");
    assert_int_equal(active_count(active), 1);
    const struct alert *alert = active_find(active, "frost-garden");
    assert_true(alert->since_ms == 77 && alert->begun_ms == NOON - 9 && alert->acked_ms == 8);
    assert_string_equal(alert->text.words[METRIC_EN].what, "colder");
}

#define ROW "{\"v\":1,\"level\":\"alarm\",\"since\":5,\"what\":\"cold\"}"

static void ended_before_its_row_was_read_it_ends_with_it(void **state)
{
    (void)state;
    active_end(active, "frost-garden", &now);
    assert_true(active_ended(active, "frost-garden"));
    assert_false(active_ended(active, "frost-upper"));
    restore(NOON - 9, ROW);
    assert_true(active_ended(active, "frost-garden"));
    struct alert_text text = frost("cold again");
    (void)active_set(active, &text, now.mono_ms, 0, &now);
    assert_false(active_ended(active, "frost-garden"));
    active_end(active, "frost-garden", &now);
    active_end(active, "frost-garden", &now);
    active_restored(active);
    assert_false(active_ended(active, "frost-garden"));
    active_end(active, "frost-garden", &now);
    assert_false(active_ended(active, "frost-garden"));
}

static void a_row_that_can_not_be_read_restores_nothing(void **state)
{
    (void)state;
    static const char *const docs[] = {
        "", "{", "[]", "{}", "{\"v\":0,\"what\":\"x\"}", "{\"v\":1}", "{\"v\":1,\"what\":7}"};
    for (size_t i = 0; i < sizeof docs / sizeof docs[0]; i++)
        assert_false(active_restore(active, "frost-garden", NOON, docs[i], strlen(docs[i])));
    assert_null(active_first(active));
}

static void the_topic_has_value_and_extreme_with_the_metrics_decimals(void **state)
{
    char json[2048];
    struct json_out o = json_out_init(json, sizeof json - 1);
    (void)state;
    struct alert_text text = frost("cold");
    (void)active_set(active, &text, now.mono_ms, 0, &now);
    active_json(&o, active_find(active, "frost-garden"));
    json[o.at] = '\0';
    assert_non_null(strstr(json, "\"value\":1.3,\"extreme\":-0.5,\"unit\":\"°C\""));
    assert_non_null(strstr(json, "\"level\":\"alarm\""));
    assert_null(strstr(json, "acked"));
    assert_null(strstr(json, "devices"));
}

static void no_more_stand_than_there_is_room_for(void **state)
{
    (void)state;
    struct alert_text text = frost("cold");
    for (unsigned i = 0; i < ALERT_MOST + 10; i++) {
        (void)snprintf(text.id, sizeof text.id, "a-%u", i);
        assert_int_equal(active_set(active, &text, now.mono_ms, 0, &now), i < ALERT_MOST);
    }
    assert_int_equal(active_count(active), ALERT_MOST);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_alert_keeps_its_beginning_while_its_words_change),
        CASE(an_ended_one_stays_until_it_is_told_and_written),
        CASE(the_beginning_follows_a_clock_that_is_set),
        CASE(over_a_restart_it_is_the_one_that_it_was),
        CASE(raised_again_before_its_row_was_read_it_is_the_same_one),
        CASE(ended_before_its_row_was_read_it_ends_with_it),
        CASE(a_row_that_can_not_be_read_restores_nothing),
        CASE(the_topic_has_value_and_extreme_with_the_metrics_decimals),
        CASE(no_more_stand_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
