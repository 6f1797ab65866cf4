/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/provision.h"

#include "protocols/bytes/bytes.h"
#include "protocols/modbus/request.h"
#include "protocols/modbus/rtu.h"

enum {
    FACTORY_ADDRESS = 247,
    REGISTER_SNAPSHOT = 0x0000,
    REGISTER_UNLOCK = 0x0100,
    REGISTER_COMMIT = 0x0101,
    REGISTER_PERIOD = 0x0110,
    REGISTER_ADDRESS = 0x07D0,
    REGISTER_BAUD = 0x07D1,
    REGISTER_PARITY = 0x07D2,
    UNLOCK_KEY = 0x4241,
    SNAPSHOT_HEAD = 6
};

/* In this order: a new rate counts once the node was spoken to under the new address. */
enum step { SET_ADDRESS, SET_BAUD, SET_PARITY, UNLOCK, SET_PERIOD, COMMIT, LOOK, STEP_COUNT };

static uint16_t baud_code(uint32_t baud)
{
    static const uint32_t rates[] = {2400, 4800, 9600, 19200, 38400, 57600, 115200, 1200};
    for (size_t code = 0; code < sizeof(rates) / sizeof(rates[0]); code++)
        if (rates[code] == baud)
            return (uint16_t)code;
    return 2;
}

static bool skipped(const struct provision *p)
{
    if (p->step >= UNLOCK && p->step <= COMMIT)
        return p->period_s == 0;
    if (p->step == SET_BAUD)
        return p->rate.baud == 9600;
    return p->step == SET_PARITY && p->rate.parity == 'N';
}

static void next_step(struct provision *p)
{
    p->tries = 0;
    do {
        p->step++;
    } while (p->step < STEP_COUNT && skipped(p));
    p->done = p->step == STEP_COUNT;
}

void provision_init(struct provision *p, uint8_t address, const struct wire_rate *rate,
                    uint16_t period_s)
{
    *p = (struct provision){.address = address, .period_s = period_s, .rate = *rate};
}

static size_t request(uint8_t unit, uint8_t function, uint16_t reg, uint16_t value, uint8_t *frame,
                      size_t size)
{
    uint8_t pdu[MODBUS_REQUEST_SIZE];
    size_t pdu_size = function == MODBUS_WRITE_REGISTER ? modbus_write_register(pdu, reg, value)
                                                        : modbus_read(pdu, function, reg, value);
    return rtu_build(unit, pdu, pdu_size, frame, size);
}

size_t provision_request(const struct provision *p, uint8_t *frame, size_t size)
{
    static const uint16_t registers[STEP_COUNT] = {
        REGISTER_ADDRESS, REGISTER_BAUD,   REGISTER_PARITY,  REGISTER_UNLOCK,
        REGISTER_PERIOD,  REGISTER_COMMIT, REGISTER_SNAPSHOT};
    const uint16_t values[STEP_COUNT] = {p->address,
                                         baud_code(p->rate.baud),
                                         p->rate.parity == 'E' ? 1 : 2,
                                         UNLOCK_KEY,
                                         p->period_s,
                                         1,
                                         SNAPSHOT_HEAD};
    if (p->done)
        return 0;
    return request(p->step == SET_ADDRESS ? FACTORY_ADDRESS : p->address,
                   p->step == LOOK ? MODBUS_READ_INPUT : MODBUS_WRITE_REGISTER, registers[p->step],
                   values[p->step], frame, size);
}

bool provision_answer(struct provision *p, const uint8_t *frame, size_t size)
{
    if (p->done || !rtu_check(frame, size))
        return false;
    next_step(p);
    return true;
}

bool provision_silence(struct provision *p)
{
    if (++p->tries < PROVISION_TRIES)
        return true;
    if (p->step == SET_ADDRESS) {
        next_step(p); /* it has its address already: it was here before */
        return true;
    }
    p->step = SET_ADDRESS; /* or it was not up yet */
    p->tries = 0;
    return ++p->rounds < PROVISION_ROUNDS;
}
