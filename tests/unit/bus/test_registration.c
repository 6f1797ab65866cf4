/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a connection is by its first bytes, and who has to go while many have not said it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/bus/lobby.h"
#include "gateway/daemon/bus/registration.h"

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

static struct dial_in_word word(const char *bytes, size_t size, bool open)
{
    struct dial_in_word made = {.size = (uint8_t)size, .open = open};
    memcpy(made.bytes, bytes, size);
    return made;
}

static struct dial_in_config hill, hollow, all, binary;
static const struct dial_in_config *known[] = {&hill, &hollow, &all, NULL, &binary};
enum { HILL, HOLLOW, ALL, BINARY = 4 };
#define KNOWN (sizeof known / sizeof known[0])

static int begin(void **state)
{
    (void)state;
    hill = (struct dial_in_config){.registration = word("4G-0017", 7, false),
                                   .heartbeats = {word("ping", 4, false)},
                                   .heartbeat_count = 1};
    hollow = (struct dial_in_config){.registration = word("4G-00171", 8, false)};
    all = (struct dial_in_config){.registration = word("IMEI:86", 7, true)};
    binary = (struct dial_in_config){.registration = word("\xAA\x00\x01", 3, false),
                                     .heartbeats = {word("\xFE", 1, false)},
                                     .heartbeat_count = 1};
    return 0;
}

#define JUDGE(text, quiet, whose) registration_judge(known, KNOWN, BYTES(text), quiet, &(whose))

static void a_registration_counts_when_it_is_whole(void **state)
{
    (void)state;
    size_t whose = 99;
    assert_int_equal(JUDGE("", false, whose), REGISTRATION_WAITS);
    assert_int_equal(JUDGE("4G-0", true, whose), REGISTRATION_WAITS);
    assert_int_equal(JUDGE("4G-0017", false, whose), REGISTRATION_WAITS); /* 4G-00171 may follow */
    assert_int_equal(JUDGE("4G-0017", true, whose), REGISTRATION_KNOWN);
    assert_int_equal(whose, HILL);
    assert_int_equal(JUDGE("4G-00171", true, whose), REGISTRATION_KNOWN);
    assert_int_equal(whose, HOLLOW);
    assert_int_equal(JUDGE("4G-0017\r\n", false, whose), REGISTRATION_KNOWN);
    assert_int_equal(whose, HILL);
    assert_int_equal(JUDGE("\xAA\0\1", true, whose), REGISTRATION_KNOWN);
    assert_int_equal(whose, BINARY);
}

/* Another converter's number that begins like one of ours is not ours. */
static void one_that_only_begins_like_ours_is_refused(void **state)
{
    (void)state;
    size_t whose = 99;
    assert_int_equal(JUDGE("4G-00172", true, whose), REGISTRATION_UNKNOWN);
    assert_int_equal(JUDGE("4G-001711", true, whose), REGISTRATION_UNKNOWN);
    assert_int_equal(JUDGE("\xAA\0\1\2", true, whose), REGISTRATION_UNKNOWN);
    assert_int_equal(JUDGE("4g-0017", true, whose), REGISTRATION_UNKNOWN);
    assert_int_equal(JUDGE("GET / HTTP/1.1\r\n", true, whose), REGISTRATION_UNKNOWN);
    assert_int_equal(JUDGE("GET / HTTP/1.1\r\n", false, whose), REGISTRATION_WAITS);
    assert_int_equal(whose, 99);
}

static void of_an_open_one_the_begin_must_agree(void **state)
{
    (void)state;
    size_t whose = 99;
    assert_int_equal(JUDGE("IMEI:861234,SIM:1", false, whose), REGISTRATION_KNOWN);
    assert_int_equal(whose, ALL);
    assert_int_equal(JUDGE("IMEI:8", true, whose), REGISTRATION_WAITS);
    assert_int_equal(JUDGE("IMEI:9", true, whose), REGISTRATION_UNKNOWN);
    hill.registration = word("IMEI:8612", 9, true); /* the longer one is meant */
    assert_int_equal(JUDGE("IMEI:8612", false, whose), REGISTRATION_KNOWN);
    assert_int_equal(whose, HILL);
    assert_int_equal(JUDGE("IMEI:86", false, whose), REGISTRATION_WAITS);
    assert_int_equal(JUDGE("IMEI:8699", false, whose), REGISTRATION_KNOWN);
    assert_int_equal(whose, ALL);
}

