/* SPDX-License-Identifier: Apache-2.0 */
/* Our nodes by their serial numbers (Fast Modbus, protocols/modbus/pdu.h): who is on a line, though
 * several may have the same address, as new ones do; and which address one of them is to have. */
#include <stdio.h>
#include <string.h>

#include "gateway/common/serial.h"
#include "gateway/daemon/rpc/call.h"
#include "protocols/bytes/bytes.h"
#include "protocols/modbus/request.h"
#include "protocols/node_map/node_map.h"

#define TRIES         3   /* of asking in vain, until a round is over */
#define ROUNDS_MAX    8   /* of a scan */
#define NODES_MAX     512 /* answers of one round: more are no nodes */
#define ANSWER_MS     500 /* beside the arbitration */
#define BAUD_LEAST    1200u
#define SCAN_BITS     (35u + 32u * 18u) /* silence, and 32 windows of at most 18 bits */
#define WRAPPING      6u                /* bytes before a wrapped PDU */
#define CONFIRM_TRIES 3

struct by_serial {
    struct rpc_target target;
    /* scan */
    json_t *nodes;
    unsigned answers, tries, rounds;
    bool found_new; /* in this round */
    /* address */
    uint32_t serial;
    uint8_t address;
};

static void free_by_serial(void *state)
{
    json_decref(((struct by_serial *)state)->nodes);
}

static struct by_serial *attach(struct rpc_call *call, uint16_t bus)
{
    struct by_serial *state = rpc_attach(call, sizeof *state, free_by_serial);
    if (state != NULL)
        state->target.bus = bus;
    return state;
}

/* ---- who is there ---- */

static void ask_scan(struct rpc_call *call, uint8_t what);

/* With the number as programs take it and as it stands on the label. */
static json_t *node_json(uint32_t serial, uint8_t unit)
{
    char text[SERIAL_TEXT_SIZE];
    serial_print(serial, text);
    return json_pack("{s:I,s:s,s:i}", "serial", (json_int_t)serial, "serial_text", text, "unit",
                     (int)unit);
}

/* True: it was not known yet. */
static bool note_node(struct rpc_call *call, uint32_t serial, uint8_t unit)
{
    const struct by_serial *scan = call->state;
    size_t i;
    const json_t *node;
    json_array_foreach (scan->nodes, i, node) {
        if (json_integer_value(json_object_get(node, "serial")) == (json_int_t)serial)
            return false;
    }
    json_t *found = node_json(serial, unit);
    rpc_progress(call, found);
    return json_array_append_new(scan->nodes, found) == 0;
}

static void end_scan(struct rpc_call *call)
{
    const struct by_serial *scan = call->state;
    rpc_end(call, json_pack("{s:O}", "nodes", scan->nodes));
}

/* A node that was late for an arbitration stays out of it: so it is asked again, until a round
 * finds nobody new. */
static void end_round(struct rpc_call *call)
{
    struct by_serial *scan = call->state;
    bool again = scan->found_new && ++scan->rounds < ROUNDS_MAX && call->answer != NULL;
    scan->found_new = false;
    scan->answers = scan->tries = 0;
    if (again)
        ask_scan(call, FAST_SCAN_START);
    else
        end_scan(call);
}

static void scan_ready(struct rpc_call *call)
{
    struct by_serial *scan = call->state;
    const struct bus_reply *reply = &call->reply;
    if (reply->result == BUS_DOWN || reply->result == BUS_STOPPED || reply->result == BUS_PAUSED) {
        rpc_fail_bus(call, reply);
        return;
    }
    struct byte_reader r = byte_reader_init(reply->pdu, reply->pdu_size);
    bool fast = reply->result == BUS_OK && byte_read_u8(&r) == MODBUS_FAST;
    uint8_t what = byte_read_u8(&r);
    uint32_t serial = byte_read_u32(&r);
    uint8_t unit = byte_read_u8(&r);
    if (fast && what == FAST_SCAN_ANSWER && !r.failed && ++scan->answers < NODES_MAX) {
        scan->found_new |= note_node(call, serial, unit);
        scan->tries = 0;
        ask_scan(call, FAST_SCAN_CONTINUE);
    } else if ((fast && what == FAST_SCAN_END) || ++scan->tries >= TRIES) {
        end_round(call);
    } else { /* nobody, or two that did not hear each other */
        ask_scan(call, scan->answers > 0 ? FAST_SCAN_CONTINUE : FAST_SCAN_START);
    }
}

static void ask_scan(struct rpc_call *call, uint8_t what)
{
    struct by_serial *scan = call->state;
    const uint8_t pdu[2] = {MODBUS_FAST, what};
    uint32_t baud = call->rpc->config->buses[scan->target.bus].baud;
    uint32_t arbitration_ms = SCAN_BITS * 1000 / (baud < BAUD_LEAST ? BAUD_LEAST : baud);
    scan->target.unit = MODBUS_FAST_UNIT;
    scan->target.timeout_ms = (uint16_t)(ANSWER_MS + arbitration_ms);
    rpc_request_bus(call, &scan->target, pdu, sizeof pdu, scan_ready);
}

