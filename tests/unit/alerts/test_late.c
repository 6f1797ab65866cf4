/* SPDX-License-Identifier: Apache-2.0 */
/* What logs of nodes say of alerts that are over: how bad it was, and from when to when it held. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "gateway/daemon/alerts/active.h"
#include "gateway/daemon/alerts/late.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define NIGHT  INT64_C(1795521600000)

static struct late late;

static int begin(void **state)
{
    (void)state;
    late = (struct late){0};
    return 0;
}

static struct late_stretch stretch(int64_t from_ms, int64_t to_ms, double extreme)
{
    return (struct late_stretch){.id = "frost-garden",
                                 .from_ms = NIGHT + from_ms,
                                 .to_ms = NIGHT + to_ms,
                                 .extreme = extreme};
}

static char doc[2048];

/* A frost from NIGHT to NIGHT + 3 h, -2.0 °C at worst; heard: last measured, 0: until its end. */
static void ended(int64_t heard_ms)
{
    struct alert alert = {.since_ms = NIGHT,
                          .ended_ms = NIGHT + 3 * HOUR,
                          .heard_ms = heard_ms != 0 ? NIGHT + heard_ms : 0,
                          .acked_by = "li",
                          .acked_ms = NIGHT + MINUTE,
                          .text = {.id = "frost-garden",
                                   .rule = "frost",
                                   .where = "garden",
                                   .level = ALERT_ALARM,
                                   .measured = true,
                                   .value = 1,
                                   .extreme = -2,
                                   .decimals = 1,
                                   .unit = "°C",
                                   .devices = "d-1"}};
    strcpy(alert.text.words[METRIC_EN].what, "Frost");
    strcpy(alert.text.words[METRIC_ZH].what, "霜冻");
    struct json_out o = json_out_init(doc, sizeof doc);
    active_doc(&o, &alert);
    assert_false(o.failed);
    doc[o.at] = '\0';
}

static bool annotate(const struct late_stretch *one)
{
    char changed[2048];
    struct json_out o = json_out_init(changed, sizeof changed);
    if (!active_annotate(&o, doc, strlen(doc), NIGHT + 3 * HOUR, one))
        return false;
    assert_in_range(o.at, 1, sizeof changed - 1);
    memcpy(doc, changed, o.at);
    doc[o.at] = '\0';
    return true;
}

static double number(const char *name)
{
    json_t *root = json_loads(doc, 0, NULL);
    double value = json_number_value(json_object_get(root, name));
    json_decref(root);
    return value;
}

static int64_t after_ms(const char *name)
{
    return (int64_t)number(name) - NIGHT;
}

static void readings_of_one_stretch_come_in_any_order(void **state)
{
    (void)state;
    struct late_stretch one;
    assert_false(late_next(&late, &one));
    late_add(&late, "frost-garden", false, NIGHT + HOUR, -1);
    late_add(&late, "frost-garden", false, NIGHT + HOUR - 10 * MINUTE, -4);
    late_add(&late, "frost-garden", false, NIGHT + HOUR + 20 * MINUTE, -3);
    late_add(&late, "frost-garden", false, NIGHT + 3 * HOUR, -9); /* another one */
    late_add(&late, "heat-garden", true, NIGHT + HOUR, 40);
    assert_true(late_next(&late, &one));
    assert_string_equal(one.id, "frost-garden");
    assert_int_equal(one.from_ms, NIGHT + 50 * MINUTE);
    assert_int_equal(one.to_ms, NIGHT + 80 * MINUTE);
    assert_float_equal(one.extreme, -4, 0.001);
    assert_true(late_next(&late, &one));
    assert_true(late_next(&late, &one));
    assert_string_equal(one.id, "heat-garden");
    assert_false(late_next(&late, &one));
    late_add(&late, "frost-garden", false, NIGHT + HOUR, -2); /* nothing new: a log fetched twice */
    assert_false(late_next(&late, &one));
    late_again(&late, "frost-garden");
    assert_true(late_next(&late, &one));
    assert_true(late_next(&late, &one));
    assert_false(late_next(&late, &one));
}

