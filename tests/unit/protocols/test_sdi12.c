/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/sdi12/probe.h"
#include "protocols/sdi12/sdi12.h"

static void crc_is_that_of_the_specification(void **state)
{
    (void)state;
    char text[4] = "";
    sdi12_crc_text(sdi12_crc("0+3.14", 6), text);
    assert_string_equal(text, "OqZ");
}

static void commands_are_written_and_read_back(void **state)
{
    (void)state;
    static const struct {
        struct sdi12_command command;
        const char *text;
    } rows[] = {
        {{.verb = SDI12_QUERY}, "?!"},
        {{.verb = SDI12_ACKNOWLEDGE, .address = '0'}, "0!"},
        {{.verb = SDI12_IDENTIFY, .address = 'z'}, "zI!"},
        {{.verb = SDI12_CHANGE, .address = '0', .new_address = 'b'}, "0Ab!"},
        {{.verb = SDI12_MEASURE, .address = '1'}, "1M!"},
        {{.verb = SDI12_MEASURE, .address = '1', .index = 3, .crc = true}, "1MC3!"},
        {{.verb = SDI12_CONCURRENT, .address = 'A', .crc = true}, "ACC!"},
        {{.verb = SDI12_DATA, .address = '1'}, "1D0!"},
        {{.verb = SDI12_DATA, .address = '1', .index = 9}, "1D9!"},
        {{.verb = SDI12_CONTINUOUS, .address = '1', .crc = true}, "1RC0!"},
        {{.verb = SDI12_VERIFY, .address = '1'}, "1V!"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[SDI12_COMMAND_MAX];
        int length = sdi12_command_write(&rows[i].command, text, sizeof text);
        assert_int_equal(length, strlen(rows[i].text));
        assert_string_equal(text, rows[i].text);
        struct sdi12_command back;
        assert_int_equal(sdi12_command_parse(text, (size_t)length, &back), SDI12_OK);
        assert_int_equal(back.verb, rows[i].command.verb);
        assert_int_equal(back.index, rows[i].command.index);
        assert_int_equal(back.crc, rows[i].command.crc);
        assert_int_equal(back.new_address, rows[i].command.new_address);
    }
}

static void what_is_no_command_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",     "!",     "0",     "0M",   "?0!",  "0X!",
                                        "0D!",  "0DC0!", "0M10!", "0A!",  "0A-!", "-M!",
                                        "0I1!", "0MM!",  "0R!",   "0VC!", "0Abc!"};
    struct sdi12_command command;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_true(sdi12_command_parse(texts[i], strlen(texts[i]), &command) < 0);
    char text[SDI12_COMMAND_MAX];
    command = (struct sdi12_command){.verb = SDI12_MEASURE, .address = '%'};
    assert_int_equal(sdi12_command_write(&command, text, sizeof text), SDI12_E_ADDRESS);
    command = (struct sdi12_command){.verb = SDI12_DATA, .address = '0', .crc = true};
    assert_int_equal(sdi12_command_write(&command, text, sizeof text), SDI12_E_FORM);
    command = (struct sdi12_command){.verb = SDI12_DATA, .address = '0'};
    assert_int_equal(sdi12_command_write(&command, text, 4), SDI12_E_SPACE);
}

static void measurement_answers_are_understood(void **state)
{
    (void)state;
    struct sdi12_started started;
    assert_int_equal(sdi12_started_parse("10013\r\n", 7, '1', &started), SDI12_OK);
    assert_int_equal(started.seconds, 1);
    assert_int_equal(started.values, 3);
    assert_int_equal(sdi12_started_parse("199912\r\n", 8, '1', &started), SDI12_OK);
    assert_int_equal(started.seconds, 999);
    assert_int_equal(started.values, 12);
    assert_int_equal(sdi12_started_parse("10013\r\n", 7, '2', &started), SDI12_E_ADDRESS);
    assert_int_equal(sdi12_started_parse("1001\r\n", 6, '1', &started), SDI12_E_FORM);
    assert_int_equal(sdi12_started_parse("1001x\r\n", 7, '1', &started), SDI12_E_FORM);
    assert_int_equal(sdi12_started_parse("10013\n\r", 7, '1', &started), SDI12_E_FORM);
    assert_int_equal(sdi12_started_parse("10013", 5, '1', &started), SDI12_E_FORM);
}

