/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/http/auth.h"
#include "gateway/daemon/http/broker_check.h"

static void only_plain_paths_are_looked_up(void **state)
{
    (void)state;
    static const char *const good[] = {"/", "/index.html", "/assets/a-1_B.js", "/a..b"};
    static const char *const bad[] = {"",      "x",    "/..",   "/../x", "/a/../b", "/.x",
                                      "/a//b", "/a b", "/a\\b", "/a%2e", "/a\n",    "/\xc3\xa9"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(files_path_plain(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(files_path_plain(bad[i]));
}

static void gzip_is_taken_unless_weighed_zero(void **state)
{
    (void)state;
    assert_true(files_gzip_taken("gzip"));
    assert_true(files_gzip_taken("br, gzip;q=0.5, *"));
    assert_true(files_gzip_taken("gzip , br;q=0"));
    assert_false(files_gzip_taken("br"));
    assert_false(files_gzip_taken("gzip;q=0, br"));
    assert_false(files_gzip_taken(""));
}

static void a_connect_packet_has_exactly_these_bytes(void **state)
{
    (void)state;
    static const uint8_t anonymous[] = {0x10, 14, 0, 4,  'M', 'Q', 'T', 'T',
                                        5,    2,  0, 10, 0,   0,   1,   'c'};
    static const uint8_t with_user[] = {0x10, 21, 0, 4,   'M', 'Q', 'T', 'T', 5, 0xC2, 0,  10,
                                        0,    0,  1, 'c', 0,   2,   'l', 'i', 0, 1,    'p'};
    uint8_t out[256];
    char longer[BROKER_CHECK_SECRET_MAX + 2];
    assert_int_equal(broker_connect_packet(out, sizeof out, "c", NULL, NULL), sizeof anonymous);
    assert_memory_equal(out, anonymous, sizeof anonymous);
    assert_int_equal(broker_connect_packet(out, sizeof out, "c", "li", "p"), sizeof with_user);
    assert_memory_equal(out, with_user, sizeof with_user);
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(broker_connect_packet(out, sizeof out, "c", "li", longer), 0);
    longer[BROKER_CHECK_SECRET_MAX] = '\0';
    size_t size = broker_connect_packet(out, sizeof out, "c", "li", longer);
    assert_int_equal(size, 1 + 2 + 20 + BROKER_CHECK_SECRET_MAX);
    assert_int_equal(out[1], 0x80 | ((20 + BROKER_CHECK_SECRET_MAX) & 0x7F));
    assert_int_equal(out[2], (20 + BROKER_CHECK_SECRET_MAX) >> 7);
}

static void only_a_clear_connack_counts(void **state)
{
    (void)state;
    static const uint8_t yes[] = {0x20, 3, 0, 0, 0}, no[] = {0x20, 3, 0, 0x87, 0},
                         long_yes[] = {0x20, 0x83, 1, 0, 0}, busy[] = {0x20, 3, 0, 0x89, 0},
                         publish[] = {0x30, 3, 0, 0, 0}, flags[] = {0x20, 3, 2, 0, 0};
    assert_int_equal(broker_connack(yes, 5), BROKER_ACCEPTS);
    assert_int_equal(broker_connack(long_yes, 5), BROKER_ACCEPTS);
    assert_int_equal(broker_connack(no, 5), BROKER_REFUSES);
    assert_int_equal(broker_connack(busy, 5), BROKER_SILENT);
    assert_int_equal(broker_connack(publish, 5), BROKER_SILENT);
    assert_int_equal(broker_connack(flags, 5), BROKER_SILENT);
    assert_int_equal(broker_connack(yes, 3), BROKER_SILENT);
}

static void the_bridge_goes_to_loopback_only(void **state)
{
    (void)state;
    struct sockaddr_in address;
    assert_int_equal(broker_loopback("127.0.0.1", 1883, &address), 0);
    assert_int_equal(broker_loopback("localhost", 1883, &address), 0);
    assert_int_equal(broker_loopback("127.3.2.1", 1883, &address), 0);
    assert_int_equal(broker_loopback("192.168.1.5", 1883, &address), -1);
    assert_int_equal(broker_loopback("mqtt.example.org", 1883, &address), -1);
}

static void a_basic_header_is_taken_apart(void **state)
{
    (void)state;
    char user[BROKER_CHECK_NAME_MAX + 1], password[BROKER_CHECK_SECRET_MAX + 1];
    assert_true(auth_basic("Basic bGk6YTpi", user, password)); /* li:a:b */
    assert_string_equal(user, "li");
    assert_string_equal(password, "a:b");
    assert_true(auth_basic("basic bGk6", user, password)); /* li: */
    assert_string_equal(password, "");
    static const char *const bad[] = {
        "", "Basic", "Basic ", "Basic bGk=", "Basic OnA=", "Basic bGk6AHg=", "Bearer bGk6YTpi"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(auth_basic(bad[i], user, password));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_plain_paths_are_looked_up),
        cmocka_unit_test(gzip_is_taken_unless_weighed_zero),
        cmocka_unit_test(a_connect_packet_has_exactly_these_bytes),
        cmocka_unit_test(only_a_clear_connack_counts),
        cmocka_unit_test(the_bridge_goes_to_loopback_only),
        cmocka_unit_test(a_basic_header_is_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
