/* SPDX-License-Identifier: Apache-2.0 */
/* A template of wb-mqtt-serial: one kind of device in JSON. Addresses are those on the wire; a bit
 * field is written register:shift:width. */
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/units.h"
#include "protocols/modbus/pdu.h"
#include "tools/cli/import/import.h"

bool import_is_wb(struct import *import, const yaml_node_t *root)
{
    const yaml_node_t *device = tree_get(import, root, "device");
    return device != NULL && (tree_get(import, root, "device_type") != NULL ||
                              tree_get(import, device, "channels") != NULL);
}

/* The control's type says the unit unless `units` does. */
static const char *unit_of(const char *type)
{
    static const struct {
        const char *type, *unit;
    } units[] = {{"temperature", "°C"},
                 {"rel_humidity", "%"},
                 {"lux", "lx"},
                 {"atmospheric_pressure", "mbar"},
                 {"voltage", "V"},
                 {"current", "A"},
                 {"power", "W"},
                 {"power_consumption", "kWh"},
                 {"pressure", "bar"},
                 {"wind_speed", "m/s"},
                 {"water_flow", "m³/h"},
                 {"water_consumption", "m³"},
                 {"concentration", "ppm"},
                 {"sound_level", "dB"}};
    for (size_t i = 0; type != NULL && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(units[i].type, type) == 0)
            return units[i].unit;
    }
    return "";
}

static bool read_format(const char *format, struct import_value *value)
{
    static const struct {
        const char *name;
        uint8_t type;
    } formats[] = {{"u8", FIELD_U8},      {"s8", FIELD_S8},       {"u16", FIELD_U16},
                   {"s16", FIELD_S16},    {"u32", FIELD_U32},     {"s32", FIELD_S32},
                   {"u64", FIELD_U64},    {"s64", FIELD_S64},     {"float", FIELD_F32},
                   {"double", FIELD_F64}, {"bcd16", FIELD_BCD16}, {"bcd32", FIELD_BCD32}};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].name, format) == 0) {
            value->type = formats[i].type;
            return true;
        }
    }
    return false;
}

/* 12, "0x0C" or "12:4:2". */
static bool read_place(struct import *import, const char *text, const char *name,
                       struct import_value *value)
{
    char whole[48];
    int64_t number = -1, shift = 0, width = 0;
    (void)snprintf(whole, sizeof whole, "%s", text != NULL ? text : "");
    char *colon = strchr(whole, ':');
    char *second = colon != NULL ? strchr(colon + 1, ':') : NULL;
    if (colon != NULL)
        *colon = '\0';
    if (second != NULL)
        *second = '\0';
    if (!units_integer(whole, &number) ||
        (colon != NULL &&
         (!units_integer(colon + 1, &shift) || second == NULL ||
          !units_integer(second + 1, &width) || shift < 0 || width < 1 || shift + width > 16))) {
        import_lose(import, value->line, _("%.60s: \"%.40s\" is no address of one register"), name,
                    text != NULL ? text : "?");
        return false;
    }
    if (colon != NULL) {
        value->type = FIELD_BITS;
        value->bit = (uint8_t)shift;
        value->bits = (uint8_t)width;
    }
    return import_address(import, value->line, name, number, &value->address);
}

static uint8_t function_of(const char *kind)
{
    static const struct {
        const char *name;
        uint8_t function;
    } kinds[] = {{"coil", MODBUS_READ_COILS},
                 {"discrete", MODBUS_READ_DISCRETE},
                 {"holding", MODBUS_READ_HOLDING},
                 {"input", MODBUS_READ_INPUT},
                 {"holding_single", MODBUS_READ_HOLDING},
                 {"holding_multi", MODBUS_READ_HOLDING}};
    for (size_t i = 0; kind != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, kind) == 0)
            return kinds[i].function;
    }
    return kind == NULL ? 3 : 0;
}

/* ---- Writing ---- */

static void read_write(struct import *import, const yaml_node_t *channel,
                       const struct import_value *value)
{
    const char *kind = tree_text(import, channel, "reg_type");
    const char *type = tree_text(import, channel, "type");
    int64_t on = 1, off = 0, least, most, address = value->address;
    bool coil = value->function == MODBUS_READ_COILS;
    if ((!coil && value->function != MODBUS_READ_HOLDING) ||
        tree_true(import, channel, "readonly") ||
        (type != NULL && strcmp(type, "switch") != 0 && strcmp(type, "range") != 0 &&
         strcmp(type, "dimmer") != 0 && strcmp(type, "pushbutton") != 0))
        return;
    bool ranged = tree_integer(import, channel, "max", &most);
    bool switched = coil || (type != NULL && strcmp(type, "switch") == 0);
    least = 0;
    (void)tree_integer(import, channel, "min", &least);
    (void)tree_integer(import, channel, "on_value", &on);
    (void)tree_integer(import, channel, "off_value", &off);
    (void)tree_integer(import, channel, "write_address", &address);
    if (switched) {
        least = on < off ? on : off;
        most = on < off ? off : on;
    }
    if (!switched && !ranged)
        return;
    if (least < -32768 || most > 65535 || least > most || address < 0 || address > 65535 ||
        value->type == FIELD_BITS || value->scale != 1 || value->offset != 0) {
        import_lose(import, value->line, _("%.60s: how it is written; add a write if it is needed"),
                    value->name);
        return;
    }
    struct import_write *write = import_write(import, value->device, value->line, value->name);
    if (write == NULL)
        return;
    write->function = coil                                                 ? MODBUS_WRITE_COIL
                      : kind != NULL && strcmp(kind, "holding_multi") == 0 ? MODBUS_WRITE_REGISTERS
                                                                           : MODBUS_WRITE_REGISTER;
    write->address = (uint16_t)address;
    write->min = (int32_t)least;
    write->max = (int32_t)most;
}

