/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/modbus/server.h"

#include <string.h>

#include "protocols/bytes/bytes.h"

enum diagnostic {
    DIAG_LOOPBACK = 0x00,
    DIAG_RESTART = 0x01,
    DIAG_REGISTER = 0x02,
    DIAG_LISTEN_ONLY = 0x04,
    DIAG_CLEAR = 0x0A,
    DIAG_FIRST_COUNTER = 0x0B,
    DIAG_LAST_COUNTER = 0x12,
    DIAG_CLEAR_OVERRUN = 0x14
};

/* One request on its way: what is still to be read, where the answer goes. */
struct exchange {
    struct modbus_server *server;
    struct byte_reader in;
    struct byte_writer out;
    bool broadcast;
    bool silent; /* done, but the standard wants no answer */
};

void modbus_server_init(struct modbus_server *s, const struct modbus_model *model)
{
    memset(s, 0, sizeof *s);
    s->model = model;
}

/* The request was read to its end, no more and no less. */
static bool whole(const struct byte_reader *r)
{
    return !r->failed && r->at == r->size;
}

static bool in_space(uint16_t address, uint16_t count)
{
    return (uint32_t)address + count <= 0x10000u;
}

static void write_values(struct byte_writer *w, const uint16_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        byte_write_u16(w, values[i]);
}

static void read_values(struct byte_reader *r, uint16_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = byte_read_u16(r);
}

static enum modbus_exception read_bits(struct exchange *x, uint8_t function)
{
    const struct modbus_model *m = x->server->model;
    uint16_t address = byte_read_u16(&x->in);
    uint16_t count = byte_read_u16(&x->in);
    if (!whole(&x->in) || count < 1 || count > MODBUS_READ_BITS_MAX)
        return MODBUS_ILLEGAL_VALUE;
    if (!in_space(address, count))
        return MODBUS_ILLEGAL_ADDRESS;
    uint8_t bits[MODBUS_READ_BITS_MAX / 8] = {0};
    enum modbus_exception e =
        m->read_bits(m->context, function == MODBUS_READ_DISCRETE, address, count, bits);
    if (e != MODBUS_OK)
        return e;
    size_t size = (count + 7u) / 8;
    byte_write_u8(&x->out, (uint8_t)size);
    byte_write_span(&x->out, bits, size);
    return MODBUS_OK;
}

static enum modbus_exception read_registers(struct exchange *x, uint8_t function)
{
    const struct modbus_model *m = x->server->model;
    uint16_t address = byte_read_u16(&x->in);
    uint16_t count = byte_read_u16(&x->in);
    if (!whole(&x->in) || count < 1 || count > MODBUS_READ_MAX)
        return MODBUS_ILLEGAL_VALUE;
    if (!in_space(address, count))
        return MODBUS_ILLEGAL_ADDRESS;
    uint16_t values[MODBUS_READ_MAX];
    enum modbus_exception e =
        m->read_registers(m->context, function == MODBUS_READ_INPUT, address, count, values);
    if (e != MODBUS_OK)
        return e;
    byte_write_u8(&x->out, (uint8_t)(count * 2));
    write_values(&x->out, values, count);
    return MODBUS_OK;
}

static enum modbus_exception write_coil(struct exchange *x)
{
    const struct modbus_model *m = x->server->model;
    uint16_t address = byte_read_u16(&x->in);
    uint16_t value = byte_read_u16(&x->in);
    if (!whole(&x->in) || (value != 0x0000 && value != 0xFF00))
        return MODBUS_ILLEGAL_VALUE;
    uint8_t bit = value == 0xFF00;
    byte_write_u16(&x->out, address);
    byte_write_u16(&x->out, value);
    return m->write_bits(m->context, address, 1, &bit, x->broadcast);
}

static enum modbus_exception write_register(struct exchange *x)
{
    const struct modbus_model *m = x->server->model;
    uint16_t address = byte_read_u16(&x->in);
    uint16_t value = byte_read_u16(&x->in);
    if (!whole(&x->in))
        return MODBUS_ILLEGAL_VALUE;
    byte_write_u16(&x->out, address);
    byte_write_u16(&x->out, value);
    return m->write_registers(m->context, address, 1, &value, x->broadcast);
}

