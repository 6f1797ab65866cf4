/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/guess.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define DAY_MS 86400000

static int64_t now_ms;

static int setup(void **state)
{
    now_ms = 1000;
    *state = guess_open();
    return *state == NULL;
}

static int teardown(void **state)
{
    guess_close(*state);
    return 0;
}

/* One that is not made to wait; false: it was. */
static bool try_one(struct guess *guess, const char *user, const char *peer, bool right)
{
    if (guess_begin(guess, user, peer, now_ms) > 0)
        return false;
    guess_end(guess, user, peer, now_ms, right ? GUESS_RIGHT : GUESS_WRONG);
    return true;
}

/* Guesses as fast as it is let for a day. */
static unsigned guesses_in_a_day(struct guess *guess, const char *user, const char *peer)
{
    unsigned count = 0;
    for (int64_t end = now_ms + DAY_MS; now_ms < end;) {
        int64_t wait = guess_begin(guess, user, peer, now_ms);
        if (wait == 0) {
            guess_end(guess, user, peer, now_ms, GUESS_WRONG);
            count++;
        }
        now_ms += wait > 0 ? wait : 1;
    }
    return count;
}

static void one_users_password_is_guessed_slowly(void **state)
{
    unsigned count = guesses_in_a_day(*state, "li", "192.0.2.1");
    assert_in_range(count, 100, 320); /* a day of 300 s, and those before */
}

static void the_wait_doubles(void **state)
{
    for (unsigned i = 0; i < GUESS_FREE_USER; i++)
        assert_true(try_one(*state, "li", "192.0.2.1", false));
    int64_t expected = GUESS_FIRST_MS;
    for (unsigned i = 0; i < 7; i++) {
        assert_true(try_one(*state, "li", "192.0.2.1", false));
        assert_int_equal(guess_begin(*state, "li", "192.0.2.1", now_ms), expected);
        now_ms += expected;
        expected *= 2;
    }
}

static void nobody_is_kept_out_from_another_address(void **state)
{
    (void)guesses_in_a_day(*state, "li", "192.0.2.1");
    assert_true(try_one(*state, "li", "192.0.2.2", true));
    assert_true(try_one(*state, "wang", "192.0.2.2", true));
    assert_true(guess_begin(*state, "li", "192.0.2.1", now_ms) >= 0);
}

static void other_users_of_an_address_do_not_help(void **state)
{
    char user[16];
    unsigned count = 0;
    for (int64_t end = now_ms + DAY_MS; now_ms < end; now_ms += 1000) {
        (void)snprintf(user, sizeof user, "u%u", count);
        count += try_one(*state, user, "192.0.2.1", false);
    }
    assert_in_range(count, 500, 1460); /* one a minute, and those before */
}

static void a_right_login_between_does_not_help(void **state)
{
    unsigned count = 0;
    for (int64_t end = now_ms + DAY_MS; now_ms < end; now_ms += 1000) {
        (void)try_one(*state, "farmer", "192.0.2.1", true);
        count += try_one(*state, "owner", "192.0.2.1", false);
    }
    assert_in_range(count, 100, 320);
}

static void who_mistypes_and_then_is_right_begins_anew(void **state)
{
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < GUESS_FREE_USER - 1; i++)
            assert_true(try_one(*state, "li", "192.0.2.1", false));
        assert_true(try_one(*state, "li", "192.0.2.1", true));
    }
}

static void many_right_ones_at_once_are_all_looked_at(void **state)
{
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(guess_begin(*state, "li", "127.0.0.1", now_ms), 0);
    for (unsigned i = 0; i < 40; i++)
        guess_end(*state, "li", "127.0.0.1", now_ms, GUESS_RIGHT);
}

static void many_at_once_are_no_way_around(void **state)
{
    for (unsigned i = 0; i < GUESS_FREE_USER; i++)
        assert_true(try_one(*state, "li", "192.0.2.1", false));
    assert_int_equal(guess_begin(*state, "li", "192.0.2.1", now_ms), 0);
    for (unsigned i = 0; i < 20; i++)
        assert_true(guess_begin(*state, "li", "192.0.2.1", now_ms) > 0);
    guess_end(*state, "li", "192.0.2.1", now_ms, GUESS_UNKNOWN); /* the broker was away */
    assert_int_equal(guess_begin(*state, "li", "192.0.2.1", now_ms), 0);
}

static void a_house_has_one_prefix(void **state)
{
    char peer[GUESS_PEER_SIZE];
    unsigned count = 0;
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(peer, sizeof peer, "2001:db8:0:7:%x::1", i);
        count += try_one(*state, "li", peer, false);
    }
    assert_int_equal(count, GUESS_FREE_USER + 1);
    assert_true(try_one(*state, "li", "2001:db8:0:8::1", true));
    assert_true(try_one(*state, "li", "::ffff:192.0.2.1", true));
}

