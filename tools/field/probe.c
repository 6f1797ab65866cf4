/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/probe.h"

#include <math.h>
#include <string.h>

#include "protocols/bytes/bytes.h"
#include "protocols/modbus/pdu.h"

enum source { /* where a register's value comes from */
              SRC_AIR_TEMPERATURE,
              SRC_AIR_HUMIDITY,
              SRC_SOIL_MOISTURE,
              SRC_SOIL_TEMPERATURE,
              SRC_CONDUCTIVITY,
              SRC_PH,
              SRC_NITROGEN,
              SRC_PHOSPHORUS,
              SRC_POTASSIUM,
              SRC_SALINITY,
              SRC_SOLIDS,
              SRC_ADDRESS,
              SRC_BAUD_RATE, /* bit/s itself */
              SRC_BAUD_CODE,
              SRC_EXTRA_0,
              SRC_EXTRA_1,
              SRC_EXTRA_2
};

struct probe_register {
    uint8_t function; /* that reads it; FC03 ones with a config source can be written */
    uint16_t address;
    enum source source;
    double per_unit;    /* counts in one unit of the metric */
    const char *metric; /* NULL: not in the ledger */
};

#define BAUD_CODES 8

struct probe_model {
    const struct probe_register *registers;
    size_t count;
    uint8_t baud_codes;
    bool query_address; /* answers to 0xFF too */
    bool pair_only;     /* a read that does not start at the first data register is refused */
    int16_t extra[PROBE_EXTRAS];
};

static const uint32_t baud_of_code[BAUD_CODES] = {2400,  4800,  9600,   19200,
                                                  38400, 57600, 115200, 1200};

static const struct probe_register xy_md02[] = {
    {MODBUS_READ_INPUT, 0x0001, SRC_AIR_TEMPERATURE, 10, "air_temperature"},
    {MODBUS_READ_INPUT, 0x0002, SRC_AIR_HUMIDITY, 10, "air_humidity"},
    {MODBUS_READ_HOLDING, 0x0101, SRC_ADDRESS, 1, NULL},
    {MODBUS_READ_HOLDING, 0x0102, SRC_BAUD_RATE, 1, NULL},
    {MODBUS_READ_HOLDING, 0x0103, SRC_EXTRA_0, 1, NULL},
    {MODBUS_READ_HOLDING, 0x0104, SRC_EXTRA_1, 1, NULL},
};

static const struct probe_register rs_ws_n01_tr[] = {
    {MODBUS_READ_HOLDING, 0x0000, SRC_SOIL_MOISTURE, 10, "soil_moisture"},
    {MODBUS_READ_HOLDING, 0x0001, SRC_SOIL_TEMPERATURE, 10, "soil_temperature"},
    {MODBUS_READ_HOLDING, 0x07D0, SRC_ADDRESS, 1, NULL},
    {MODBUS_READ_HOLDING, 0x07D1, SRC_BAUD_CODE, 1, NULL},
};

static const struct probe_register zts_3001[] = {
    {MODBUS_READ_HOLDING, 0x0000, SRC_SOIL_MOISTURE, 10, "soil_moisture"},
    {MODBUS_READ_HOLDING, 0x0001, SRC_SOIL_TEMPERATURE, 10, "soil_temperature"},
    {MODBUS_READ_HOLDING, 0x0002, SRC_CONDUCTIVITY, 1, "soil_conductivity"},
    {MODBUS_READ_HOLDING, 0x0003, SRC_PH, 10, "soil_ph"},
    {MODBUS_READ_HOLDING, 0x0004, SRC_NITROGEN, 1, "soil_nitrogen"},
    {MODBUS_READ_HOLDING, 0x0005, SRC_PHOSPHORUS, 1, "soil_phosphorus"},
    {MODBUS_READ_HOLDING, 0x0006, SRC_POTASSIUM, 1, "soil_potassium"},
    {MODBUS_READ_HOLDING, 0x0007, SRC_SALINITY, 1, NULL},
    {MODBUS_READ_HOLDING, 0x0008, SRC_SOLIDS, 1, NULL},
    {MODBUS_READ_HOLDING, 0x0022, SRC_EXTRA_0, 1, NULL},
    {MODBUS_READ_HOLDING, 0x0023, SRC_EXTRA_1, 1, NULL},
    {MODBUS_READ_HOLDING, 0x0024, SRC_EXTRA_2, 1, NULL},
    {MODBUS_READ_HOLDING, 0x07D0, SRC_ADDRESS, 1, NULL},
    {MODBUS_READ_HOLDING, 0x07D1, SRC_BAUD_CODE, 1, NULL},
};

#define REGISTERS(table) (table), sizeof(table) / sizeof((table)[0])

