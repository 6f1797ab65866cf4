/* SPDX-License-Identifier: Apache-2.0 */
/* A Modbus server without transport: one request PDU in, one answer PDU out. What the registers and
 * bits mean is the model's, behind a few functions that see whole requests (so that an answer can
 * be one consistent snapshot and a write all or nothing). Functions 1-6, 7, 8, 11, 15, 16, 17, 22,
 * 23 and 43/14. No allocation; one owner at a time. */
#ifndef BAIYE_MODBUS_SERVER_H
#define BAIYE_MODBUS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/modbus/pdu.h"

/* Read: fills all of `values` or returns an exception. Write: checks all of it first, then does all
 * or nothing. `count` is 1 or more and within the standard's limits; address + count does not pass
 * 0x10000. Bits are packed, lowest first, as on the wire. */
struct modbus_model {
    void *context;
    enum modbus_exception (*read_registers)(void *context, bool input, uint16_t address,
                                            uint16_t count, uint16_t *values);
    enum modbus_exception (*write_registers)(void *context, uint16_t address, uint16_t count,
                                             const uint16_t *values, bool broadcast);
    enum modbus_exception (*read_bits)(void *context, bool input, uint16_t address, uint16_t count,
                                       uint8_t *bits);
    enum modbus_exception (*write_bits)(void *context, uint16_t address, uint16_t count,
                                        const uint8_t *bits, bool broadcast);
    /* Function 17: the server's own text, and how many bytes of it fit at most in `size`. */
    size_t (*report_id)(void *context, uint8_t *data, size_t size);
    /* Function 43/14: object `id` as text, NULL when there is none; at most 200 bytes,
     * valid until the next call. */
    const char *(*object)(void *context, uint8_t id);
    /* Function 7 and the diagnostic register of function 8. */
    uint16_t (*status)(void *context);
};

/* Function 8, sub-functions 0x0B to 0x12. The owner counts what only the line knows: bus_messages,
 * bus_errors and overruns. All wrap. */
struct modbus_counters {
    uint16_t bus_messages;    /* 0x0B: good frames on the line, whoever's */
    uint16_t bus_errors;      /* 0x0C: CRC errors */
    uint16_t exceptions;      /* 0x0D */
    uint16_t server_messages; /* 0x0E: for this server, or broadcast */
    uint16_t no_responses;    /* 0x0F */
    uint16_t naks;            /* 0x10: exception 7; never sent, stays 0 */
    uint16_t busy;            /* 0x11: exception 6 */
    uint16_t overruns;        /* 0x12 */
};

struct modbus_server {
    const struct modbus_model *model;
    struct modbus_counters counters;
    uint16_t events;  /* function 11: requests done without an exception */
    bool listen_only; /* function 8/4; left by function 8/1 or a restart */
};

void modbus_server_init(struct modbus_server *s, const struct modbus_model *model);
/* Does the request; the size of the answer in `answer`, 0 when there must be none (broadcast,
 * listen only, no request at all). `answer` may not overlap `request`. */
size_t modbus_serve(struct modbus_server *s, const uint8_t *request, size_t size, bool broadcast,
                    uint8_t answer[MODBUS_PDU_MAX]);

#endif
