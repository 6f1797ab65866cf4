/* SPDX-License-Identifier: Apache-2.0 */
/* The methods that ask a bus: they stand in its queue in front of the polls. */
#include <stdio.h>
#include <string.h>

#include "gateway/common/hex.h"
#include "gateway/daemon/rpc/call.h"
#include "gateway/daemon/write_request.h"
#include "protocols/bytes/bytes.h"
#include "protocols/modbus/pdu.h"
#include "protocols/modbus/request.h"

#define SCAN_TIMEOUT_MS 200
#define PAUSE_LOOK_MS   10
#define PAUSE_MOST_MS   10000 /* longer than any request takes */

/* Bus thread. */
static void bus_done(void *context, const struct bus_reply *reply)
{
    struct rpc_call *call = context;
    call->reply = *reply;
    rpc_resume(call);
}

bool rpc_request_bus(struct rpc_call *call, const struct rpc_target *target, const uint8_t *pdu,
                     uint16_t size, void (*resume)(struct rpc_call *call))
{
    struct bus_request request = {
        .unit = target->unit,
        .retries = target->retries,
        .timeout_ms = target->timeout_ms,
        .no_read_back = target->no_read_back,
        .background = target->background,
        .pdu_size = size,
        .context = call,
        .done = bus_done,
    };
    if (target->write != NULL)
        bus_verify_as(&request, target->write);
    memcpy(request.pdu, pdu, size);
    call->resume = resume;
    enum bus_result result = bus_submit(call->rpc->parts.buses[target->bus], &request);
    if (result != BUS_OK) {
        call->reply = (struct bus_reply){.result = result};
        rpc_fail_bus(call, &call->reply);
    }
    return result == BUS_OK;
}

/* ---- read ---- */

/* The values of an answer to a read of `count` things; NULL: it is not that answer. */
static json_t *read_values(const struct bus_reply *reply, uint8_t function, uint16_t count)
{
    struct byte_reader r = byte_reader_init(reply->pdu, reply->pdu_size);
    bool bits = function <= MODBUS_READ_DISCRETE;
    uint8_t answered = byte_read_u8(&r);
    uint8_t size = byte_read_u8(&r);
    if (r.failed || answered != function || size != (bits ? (count + 7) / 8 : 2 * count) ||
        byte_reader_left(&r) < size)
        return NULL;
    json_t *values = json_array();
    for (uint16_t i = 0; i < count; i++) {
        int value = bits ? reply->pdu[2 + i / 8] >> (i % 8) & 1 : byte_read_u16(&r);
        (void)json_array_append_new(values, json_integer(value));
    }
    return values;
}

struct register_read {
    uint8_t function;
    uint16_t count;
};

static void read_ready(struct rpc_call *call)
{
    const struct register_read *reading = call->state;
    if (call->reply.result != BUS_OK) {
        rpc_fail_bus(call, &call->reply);
        return;
    }
    json_t *values = read_values(&call->reply, reading->function, reading->count);
    if (values == NULL) {
        call->reply.result = BUS_GARBLED;
        rpc_fail_bus(call, &call->reply);
        return;
    }
    rpc_end(call, json_pack("{s:o,s:I}", "values", values, "turnaround_us",
                            (json_int_t)call->reply.turnaround_us));
}

static const struct write_config *find_write(struct rpc_call *call,
                                             const struct device_config *device)
{
    const char *name = rpc_text(call, "name");
    if (name == NULL)
        return NULL;
    for (uint16_t i = 0; i < device->profile->write_count; i++) {
        if (strcmp(device->profile->writes[i].name, name) == 0)
            return &device->profile->writes[i];
    }
    rpc_fail(call, "not-allowed", "this device has no such register to write",
             "method devices lists under writes what may be written");
    return NULL;
}

/* {device, name}: a register of the profile's write list; {device, register, count, function}:
 * any, for technicians. */
