/* SPDX-License-Identifier: Apache-2.0 */
/* A serial number is printed in one form, and every way in which people copy it is understood or
 * refused, never taken for another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "gateway/common/serial.h"

static const uint32_t samples[] = {1, 0x10, 0x3E8, 0xA5A5A5A5, 0xFFFFFFFE, 0x12345678, 0x80000001};
#define SAMPLES (sizeof samples / sizeof samples[0])

static void test_what_is_printed_is_read_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        char text[SERIAL_TEXT_SIZE];
        uint32_t serial = 0;
        serial_print(samples[i], text);
        assert_int_equal(strlen(text), SERIAL_TEXT_SIZE - 1);
        assert_int_equal(serial_parse(text, &serial), SERIAL_OK);
        assert_int_equal(serial, samples[i]);
        for (char *at = text; *at != '\0'; at++)
            *at = (char)tolower((unsigned char)*at);
        assert_int_equal(serial_parse(text, &serial), SERIAL_OK);
        assert_int_equal(serial, samples[i]);
    }
}

static void test_every_wrong_digit_and_every_exchange_is_a_slip(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        char good[SERIAL_TEXT_SIZE], text[SERIAL_TEXT_SIZE];
        uint32_t serial;
        serial_print(samples[i], good);
        for (size_t a = 0; good[a] != '\0'; a++) {
            for (const char *digit = "0123456789ABCDEF"; good[a] != '-' && *digit != '\0';
                 digit++) {
                memcpy(text, good, sizeof text);
                text[a] = *digit;
                assert_int_equal(serial_parse(text, &serial),
                                 *digit == good[a] ? SERIAL_OK : SERIAL_WRONG);
            }
            for (size_t b = a + 1; good[a] != '-' && good[b] != '\0'; b++) {
                memcpy(text, good, sizeof text);
                text[a] = good[b];
                text[b] = good[a];
                if (good[b] != '-')
                    assert_int_equal(serial_parse(text, &serial),
                                     good[a] == good[b] ? SERIAL_OK : SERIAL_WRONG);
            }
        }
    }
}

static void test_as_people_write_it(void **state)
{
    (void)state;
    char text[SERIAL_TEXT_SIZE], code[64];
    uint32_t serial = 0;
    serial_print(0x10, text);
    const char check = text[10];
    const char *const good[] = {"00000010",  "10",  "0000-0010",
                                "0000 0010", "010", "baiye:00000010:b:c"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        serial = 0;
        assert_int_equal(serial_parse(good[i], &serial), SERIAL_OK);
        assert_int_equal(serial, 0x10);
    }
    const char *const with_check[] = {"00000010", "10-", "0000-0010-", "0000 0010 "};
    for (size_t i = 0; i < sizeof with_check / sizeof with_check[0]; i++) {
        size_t size = strlen(with_check[i]);
        memcpy(code, with_check[i], size);
        code[size] = check;
        code[size + 1] = '\0';
        serial = 0;
        assert_int_equal(serial_parse(code, &serial), SERIAL_OK);
        assert_int_equal(serial, 0x10);
        code[size] = check == '0' ? '1' : '0';
        assert_int_equal(serial_parse(code, &serial), SERIAL_WRONG);
    }
    const char *const bad[] = {"", "-", "x", "10g", "0x10", "0000001000", "baiye:", "-10", "1.0"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(serial_parse(bad[i], &serial), SERIAL_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_printed_is_read_back),
        cmocka_unit_test(test_every_wrong_digit_and_every_exchange_is_a_slip),
        cmocka_unit_test(test_as_people_write_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