/* ---- Channels ---- */

static bool is_code(const char *text)
{
    int64_t number;
    return text != NULL && units_integer(text, &number);
}

static void read_channel(struct import *import, const yaml_node_t *channel, unsigned device)
{
    static const char *const known[] = {"name",
                                        "id",
                                        "reg_type",
                                        "address",
                                        "type",
                                        "format",
                                        "scale",
                                        "offset",
                                        "word_order",
                                        "round_to",
                                        "error_value",
                                        "unsupported_value",
                                        "units",
                                        "readonly",
                                        "max",
                                        "min",
                                        "group",
                                        "enabled",
                                        "on_value",
                                        "off_value",
                                        "write_address",
                                        "order",
                                        "description",
                                        "title",
                                        "read_period_ms",
                                        "read_rate_limit_ms",
                                        "enum",
                                        "enum_titles",
                                        "fw",
                                        "semi-sporadic",
                                        "sporadic",
                                        NULL};
    const char *name = tree_text(import, channel, "name");
    const char *format = tree_text(import, channel, "format");
    const char *units = tree_text(import, channel, "units");
    const char *type = tree_text(import, channel, "type");
    const char *order = tree_text(import, channel, "word_order");
    const char *error = tree_text(import, channel, "error_value");
    int line = yaml_line(channel);
    name = name != NULL ? name : "?";
    uint8_t function = function_of(tree_text(import, channel, "reg_type"));
    if (function == 0 || tree_get(import, channel, "consists_of") != NULL ||
        tree_get(import, channel, "device_type") != NULL ||
        tree_get(import, channel, "address") == NULL) {
        import_lose(import, line, _("%.60s: it is no single register that is read"), name);
        return;
    }
    struct import_value *value = import_value(import, device, line, name);
    if (value == NULL)
        return;
    value->function = function;
    if (function <= MODBUS_READ_DISCRETE)
        value->type = FIELD_BOOL;
    else if (format != NULL && !read_format(format, value)) {
        import_lose(import, line, _("%.60s: there is no type here like \"%.20s\""), name, format);
        value->left_out = true;
    }
    if (value->left_out ||
        !read_place(import, tree_text(import, channel, "address"), name, value)) {
        import->value_count--;
        return;
    }
    if (order != NULL && strcmp(order, "little_endian") == 0 && value->type != FIELD_U16 &&
        value->type != FIELD_S16)
        value->order = ORDER_CDAB;
    (void)tree_number(import, channel, "scale", &value->scale);
    (void)tree_number(import, channel, "offset", &value->offset);
    import_copy(value->unit, sizeof value->unit, units != NULL ? units : unit_of(type));
    import_copy(value->context, sizeof value->context, import->devices[device].label);
    if (!is_code(error))
        error = tree_text(import, channel, "unsupported_value");
    if (is_code(error))
        import_copy(value->no_value, sizeof value->no_value, error);
    read_write(import, channel, value);
    import_rest(import, channel, known, name);
}

static unsigned count_of(struct import *import, const yaml_node_t *device, const char *key,
                         unsigned most)
{
    int64_t number = 0;
    return tree_integer(import, device, key, &number) && number > 0 && number <= most
               ? (unsigned)number
               : 0;
}

static const yaml_node_t *key_node(struct import *import, const yaml_node_t *mapping,
                                   const char *key)
{
    return tree_get(import, mapping, key);
}

void import_wb(struct import *import, const yaml_node_t *root)
{
    static const char *const root_keys[] = {"device_type", "title", "group", "device",
                                            "deprecated",  "hw",    NULL};
    static const char *const device_keys[] = {"name",
                                              "id",
                                              "channels",
                                              "groups",
                                              "max_reg_hole",
                                              "max_bit_hole",
                                              "max_read_registers",
                                              "min_read_registers",
                                              "response_timeout_ms",
                                              "frame_timeout_ms",
                                              "guard_interval_us",
                                              "translations",
                                              "enable_wb_continuous_read",
                                              "device_timeout_ms",
                                              "device_max_fail_cycles",
                                              "protocol",
                                              NULL};
    const yaml_node_t *device = tree_get(import, root, "device");
    const yaml_node_t *channels = tree_get(import, device, "channels"), *one;
    const char *name = tree_text(import, device, "name");
    const char *protocol = tree_text(import, device, "protocol");
    if (name == NULL)
        name = tree_text(import, root, "device_type");
    if (protocol != NULL && strncmp(protocol, "modbus", 6) != 0) {
        const yaml_node_t *node = key_node(import, device, "protocol");
        import_lose(import, yaml_line(node), _("protocol \"%.20s\": only Modbus is spoken here"),
                    protocol);
        return;
    }
    struct import_device *made =
        import_device(import, yaml_line(device), name != NULL ? name : "device");
    if (made == NULL)
        return;
    made->max_registers = count_of(import, device, "max_read_registers", 125);
    made->read_gap = count_of(import, device, "max_reg_hole", 100);
    for (size_t i = 0; channels != NULL && (one = tree_item(import, channels, i)) != NULL; i++)
        read_channel(import, one, 0);
    import_rest(import, device, device_keys, name != NULL ? name : "device");
    import_rest(import, root, root_keys, name != NULL ? name : "device");
}