static void more_stretches_than_there_is_room_for_forget_the_oldest(void **state)
{
    (void)state;
    struct late_stretch one;
    for (unsigned i = 0; i < 2 * LATE_MOST; i++)
        late_add(&late, "frost-garden", false, NIGHT + i * 2 * HOUR, -1);
    unsigned count = 0;
    while (late_next(&late, &one)) {
        assert_true(one.from_ms >= NIGHT + (int64_t)LATE_MOST * 2 * HOUR);
        count++;
    }
    assert_int_equal(count, LATE_MOST);
}

static void an_alert_that_is_over_learns_how_bad_it_was(void **state)
{
    (void)state;
    struct late_stretch worse = stretch(HOUR, 2 * HOUR, -4.5), mild = stretch(HOUR, 2 * HOUR, -1);
    ended(0);
    assert_false(annotate(&mild));
    assert_true(annotate(&worse));
    assert_float_equal(number("extreme"), -4.5, 0.001);
    assert_float_equal(number("value"), 1, 0.001);
    assert_float_equal(number("held_to"), 0, 0.001); /* as long as it was known to have lasted */
    assert_non_null(strstr(doc, "\"acked_by\":\"li\""));
    assert_non_null(strstr(doc, "霜冻"));
    assert_false(annotate(&worse)); /* once */
}

static void it_learns_that_it_lasted_longer(void **state)
{
    (void)state;
    struct late_stretch before = stretch(-HOUR, 10 * MINUTE, -1),
                        behind = stretch(3 * HOUR + 10 * MINUTE, 4 * HOUR, -1);
    ended(0);
    assert_true(annotate(&before));
    assert_int_equal(after_ms("held_from"), -HOUR);
    assert_int_equal(after_ms("held_to"), 3 * HOUR);
    assert_true(annotate(&behind));
    assert_int_equal(after_ms("held_from"), -HOUR);
    assert_int_equal(after_ms("held_to"), 4 * HOUR);
    assert_float_equal(number("extreme"), -2, 0.001);
}

/* The only device fell silent and the alert stood until it was back: its log says when it was
 * over. */
static void it_learns_that_it_was_over_sooner(void **state)
{
    (void)state;
    struct late_stretch log = stretch(25 * MINUTE, 90 * MINUTE, -6);
    ended(20 * MINUTE);
    assert_true(annotate(&log));
    assert_int_equal(after_ms("held_from"), 0);
    assert_int_equal(after_ms("held_to"), 90 * MINUTE);
    assert_float_equal(number("extreme"), -6, 0.001);
    assert_false(annotate(&log));
    log.to_ms += HOUR;
    assert_true(annotate(&log));
    assert_int_equal(after_ms("held_to"), 150 * MINUTE);
}

static void another_night_and_what_is_no_row_say_nothing(void **state)
{
    (void)state;
    struct late_stretch other = stretch(20 * HOUR, 21 * HOUR, -9);
    ended(0);
    assert_false(annotate(&other));
    strcpy(doc, "{\"v\":1}");
    other = stretch(0, HOUR, -9);
    assert_false(annotate(&other));
    strcpy(doc, "no row");
    assert_false(annotate(&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(readings_of_one_stretch_come_in_any_order, begin),
        cmocka_unit_test_setup(more_stretches_than_there_is_room_for_forget_the_oldest, begin),
        cmocka_unit_test_setup(an_alert_that_is_over_learns_how_bad_it_was, begin),
        cmocka_unit_test_setup(it_learns_that_it_lasted_longer, begin),
        cmocka_unit_test_setup(it_learns_that_it_was_over_sooner, begin),
        cmocka_unit_test_setup(another_night_and_what_is_no_row_say_nothing, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
