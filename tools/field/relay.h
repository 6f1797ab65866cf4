/* SPDX-License-Identifier: Apache-2.0 */
/* A board of eight outputs with the commands of Waveshare's "Modbus RTU Relay" (protocol V2). Pure:
 * a request PDU and the time in, an answer PDU out.
 *   FC01       0x0000..0x0007 the outputs
 *   FC05       0x0000..0x0007 one output: 0xFF00 on, 0x0000 off
 *   FC05       0x0200..0x0207 one output on for so many times 100 ms (1..0x7FFF), then off
 *   FC15       0x0000..0x0007 several outputs
 *   FC03/06    0x4000 address */
#ifndef BAIYE_FIELD_RELAY_H
#define BAIYE_FIELD_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RELAY_OUTPUTS 8

struct relay {
    uint8_t address;
    bool on[RELAY_OUTPUTS];
    int64_t until_ms[RELAY_OUTPUTS]; /* of one that goes off by itself; 0: it does not */
    uint32_t switched;               /* changes of outputs since the start */
};

void relay_init(struct relay *relay, uint8_t address);
/* Power is gone: its contacts fall open. */
void relay_power_off(struct relay *relay);
/* By a hand at the board. */
void relay_set(struct relay *relay, unsigned output, bool on);
bool relay_is_on(struct relay *relay, unsigned output, int64_t now_ms);
/* Size of the answer; `answer` has room for 253 bytes. */
size_t relay_serve(struct relay *relay, int64_t now_ms, const uint8_t *pdu, size_t size,
                   uint8_t *answer);

#endif
