/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/relay.h"

#include <string.h>

#include "protocols/bytes/bytes.h"
#include "protocols/modbus/pdu.h"

#define TIMED   0x0200 /* + output */
#define ADDRESS 0x4000
#define STEP_MS 100

void relay_init(struct relay *relay, uint8_t address)
{
    *relay = (struct relay){.address = address};
}

void relay_power_off(struct relay *relay)
{
    for (unsigned i = 0; i < RELAY_OUTPUTS; i++)
        relay_set(relay, i, false);
}

void relay_set(struct relay *relay, unsigned output, bool on)
{
    relay->switched += relay->on[output] != on;
    relay->on[output] = on;
    relay->until_ms[output] = 0;
}

bool relay_is_on(struct relay *relay, unsigned output, int64_t now_ms)
{
    if (relay->until_ms[output] != 0 && now_ms >= relay->until_ms[output])
        relay_set(relay, output, false);
    return relay->on[output];
}

static size_t read_outputs(struct relay *relay, int64_t now_ms, struct byte_reader *r,
                           uint8_t *answer)
{
    uint16_t first = byte_read_u16(r), count = byte_read_u16(r);
    if (r->failed || byte_reader_left(r) || count < 1)
        return modbus_exception_answer(MODBUS_READ_COILS, MODBUS_ILLEGAL_VALUE, answer);
    if (first + count > RELAY_OUTPUTS)
        return modbus_exception_answer(MODBUS_READ_COILS, MODBUS_ILLEGAL_ADDRESS, answer);
    answer[0] = MODBUS_READ_COILS;
    answer[1] = 1;
    answer[2] = 0;
    for (unsigned i = 0; i < count; i++)
        answer[2] |= (uint8_t)(relay_is_on(relay, first + i, now_ms) << i);
    return 3;
}

static size_t write_output(struct relay *relay, int64_t now_ms, struct byte_reader *r,
                           const uint8_t *pdu, size_t size, uint8_t *answer)
{
    uint16_t address = byte_read_u16(r), value = byte_read_u16(r);
    bool timed = address >= TIMED;
    unsigned output = timed ? address - (unsigned)TIMED : address;
    if (r->failed || byte_reader_left(r))
        return modbus_exception_answer(MODBUS_WRITE_COIL, MODBUS_ILLEGAL_VALUE, answer);
    if (output >= RELAY_OUTPUTS)
        return modbus_exception_answer(MODBUS_WRITE_COIL, MODBUS_ILLEGAL_ADDRESS, answer);
    if (timed ? value < 1 || value > 0x7FFF : value != 0xFF00 && value != 0)
        return modbus_exception_answer(MODBUS_WRITE_COIL, MODBUS_ILLEGAL_VALUE, answer);
    relay_set(relay, output, timed || value != 0);
    if (timed)
        relay->until_ms[output] = now_ms + (int64_t)value * STEP_MS;
    memcpy(answer, pdu, size);
    return size;
}

static size_t write_outputs(struct relay *relay, struct byte_reader *r, uint8_t *answer)
{
    uint16_t first = byte_read_u16(r), count = byte_read_u16(r);
    uint8_t bytes = byte_read_u8(r), bits = byte_read_u8(r);
    if (r->failed || byte_reader_left(r) || count < 1 || bytes != 1)
        return modbus_exception_answer(MODBUS_WRITE_COILS, MODBUS_ILLEGAL_VALUE, answer);
    if (first + count > RELAY_OUTPUTS)
        return modbus_exception_answer(MODBUS_WRITE_COILS, MODBUS_ILLEGAL_ADDRESS, answer);
    for (unsigned i = 0; i < count; i++)
        relay_set(relay, first + i, bits >> i & 1);
    struct byte_writer w = byte_writer_init(answer, 5);
    byte_write_u8(&w, MODBUS_WRITE_COILS);
    byte_write_u16(&w, first);
    byte_write_u16(&w, count);
    return w.at;
}

static size_t own_address(struct relay *relay, uint8_t function, struct byte_reader *r,
                          const uint8_t *pdu, size_t size, uint8_t *answer)
{
    uint16_t address = byte_read_u16(r), value = byte_read_u16(r);
    if (r->failed || byte_reader_left(r) || address != ADDRESS)
        return modbus_exception_answer(function, MODBUS_ILLEGAL_ADDRESS, answer);
    if (function == MODBUS_READ_HOLDING) {
        struct byte_writer w = byte_writer_init(answer, 4);
        byte_write_u8(&w, MODBUS_READ_HOLDING);
        byte_write_u8(&w, 2);
        byte_write_u16(&w, relay->address);
        return value == 1
                   ? w.at
                   : modbus_exception_answer(MODBUS_READ_HOLDING, MODBUS_ILLEGAL_VALUE, answer);
    }
    if (value < 1 || value > 255)
        return modbus_exception_answer(function, MODBUS_ILLEGAL_VALUE, answer);
    relay->address = (uint8_t)value;
    memcpy(answer, pdu, size);
    return size;
}

size_t relay_serve(struct relay *relay, int64_t now_ms, const uint8_t *pdu, size_t size,
                   uint8_t *answer)
{
    struct byte_reader r = byte_reader_init(pdu, size);
    uint8_t function = byte_read_u8(&r);
    switch (function) {
    case MODBUS_READ_COILS:
        return read_outputs(relay, now_ms, &r, answer);
    case MODBUS_READ_HOLDING:
    case MODBUS_WRITE_REGISTER:
        return own_address(relay, function, &r, pdu, size, answer);
    case MODBUS_WRITE_COIL:
        return write_output(relay, now_ms, &r, pdu, size, answer);
    case MODBUS_WRITE_COILS:
        return write_outputs(relay, &r, answer);
    default:
        return modbus_exception_answer(function, MODBUS_ILLEGAL_FUNCTION, answer);
    }
}