static enum modbus_exception write_coils(struct exchange *x)
{
    const struct modbus_model *m = x->server->model;
    uint16_t address = byte_read_u16(&x->in);
    uint16_t count = byte_read_u16(&x->in);
    uint8_t size = byte_read_u8(&x->in);
    const uint8_t *bits = byte_read_span(&x->in, size);
    if (!whole(&x->in) || count < 1 || count > MODBUS_WRITE_BITS_MAX || size != (count + 7u) / 8)
        return MODBUS_ILLEGAL_VALUE;
    if (!in_space(address, count))
        return MODBUS_ILLEGAL_ADDRESS;
    byte_write_u16(&x->out, address);
    byte_write_u16(&x->out, count);
    return m->write_bits(m->context, address, count, bits, x->broadcast);
}

static enum modbus_exception write_registers(struct exchange *x)
{
    const struct modbus_model *m = x->server->model;
    uint16_t address = byte_read_u16(&x->in);
    uint16_t count = byte_read_u16(&x->in);
    uint8_t size = byte_read_u8(&x->in);
    if (x->in.failed || count < 1 || count > MODBUS_WRITE_MAX || size != count * 2)
        return MODBUS_ILLEGAL_VALUE;
    uint16_t values[MODBUS_WRITE_MAX];
    read_values(&x->in, values, count);
    if (!whole(&x->in))
        return MODBUS_ILLEGAL_VALUE;
    if (!in_space(address, count))
        return MODBUS_ILLEGAL_ADDRESS;
    byte_write_u16(&x->out, address);
    byte_write_u16(&x->out, count);
    return m->write_registers(m->context, address, count, values, x->broadcast);
}

static enum modbus_exception mask_write(struct exchange *x)
{
    const struct modbus_model *m = x->server->model;
    uint16_t address = byte_read_u16(&x->in);
    uint16_t and_mask = byte_read_u16(&x->in);
    uint16_t or_mask = byte_read_u16(&x->in);
    if (!whole(&x->in))
        return MODBUS_ILLEGAL_VALUE;
    uint16_t value;
    enum modbus_exception e = m->read_registers(m->context, false, address, 1, &value);
    if (e != MODBUS_OK)
        return e;
    value = (uint16_t)((value & and_mask) | (or_mask & ~and_mask));
    byte_write_u16(&x->out, address);
    byte_write_u16(&x->out, and_mask);
    byte_write_u16(&x->out, or_mask);
    return m->write_registers(m->context, address, 1, &value, x->broadcast);
}

/* The write comes before the read, as the standard says: the log window relies on it. */
static enum modbus_exception read_write(struct exchange *x)
{
    const struct modbus_model *m = x->server->model;
    uint16_t read_address = byte_read_u16(&x->in);
    uint16_t read_count = byte_read_u16(&x->in);
    uint16_t address = byte_read_u16(&x->in);
    uint16_t count = byte_read_u16(&x->in);
    uint8_t size = byte_read_u8(&x->in);
    if (x->in.failed || read_count < 1 || read_count > MODBUS_READ_MAX || count < 1 ||
        count > MODBUS_READ_WRITE_MAX || size != count * 2)
        return MODBUS_ILLEGAL_VALUE;
    uint16_t values[MODBUS_READ_MAX];
    read_values(&x->in, values, count);
    if (!whole(&x->in))
        return MODBUS_ILLEGAL_VALUE;
    if (!in_space(read_address, read_count) || !in_space(address, count))
        return MODBUS_ILLEGAL_ADDRESS;
    enum modbus_exception e = m->write_registers(m->context, address, count, values, x->broadcast);
    if (e != MODBUS_OK)
        return e;
    e = m->read_registers(m->context, false, read_address, read_count, values);
    if (e != MODBUS_OK)
        return e;
    byte_write_u8(&x->out, (uint8_t)(read_count * 2));
    write_values(&x->out, values, read_count);
    return MODBUS_OK;
}

static enum modbus_exception read_status(struct exchange *x)
{
    const struct modbus_model *m = x->server->model;
    if (!whole(&x->in))
        return MODBUS_ILLEGAL_VALUE;
    byte_write_u8(&x->out, (uint8_t)m->status(m->context));
    return MODBUS_OK;
}