static void what_stands_beside_it_does_not_matter(void **state)
{
    (void)state;
    size_t whose = 99;
    assert_int_equal(JUDGE("pingping4G-0017ping", false, whose), REGISTRATION_KNOWN);
    assert_int_equal(whose, HILL);
    assert_int_equal(JUDGE("\xFE\xFE\xAA\0\1\xFE", false, whose), REGISTRATION_KNOWN);
    assert_int_equal(whose, BINARY);
    assert_int_equal(JUDGE("\r\n4G-0017\r\n", false, whose), REGISTRATION_KNOWN);
    assert_int_equal(whose, HILL);
    assert_int_equal(JUDGE("4G-00174G-0017", false, whose), REGISTRATION_KNOWN);
    assert_int_equal(whose, HILL);
    /* The answer of a unit, from before it was cut off. */
    assert_int_equal(JUDGE("4G-0017\x01\x03\x02", false, whose), REGISTRATION_KNOWN);
    assert_int_equal(whose, HILL);
    assert_int_equal(JUDGE("4G-0017pi", false, whose), REGISTRATION_WAITS);
    assert_int_equal(JUDGE("pi", true, whose), REGISTRATION_WAITS);
}

/* In whatever pieces it comes, each within the time in which it counts as one. */
static void pieces_make_no_difference(void **state)
{
    (void)state;
    static const char text[] = "ping4G-0017\r\n";
    size_t whose = 99;
    for (size_t size = 0; size < sizeof text - 2; size++)
        assert_int_equal(
            registration_judge(known, KNOWN, (const uint8_t *)text, size, false, &whose),
            REGISTRATION_WAITS);
    assert_int_equal(JUDGE("ping4G-0017\r", false, whose), REGISTRATION_KNOWN);
    assert_int_equal(whose, HILL);
}

static void alone_on_its_port_it_needs_none(void **state)
{
    (void)state;
    struct dial_in_config none = {0};
    const struct dial_in_config *one[] = {NULL, &none};
    size_t whose = 99;
    assert_int_equal(registration_judge(one, 2, NULL, 0, false, &whose), REGISTRATION_KNOWN);
    assert_int_equal(whose, 1);
}

static void heartbeats_are_taken_out(void **state)
{
    (void)state;
    uint8_t out[32];
    assert_int_equal(registration_strip(&hill, BYTES("ping1ping2pinping34G-0017"), out), 6);
    assert_memory_equal(out, "12pin3", 6);
    assert_int_equal(registration_word(&hill, BYTES("pingx")), 4);
    assert_int_equal(registration_word(&hill, BYTES("pin")), 0);
    assert_true(registration_begins(&hill, BYTES("pin")));
    assert_false(registration_begins(&hill, BYTES("ping")));
    assert_true(registration_within(&hill, BYTES("xxpi")));
    assert_true(registration_within(&hill, BYTES("xpingx")));
    assert_false(registration_within(&hill, BYTES("xpinx")));
}

static void networks_are_compared_by_their_bits(void **state)
{
    (void)state;
    uint8_t address[16] = {[10] = 0xFF, [11] = 0xFF, 10, 64, 7, 9};
    struct dial_in_config some = {.from_count = 1};
    memcpy(some.from[0].address, address, 16);
    assert_true(registration_from(&hill, address)); /* no list: any */
    some.from[0].bits = 128;
    assert_true(registration_from(&some, address));
    address[15] = 8;
    assert_false(registration_from(&some, address));
    some.from[0].bits = 127;
    assert_true(registration_from(&some, address)); /* 9 and 8 differ in the last bit */
    address[15] = 10;
    assert_false(registration_from(&some, address));
    some.from[0].bits = 96 + 16;
    assert_true(registration_from(&some, address));
    address[12] = 11;
    assert_false(registration_from(&some, address));
    some.from[0].bits = 0;
    assert_true(registration_from(&some, address));
}

/* ---- Places ---- */

static struct lobby lobby;

static struct lobby_guest *enter(uint8_t who, int fd, int64_t now_ms)
{
    const uint8_t address[16] = {[15] = who};
    struct lobby_guest *leaving = lobby_least_wanted(&lobby, address);
    if (leaving != NULL)
        lobby_leave(leaving);
    return lobby_enter(&lobby, fd, address, 0, now_ms);
}