/* All of a farm's phones have one prefix, and so has who guesses in its Wi-Fi. */
static void a_neighbour_keeps_nobody_out_who_was_in_before(void **state)
{
    assert_true(try_one(*state, "li", "2001:db8:0:7::1", true));
    for (unsigned i = 0; i < 2000; i++, now_ms += 100) {
        char peer[48];
        (void)snprintf(peer, sizeof peer, "2001:db8:0:7::bad:%x", i % 30);
        (void)try_one(*state, i % 2 ? "li" : "wang", peer, false);
        assert_true(i % 50 != 0 || try_one(*state, "li", "2001:db8:0:7::1", true));
    }
    assert_false(try_one(*state, "li", "2001:db8:0:7::2", true)); /* not known there */
    assert_false(try_one(*state, "wang", "2001:db8:0:7::1", true));
    for (unsigned i = 0; i <= GUESS_FREE_USER; i++)
        assert_true(try_one(*state, "li", "2001:db8:0:7::1", false));
    assert_false(try_one(*state, "li", "2001:db8:0:7::1", true)); /* nor may he guess */
}

/* One that began before another of the same was right. */
static void one_that_becomes_known_meanwhile_leaves_nothing_under_way(void **state)
{
    assert_int_equal(guess_begin(*state, "li", "2001:db8:0:7::1", now_ms), 0);
    assert_int_equal(guess_begin(*state, "li", "2001:db8:0:7::1", now_ms), 0);
    guess_end(*state, "li", "2001:db8:0:7::1", now_ms, GUESS_RIGHT);
    assert_int_equal(guess_begin(*state, "li", "2001:db8:0:7::1", now_ms), 0);
    for (unsigned i = 0; i < 2; i++)
        guess_end(*state, "li", "2001:db8:0:7::1", now_ms, GUESS_WRONG);
    for (unsigned i = 0; i < GUESS_FREE_USER; i++)
        (void)try_one(*state, "li", "2001:db8:0:7::2", false);
    now_ms += GUESS_FIRST_MS;
    assert_true(try_one(*state, "li", "2001:db8:0:7::2", true)); /* none is still looked at */
}

static void an_address_that_is_none_counts_too(void **state)
{
    unsigned count = 0;
    for (unsigned i = 0; i < 100; i++)
        count += try_one(*state, "li", "", false);
    assert_int_equal(count, GUESS_FREE_USER + 1);
}

static void a_crowd_of_names_does_not_wipe_out_the_address(void **state)
{
    char user[16];
    for (unsigned i = 0; i < GUESS_FREE_ADDRESS + 1; i++) {
        (void)snprintf(user, sizeof user, "u%u", i);
        assert_true(try_one(*state, user, "192.0.2.1", false));
    }
    for (unsigned i = 0; i < 2 * GUESS_ENTRIES; i++) {
        (void)snprintf(user, sizeof user, "other%u", i);
        assert_true(guess_begin(*state, user, "192.0.2.1", now_ms) > 0);
    }
}

static void it_is_forgotten(void **state)
{
    for (unsigned i = 0; i < GUESS_FREE_USER + 1; i++)
        assert_true(try_one(*state, "li", "192.0.2.1", false));
    now_ms += GUESS_FORGET_MS;
    for (unsigned i = 0; i < GUESS_FREE_USER + 1; i++)
        assert_true(try_one(*state, "li", "192.0.2.1", false));
}

static void a_day_is_counted(void **state)
{
    struct guess_stats stats;
    for (unsigned hour = 0; hour < 30; hour++, now_ms += 3600000)
        assert_true(try_one(*state, "li", "192.0.2.1", false));
    now_ms -= 3600000;
    guess_stats(*state, now_ms, &stats);
    assert_int_equal(stats.wrong, 30);
    assert_int_equal(stats.wrong_in_day, 24);
    now_ms += 12 * 3600000;
    guess_stats(*state, now_ms, &stats);
    assert_int_equal(stats.wrong_in_day, 12);
    now_ms += 100 * (int64_t)DAY_MS;
    guess_stats(*state, now_ms, &stats);
    assert_int_equal(stats.wrong_in_day, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_users_password_is_guessed_slowly),
        TEST(the_wait_doubles),
        TEST(nobody_is_kept_out_from_another_address),
        TEST(other_users_of_an_address_do_not_help),
        TEST(a_right_login_between_does_not_help),
        TEST(who_mistypes_and_then_is_right_begins_anew),
        TEST(many_right_ones_at_once_are_all_looked_at),
        TEST(many_at_once_are_no_way_around),
        TEST(a_house_has_one_prefix),
        TEST(a_neighbour_keeps_nobody_out_who_was_in_before),
        TEST(one_that_becomes_known_meanwhile_leaves_nothing_under_way),
        TEST(an_address_that_is_none_counts_too),
        TEST(a_crowd_of_names_does_not_wipe_out_the_address),
        TEST(it_is_forgotten),
        TEST(a_day_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