void rpc_scan_serials(struct rpc_call *call, uint16_t bus)
{
    struct by_serial *scan = attach(call, bus);
    if (scan == NULL)
        return;
    scan->nodes = json_array();
    ask_scan(call, FAST_SCAN_START);
}

/* ---- an address for one ---- */

static void ask_serial(struct rpc_call *call, uint8_t retries, void (*ready)(struct rpc_call *call))
{
    const struct by_serial *move = call->state;
    const struct rpc_target target = {
        .bus = move->target.bus, .unit = move->address, .retries = retries};
    uint8_t pdu[MODBUS_REQUEST_SIZE];
    uint16_t size = (uint16_t)modbus_read(pdu, MODBUS_READ_INPUT, NODE_SERIAL, 2);
    rpc_request_bus(call, &target, pdu, size, ready);
}

static bool is_it(const struct rpc_call *call)
{
    const struct by_serial *move = call->state;
    struct byte_reader r = byte_reader_init(call->reply.pdu, call->reply.pdu_size);
    return call->reply.result == BUS_OK && byte_read_u8(&r) == MODBUS_READ_INPUT &&
           byte_read_u8(&r) == 4 && byte_read_u32(&r) == move->serial && !r.failed;
}

/* Spoken to at its new address, it keeps it. */
static void confirmed(struct rpc_call *call)
{
    const struct by_serial *move = call->state;
    if (is_it(call))
        rpc_end(call, node_json(move->serial, move->address));
    else
        rpc_fail(call, "timeout", "it took the address but does not answer there",
                 "it goes back to its old one within a minute; then try again");
}

static void moved(struct rpc_call *call)
{
    const struct by_serial *move = call->state;
    const struct bus_reply *reply = &call->reply;
    char message[96];
    if (reply->result == BUS_OK && reply->pdu_size > WRAPPING &&
        !(reply->pdu[WRAPPING] & MODBUS_EXCEPTION_BIT)) {
        ask_serial(call, CONFIRM_TRIES, confirmed);
    } else if (reply->result == BUS_OK) {
        rpc_fail(call, "refused", "it does not take this address", "1 to 247 are possible");
    } else if (reply->result == BUS_TIMEOUT || reply->result == BUS_GARBLED) {
        char serial[SERIAL_TEXT_SIZE];
        serial_print(move->serial, serial);
        (void)snprintf(message, sizeof message, "no node of ours with serial number %s answers",
                       serial);
        rpc_fail(call, "timeout", message, "`baiye nodes BUS` lists them");
    } else {
        rpc_fail_bus(call, reply);
    }
}

/* Whoever answers at that address already: two at one would only be garbled from then on. */
static void looked(struct rpc_call *call)
{
    const struct by_serial *move = call->state;
    enum bus_result result = call->reply.result;
    char message[96];
    if (result == BUS_TIMEOUT) {
        uint8_t pdu[MODBUS_PDU_MAX], write[MODBUS_REQUEST_SIZE];
        size_t size = modbus_write_register(write, NODE_ADDRESS, move->address);
        size = modbus_fast_request(pdu, move->serial, write, size);
        const struct rpc_target target = {.bus = move->target.bus,
                                          .unit = MODBUS_FAST_UNIT,
                                          .retries = 2,
                                          .timeout_ms = ANSWER_MS,
                                          .no_read_back = true};
        rpc_request_bus(call, &target, pdu, (uint16_t)size, moved);
    } else if (is_it(call)) {
        confirmed(call); /* it has it already */
    } else if (result == BUS_OK || result == BUS_EXCEPTION || result == BUS_GARBLED) {
        (void)snprintf(message, sizeof message, "another device answers at address %u already",
                       move->address);
        rpc_fail(call, "taken", message, "choose an address that is free: `baiye scan BUS`");
    } else {
        rpc_fail_bus(call, &call->reply);
    }
}

/* {bus, serial, address} */
static void run_address(struct rpc_call *call)
{
    uint16_t bus;
    int64_t serial, address;
    if (!rpc_bus(call, &bus) || !rpc_integer(call, "serial", 1, UINT32_MAX - 1, &serial) ||
        !rpc_integer(call, "address", 1, 247, &address))
        return;
    struct by_serial *move = attach(call, bus);
    if (move == NULL)
        return;
    move->serial = (uint32_t)serial;
    move->address = (uint8_t)address;
    ask_serial(call, 1, looked);
}

static const struct rpc_method methods[] = {
    {.name = "address",
     .role = USER_TECHNICIAN,
     .socket_only = true,
     .command = true,
     .run = run_address},
    {.name = NULL},
};
const struct rpc_methods rpc_methods_serial = {.list = methods};
