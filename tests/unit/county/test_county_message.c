/* SPDX-License-Identifier: Apache-2.0 */
/* A message of readings taken apart; rows in PostgreSQL's binary format; hours of many samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/county/copy.h"
#include "gateway/county/hours.h"
#include "gateway/county/json_reader.h"
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
    struct message m = {0};
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
        struct message m = {0};
        char why[200] = "";
        if (message_parse(&m, bodies[i], strlen(bodies[i]), false, why, sizeof why) ||
            why[0] == '\0')
            fail_msg("body %zu is taken, or no reason is given: %s", i, bodies[i]);
        message_free(&m);
    }
}

/* Copied, since what is read is changed. */
static struct json_reader begun(char room[100], const char *text)
{
    struct json_reader reader;
    (void)snprintf(room, 100, "%s", text);
    json_reader_begin(&reader, room, strlen(room));
    return reader;
}

static void numbers_are_read_as_exactly_as_by_strtod(void **state)
{
    (void)state;
    static const char *const good[] = {"0",
                                       "-0",
                                       "13.31",
                                       "-273.15",
                                       "1e3",
                                       "1.5E-7",
                                       "1E+300",
                                       "0.1",
                                       "123456789012345.6",
                                       "2.5e-320",
                                       "0.00001",
                                       "999999999999999",
                                       "0.3333333333333333",
                                       "-1e-5"};
    static const char *const bad[] = {"",   "-",  "01",  ".5",    "1.",     "1e",  "+1",   "0x1",
                                      "1,", "1a", "nan", "1e999", "-1e999", "--1", "1.2.3"};
    char room[100];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        double value = 99;
        struct json_reader reader = begun(room, good[i]);
        if (!json_reader_number(&reader, &value) || !json_reader_end(&reader) ||
            value != strtod(good[i], NULL))
            fail_msg("%s is %.17g", good[i], value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        double value = 99;
        struct json_reader reader = begun(room, bad[i]);
        if (json_reader_number(&reader, &value) && json_reader_end(&reader))
            fail_msg("\"%s\" is taken as %.17g", bad[i], value);
    }
}

static void whole_numbers_have_no_fraction_and_fit(void **state)
{
    (void)state;
    static const char *const bad[] = {"1.0", "1e2", "1234567890123456789", "\"1\"", "true", "-"};
    char room[100];
    int64_t value = 0;
    struct json_reader reader = begun(room, " -123456789012345678 ");
    assert_false(json_reader_integer(&reader, &value) && json_reader_end(&reader));
    reader = begun(room, " -12345678901234567 ");
    assert_true(json_reader_integer(&reader, &value) && json_reader_end(&reader));
    assert_true(value == INT64_C(-12345678901234567));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        reader = begun(room, bad[i]);
        if (json_reader_integer(&reader, &value))
            fail_msg("%s is taken", bad[i]);
    }
}

static void what_is_wrong_is_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } bodies[] = {
        {"{", "not JSON"},
        {"{\"v\"}", "not JSON"},
        {"{\"v\":1,}", "not JSON"},
        {"{\"v\":1 \"gw\":2}", "not JSON"},
        {"{" GW ",\"readings\":[{\"boot\":1,\"add_ms\":1}]} x", "not JSON"},
        {"{" GW ",\"readings\":[{\"boot\":1,\"add_ms\":1},]}", "not JSON"},
        {"{" GW ",\"readings\":[{\"boot\":1,\"add_ms\":1}],\"gw\":\"a\"}", "schema"},
        {"{" GW ",\"readings\":[{\"boot\":1,\"boot\":1,\"add_ms\":1}]}", "readings[0]"},
        {"{" GW ",\"readings\":[{\"boot\":1,\"add_ms\":1},{\"boot\":\"1\",\"add_ms\":1}]}",
         "readings[1]"},
        {"{" GW ",\"readings\":[{\"d\":\"\\u0061\",\"boot\":1,\"seq\":1," VALUES "}]}",
         "readings[0]"},
        {"{" GW ",\"readings\":[{\"d\":\"a\",\"boot\":1,\"seq\":1,\"ts\":1,\"values\":"
         "{\"soil_ph\":5,\"soil_ph\":6},\"flags\":{}}]}",
         "readings[0]"},
        {"{" GW ",\"readings\":[{\"d\":\"a\",\"boot\":1,\"seq\":1,\"ts\":1,\"values\":"
         "{\"soil_ph\":[5]},\"flags\":{}}]}",
         "readings[0]"},
    };
    struct message m = {0};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char why[200] = "";
        if (message_parse(&m, bodies[i].text, strlen(bodies[i].text), false, why, sizeof why) ||
            strstr(why, bodies[i].why) == NULL)
            fail_msg("body %zu: \"%s\", not \"%s\"", i, why, bodies[i].why);
    }
    message_free(&m);
}

