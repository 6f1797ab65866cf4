/* SPDX-License-Identifier: Apache-2.0 */
/* Calibrations that end, by the site's calendar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "gateway/daemon/alerts/calibration.h"
#include "tests/unit/alerts/garden.h"

#define NOON INT64_C(1795521600000) /* 2026-11-24 12:00 UTC */
#define DAY  INT64_C(86400000)

static const struct config *config;
static struct active *active;
static struct active_now now;

static int begin(void **state)
{
    (void)state;
    config = garden_with(NULL, 0);
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

static const struct alert *after_days(int days)
{
    now.wall.ms = NOON + days * DAY;
    calibration_look(config, active, &now);
    return active_find(active, "calibration-d-2");
}

static void a_reminder_comes_two_weeks_before_and_says_when_it_is_past(void **state)
{
    (void)state;
    config->devices[2].due[SOIL] = 20261220;
    assert_null(after_days(11)); /* 15 days before */
    const struct alert *alert = after_days(12);
    assert_non_null(alert);
    assert_int_equal(alert->text.level, ALERT_WATCH);
    assert_string_equal(alert->text.words[METRIC_EN].what,
                        "Soil temp.: calibration is due on 2026-12-20");
    assert_non_null(strstr(alert->text.words[METRIC_ZH].what, "2026-12-20 之前要校准"));
    assert_non_null(strstr(alert->text.words[METRIC_ZH].place, "下坡"));
    assert_ptr_equal(after_days(25), alert);
    alert = after_days(26); /* the day itself */
    assert_non_null(strstr(alert->text.words[METRIC_EN].what, "has been due since 2026-12-20"));
    config->devices[2].due[SOIL] = 20271220; /* done: the file names the next day */
    assert_null(after_days(27));
}

static void one_alert_names_all_that_are_due_by_the_first_day(void **state)
{
    (void)state;
    config->devices[2].due[AIR] = 20261205;
    config->devices[2].due[RAIN] = 20270601;
    config->devices[2].due[SOIL] = 20261201;
    const struct alert *alert = after_days(3);
    assert_string_equal(alert->text.words[METRIC_EN].what,
                        "Air, Soil temp.: calibration is due on 2026-12-01");
    assert_int_equal(active_count(active), 1);
}

static void while_the_time_is_not_trusted_nothing_changes(void **state)
{
    (void)state;
    config->devices[2].due[SOIL] = 20261201;
    now.wall.trust = TIME_UNTRUSTED;
    assert_null(after_days(0));
    now.wall.trust = TIME_TRUSTED;
    assert_non_null(after_days(0));
    now.wall.trust = TIME_UNTRUSTED; /* a power cut: 1970 */
    assert_non_null(after_days(-20000));
}

static void it_goes_on_over_a_restart(void **state)
{
    (void)state;
    assert_true(calibration_is_ours(config, "calibration-d-2"));
    assert_false(calibration_is_ours(config, "calibration-gone"));
    assert_false(calibration_is_ours(config, "silent-d-2"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_reminder_comes_two_weeks_before_and_says_when_it_is_past),
        CASE(one_alert_names_all_that_are_due_by_the_first_day),
        CASE(while_the_time_is_not_trusted_nothing_changes),
        CASE(it_goes_on_over_a_restart),
    };
    (void)setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