static void values_are_read_as_fixed_point(void **state)
{
    (void)state;
    struct sdi12_number n[4];
    const char *text = "0+1846.3-18.2+120\r\n";
    assert_int_equal(sdi12_values_parse(text, strlen(text), '0', false, n, 4), 3);
    assert_int_equal(n[0].mantissa, 18463);
    assert_int_equal(n[0].decimals, 1);
    assert_int_equal(n[1].mantissa, -182);
    assert_int_equal(n[1].decimals, 1);
    assert_int_equal(n[2].mantissa, 120);
    assert_int_equal(n[2].decimals, 0);
    assert_int_equal(sdi12_values_parse("0\r\n", 3, '0', false, n, 4), 0);
    assert_int_equal(sdi12_values_parse("0+3.14OqZ\r\n", 11, '0', true, n, 4), 1);
    assert_int_equal(n[0].mantissa, 314);
    assert_int_equal(sdi12_values_parse("0+3.15OqZ\r\n", 11, '0', true, n, 4), SDI12_E_CRC);
    assert_int_equal(sdi12_values_parse("0\r\n", 3, '0', true, n, 4), SDI12_E_CRC);
    assert_int_equal(sdi12_values_parse("0+1+2+3\r\n", 9, '0', false, n, 2), SDI12_E_SPACE);
}

static void malformed_values_give_no_number(void **state)
{
    (void)state;
    static const char *const texts[] = {"03.1\r\n", "0+\r\n",   "0+.\r\n",        "0+1.2.3\r\n",
                                        "0+1+\r\n", "0+1 \r\n", "0+12345678\r\n", "0+1e5\r\n",
                                        "0+-1\r\n", "0+1\r",    "0+1\n\r\n\n",    "\r\n"};
    struct sdi12_number n[4];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_true(sdi12_values_parse(texts[i], strlen(texts[i]), '0', false, n, 4) < 0);
}

