/* SPDX-License-Identifier: Apache-2.0 */
/* The PDU server over a small model: input is a sequence of requests, each with its length in
 * front. Answers must be well formed, and no answer may follow a broadcast. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/modbus/server.h"

#define REGISTERS 200

static uint16_t registers[REGISTERS];

static enum modbus_exception read_registers(void *context, bool input, uint16_t address,
                                            uint16_t count, uint16_t *values)
{
    (void)context;
    (void)input;
    if (count < 1 || count > MODBUS_READ_MAX || (unsigned)address + count > 0x10000)
        abort();
    if (address + count > REGISTERS)
        return MODBUS_ILLEGAL_ADDRESS;
    memcpy(values, registers + address, count * sizeof *values);
    return MODBUS_OK;
}

static enum modbus_exception write_registers(void *context, uint16_t address, uint16_t count,
                                             const uint16_t *values, bool broadcast)
{
    (void)context;
    (void)broadcast;
    if (count < 1 || count > MODBUS_WRITE_MAX || (unsigned)address + count > 0x10000)
        abort();
    if (address + count > REGISTERS)
        return MODBUS_ILLEGAL_ADDRESS;
    memcpy(registers + address, values, count * sizeof *values);
    return MODBUS_OK;
}

static enum modbus_exception read_bits(void *context, bool input, uint16_t address, uint16_t count,
                                       uint8_t *bits)
{
    (void)context;
    (void)input;
    if (count < 1 || count > MODBUS_READ_BITS_MAX || (unsigned)address + count > 0x10000)
        abort();
    memset(bits, 0xA5, (count + 7u) / 8);
    return MODBUS_OK;
}

static enum modbus_exception write_bits(void *context, uint16_t address, uint16_t count,
                                        const uint8_t *bits, bool broadcast)
{
    unsigned sum = 0;
    (void)context;
    (void)address;
    (void)broadcast;
    for (unsigned i = 0; i < (count + 7u) / 8; i++)
        sum += bits[i];
    return sum == 1 ? MODBUS_DEVICE_BUSY : MODBUS_OK;
}

static size_t report_id(void *context, uint8_t *data, size_t size)
{
    (void)context;
    memset(data, 'x', size);
    return size;
}

static const char *object(void *context, uint8_t id)
{
    (void)context;
    return id < 3 || (id > 0x80 && id < 0x90) ? "some text of an object" : NULL;
}

static uint16_t status(void *context)
{
    (void)context;
    return 7;
}

static const struct modbus_model model = {
    .read_registers = read_registers,
    .write_registers = write_registers,
    .read_bits = read_bits,
    .write_bits = write_bits,
    .report_id = report_id,
    .object = object,
    .status = status,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct modbus_server server;
    uint8_t answer[MODBUS_PDU_MAX];
    modbus_server_init(&server, &model);
    while (size > 1) {
        bool broadcast = data[0] & 1;
        size_t n = data[0] >> 1;
        if (n > size - 1)
            n = size - 1;
        uint8_t *request = malloc(n + 1); /* its own, so that a read past it is seen */
        memcpy(request, data + 1, n);
        size_t got = modbus_serve(&server, request, n, broadcast, answer);
        if (got > MODBUS_PDU_MAX || (broadcast && got > 0))
            abort();
        if (got > 0 && (answer[0] & 0x7F) != request[0])
            abort();
        if (got > 0 && answer[0] != MODBUS_DIAGNOSTICS &&
            modbus_answer_size(answer, got) != (int)got)
            abort();
        free(request);
        data += 1 + n;
        size -= 1 + n;
    }
    return 0;
}
