/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as protocol data units: the one place where they are packed. Source: Modbus Application
 * Protocol V1.1b3, sections 6.1 to 6.17; function 0x46 from the published Fast Modbus extension.
 *
 * Each writes to `pdu` and gives the number of bytes; `pdu` has room for MODBUS_PDU_MAX bytes, or
 * for MODBUS_REQUEST_SIZE where no values are carried. 0: the counts are out of the standard's
 * range. Pure functions: any thread. */
#ifndef BAIYE_MODBUS_REQUEST_H
#define BAIYE_MODBUS_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/modbus/pdu.h"

#define MODBUS_REQUEST_SIZE 5u

/* Functions 1 to 4: `count` coils, inputs or registers from protocol address `address` on. */
size_t modbus_read(uint8_t *pdu, uint8_t function, uint16_t address, uint16_t count);
/* Function 5. */
size_t modbus_write_coil(uint8_t *pdu, uint16_t address, bool on);
/* Function 6. */
size_t modbus_write_register(uint8_t *pdu, uint16_t address, uint16_t value);
/* Function 15 for one coil, which some devices know instead of function 5. */
size_t modbus_write_coils_one(uint8_t *pdu, uint16_t address, bool on);
/* Function 16: `size` bytes, big-endian words, as they are to stand in the registers. */
size_t modbus_write_registers(uint8_t *pdu, uint16_t address, const uint8_t *data, size_t size);
/* Function 23: `size` bytes into the registers from `write_address` on, then a read. */
size_t modbus_read_write(uint8_t *pdu, uint16_t read_address, uint16_t read_count,
                         uint16_t write_address, const uint8_t *data, size_t size);
/* Fast Modbus: the request of `size` bytes for the one node with that serial number. */
size_t modbus_fast_request(uint8_t *pdu, uint32_t serial, const uint8_t *request, size_t size);

#endif