static uint16_t counter(const struct modbus_counters *c, uint16_t sub)
{
    const uint16_t values[] = {c->bus_messages, c->bus_errors, c->exceptions, c->server_messages,
                               c->no_responses, c->naks,       c->busy,       c->overruns};
    return values[sub - DIAG_FIRST_COUNTER];
}

static enum modbus_exception diagnose_with_word(struct exchange *x, uint16_t sub, uint16_t data)
{
    struct modbus_server *s = x->server;
    bool restart_word = sub == DIAG_RESTART && (data == 0 || data == 0xFF00);
    if (data != 0 && !restart_word)
        return MODBUS_ILLEGAL_VALUE;
    uint16_t value = data;
    switch (sub) {
    case DIAG_RESTART:
        x->silent = s->listen_only;
        s->listen_only = false;
        memset(&s->counters, 0, sizeof s->counters);
        s->events = 0;
        break;
    case DIAG_REGISTER:
        value = s->model->status(s->model->context);
        break;
    case DIAG_LISTEN_ONLY:
        s->listen_only = true;
        x->silent = true;
        break;
    case DIAG_CLEAR:
        memset(&s->counters, 0, sizeof s->counters);
        break;
    case DIAG_CLEAR_OVERRUN:
        s->counters.overruns = 0;
        break;
    default:
        if (sub < DIAG_FIRST_COUNTER || sub > DIAG_LAST_COUNTER)
            return MODBUS_ILLEGAL_FUNCTION;
        value = counter(&s->counters, sub);
    }
    byte_write_u16(&x->out, sub);
    byte_write_u16(&x->out, value);
    return MODBUS_OK;
}

static enum modbus_exception diagnose(struct exchange *x)
{
    uint16_t sub = byte_read_u16(&x->in);
    if (x->in.failed)
        return MODBUS_ILLEGAL_VALUE;
    if (sub == DIAG_LOOPBACK) {
        size_t left = byte_reader_left(&x->in);
        byte_write_u16(&x->out, sub);
        byte_write_span(&x->out, byte_read_span(&x->in, left), left);
        return MODBUS_OK;
    }
    uint16_t data = byte_read_u16(&x->in);
    return whole(&x->in) ? diagnose_with_word(x, sub, data) : MODBUS_ILLEGAL_VALUE;
}

static enum modbus_exception event_counter(struct exchange *x)
{
    if (!whole(&x->in))
        return MODBUS_ILLEGAL_VALUE;
    byte_write_u16(&x->out, 0); /* not busy */
    byte_write_u16(&x->out, x->server->events);
    return MODBUS_OK;
}

static enum modbus_exception report_id(struct exchange *x)
{
    const struct modbus_model *m = x->server->model;
    if (!whole(&x->in))
        return MODBUS_ILLEGAL_VALUE;
    uint8_t data[MODBUS_PDU_MAX - 2];
    size_t size = m->report_id(m->context, data, sizeof data);
    byte_write_u8(&x->out, (uint8_t)size);
    byte_write_span(&x->out, data, size);
    return MODBUS_OK;
}

static void write_object(struct byte_writer *w, uint8_t id, const char *text, size_t size)
{
    byte_write_u8(w, id);
    byte_write_u8(w, (uint8_t)size);
    byte_write_span(w, text, size);
}

/* Objects from `first` up to `last` while they fit; returns the one that did not, or 0. */
static uint8_t write_objects(struct exchange *x, uint8_t first, uint8_t last, uint8_t *count)
{
    const struct modbus_model *m = x->server->model;
    for (unsigned id = first; id <= last; id++) {
        const char *text = m->object(m->context, (uint8_t)id);
        if (text == NULL)
            continue;
        size_t size = strlen(text);
        if (x->out.size - x->out.at < size + 2)
            return (uint8_t)id;
        write_object(&x->out, (uint8_t)id, text, size);
        (*count)++;
    }
    return 0;
}

