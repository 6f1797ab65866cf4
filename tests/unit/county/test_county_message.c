/* SPDX-License-Identifier: Apache-2.0 */
/* A message of readings taken apart; rows in PostgreSQL's binary format; hours of many samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/county/copy.h"
#include "gateway/county/hours.h"
#include "gateway/county/message.h"

#define GW     "\"v\":1,\"gw\":\"01234567-89ab-cdef-0123-456789abcdef\""
#define VALUES "\"ts\":1795000000000,\"values\":{\"soil_ph\":5.5},\"flags\":{}"

static bool parses(struct message *message, const char *text)
{
    char why[200];
    return message_parse(message, text, strlen(text), false, why, sizeof why);
}

static void each_kind_of_item_is_taken(void **state)
{
    (void)state;
    struct message m;
    assert_true(parses(&m,
                       "{" GW ",\"ids\":[7,10],\"readings\":["
                       "{\"d\":\"a\",\"boot\":3,\"seq\":4294967295," VALUES ",\"s\":16,\"gb\":9},"
                       "{\"d\":\"a\",\"boot\":3,\"gap\":[5,9],\"why\":\"timeout\"},"
                       "{\"d\":\"a\",\"boot\":3,\"of\":[1,60],\"hour\":1794999600000,"
                       "\"means\":{\"soil_ph\":[60,5,5.5,6]}},"
                       "{\"boot\":9,\"add_ms\":-5,\"id\":10}]}"));
    assert_int_equal(m.first_id, 7);
    assert_int_equal(m.last_id, 10);
    assert_int_equal(m.reading_count, 1);
    assert_int_equal(m.readings[0].seq, 4294967295);
    assert_int_equal(m.readings[0].gateway_boot, 9);
    assert_int_equal(m.readings[0].serial, 16);
    assert_int_equal(m.gap_count, 1);
    assert_int_equal(m.gaps[0].last, 9);
    assert_int_equal(m.mean_count, 1);
    assert_int_equal(m.correction_count, 1);
    assert_int_equal(m.corrections[0].add_ms, -5);
    message_free(&m);
}

static void what_is_not_of_the_schema_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "[]",
        "null",
        "{}",
        "{" GW "}",
        "{" GW ",\"readings\":{}}",
        "{" GW ",\"readings\":[]}",
        "{" GW ",\"readings\":[{}]}",
        "{" GW ",\"readings\":[1]}",
        "{" GW ",\"readings\":[{\"d\":\"A\",\"boot\":1,\"seq\":1," VALUES "}]}",
        "{" GW ",\"readings\":[{\"d\":\"a\",\"boot\":-1,\"seq\":1," VALUES "}]}",
        "{" GW ",\"readings\":[{\"d\":\"a\",\"boot\":1,\"seq\":1.5," VALUES "}]}",
        "{" GW ",\"readings\":[{\"d\":\"a\",\"boot\":1,\"seq\":1," VALUES ",\"s\":0}]}",
        "{" GW ",\"readings\":[{\"d\":\"a\",\"boot\":1,\"seq\":1," VALUES ",\"gb\":-1}]}",
        "{" GW ",\"readings\":[{\"d\":\"a\",\"boot\":1,\"seq\":1," VALUES ",\"x\":1}]}",
        "{" GW ",\"readings\":[{\"d\":\"a\",\"boot\":1,\"gap\":[9,5],\"why\":\"timeout\"}]}",
        "{" GW ",\"readings\":[{\"d\":\"a\",\"boot\":1,\"gap\":[5],\"why\":\"timeout\"}]}",
        "{" GW ",\"readings\":[{\"d\":\"a\",\"boot\":1,\"gap\":[5,9],\"why\":\"no\"}]}",
        "{" GW ",\"readings\":[{\"d\":\"a\",\"boot\":1,\"of\":[1,2],\"hour\":5,\"means\":{}}]}",
        "{" GW ",\"readings\":[{\"d\":\"a\",\"boot\":1,\"of\":[1,2],\"hour\":0,"
        "\"means\":{\"soil_ph\":[0,1,1,1]}}]}",
        "{" GW ",\"ids\":[0,1],\"readings\":[{\"boot\":1,\"add_ms\":1}]}",
        "{" GW ",\"ids\":[1,99999999],\"readings\":[{\"boot\":1,\"add_ms\":1}]}",
        "{" GW ",\"readings\":[{\"boot\":1,\"add_ms\":1}],\"x\":1}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct message m;
        char why[200] = "";
        if (message_parse(&m, bodies[i], strlen(bodies[i]), false, why, sizeof why) ||
            why[0] == '\0')
            fail_msg("body %zu is taken, or no reason is given: %s", i, bodies[i]);
        message_free(&m);
    }
}

static void a_topic_names_its_site(void **state)
{
    (void)state;
    char site[MESSAGE_NAME_SIZE];
    assert_true(message_site("baiye/farm-1/readings", "readings", site));
    assert_string_equal(site, "farm-1");
    assert_true(message_site("baiye/a/gateway/log", "gateway/log", site));
    assert_false(message_site("baiye//readings", "readings", site));
    assert_false(message_site("baiye/a/b/readings", "readings", site));
    assert_false(message_site("baiye/A/readings", "readings", site));
    assert_false(message_site("other/a/readings", "readings", site));
    assert_false(
        message_site("baiye/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/readings", "readings", site));
}

/* The bytes of PostgreSQL's manual. */
static void a_row_is_as_copy_wants_it(void **state)
{
    (void)state;
    static const uint8_t wanted[] = {
        'P', 'G', 'C', 'O', 'P', 'Y', '\n', 0xFF, '\r', '\n', 0,    0,    0,    0,    0,    0, 0, 0,
        0,   0,   5,   0,   0,   0,   4,    0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0,
        8,   0,   0,   0,   0,   0,   0x0F, 0x42, 0x40, 0,    0,    0,    8,    0x3F, 0xF8, 0, 0, 0,
        0,   0,   0,   0,   0,   0,   3,    1,    '{',  '}',  0xFF, 0xFF};
    struct copy copy = {0};
    copy_begin(&copy);
    copy_row(&copy, 5);
    copy_int4(&copy, -2);
    copy_null(&copy);
    copy_time(&copy, 946684801000); /* one second of the year 2000 */
    copy_float8(&copy, 1.5);
    copy_jsonb(&copy, "{}");
    copy_end(&copy);
    assert_false(copy.failed);
    assert_int_equal(copy.used, sizeof wanted);
    assert_memory_equal(copy.data, wanted, sizeof wanted);
    copy_free(&copy);
}

static void samples_of_an_hour_are_one_cell(void **state)
{
    (void)state;
    struct hours hours = {0};
    for (int i = 0; i < 1000; i++)
        hours_add(&hours, i % 2, 3, 7200000 + i * 7200, i, false);
    hours_add(&hours, 0, 4, 7200000, 90, true);
    hours_fold(&hours);
    assert_false(hours.failed);
    assert_int_equal(hours.count, 5); /* two streams in two hours, and the angle */
    assert_int_equal(hours.cells[0].n, 250);
    assert_int_equal(hours.cells[0].hour_ms, 7200000);
    assert_float_equal(hours.cells[0].sum, 250 * 249, 1e-9);
    assert_float_equal(hours.cells[1].y, 1, 1e-9);
    hours_free(&hours);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_item_is_taken),
        cmocka_unit_test(what_is_not_of_the_schema_is_refused),
        cmocka_unit_test(a_topic_names_its_site),
        cmocka_unit_test(a_row_is_as_copy_wants_it),
        cmocka_unit_test(samples_of_an_hour_are_one_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
