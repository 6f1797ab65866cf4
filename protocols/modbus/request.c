/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/modbus/request.h"

#include "protocols/bytes/bytes.h"

static size_t pack(uint8_t *pdu, uint8_t function, uint16_t first, uint16_t second)
{
    struct byte_writer w = byte_writer_init(pdu, MODBUS_REQUEST_SIZE);
    byte_write_u8(&w, function);
    byte_write_u16(&w, first);
    byte_write_u16(&w, second);
    return w.at;
}

size_t modbus_read(uint8_t *pdu, uint8_t function, uint16_t address, uint16_t count)
{
    bool bits = modbus_reads_bits(function);
    bool known = bits || function == MODBUS_READ_HOLDING || function == MODBUS_READ_INPUT;
    if (!known || count == 0 || count > (bits ? MODBUS_READ_BITS_MAX : MODBUS_READ_MAX))
        return 0;
    return pack(pdu, function, address, count);
}

size_t modbus_write_coil(uint8_t *pdu, uint16_t address, bool on)
{
    return pack(pdu, MODBUS_WRITE_COIL, address, on ? 0xFF00 : 0);
}

size_t modbus_write_register(uint8_t *pdu, uint16_t address, uint16_t value)
{
    return pack(pdu, MODBUS_WRITE_REGISTER, address, value);
}

size_t modbus_write_coils_one(uint8_t *pdu, uint16_t address, bool on)
{
    struct byte_writer w = byte_writer_init(pdu, MODBUS_PDU_MAX);
    w.at = pack(pdu, MODBUS_WRITE_COILS, address, 1);
    byte_write_u8(&w, 1);
    byte_write_u8(&w, on);
    return w.at;
}

size_t modbus_write_registers(uint8_t *pdu, uint16_t address, const uint8_t *data, size_t size)
{
    if (size == 0 || size % 2 != 0 || size > 2 * MODBUS_WRITE_MAX)
        return 0;
    struct byte_writer w = byte_writer_init(pdu, MODBUS_PDU_MAX);
    w.at = pack(pdu, MODBUS_WRITE_REGISTERS, address, (uint16_t)(size / 2));
    byte_write_u8(&w, (uint8_t)size);
    byte_write_span(&w, data, size);
    return w.at;
}

size_t modbus_read_write(uint8_t *pdu, uint16_t read_address, uint16_t read_count,
                         uint16_t write_address, const uint8_t *data, size_t size)
{
    if (read_count == 0 || read_count > MODBUS_READ_MAX || size == 0 || size % 2 != 0 ||
        size > 2 * MODBUS_READ_WRITE_MAX)
        return 0;
    struct byte_writer w = byte_writer_init(pdu, MODBUS_PDU_MAX);
    w.at = pack(pdu, MODBUS_READ_WRITE, read_address, read_count);
    byte_write_u16(&w, write_address);
    byte_write_u16(&w, (uint16_t)(size / 2));
    byte_write_u8(&w, (uint8_t)size);
    byte_write_span(&w, data, size);
    return w.at;
}

size_t modbus_fast_request(uint8_t *pdu, uint32_t serial, const uint8_t *request, size_t size)
{
    struct byte_writer w = byte_writer_init(pdu, MODBUS_PDU_MAX);
    byte_write_u8(&w, MODBUS_FAST);
    byte_write_u8(&w, FAST_REQUEST);
    byte_write_u32(&w, serial);
    byte_write_span(&w, request, size);
    return size == 0 || w.failed ? 0 : w.at;
}
