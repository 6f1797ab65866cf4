/* SPDX-License-Identifier: Apache-2.0 */
/* Requests are packed as the standard's own examples show them (V1.1b3, sections 6.1 to 6.17). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocols/modbus/request.h"

static uint8_t pdu[MODBUS_PDU_MAX];

#define ASSERT_PDU(size, text)                                                                     \
    do {                                                                                           \
        assert_int_equal(size, sizeof(text) - 1);                                                  \
        assert_memory_equal(pdu, text, sizeof(text) - 1);                                          \
    } while (0)

static void the_examples_of_the_standard(void **state)
{
    (void)state;
    ASSERT_PDU(modbus_read(pdu, 1, 19, 19), "\x01\x00\x13\x00\x13");
    ASSERT_PDU(modbus_read(pdu, 2, 196, 22), "\x02\x00\xC4\x00\x16");
    ASSERT_PDU(modbus_read(pdu, 3, 107, 3), "\x03\x00\x6B\x00\x03");
    ASSERT_PDU(modbus_read(pdu, 4, 8, 1), "\x04\x00\x08\x00\x01");
    ASSERT_PDU(modbus_write_coil(pdu, 172, true), "\x05\x00\xAC\xFF\x00");
    ASSERT_PDU(modbus_write_coil(pdu, 172, false), "\x05\x00\xAC\x00\x00");
    ASSERT_PDU(modbus_write_register(pdu, 1, 3), "\x06\x00\x01\x00\x03");
    ASSERT_PDU(modbus_write_coils_one(pdu, 19, true), "\x0F\x00\x13\x00\x01\x01\x01");
    ASSERT_PDU(modbus_write_registers(pdu, 1, (const uint8_t *)"\x00\x0A\x01\x02", 4),
               "\x10\x00\x01\x00\x02\x04\x00\x0A\x01\x02");
    ASSERT_PDU(modbus_read_write(pdu, 3, 6, 14, (const uint8_t *)"\x00\xFF\x00\xFF\x00\xFF", 6),
               "\x17\x00\x03\x00\x06\x00\x0E\x00\x03\x06\x00\xFF\x00\xFF\x00\xFF");
    ASSERT_PDU(modbus_fast_request(pdu, 0x01020304, (const uint8_t *)"\x06\x00\x80\x00\x05", 5),
               "\x46\x08\x01\x02\x03\x04\x06\x00\x80\x00\x05");
}

static void what_the_standard_does_not_allow_is_no_request(void **state)
{
    (void)state;
    static const uint8_t data[256];
    assert_int_equal(modbus_read(pdu, 3, 0, 0), 0);
    assert_int_equal(modbus_read(pdu, 3, 0, 126), 0);
    assert_int_equal(modbus_read(pdu, 4, 0, 126), 0);
    assert_int_equal(modbus_read(pdu, 1, 0, 2001), 0);
    assert_int_equal(modbus_read(pdu, 5, 0, 1), 0);
    assert_int_equal(modbus_read(pdu, 0, 0, 1), 0);
    assert_int_equal(modbus_write_registers(pdu, 0, data, 0), 0);
    assert_int_equal(modbus_write_registers(pdu, 0, data, 3), 0);
    assert_int_equal(modbus_write_registers(pdu, 0, data, 248), 0);
    assert_int_equal(modbus_read_write(pdu, 0, 126, 0, data, 2), 0);
    assert_int_equal(modbus_read_write(pdu, 0, 1, 0, data, 244), 0);
    assert_int_equal(modbus_fast_request(pdu, 1, data, 248), 0);
    assert_int_equal(modbus_write_registers(pdu, 0, data, 246), 252); /* the largest */
    assert_int_equal(modbus_fast_request(pdu, 1, data, 247), 253);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_standard),
        cmocka_unit_test(what_the_standard_does_not_allow_is_no_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
