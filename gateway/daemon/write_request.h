/* SPDX-License-Identifier: Apache-2.0 */
/* The requests that write a register of a profile's `writes`, and read it. Pure. */
#ifndef BAIYE_WRITE_REQUEST_H
#define BAIYE_WRITE_REQUEST_H

#include "gateway/daemon/config/config.h"
#include "protocols/modbus/pdu.h"

/* The most steps that a device counts. */
static inline uint32_t write_request_most(const struct write_config *write)
{
    return write->limit_function == MODBUS_WRITE_COIL ? 0x7FFF : 0xFFFF;
}

/* Does the device end it by itself? Its limit ends at 0, so where another value is off it does
 * not. */
static inline bool write_request_is_limited(const struct write_config *write, int32_t off)
{
    return write->limit_step_ms > 0 && off == 0;
}

/* The PDU that writes `value`; its size. `pdu` has room for MODBUS_PDU_MAX bytes. */
uint16_t write_request_pdu(const struct write_config *write, int32_t value, uint8_t *pdu);
/* The PDU that tells the device how long it may be on, rounded up to its steps. Of a write with
 * limit_step_ms; with limit_function 5 it also switches it on. */
uint16_t write_request_limit(const struct write_config *write, uint32_t on_s, uint8_t *pdu);
/* The function that reads it. */
uint8_t write_request_read_function(const struct write_config *write);
/* The PDU that reads it. */
uint16_t write_request_read(const struct write_config *write, uint8_t *pdu);
/* What the answer to that says; false: it is not one. */
bool write_request_value(const struct write_config *write, const uint8_t *pdu, size_t size,
                         int32_t *value);

#endif