static unsigned places_of(uint8_t who)
{
    unsigned count = 0;
    for (size_t i = 0; i < LOBBY_PLACES; i++)
        count += lobby.guests[i].fd >= 0 && lobby.guests[i].address[15] == who;
    return count;
}

static void an_address_has_its_share_and_its_oldest_goes_first(void **state)
{
    (void)state;
    lobby_init(&lobby);
    assert_non_null(enter(9, 1000, 0));
    for (int i = 0; i < 500; i++)
        assert_non_null(enter(1, i, 1 + i));
    assert_int_equal(places_of(1), LOBBY_PER_ADDRESS);
    assert_int_equal(places_of(9), 1); /* the older one of somebody else stays */
    for (size_t i = 0; i < LOBBY_PLACES; i++) {
        const struct lobby_guest *guest = &lobby.guests[i];
        if (guest->fd >= 0 && guest->address[15] == 1)
            assert_true(guest->fd >= 500 - LOBBY_PER_ADDRESS);
    }
}

static void who_holds_most_gives_one_up_when_all_are_taken(void **state)
{
    (void)state;
    lobby_init(&lobby);
    for (uint8_t who = 1; who <= LOBBY_PLACES / LOBBY_PER_ADDRESS; who++) {
        for (int i = 0; i < LOBBY_PER_ADDRESS - (who > 1); i++)
            assert_non_null(enter(who, 100 * who + i, i));
    }
    for (uint8_t who = 101; who < 104; who++) /* the last free ones */
        assert_non_null(enter(who, who, 5000));
    assert_non_null(enter(200, 999, 6000));
    assert_int_equal(places_of(1), LOBBY_PER_ADDRESS - 1);
    assert_int_equal(places_of(101) + places_of(102) + places_of(103) + places_of(200), 4);
}

static void silence_and_deadline_have_their_times(void **state)
{
    (void)state;
    lobby_init(&lobby);
    assert_true(lobby_next_ms(&lobby, 0) == INT64_MAX);
    struct lobby_guest *guest = enter(1, 5, 1000);
    assert_true(lobby_next_ms(&lobby, 1000) == 1000 + LOBBY_DEADLINE_MS);
    lobby_hear(guest, BYTES("4G"), 2000);
    assert_false(lobby_quiet(guest, 2000 + REGISTRATION_QUIET_MS - 1));
    assert_true(lobby_next_ms(&lobby, 2100) == 2000 + REGISTRATION_QUIET_MS);
    assert_true(lobby_quiet(guest, 2000 + REGISTRATION_QUIET_MS));
    assert_true(lobby_next_ms(&lobby, 2000 + REGISTRATION_QUIET_MS) == 1000 + LOBBY_DEADLINE_MS);
    assert_false(lobby_expired(guest, 999 + LOBBY_DEADLINE_MS));
    assert_true(lobby_expired(guest, 1000 + LOBBY_DEADLINE_MS));
    uint8_t much[LOBBY_BYTES] = {0};
    lobby_hear(guest, much, sizeof much, 2001);
    lobby_hear(guest, much, sizeof much, 2001);
    assert_int_equal(guest->size, LOBBY_BYTES);
    assert_true(lobby_quiet(guest, 2001)); /* no more is taken */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_registration_counts_when_it_is_whole, begin),
        cmocka_unit_test_setup(one_that_only_begins_like_ours_is_refused, begin),
        cmocka_unit_test_setup(of_an_open_one_the_begin_must_agree, begin),
        cmocka_unit_test_setup(what_stands_beside_it_does_not_matter, begin),
        cmocka_unit_test_setup(pieces_make_no_difference, begin),
        cmocka_unit_test_setup(alone_on_its_port_it_needs_none, begin),
        cmocka_unit_test_setup(heartbeats_are_taken_out, begin),
        cmocka_unit_test_setup(networks_are_compared_by_their_bits, begin),
        cmocka_unit_test(an_address_has_its_share_and_its_oldest_goes_first),
        cmocka_unit_test(who_holds_most_gives_one_up_when_all_are_taken),
        cmocka_unit_test(silence_and_deadline_have_their_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
