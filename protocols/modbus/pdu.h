/* SPDX-License-Identifier: Apache-2.0 */
/* Modbus protocol data units: function codes, exceptions, and how long a PDU is by its own first
 * bytes. No transport here. Source: Modbus Application Protocol V1.1b3; function 0x46 from the
 * published Fast Modbus extension. Pure functions: any thread. */
#ifndef BAIYE_MODBUS_PDU_H
#define BAIYE_MODBUS_PDU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODBUS_PDU_MAX        253u /* function code and data */
#define MODBUS_READ_MAX       125u /* registers in one read */
#define MODBUS_WRITE_MAX      123u
#define MODBUS_READ_BITS_MAX  2000u
#define MODBUS_WRITE_BITS_MAX 1968u
#define MODBUS_READ_WRITE_MAX 121u /* registers written by function 23 */
#define MODBUS_BROADCAST      0u
#define MODBUS_EXCEPTION_BIT  0x80u
#define MODBUS_EXCEPTION_SIZE 2u /* of the PDU that says so */

enum modbus_function {
    MODBUS_READ_COILS = 1,
    MODBUS_READ_DISCRETE = 2,
    MODBUS_READ_HOLDING = 3,
    MODBUS_READ_INPUT = 4,
    MODBUS_WRITE_COIL = 5,
    MODBUS_WRITE_REGISTER = 6,
    MODBUS_READ_STATUS = 7,
    MODBUS_DIAGNOSTICS = 8,
    MODBUS_EVENT_COUNTER = 11,
    MODBUS_EVENT_LOG = 12,
    MODBUS_WRITE_COILS = 15,
    MODBUS_WRITE_REGISTERS = 16,
    MODBUS_REPORT_ID = 17,
    MODBUS_READ_FILE = 20,
    MODBUS_WRITE_FILE = 21,
    MODBUS_MASK_WRITE = 22,
    MODBUS_READ_WRITE = 23,
    MODBUS_READ_FIFO = 24,
    MODBUS_ENCAPSULATED = 43,
    MODBUS_FAST = 0x46
};

/* Does this one read coils or inputs, eight to a byte, and not registers? */
static inline bool modbus_reads_bits(uint8_t function)
{
    return function == MODBUS_READ_COILS || function == MODBUS_READ_DISCRETE;
}

#define MODBUS_MEI_IDENTIFICATION 14u

/* Fast Modbus: function 0x46 at unit 0xFD, then one of these. */
#define MODBUS_FAST_UNIT 0xFDu
enum modbus_fast {
    FAST_SCAN_START = 0x01,
    FAST_SCAN_CONTINUE = 0x02,
    FAST_SCAN_ANSWER = 0x03,
    FAST_SCAN_END = 0x04,
    FAST_REQUEST = 0x08, /* serial number (4), then a plain request */
    FAST_ANSWER = 0x09   /* serial number (4), then a plain answer */
};

enum modbus_exception {
    MODBUS_OK = 0,
    MODBUS_ILLEGAL_FUNCTION = 1,
    MODBUS_ILLEGAL_ADDRESS = 2,
    MODBUS_ILLEGAL_VALUE = 3,
    MODBUS_DEVICE_FAILURE = 4,
    MODBUS_ACKNOWLEDGE = 5,
    MODBUS_DEVICE_BUSY = 6,
    MODBUS_PARITY_ERROR = 8,
    MODBUS_GATEWAY_PATH = 10,
    MODBUS_GATEWAY_TARGET = 11
};

/* Results of the two below that are no size. */
enum { MODBUS_SIZE_MORE = 0, MODBUS_SIZE_UNKNOWN = -1 };

/* The size of the request (answer) PDU whose first `have` bytes are at `pdu`; MODBUS_SIZE_MORE when
 * they do not tell yet, MODBUS_SIZE_UNKNOWN when no number of bytes will (a function code that does
 * not exist, or one whose end only silence shows). Never more than MODBUS_PDU_MAX. For function 8
 * it is that of the usual form with one data word. */
int modbus_request_size(const uint8_t *pdu, size_t have);
int modbus_answer_size(const uint8_t *pdu, size_t have);

/* The answer PDU that refuses a request; its size. */
size_t modbus_exception_answer(uint8_t function, enum modbus_exception exception,
                               uint8_t answer[MODBUS_EXCEPTION_SIZE]);

/* "illegal data address", ... for people; never NULL. */
const char *modbus_exception_text(uint8_t exception);

#endif
