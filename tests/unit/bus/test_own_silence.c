/* SPDX-License-Identifier: Apache-2.0 */
/* What is learned of a device by requests that come too early for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/daemon/bus/own_silence.h"

#define T35_NS 3645833
#define GUARD  104166

struct device {
    double needs;         /* times t3.5 */
    unsigned early_lost;  /* of 1,000 requests before that; 1000: all */
    unsigned always_lost; /* of 1,000 requests, whenever they come */
};

static uint32_t seed;

static unsigned draw_of_1000(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % 1000;
}

/* Asks `tries` times flat out; how many had no answer. */
static unsigned ask(struct own_silence *own, const struct device *device, unsigned tries)
{
    unsigned lost = 0;
    for (unsigned i = 0; i < tries; i++) {
        int64_t gap_ns = T35_NS + GUARD + own_silence_more_ns(own, T35_NS);
        bool early = (double)gap_ns < device->needs * T35_NS;
        bool answered = !(early && draw_of_1000() < device->early_lost) &&
                        draw_of_1000() >= device->always_lost;
        lost += !answered;
        own_silence_try(own, T35_NS, gap_ns, answered);
    }
    return lost;
}

static double kept(const struct own_silence *own)
{
    return 1 + (double)own->level / OWN_SILENCE_STEPS;
}

static void a_device_that_is_as_fast_as_the_standard_gets_no_more(void **state)
{
    (void)state;
    struct own_silence own = {0};
    const struct device device = {.needs = 1};
    assert_int_equal(ask(&own, &device, 5000), 0);
    assert_int_equal(own_silence_more_ns(&own, T35_NS), 0);
}

static void a_slow_device_gets_what_it_needs_and_hardly_more(void **state)
{
    (void)state;
    static const double needs[] = {1.05, 1.1, 1.3, 1.5, 1.75, 2, 2.5, 2.9};
    for (unsigned i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        struct own_silence own = {0};
        const struct device device = {.needs = needs[i], .early_lost = 1000};
        assert_true(ask(&own, &device, 120) <= 12);
        assert_true(kept(&own) + 0.03 >= needs[i]); /* and the guard */
        assert_true(kept(&own) <= needs[i] + 0.07);
        assert_int_equal(ask(&own, &device, 5000), 0);
    }
}

/* One request in thirty comes some µs before its timer is over. */
static void a_device_that_misses_some_early_requests_gets_more(void **state)
{
    (void)state;
    for (seed = 1; seed <= 50; seed++) {
        uint32_t kept_seed = seed;
        struct own_silence own = {0};
        const struct device device = {.needs = 1.06, .early_lost = 33};
        (void)ask(&own, &device, 3000);
        assert_true(ask(&own, &device, 10000) <= 4);
        assert_true(kept(&own) >= 1.06 && kept(&own) < 1.5);
        seed = kept_seed;
    }
}

/* Losses that have nothing to do with silence: nearly always the standard's is kept. */
static void a_bad_cable_is_not_taken_for_a_slow_device(void **state)
{
    (void)state;
    static const unsigned lost[] = {5, 20, 100, 300};
    for (unsigned i = 0; i < 4; i++) {
        unsigned long more = 0, tries = 0; /* hundredths of t3.5 */
        for (seed = 1; seed <= 20; seed++) {
            uint32_t kept_seed = seed;
            struct own_silence own = {0};
            const struct device device = {.needs = 1, .always_lost = lost[i]};
            for (unsigned try = 0; try < 20000; try++) {
                more += (unsigned long)(own_silence_more_ns(&own, T35_NS) * 100 / T35_NS);
                (void)ask(&own, &device, 1);
                tries++;
            }
            seed = kept_seed;
        }
        /* Twice after each loss the longest is tried; the rest is less than 2 % of a poll. */
        assert_true(more < tries * (20 + 400 * lost[i] / 1000));
    }
}

static void a_slow_device_on_a_bad_cable_is_heard_all_the_same(void **state)
{
    (void)state;
    struct own_silence own = {0};
    const struct device device = {.needs = 1.3, .early_lost = 1000, .always_lost = 20};
    seed = 7;
    (void)ask(&own, &device, 1000);
    unsigned lost = ask(&own, &device, 20000);
    assert_true(lost < 20000 * 4 / 100);
}

static void a_dead_device_teaches_nothing(void **state)
{
    (void)state;
    struct own_silence own = {0};
    const struct device dead = {.always_lost = 1000}, alive = {.needs = 1};
    (void)ask(&own, &alive, 100);
    (void)ask(&own, &dead, 1000);
    (void)ask(&own, &alive, 10);
    assert_int_equal(own_silence_more_ns(&own, T35_NS), 0);
}

/* Polled seldom, it is never asked early. */
static void a_request_after_a_long_silence_teaches_nothing(void **state)
{
    (void)state;
    struct own_silence own = {0};
    for (unsigned i = 0; i < 1000; i++)
        own_silence_try(&own, T35_NS, 20 * T35_NS, i % 2 == 0);
    assert_int_equal(own_silence_more_ns(&own, T35_NS), 0);
}

static void a_late_answer_was_no_loss(void **state)
{
    (void)state;
    struct own_silence own = {0};
    for (unsigned i = 0; i < 100; i++) {
        own_silence_try(&own, T35_NS, T35_NS, i % 2 == 0);
        own_silence_forget_try(&own);
    }
    assert_int_equal(own_silence_more_ns(&own, T35_NS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_that_is_as_fast_as_the_standard_gets_no_more),
        cmocka_unit_test(a_slow_device_gets_what_it_needs_and_hardly_more),
        cmocka_unit_test(a_device_that_misses_some_early_requests_gets_more),
        cmocka_unit_test(a_bad_cable_is_not_taken_for_a_slow_device),
        cmocka_unit_test(a_slow_device_on_a_bad_cable_is_heard_all_the_same),
        cmocka_unit_test(a_dead_device_teaches_nothing),
        cmocka_unit_test(a_request_after_a_long_silence_teaches_nothing),
        cmocka_unit_test(a_late_answer_was_no_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