static const struct probe_model *model_of(enum unit_kind kind)
{
    static const struct probe_model md02 = {REGISTERS(xy_md02), 0, false, true, {0, 0, 0}};
    static const struct probe_model renke = {REGISTERS(rs_ws_n01_tr), 3, true, false, {0, 0, 0}};
    static const struct probe_model zts = {
        REGISTERS(zts_3001), BAUD_CODES, true, false, {0, 55, 50}};
    if (kind == UNIT_XY_MD02)
        return &md02;
    return kind == UNIT_RS_WS_N01_TR ? &renke : &zts;
}

void probe_init(struct probe *probe, enum unit_kind kind, uint8_t address, uint32_t baud,
                uint16_t registers)
{
    *probe = (struct probe){.kind = kind, .address = address, .baud = baud, .registers = registers};
    if (kind != UNIT_RESPONDER && kind != UNIT_RELAY && kind != UNIT_MASTER)
        memcpy(probe->extra, model_of(kind)->extra, sizeof(probe->extra));
}

bool probe_hears(const struct probe *probe, uint8_t address)
{
    if (address == probe->address || address == 0)
        return true;
    return address == 0xFF && probe->kind != UNIT_RESPONDER && model_of(probe->kind)->query_address;
}

static uint16_t baud_code(uint32_t baud)
{
    for (uint16_t code = 0; code < BAUD_CODES; code++)
        if (baud_of_code[code] == baud)
            return code;
    return 2;
}

/* The measured or stored value in the metric's unit. */
static double source_value(const struct probe *probe, const struct weather_now *now,
                           enum source source)
{
    bool air = probe->kind == UNIT_XY_MD02;
    switch (source) {
    case SRC_AIR_TEMPERATURE:
        return now->value[WEATHER_AIR_TEMPERATURE] + (air ? probe->extra[0] / 10.0 : 0);
    case SRC_AIR_HUMIDITY:
        return now->value[WEATHER_AIR_HUMIDITY] + (air ? probe->extra[1] / 10.0 : 0);
    case SRC_SOIL_MOISTURE:
        return now->value[WEATHER_SOIL_MOISTURE];
    case SRC_SOIL_TEMPERATURE:
        return now->value[WEATHER_SOIL_TEMPERATURE];
    case SRC_CONDUCTIVITY:
        return now->conductivity;
    case SRC_PH:
        return now->ph;
    case SRC_NITROGEN: /* such probes compute nutrients from the conductivity */
        return now->conductivity * 0.07;
    case SRC_PHOSPHORUS:
        return now->conductivity * 0.05;
    case SRC_POTASSIUM:
        return now->conductivity * 0.19;
    case SRC_SALINITY:
        return now->conductivity * 0.55;
    case SRC_SOLIDS:
        return now->conductivity * 0.5;
    case SRC_ADDRESS:
        return probe->address;
    case SRC_BAUD_RATE:
        return probe->baud;
    case SRC_BAUD_CODE:
        return baud_code(probe->baud);
    case SRC_EXTRA_0:
        return probe->extra[0];
    case SRC_EXTRA_1:
        return probe->extra[1];
    case SRC_EXTRA_2:
        return probe->extra[2];
    }
    return 0;
}

static const struct probe_register *find(const struct probe_model *model, uint8_t function,
                                         uint32_t address)
{
    for (size_t i = 0; i < model->count; i++)
        if (model->registers[i].function == function && model->registers[i].address == address)
            return &model->registers[i];
    return NULL;
}

uint16_t probe_responder_value(uint8_t unit, uint16_t reg, uint32_t answer)
{
    return (uint16_t)((31u * answer + 257u * reg + 4099u * unit) & 0x7fffu);
}

static size_t responder_read(struct probe *probe, uint8_t function, uint16_t first,
                             uint16_t quantity, uint8_t *answer, struct probe_given *given)
{
    if ((uint32_t)first + quantity > probe->registers)
        return modbus_exception_answer(function, MODBUS_ILLEGAL_ADDRESS, answer);
    given->first = first;
    given->quantity = quantity;
    given->answer = probe->answers++;
    given->sample = first == 0;
    struct byte_writer w = byte_writer_init(answer, PROBE_PDU_SIZE);
    byte_write_u8(&w, function);
    byte_write_u8(&w, (uint8_t)(quantity * 2));
    for (uint16_t i = 0; i < quantity; i++)
        byte_write_u16(&w,
                       probe_responder_value(probe->address, (uint16_t)(first + i), given->answer));
    return w.at;
}

