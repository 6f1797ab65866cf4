/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/write_request.h"

#include "protocols/modbus/request.h"

uint16_t write_request_pdu(const struct write_config *write, int32_t value, uint8_t *pdu)
{
    const uint8_t word[2] = {(uint8_t)((uint32_t)value >> 8), (uint8_t)value};
    switch (write->function) {
    case MODBUS_WRITE_COIL:
        return (uint16_t)modbus_write_coil(pdu, write->address, value != 0);
    case MODBUS_WRITE_REGISTER:
        return (uint16_t)modbus_write_register(pdu, write->address, (uint16_t)value);
    case MODBUS_WRITE_COILS:
        return (uint16_t)modbus_write_coils_one(pdu, write->address, value != 0);
    default:
        return (uint16_t)modbus_write_registers(pdu, write->address, word, sizeof word);
    }
}

uint16_t write_request_limit(const struct write_config *write, uint32_t on_s, uint8_t *pdu)
{
    uint64_t steps = ((uint64_t)on_s * 1000 + write->limit_step_ms - 1) / write->limit_step_ms;
    uint32_t most = write_request_most(write);
    const struct write_config limit = {.function = write->limit_function == MODBUS_WRITE_COIL
                                                       ? (uint8_t)MODBUS_WRITE_REGISTER
                                                       : write->limit_function,
                                       .address = write->limit_address};
    uint16_t size = write_request_pdu(&limit, (int32_t)(steps < most ? steps : most), pdu);
    pdu[0] = write->limit_function;
    return size;
}

static bool is_coil(const struct write_config *write)
{
    return write->function == MODBUS_WRITE_COIL || write->function == MODBUS_WRITE_COILS;
}

uint8_t write_request_read_function(const struct write_config *write)
{
    return is_coil(write) ? MODBUS_READ_COILS : MODBUS_READ_HOLDING;
}

uint16_t write_request_read(const struct write_config *write, uint8_t *pdu)
{
    return (uint16_t)modbus_read(pdu, write_request_read_function(write), write->address, 1);
}

bool write_request_value(const struct write_config *write, const uint8_t *pdu, size_t size,
                         int32_t *value)
{
    bool coil = is_coil(write);
    if (size != (coil ? 3u : 4u) || pdu[0] != write_request_read_function(write) ||
        pdu[1] != (coil ? 1 : 2))
        return false;
    int32_t word = coil ? pdu[2] & 1 : pdu[2] << 8 | pdu[3];
    *value = !coil && write->min < 0 && word > 32767 ? word - 65536 : word;
    return true;
}