static void a_flag_before_or_behind_its_value_keeps_it_from_means(void **state)
{
    (void)state;
    struct message m = {0};
    assert_true(
        parses(&m, "{" GW ",\"readings\":["
                   "{\"flags\":{\"soil_ph\":\"stuck\"},\"d\":\"a\",\"boot\":1,\"seq\":1,\"ts\":5,"
                   "\"values\":{\"rainfall\":1,\"soil_ph\":2}},"
                   "{\"d\":\"a\",\"boot\":1,\"seq\":2,\"ts\":5,\"values\":{\"soil_ph\":2},"
                   "\"flags\":{\"soil_ph\":\"clock\"}}]}"));
    assert_int_equal(m.readings[0].value_count, 2);
    assert_true(m.values[0].believed);
    assert_false(m.values[1].believed);
    assert_int_equal(m.readings[1].value_at, 2);
    assert_true(m.values[2].believed);
    assert_string_equal(m.flags[m.readings[1].flag_at].flag, "clock");
    message_free(&m);
}

static bool glances(struct message *m, const char *text)
{
    char why[200];
    assert_true(message_inflate(m, text, strlen(text), false, why, sizeof why));
    return message_glance(m);
}

/* And nothing is changed by it: it is read afterwards. */
static void a_glance_tells_whose_records_these_are(void **state)
{
    (void)state;
    struct message m = {0};
    char why[200] = "";
    assert_true(
        glances(&m, "{ " GW ", \"readings\":[{\"boot\":9,\"add_ms\":5}], \"ids\" : [7, 10] }\n"));
    assert_string_equal(m.gateway, "01234567-89ab-cdef-0123-456789abcdef");
    assert_int_equal(m.first_id, 7);
    assert_int_equal(m.last_id, 10);
    if (!message_read(&m, why, sizeof why))
        fail_msg("%s", why);
    assert_int_equal(m.last_id, 10);
    static const char *const others[] = {
        "{" GW ",\"readings\":[{\"boot\":9,\"add_ms\":5}]}",
        "{" GW ",\"ids\":[7,10],\"readings\":[{\"boot\":9,\"add_ms\":5}]}",
        "{" GW ",\"readings\":[{\"boot\":9,\"add_ms\":5,\"ids\":[7,10]}]}",
        "{" GW ",\"readings\":[],\"x\":{\"ids\":[7,10]}}",
        "{" GW ",\"readings\":[],\"ids\":[10,7]}",
        "{" GW ",\"readings\":[],\"ids\":[7,10,11]}",
        "{" GW ",\"readings\":[],\"ids\":[7]}",
        "{" GW ",\"readings\":[],\"ids\":[7,10]",
        "{\"v\":2,\"gw\":\"01234567-89ab-cdef-0123-456789abcdef\",\"readings\":[],\"ids\":[7,10]}",
        "",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (glances(&m, others[i]))
            fail_msg("%s is glanced at", others[i]);
    }
    message_free(&m);
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

/* PostgreSQL's array_send(): dimensions, NULLs, type, length, first index, elements. */
static void an_array_is_as_a_parameter_wants_it(void **state)
{
    (void)state;
    static const uint8_t wanted[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 21, 0, 0, 0,    2,
                                     0, 0, 0, 1, 0, 0, 0, 2, 0, 7, 0, 0,  0, 2, 0xFF, 0xFE};
    struct copy copy = {0};
    copy_begin_array(&copy, COPY_INT2, 2);
    copy_int2(&copy, 7);
    copy_int2(&copy, -2);
    assert_int_equal(copy.used, sizeof wanted);
    assert_memory_equal(copy.data, wanted, sizeof wanted);
    copy_begin_array(&copy, COPY_INT2, 0);
    assert_int_equal(copy.used, 12);
    copy_free(&copy);
}

/* More cells than there was room for at first; and none of them when the next message comes. */
static void hours_grow_and_begin_anew(void **state)
{
    (void)state;
    struct hours hours = {0};
    for (unsigned round = 0; round < 2; round++) {
        hours_clear(&hours);
        for (int i = 0; i < 5000; i++)
            hours_add(&hours, i % 50, i % 20, i % 30 * INT64_C(3600000), i, false);
        hours_sort(&hours);
        assert_int_equal(hours.count, 300); /* the least common multiple */
        uint64_t n = 0;
        for (size_t i = 0; i < hours.count; i++)
            n += hours.cells[i].n;
        assert_int_equal(n, 5000);
    }
    hours_free(&hours);
}

static void samples_of_an_hour_are_one_cell(void **state)
{
    (void)state;
    struct hours hours = {0};
    for (int i = 0; i < 1000; i++)
        hours_add(&hours, i % 2, 3, 7200000 + i * 7200, i, false);
    hours_add(&hours, 0, 4, 7200000, 90, true);
    hours_sort(&hours);
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
        cmocka_unit_test(numbers_are_read_as_exactly_as_by_strtod),
        cmocka_unit_test(whole_numbers_have_no_fraction_and_fit),
        cmocka_unit_test(what_is_wrong_is_told_apart),
        cmocka_unit_test(a_flag_before_or_behind_its_value_keeps_it_from_means),
        cmocka_unit_test(a_glance_tells_whose_records_these_are),
        cmocka_unit_test(a_topic_names_its_site),
        cmocka_unit_test(a_row_is_as_copy_wants_it),
        cmocka_unit_test(an_array_is_as_a_parameter_wants_it),
        cmocka_unit_test(hours_grow_and_begin_anew),
        cmocka_unit_test(samples_of_an_hour_are_one_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
