/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/bus/link_quality.h"

#define MS      1000000LL
#define CEILING (1000 * MS)

static void tries(struct link_quality *health, enum link_quality_end end, unsigned size,
                  unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        link_quality_try(health, end, size, 5 * MS);
}

static void learns_a_timeout_between_floor_and_ceiling(void **state)
{
    (void)state;
    struct link_quality health = {0};
    assert_int_equal(link_quality_timeout_ns(&health, CEILING), CEILING); /* nothing known yet */
    tries(&health, LINK_QUALITY_GOOD, 10, 10);
    assert_int_equal(link_quality_timeout_ns(&health, CEILING), 100 * MS); /* the floor */
    link_quality_try(&health, LINK_QUALITY_GOOD, 10, 200 * MS);
    assert_int_equal(link_quality_timeout_ns(&health, CEILING), 420 * MS);
    assert_int_equal(link_quality_timeout_ns(&health, 300 * MS), 300 * MS);
    link_quality_try(&health, LINK_QUALITY_SILENT, 10, 0);
    assert_int_equal(link_quality_timeout_ns(&health, CEILING), CEILING); /* after a failure */
    for (unsigned i = 0; i < 2000; i++)
        link_quality_try(&health, LINK_QUALITY_GOOD, 10, 5 * MS);
    assert_true(link_quality_timeout_ns(&health, CEILING) <= 101 * MS); /* and forgets */
}

static void percentiles_are_within_a_fifth(void **state)
{
    (void)state;
    struct link_quality health = {0};
    assert_int_equal(link_quality_percentile_us(&health, 0.5), 0);
    for (unsigned i = 1; i <= 100; i++)
        link_quality_try(&health, LINK_QUALITY_GOOD, 10, i * MS);
    assert_in_range(link_quality_percentile_us(&health, 0.5), 50000, 62000);
    assert_in_range(link_quality_percentile_us(&health, 0.99), 99000, 120000);
    struct link_quality slow = {0};
    link_quality_try(&slow, LINK_QUALITY_GOOD, 10, 3600000 * MS);
    assert_true(link_quality_percentile_us(&slow, 0.5) > 1000000);
}

/* One answer that seems too fast changes nothing; a unit that has become faster is believed. */
static void believes_a_faster_unit_after_a_while(void **state)
{
    (void)state;
    struct link_quality health = {0};
    link_quality_try(&health, LINK_QUALITY_SILENT, 10, 0);
    assert_int_equal(link_quality_fastest_ns(&health), 0); /* not before it was asked */
    tries(&health, LINK_QUALITY_GOOD, 10, LINK_QUALITY_LEARNT - 1);
    assert_true(link_quality_fastest_ns(&health) == INT64_MIN);
    tries(&health, LINK_QUALITY_GOOD, 10, 1);
    assert_int_equal(link_quality_fastest_ns(&health), 5 * MS);
    link_quality_too_fast(&health, MS);
    link_quality_too_fast(&health, MS);
    assert_int_equal(link_quality_fastest_ns(&health), 5 * MS);
    link_quality_too_fast(&health, MS);
    assert_int_equal(link_quality_fastest_ns(&health), MS);
    for (unsigned i = 0; i < 3; i++) { /* one that takes now long and now not */
        assert_int_equal(link_quality_fastest_ns(&health), MS);
        link_quality_too_fast(&health, -MS);
        tries(&health, LINK_QUALITY_GOOD, 10, 10);
    }
    assert_true(link_quality_fastest_ns(&health) == -MS);
    for (unsigned i = 0; i < 10; i++) { /* now and then an answer that comes twice */
        link_quality_too_fast(&health, -2 * MS);
        tries(&health, LINK_QUALITY_GOOD, 10, 100);
    }
    assert_true(link_quality_fastest_ns(&health) == -MS);
}

/* What each of three devices of a bus met, and what may be said then: that and nothing else. */
struct case_of {
    struct {
        unsigned good, good_long, silent, garbled, garbled_long, late;
    } devices[3];
    bool echo, babble, tcp;
    const char *bus, *device[3]; /* part of the hint; NULL: there is none */
};

static void check_hint(struct hint given, const char *part, size_t at)
{
    char hint[HINT_TEXT_SIZE];
    (void)hint_text(given, METRIC_EN, hint);
    if (part != NULL ? strstr(hint, part) == NULL : hint[0] != '\0')
        fail_msg("case %zu: \"%s\", expected \"%s\"", at, hint, part != NULL ? part : "");
}