static void run_read(struct rpc_call *call)
{
    uint8_t pdu[MODBUS_REQUEST_SIZE];
    int64_t address, count = 1, function = MODBUS_READ_HOLDING;
    const struct device_config *device = rpc_device(call);
    if (device == NULL)
        return;
    if (rpc_has(call, "name")) {
        const struct write_config *write = find_write(call, device);
        if (write == NULL)
            return;
        address = write->address;
        function = write_request_read_function(write);
    } else {
        if (call->caller.role < USER_TECHNICIAN) {
            rpc_fail(call, "forbidden", "only a technician may read any register",
                     "name one of the device's writes");
            return;
        }
        if (!rpc_integer(call, "register", 0, 65535, &address) ||
            (rpc_has(call, "count") && !rpc_integer(call, "count", 1, 125, &count)) ||
            (rpc_has(call, "function") && !rpc_integer(call, "function", 1, 4, &function)))
            return;
    }
    struct register_read *reading = rpc_attach(call, sizeof *reading, NULL);
    if (reading == NULL)
        return;
    *reading = (struct register_read){.function = (uint8_t)function, .count = (uint16_t)count};
    uint16_t size =
        (uint16_t)modbus_read(pdu, (uint8_t)function, (uint16_t)address, (uint16_t)count);
    rpc_request_bus(call,
                    &(struct rpc_target){.bus = device->bus, .unit = device->unit, .retries = 1},
                    pdu, size, read_ready);
}

/* ---- write ---- */

struct writing {
    int32_t value;
    int output; /* of the actions, which keep off it for a while; -1: none of theirs */
};

/* The bus has read it back, and compared. */
static void write_ready(struct rpc_call *call)
{
    const struct writing *writing = call->state;
    if (call->rpc->parts.actions != NULL)
        actions_person_done(call->rpc->parts.actions, writing->output, call->reply.result);
    if (call->reply.result != BUS_OK)
        rpc_fail_bus(call, &call->reply);
    else
        rpc_end(call, json_pack("{s:b,s:i}", "ok", 1, "value", (int)writing->value));
}

/* {device, name, value [, on_s]} */
static void run_write(struct rpc_call *call)
{
    uint8_t pdu[MODBUS_PDU_MAX];
    int64_t value, on_s;
    const struct device_config *device = rpc_device(call);
    const struct write_config *write = device != NULL ? find_write(call, device) : NULL;
    if (write == NULL)
        return;
    if (write->technician && call->caller.role < USER_TECHNICIAN) {
        rpc_fail(call, "forbidden", "only a technician may write this register", "");
        return;
    }
    on_s = write->max_on_s;
    if (!rpc_integer(call, "value", write->min, write->max, &value) ||
        (write->max_on_s > 0 && rpc_has(call, "on_s") &&
         !rpc_integer(call, "on_s", 1, write->max_on_s, &on_s)))
        return;
    struct writing *writing = rpc_attach(call, sizeof *writing, NULL);
    if (writing == NULL)
        return;
    writing->value = (int32_t)value;
    /* Remembered before it is sent: a write whose answer is lost may have worked. */
    struct actions *actions = call->rpc->parts.actions;
    int output = actions == NULL ? -1
                                 : actions_person(actions, device->index, write, (int32_t)value,
                                                  (uint32_t)on_s, call->caller.user);
    if (write->max_on_s > 0 && output < 0) /* else they switch it off: one owner */
        actuators_set(call->rpc->actuators, device, write, (int32_t)value, (uint32_t)on_s);
    writing->output = output;
    uint16_t size = write_request_pdu(write, (int32_t)value, pdu);
    const struct rpc_target target = {
        .bus = device->bus, .unit = device->unit, .retries = 1, .write = write};
    if (!rpc_request_bus(call, &target, pdu, size, write_ready) && actions != NULL)
        actions_person_done(actions, output, BUS_BUSY); /* the call is gone */
}

/* ---- raw, pause, scan ---- */