static size_t probe_read(struct probe *probe, const struct weather_now *now, uint8_t function,
                         uint16_t first, uint16_t quantity, uint8_t *answer,
                         struct probe_given *given)
{
    const struct probe_model *model = model_of(probe->kind);
    const struct probe_register *data = &model->registers[0];
    if (model->pair_only && function == data->function && first != data->address)
        return modbus_exception_answer(function, MODBUS_ILLEGAL_ADDRESS, answer);
    struct byte_writer w = byte_writer_init(answer, PROBE_PDU_SIZE);
    byte_write_u8(&w, function);
    byte_write_u8(&w, (uint8_t)(quantity * 2));
    given->sample = function == data->function && first == data->address;
    for (uint32_t i = 0; i < quantity; i++) {
        const struct probe_register *reg = find(model, function, first + i);
        if (reg == NULL) {
            given->count = 0;
            given->sample = false;
            return modbus_exception_answer(function, MODBUS_ILLEGAL_ADDRESS, answer);
        }
        double counts = round(source_value(probe, now, reg->source) * reg->per_unit);
        byte_write_u16(&w, (uint16_t)(int32_t)counts);
        if (reg->metric != NULL && given->count < PROBE_GIVEN_MAX)
            given->values[given->count++] =
                (struct probe_value){reg->metric, counts / reg->per_unit};
    }
    return w.at;
}

/* MODBUS_OK, or the exception that refuses the value. */
static enum modbus_exception store(struct probe *probe, const struct probe_register *reg,
                                   uint16_t value)
{
    switch (reg->source) {
    case SRC_ADDRESS:
        if (value < 1 || value > 247)
            return MODBUS_ILLEGAL_VALUE;
        probe->address = (uint8_t)value;
        return MODBUS_OK;
    case SRC_BAUD_RATE:
        if (value != 9600 && value != 14400 && value != 19200)
            return MODBUS_ILLEGAL_VALUE;
        probe->baud = value;
        return MODBUS_OK;
    case SRC_BAUD_CODE:
        if (value >= model_of(probe->kind)->baud_codes)
            return MODBUS_ILLEGAL_VALUE;
        probe->baud = baud_of_code[value];
        return MODBUS_OK;
    case SRC_EXTRA_0:
    case SRC_EXTRA_1:
    case SRC_EXTRA_2:
        probe->extra[reg->source - SRC_EXTRA_0] = (int16_t)value;
        return MODBUS_OK;
    default:
        return MODBUS_ILLEGAL_ADDRESS; /* measured: read only */
    }
}

static size_t probe_write(struct probe *probe, struct byte_reader *r, uint8_t function,
                          uint8_t *answer)
{
    uint16_t first = byte_read_u16(r), quantity = 1, value = 0;
    if (function == MODBUS_WRITE_REGISTERS) {
        quantity = byte_read_u16(r);
        if (byte_read_u8(r) != quantity * 2)
            return modbus_exception_answer(function, MODBUS_ILLEGAL_VALUE, answer);
    }
    if (quantity == 0 || byte_reader_left(r) != (size_t)quantity * 2)
        return modbus_exception_answer(function, MODBUS_ILLEGAL_VALUE, answer);
    for (uint32_t i = 0; i < quantity; i++) {
        const struct probe_register *reg =
            find(model_of(probe->kind), MODBUS_READ_HOLDING, first + i);
        value = byte_read_u16(r);
        enum modbus_exception exception =
            reg != NULL ? store(probe, reg, value) : MODBUS_ILLEGAL_ADDRESS;
        if (exception != MODBUS_OK)
            return modbus_exception_answer(function, exception, answer);
    }
    struct byte_writer w = byte_writer_init(answer, PROBE_PDU_SIZE);
    byte_write_u8(&w, function);
    byte_write_u16(&w, first);
    byte_write_u16(&w, function == MODBUS_WRITE_REGISTERS ? quantity : value);
    return w.at;
}

size_t probe_serve(struct probe *probe, const struct weather_now *now, const uint8_t *pdu,
                   size_t size, uint8_t *answer, struct probe_given *given)
{
    struct byte_reader r = byte_reader_init(pdu, size);
    uint8_t function = byte_read_u8(&r);
    *given = (struct probe_given){.count = 0};
    if (function == MODBUS_READ_HOLDING || function == MODBUS_READ_INPUT) {
        uint16_t first = byte_read_u16(&r), quantity = byte_read_u16(&r);
        if (r.failed || byte_reader_left(&r) || quantity < 1 || quantity > 125)
            return modbus_exception_answer(function, MODBUS_ILLEGAL_VALUE, answer);
        if (probe->kind == UNIT_RESPONDER)
            return responder_read(probe, function, first, quantity, answer, given);
        return probe_read(probe, now, function, first, quantity, answer, given);
    }
    if (probe->kind != UNIT_RESPONDER &&
        (function == MODBUS_WRITE_REGISTER || function == MODBUS_WRITE_REGISTERS))
        return probe_write(probe, &r, function, answer);
    return modbus_exception_answer(function, MODBUS_ILLEGAL_FUNCTION, answer);
}