static void hints_at_what_is_wrong_and_at_nothing_else(void **state)
{
    (void)state;
    static const struct case_of cases[] = {
        {.bus = NULL}, /* nothing known yet */
        {.devices = {{.good = 40}, {.good_long = 40}, {.good = 40}}, .bus = NULL},
        {.devices = {{.garbled = 20}, {.garbled = 20}, {.garbled = 20}}, .bus = "A and B swapped"},
        {.devices = {{.garbled = 20, .silent = 8}, {.garbled = 20}, {.silent = 9}},
         .bus = "A and B swapped"},
        {.devices = {{.silent = 20}, {.silent = 20}, {.silent = 20}}, .bus = "no unit answers"},
        {.devices = {{.good = 40}, {.good = 40, .garbled = 20}, {.good = 40}},
         .device = {NULL, "two devices with one address", NULL}},
        {.devices = {{.good = 40}, {.garbled = 20}, {.good = 40}},
         .device = {NULL, "answers only garbage", NULL}},
        {.devices = {{.good = 40}, {.silent = 40}, {.good = 40}},
         .device = {NULL, "no answer: look at its power", NULL}},
        {.devices = {{.good = 40, .good_long = 40, .garbled_long = 8},
                     {.good = 40, .good_long = 40, .garbled_long = 9},
                     {.good = 40}},
         .bus = "missing termination"},
        {.devices = {{.good = 40}, {.good = 40}, {.good = 40}}, .echo = true, .bus = "echo"},
        {.devices = {{.good = 40}, {.good = 40}, {.good = 40}},
         .babble = true,
         .bus = "without being asked"},
        {.devices = {{.good = 40}, {.good = 40, .silent = 5, .late = 5}, {.good = 40}},
         .device = {NULL, "answers late", NULL}},
        {.devices = {{.silent = 20}, {.silent = 20}, {.silent = 20}},
         .tcp = true,
         .bus = "power behind it"},
        {.devices = {{.garbled = 20}, {.garbled = 20}, {.silent = 9}},
         .tcp = true,
         .bus = "rtu-over-tcp"},
        {.devices = {{.good = 40}, {.silent = 40}, {.garbled = 40}},
         .tcp = true,
         .device = {NULL, "behind the server", "don't fit the question"}},
        /* Noise on all of the line is nobody's fault, and grows with nothing. */
        {.devices = {{.good = 40, .good_long = 40, .garbled = 4, .garbled_long = 4},
                     {.good = 40, .garbled = 4},
                     {.good_long = 40, .garbled_long = 4}}},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct link_quality d[3] = {0};
        for (unsigned i = 0; i < 3; i++) {
            tries(&d[i], LINK_QUALITY_GOOD, 10, cases[c].devices[i].good);
            tries(&d[i], LINK_QUALITY_GOOD, 60, cases[c].devices[i].good_long);
            tries(&d[i], LINK_QUALITY_SILENT, 10, cases[c].devices[i].silent);
            tries(&d[i], LINK_QUALITY_GARBLED, 10, cases[c].devices[i].garbled);
            tries(&d[i], LINK_QUALITY_GARBLED, 60, cases[c].devices[i].garbled_long);
            d[i].late_answers = cases[c].devices[i].late;
            d[i].polls = 50;
        }
        const struct link_quality_line line = {
            .tcp = cases[c].tcp, .echo = cases[c].echo, .babble = cases[c].babble};
        check_hint(link_quality_bus_hint(d, 3, &line), cases[c].bus, c);
        for (unsigned i = 0; i < 3; i++)
            check_hint(link_quality_device_hint(d, 3, i, cases[c].tcp), cases[c].device[i], c);
    }
}

static void tells_a_unit_that_answers_what_was_not_asked(void **state)
{
    (void)state;
    struct link_quality d = {0};
    const struct link_quality_line line = {0};
    const struct link_quality_odd wrong_size = {3, 3, 4, 2, 0}, wrong_function = {4, 3, 2, 2, 0};
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(link_quality_odd_hint(&d).id != HINT_NONE, i >= 3);
        link_quality_try(&d, LINK_QUALITY_SILENT, 7, 0);
        link_quality_odd(&d, &wrong_size);
    }
    check_hint(link_quality_odd_hint(&d), "it answers, 4 bytes where 2 were asked", 0);
    assert_int_equal(link_quality_bus_hint(&d, 1, &line).id, HINT_NONE);
    link_quality_odd(&d, &wrong_function);
    check_hint(link_quality_odd_hint(&d), "function 4 where 3 was asked", 0);
    link_quality_try(&d, LINK_QUALITY_GOOD, 7, MS);
    assert_int_equal(link_quality_odd_hint(&d).id, HINT_NONE);
}

static void counts_ends(void **state)
{
    (void)state;
    struct link_quality health = {0};
    tries(&health, LINK_QUALITY_GOOD, 10, 7);
    tries(&health, LINK_QUALITY_SILENT, 10, 5);
    tries(&health, LINK_QUALITY_GARBLED, 10, 3);
    tries(&health, LINK_QUALITY_EXCEPTION, 10, 2);
    assert_int_equal(health.timeouts, 5);
    assert_int_equal(health.crc_errors, 3);
    assert_int_equal(health.exceptions, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_a_timeout_between_floor_and_ceiling),
        cmocka_unit_test(percentiles_are_within_a_fifth),
        cmocka_unit_test(believes_a_faster_unit_after_a_while),
        cmocka_unit_test(hints_at_what_is_wrong_and_at_nothing_else),
        cmocka_unit_test(tells_a_unit_that_answers_what_was_not_asked),
        cmocka_unit_test(counts_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