/* Bytes of a hex text, 0 when it is none or too long. */
static uint16_t parse_hex(const char *text, uint8_t *out, uint16_t max)
{
    size_t digits = strlen(text);
    if (digits == 0 || digits % 2 != 0 || digits / 2 > max)
        return 0;
    for (size_t i = 0; i < digits; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return 0;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return (uint16_t)(digits / 2);
}

static void raw_ready(struct rpc_call *call)
{
    char hex[2 * sizeof call->reply.pdu + 1];
    if (call->reply.result != BUS_OK && call->reply.result != BUS_EXCEPTION) {
        rpc_fail_bus(call, &call->reply);
        return;
    }
    hex_write(call->reply.pdu, call->reply.pdu_size, hex);
    rpc_end(call, json_pack("{s:s,s:I,s:i}", "pdu", hex, "turnaround_us",
                            (json_int_t)call->reply.turnaround_us, "exception",
                            call->reply.result == BUS_EXCEPTION ? (int)call->reply.exception : 0));
}

/* {bus, unit, pdu (hex) [, timeout_ms, read_back]}; read_back false: what is written is a
 * command. A read that fails is tried once more, as by `read`: it changes nothing. */
static void run_raw(struct rpc_call *call)
{
    uint8_t pdu[253];
    uint16_t bus;
    int64_t unit, timeout_ms = 0;
    if (!rpc_bus(call, &bus) || !rpc_integer(call, "unit", 0, 255, &unit) ||
        (rpc_has(call, "timeout_ms") && !rpc_integer(call, "timeout_ms", 1, 10000, &timeout_ms)))
        return;
    const char *text = rpc_text(call, "pdu");
    if (text == NULL)
        return;
    uint16_t size = parse_hex(text, pdu, sizeof pdu);
    if (size == 0) {
        rpc_fail(call, "invalid", "pdu: 1 to 253 bytes in hex are needed",
                 "function code and data, for example 0300000002");
        return;
    }
    const struct rpc_target target = {
        .bus = bus,
        .unit = (uint8_t)unit,
        .retries = pdu[0] >= MODBUS_READ_COILS && pdu[0] <= MODBUS_READ_INPUT,
        .timeout_ms = (uint16_t)timeout_ms,
        .no_read_back = json_is_false(json_object_get(call->params, "read_back"))};
    rpc_request_bus(call, &target, pdu, size, raw_ready);
}

struct pausing {
    uint16_t bus;
    int64_t until_ms; /* it is not waited for any longer */
    struct loop_timer timer;
};

static void free_pausing(void *state)
{
    struct pausing *pausing = state;
    loop_timer_stop(&pausing->timer);
}

/* Answered when the port is closed: whoever asked may open it. */
static void look_if_free(struct loop_timer *timer)
{
    struct rpc_call *call = timer->context;
    struct pausing *pausing = call->state;
    const struct bus_config *bus = &call->rpc->config->buses[pausing->bus];
    char parity[2] = {bus->parity, '\0'};
    if (bus_port_free(call->rpc->parts.buses[pausing->bus]))
        rpc_end(call, json_pack("{s:b,s:s,s:i,s:s,s:i,s:i}", "ok", 1, "port", bus->port, "baud",
                                (int)bus->baud, "parity", parity, "stop_bits", (int)bus->stop_bits,
                                "tcp_port", (int)bus->tcp_port));
    else if (loop_now_ms() > pausing->until_ms)
        rpc_fail(call, "timeout", "the line is still at work", "ask again in a few seconds");
    else
        loop_timer_start(call->rpc->loop, timer, PAUSE_LOOK_MS);
}

/* {bus, seconds}: 0 resumes. */
static void run_pause(struct rpc_call *call)
{
    uint16_t bus;
    int64_t seconds;
    if (!rpc_bus(call, &bus) || !rpc_integer(call, "seconds", 0, 3600, &seconds))
        return;
    if (call->rpc->config->buses[bus].dial_in != NULL) {
        rpc_fail(call, "invalid", "the bus's converter dials in: there is no port to leave",
                 "no other program can connect to it");
        return;
    }
    bus_pause(call->rpc->parts.buses[bus], (uint32_t)seconds);
    if (seconds == 0) {
        rpc_end(call, json_pack("{s:b}", "ok", 1));
        return;
    }
    struct pausing *pausing = rpc_attach(call, sizeof *pausing, free_pausing);
    if (pausing == NULL)
        return;
    pausing->bus = bus;
    pausing->until_ms = loop_now_ms() + PAUSE_MOST_MS;
    pausing->timer = (struct loop_timer){.context = call, .expired = look_if_free};
    look_if_free(&pausing->timer);
}

struct scan {
    uint16_t bus;
    uint8_t unit, last_unit;
    json_t *found;
};

static void free_scan(void *state)
{
    json_decref(((struct scan *)state)->found);
}

static void scan_next(struct rpc_call *call);

static void scan_ready(struct rpc_call *call)
{
    struct scan *scan = call->state;
    enum bus_result result = call->reply.result;
    if (result == BUS_DOWN || result == BUS_STOPPED || result == BUS_PAUSED) {
        rpc_fail_bus(call, &call->reply);
        return;
    }
    bool there = result == BUS_OK || result == BUS_EXCEPTION || result == BUS_GARBLED;
    json_t *seen = json_pack("{s:i,s:b,s:b}", "unit", (int)scan->unit, "found", (int)there,
                             "garbled", (int)(result == BUS_GARBLED));
    rpc_progress(call, seen);
    if (there)
        (void)json_array_append_new(scan->found, json_integer(scan->unit));
    json_decref(seen);
    if (scan->unit == scan->last_unit || call->answer == NULL) { /* done, or no one waits */
        rpc_end(call, json_pack("{s:O}", "found", scan->found));
        return;
    }
    scan->unit++;
    scan_next(call);
}

static bool is_configured(const struct config *config, uint16_t bus, uint8_t unit)
{
    for (unsigned i = 0; i < config->device_count; i++) {
        if (config->devices[i].bus == bus && config->devices[i].unit == unit)
            return true;
    }
    return false;
}

/* Whoever is there answers a read of one register, be it by an exception. Where a device of the
 * configuration is, it has its own response time and a second try; 200 addresses at which nobody is
 * expected would take minutes by that. */
static void scan_next(struct rpc_call *call)
{
    const struct scan *scan = call->state;
    struct rpc_target target = {
        .bus = scan->bus, .unit = scan->unit, .timeout_ms = SCAN_TIMEOUT_MS};
    uint8_t pdu[MODBUS_REQUEST_SIZE];
    if (is_configured(call->rpc->config, scan->bus, scan->unit)) {
        target.timeout_ms = 0;
        target.retries = 1;
    }
    uint16_t size = (uint16_t)modbus_read(pdu, MODBUS_READ_HOLDING, 0, 1);
    rpc_request_bus(call, &target, pdu, size, scan_ready);
}

/* {bus [, from, to]}: every address. {bus, serials: true}: our nodes, whatever their addresses. */
static void run_scan(struct rpc_call *call)
{
    uint16_t bus;
    int64_t from = 1, to = 247;
    if (!rpc_bus(call, &bus) ||
        (rpc_has(call, "from") && !rpc_integer(call, "from", 1, 247, &from)) ||
        (rpc_has(call, "to") && !rpc_integer(call, "to", from, 247, &to)))
        return;
    if (json_is_true(json_object_get(call->params, "serials"))) {
        rpc_scan_serials(call, bus);
        return;
    }
    struct scan *scan = rpc_attach(call, sizeof *scan, free_scan);
    if (scan == NULL)
        return;
    *scan = (struct scan){
        .bus = bus, .unit = (uint8_t)from, .last_unit = (uint8_t)to, .found = json_array()};
    scan_next(call);
}

static const struct rpc_method methods[] = {
    {.name = "read", .role = USER_FARMER, .run = run_read},
    {.name = "write", .role = USER_FARMER, .command = true, .run = run_write},
    {.name = "raw", .role = USER_TECHNICIAN, .socket_only = true, .command = true, .run = run_raw},
    {.name = "pause",
     .role = USER_TECHNICIAN,
     .socket_only = true,
     .command = true,
     .run = run_pause},
    {.name = "scan",
     .role = USER_TECHNICIAN,
     .socket_only = true,
     .command = true,
     .run = run_scan},
    {.name = NULL},
};

static bool open_bus_methods(struct rpc *rpc)
{
    rpc->actuators = actuators_open(rpc);
    return rpc->actuators != NULL;
}

static void close_bus_methods(struct rpc *rpc)
{
    actuators_close(rpc->actuators);
}

const struct rpc_methods rpc_methods_bus = {
    .list = methods, .open = open_bus_methods, .close = close_bus_methods};