static void numbers_are_scaled_with_rounding(void **state)
{
    (void)state;
    static const struct {
        struct sdi12_number number;
        uint8_t decimals;
        bool fits;
        int32_t value;
    } rows[] = {
        {{1825, 2}, 2, true, 1825},
        {{182, 1}, 2, true, 1820},
        {{18255, 3}, 2, true, 1826},
        {{-18255, 3}, 2, true, -1826},
        {{18254, 3}, 2, true, 1825},
        {{1, 7}, 2, true, 0},
        {{-5, 1}, 0, true, -1},
        {{9999999, 0}, 2, true, 999999900},
        {{9999999, 0}, 3, false, 0},
        {{-9999999, 0}, 3, false, 0},
        {{2147483647, 0}, 0, true, 2147483647},
        {{5, 200}, 0, true, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int32_t value = 0;
        assert_int_equal(sdi12_number_scale(rows[i].number, rows[i].decimals, &value),
                         rows[i].fits);
        if (rows[i].fits)
            assert_int_equal(value, rows[i].value);
    }
}

static void numbers_are_written_as_probes_do(void **state)
{
    (void)state;
    static const struct sdi12_number n[] = {{18463, 1}, {-5, 2}, {0, 0}, {7, 3}};
    char text[SDI12_ANSWER_MAX];
    assert_int_equal(sdi12_values_write('0', n, 4, false, text, sizeof text), 23);
    assert_string_equal(text, "0+1846.3-0.05+0+0.007\r\n");
    static const struct sdi12_number pi = {314, 2};
    assert_int_equal(sdi12_values_write('0', &pi, 1, true, text, sizeof text), 11);
    assert_string_equal(text, "0+3.14OqZ\r\n");
    assert_int_equal(sdi12_values_write('0', n, 4, false, text, 23), SDI12_E_SPACE);
    static const struct sdi12_number wide = {10000000, 0}, least = {INT32_MIN, 0}, fine = {1, 7};
    assert_int_equal(sdi12_values_write('0', &wide, 1, false, text, sizeof text), SDI12_E_SPACE);
    assert_int_equal(sdi12_values_write('0', &least, 1, false, text, sizeof text), SDI12_E_SPACE);
    assert_int_equal(sdi12_values_write('0', &fine, 1, false, text, sizeof text), SDI12_E_SPACE);
}

/* ---- the probe's side ---- */

static size_t three_values(void *context, uint8_t index, struct sdi12_number *numbers, size_t max)
{
    (void)context;
    if (index != 0 || max < 3)
        return 0;
    numbers[0] = (struct sdi12_number){18463, 1};
    numbers[1] = (struct sdi12_number){182, 1};
    numbers[2] = (struct sdi12_number){120, 0};
    return 3;
}

static size_t nine_wide_values(void *context, uint8_t index, struct sdi12_number *n, size_t max)
{
    (void)context;
    (void)index;
    for (size_t i = 0; i < 9 && i < max; i++)
        n[i] = (struct sdi12_number){-1234567, 3};
    return 9;
}

static const char *ask(struct sdi12_probe *probe, const char *command)
{
    static char answer[SDI12_ANSWER_MAX];
    size_t length = sdi12_probe_answer(probe, command, strlen(command), answer, sizeof answer);
    answer[length] = '\0';
    return answer;
}

static void probe_measures_and_answers(void **state)
{
    (void)state;
    struct sdi12_probe probe = sdi12_probe_teros12('0');
    probe.measure = three_values;
    assert_string_equal(ask(&probe, "0!"), "0\r\n");
    assert_string_equal(ask(&probe, "?!"), "0\r\n");
    assert_string_equal(ask(&probe, "1!"), "");
    assert_string_equal(ask(&probe, "0M!"), "00013\r\n");
    assert_true(probe.measuring);
    char answer[SDI12_ANSWER_MAX];
    assert_int_equal(sdi12_probe_ready(&probe, answer, sizeof answer), 3);
    assert_string_equal(answer, "0\r\n");
    assert_int_equal(sdi12_probe_ready(&probe, answer, sizeof answer), 0);
    assert_string_equal(ask(&probe, "0D0!"), "0+1846.3+18.2+120\r\n");
    assert_string_equal(ask(&probe, "0D1!"), "0\r\n");
    assert_string_equal(ask(&probe, "0C!"), "000103\r\n");
    assert_false(probe.measuring);
    assert_string_equal(ask(&probe, "0M1!"), "00000\r\n");
    assert_string_equal(ask(&probe, "0Ab!"), "b\r\n");
    assert_string_equal(ask(&probe, "0!"), "");
    assert_string_equal(ask(&probe, "bR0!"), "b+1846.3+18.2+120\r\n");
    assert_int_equal(strncmp(ask(&probe, "bI!"), "b13METER   TER12 ", 17), 0);
}

static void probe_adds_a_crc_when_asked(void **state)
{
    (void)state;
    struct sdi12_probe probe = sdi12_probe_teros12('0');
    probe.measure = three_values;
    assert_string_equal(ask(&probe, "0MC!"), "00013\r\n");
    char answer[SDI12_ANSWER_MAX];
    sdi12_probe_ready(&probe, answer, sizeof answer);
    const char *text = ask(&probe, "0D0!");
    struct sdi12_number n[9];
    assert_int_equal(sdi12_values_parse(text, strlen(text), '0', true, n, 9), 3);
    assert_int_equal(n[2].mantissa, 120);
}

static void probe_forgets_a_measurement_that_was_interrupted(void **state)
{
    (void)state;
    struct sdi12_probe probe = sdi12_probe_teros12('0');
    probe.measure = three_values;
    ask(&probe, "0M!");
    assert_string_equal(ask(&probe, "0D0!"), "0\r\n");
}

static void probe_spreads_values_over_pages(void **state)
{
    (void)state;
    struct sdi12_probe probe = sdi12_probe_teros12('0');
    probe.measure = nine_wide_values;
    probe.seconds = 0;
    assert_string_equal(ask(&probe, "0M!"), "00009\r\n");
    assert_string_equal(ask(&probe, "0D0!"), "0-1234.567-1234.567-1234.567\r\n");
    assert_string_equal(ask(&probe, "0D2!"), "0-1234.567-1234.567-1234.567\r\n");
    assert_string_equal(ask(&probe, "0D3!"), "0\r\n");
    assert_string_equal(ask(&probe, "0C!"), "000009\r\n");
    struct sdi12_number n[SDI12_PAGE_NUMBERS];
    const char *text = ask(&probe, "0D0!");
    assert_int_equal(sdi12_values_parse(text, strlen(text), '0', false, n, SDI12_PAGE_NUMBERS), 8);
    text = ask(&probe, "0D1!");
    assert_int_equal(sdi12_values_parse(text, strlen(text), '0', false, n, SDI12_PAGE_NUMBERS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_is_that_of_the_specification),
        cmocka_unit_test(commands_are_written_and_read_back),
        cmocka_unit_test(what_is_no_command_is_refused),
        cmocka_unit_test(measurement_answers_are_understood),
        cmocka_unit_test(values_are_read_as_fixed_point),
        cmocka_unit_test(malformed_values_give_no_number),
        cmocka_unit_test(numbers_are_scaled_with_rounding),
        cmocka_unit_test(numbers_are_written_as_probes_do),
        cmocka_unit_test(probe_measures_and_answers),
        cmocka_unit_test(probe_adds_a_crc_when_asked),
        cmocka_unit_test(probe_forgets_a_measurement_that_was_interrupted),
        cmocka_unit_test(probe_spreads_values_over_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
