/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocols/bytes/bytes.h"
#include "protocols/modbus/crc16.h"

static void reader_fails_once_and_for_good(void **state)
{
    (void)state;
    const uint8_t data[] = {0x12, 0x34, 0x56};
    struct byte_reader r = byte_reader_init(data, sizeof data);
    assert_int_equal(byte_read_u16(&r), 0x1234);
    assert_int_equal(byte_read_u16(&r), 0);
    assert_true(r.failed);
    assert_int_equal(byte_read_u8(&r), 0);
    assert_int_equal(byte_reader_left(&r), 0);
}

static void writer_writes_nothing_after_what_did_not_fit(void **state)
{
    (void)state;
    uint8_t data[3] = {0};
    struct byte_writer w = byte_writer_init(data, sizeof data);
    byte_write_u16(&w, 0xABCD);
    byte_write_u32(&w, 1);
    byte_write_u8(&w, 7);
    assert_true(w.failed);
    assert_int_equal(w.at, 2);
    assert_int_equal(data[2], 0);
}

static void words_of_a_program_are_read_with_the_lowest_byte_first(void **state)
{
    (void)state;
    const uint8_t data[] = {0x78, 0x56, 0x34, 0xF2};
    assert_int_equal(byte_u32_little(data), 0xF2345678);
}

static void crc_has_the_published_check_value(void **state)
{
    (void)state;
    assert_int_equal(crc16_modbus(CRC16_INITIAL, "123456789", 9), 0x4B37);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_fails_once_and_for_good),
        cmocka_unit_test(writer_writes_nothing_after_what_did_not_fit),
        cmocka_unit_test(words_of_a_program_are_read_with_the_lowest_byte_first),
        cmocka_unit_test(crc_has_the_published_check_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