static enum modbus_exception identify(struct exchange *x)
{
    enum { CONFORMITY = 0x83, INDIVIDUAL = 4, HEADER = 7 };
    static const uint8_t last_of[] = {0, 0x02, 0x7F, 0xFF}; /* basic, regular, extended */
    const struct modbus_model *m = x->server->model;
    uint8_t mei = byte_read_u8(&x->in);
    uint8_t code = byte_read_u8(&x->in);
    uint8_t first = byte_read_u8(&x->in);
    if (x->in.at > 1 && mei != MODBUS_MEI_IDENTIFICATION)
        return MODBUS_ILLEGAL_FUNCTION;
    if (!whole(&x->in) || code < 1 || code > INDIVIDUAL)
        return MODBUS_ILLEGAL_VALUE;
    uint8_t last = code == INDIVIDUAL ? first : last_of[code];
    if (m->object(m->context, first) == NULL) {
        if (code == INDIVIDUAL)
            return MODBUS_ILLEGAL_ADDRESS;
        first = 0; /* the standard: an unknown first object means from the beginning */
    }
    const uint8_t header[] = {mei, code, CONFORMITY, 0, 0, 0};
    byte_write_span(&x->out, header, sizeof header);
    uint8_t count = 0;
    uint8_t next = write_objects(x, first, last, &count);
    x->out.data[HEADER - 3] = next ? 0xFF : 0;
    x->out.data[HEADER - 2] = next;
    x->out.data[HEADER - 1] = count;
    return MODBUS_OK;
}

static enum modbus_exception dispatch(struct exchange *x, uint8_t function)
{
    switch (function) {
    case MODBUS_READ_COILS:
    case MODBUS_READ_DISCRETE:
        return read_bits(x, function);
    case MODBUS_READ_HOLDING:
    case MODBUS_READ_INPUT:
        return read_registers(x, function);
    case MODBUS_WRITE_COIL:
        return write_coil(x);
    case MODBUS_WRITE_REGISTER:
        return write_register(x);
    case MODBUS_READ_STATUS:
        return read_status(x);
    case MODBUS_DIAGNOSTICS:
        return diagnose(x);
    case MODBUS_EVENT_COUNTER:
        return event_counter(x);
    case MODBUS_WRITE_COILS:
        return write_coils(x);
    case MODBUS_WRITE_REGISTERS:
        return write_registers(x);
    case MODBUS_REPORT_ID:
        return report_id(x);
    case MODBUS_MASK_WRITE:
        return mask_write(x);
    case MODBUS_READ_WRITE:
        return read_write(x);
    case MODBUS_ENCAPSULATED:
        return identify(x);
    default:
        return MODBUS_ILLEGAL_FUNCTION;
    }
}

static bool is_write(uint8_t function)
{
    return function == MODBUS_WRITE_COIL || function == MODBUS_WRITE_REGISTER ||
           function == MODBUS_WRITE_COILS || function == MODBUS_WRITE_REGISTERS ||
           function == MODBUS_MASK_WRITE;
}

static bool is_restart(const uint8_t *request, size_t size)
{
    return size == 5 && request[0] == MODBUS_DIAGNOSTICS && request[1] == 0 &&
           request[2] == DIAG_RESTART;
}

static void count_exception(struct modbus_server *s, enum modbus_exception e)
{
    s->counters.exceptions++;
    if (e == MODBUS_DEVICE_BUSY)
        s->counters.busy++;
}

size_t modbus_serve(struct modbus_server *s, const uint8_t *request, size_t size, bool broadcast,
                    uint8_t answer[MODBUS_PDU_MAX])
{
    if (size < 1 || size > MODBUS_PDU_MAX || (request[0] & MODBUS_EXCEPTION_BIT))
        return 0;
    uint8_t function = request[0];
    s->counters.server_messages++;
    if ((s->listen_only && !is_restart(request, size)) || (broadcast && !is_write(function))) {
        s->counters.no_responses++;
        return 0;
    }
    struct exchange x = {.server = s,
                         .in = byte_reader_init(request + 1, size - 1),
                         .out = byte_writer_init(answer, MODBUS_PDU_MAX),
                         .broadcast = broadcast};
    byte_write_u8(&x.out, function);
    enum modbus_exception e = dispatch(&x, function);
    if (e == MODBUS_OK && x.out.failed)
        e = MODBUS_DEVICE_FAILURE;
    if (e == MODBUS_OK && function != MODBUS_EVENT_COUNTER && !x.silent)
        s->events++;
    if (broadcast || x.silent) {
        s->counters.no_responses++;
        return 0;
    }
    if (e == MODBUS_OK)
        return x.out.at;
    count_exception(s, e);
    return modbus_exception_answer(function, e, answer);
}
