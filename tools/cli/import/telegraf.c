/* SPDX-License-Identifier: Apache-2.0 */
/* Telegraf's inputs.modbus in its three styles: register (lists by kind), request (one kind and
 * device a request) and metric (the kind with each field). Addresses are those on the wire. It
 * knows no units. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway/common/language.h"
#include "gateway/common/units.h"
#include "protocols/modbus/pdu.h"
#include "tools/cli/import/import.h"

static const char *const common_keys[] = {"name",
                                          "slave_id",
                                          "controller",
                                          "baud_rate",
                                          "parity",
                                          "stop_bits",
                                          "interval",
                                          "transmission_mode",
                                          "timeout",
                                          "data_bits",
                                          "request",
                                          "metric",
                                          "coils",
                                          "discrete_inputs",
                                          "input_registers",
                                          "holding_registers",
                                          "configuration_type",
                                          "busy_retries",
                                          "busy_retries_wait",
                                          "debug_connection",
                                          "tags",
                                          "alias",
                                          "log_level",
                                          NULL};
static const char *const field_keys[] = {
    "name",   "address", "byte_order", "data_type",   "type",   "scale", "bit",
    "length", "omit",    "register",   "measurement", "output", NULL};

bool import_is_telegraf(struct import *import, const yaml_node_t *root)
{
    return tree_get(import, tree_get(import, root, "inputs"), "modbus") != NULL;
}

/* The type of that name, and how many registers it takes; false: ours has none like it. */
static bool read_type(struct import_value *value, const char *type, unsigned addresses)
{
    static const struct {
        const char *name;
        uint8_t type, byte;
    } types[] = {
        {"INT8L", FIELD_S8, 0},    {"INT8H", FIELD_S8, 1},         {"UINT8L", FIELD_U8, 0},
        {"UINT8H", FIELD_U8, 1},   {"INT16", FIELD_S16, 0},        {"UINT16", FIELD_U16, 0},
        {"INT32", FIELD_S32, 0},   {"UINT32", FIELD_U32, 0},       {"INT64", FIELD_S64, 0},
        {"UINT64", FIELD_U64, 0},  {"FLOAT32-IEEE", FIELD_F32, 0}, {"FLOAT64-IEEE", FIELD_F64, 0},
        {"FLOAT64", FIELD_F64, 0}, {"STRING", FIELD_TEXT, 0},      {"BIT", FIELD_BITS, 0}};
    static const uint8_t fixed[] = {[1] = FIELD_S16, [2] = FIELD_S32, [4] = FIELD_S64};
    static const uint8_t ufixed[] = {[1] = FIELD_U16, [2] = FIELD_U32, [4] = FIELD_U64};
    bool sized = addresses == 1 || addresses == 2 || addresses == 4;
    if (strcmp(type, "FIXED") == 0 && sized) {
        value->type = fixed[addresses];
        return true;
    }
    /* in the style of registers FLOAT32 is an old name of UFIXED, in the others a real number */
    if ((strcmp(type, "UFIXED") == 0 || strcmp(type, "FLOAT32") == 0) && sized) {
        value->type = ufixed[addresses];
        return true;
    }
    if (strcmp(type, "FLOAT32") == 0) {
        value->type = FIELD_F32;
        return true;
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, type) != 0)
            continue;
        value->type = types[i].type;
        value->byte = types[i].byte;
        return true;
    }
    return false;
}

static bool read_order(struct import_value *value, const char *order)
{
    static const struct {
        const char *name;
        uint8_t order;
    } orders[] = {{"AB", ORDER_ABCD},      {"ABCD", ORDER_ABCD}, {"ABCDEFGH", ORDER_ABCD},
                  {"BA", ORDER_BADC},      {"DCBA", ORDER_DCBA}, {"HGFEDCBA", ORDER_DCBA},
                  {"BADC", ORDER_BADC},    {"CDAB", ORDER_CDAB}, {"BADCFEHG", ORDER_BADC},
                  {"GHEFCDAB", ORDER_CDAB}};
    bool one = value->type == FIELD_U16 || value->type == FIELD_S16 || value->type == FIELD_BITS;
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        if (strcmp(orders[i].name, order) != 0)
            continue;
        value->order = orders[i].order;
        if (one && value->order == ORDER_DCBA) /* of one register only the bytes can be exchanged */
            value->order = ORDER_BADC;
        if ((one && value->order == ORDER_CDAB) || value->type == FIELD_U8 ||
            value->type == FIELD_S8 || value->type == FIELD_BOOL || value->type == FIELD_TEXT)
            value->order = ORDER_ABCD;
        return true;
    }
    return false;
}

struct place {
    unsigned device;
    uint8_t function;
    const char *order, *measurement;
};

static uint8_t function_of(const char *kind)
{
    static const struct {
        const char *name;
        uint8_t function;
    } kinds[] = {{"coil", MODBUS_READ_COILS},
                 {"discrete", MODBUS_READ_DISCRETE},
                 {"holding", MODBUS_READ_HOLDING},
                 {"input", MODBUS_READ_INPUT}};
    for (size_t i = 0; kind != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, kind) == 0)
            return kinds[i].function;
    }
    return 0;
}

/* A list of one address a register, which must follow each other; or one number. */
static bool read_addresses(struct import *import, const yaml_node_t *field, const char *name,
                           uint16_t *address, unsigned *count)
{
    const yaml_node_t *list = tree_get(import, field, "address"), *one;
    int64_t number = -1, first = -1;
    for (*count = 0; (one = tree_item(import, list, *count)) != NULL; (*count)++) {
        const char *text = yaml_text(one);
        if (text == NULL || !units_integer(text, &number) ||
            (*count > 0 && number != first + *count) || *count >= 64) {
            import_lose(import, yaml_line(one), _("%.60s: its addresses do not follow each other"),
                        name);
            return false;
        }
        first = *count == 0 ? number : first;
    }
    return import_address(import, yaml_line(field), name, first, address);
}

static void read_type_and_order(struct import *import, const yaml_node_t *field,
                                const struct place *place, struct import_value *value,
                                unsigned addresses)
{
    const char *type = tree_text(import, field, "data_type");
    const char *order = tree_text(import, field, "byte_order");
    int64_t number = 0;
    if (type == NULL)
        type = tree_text(import, field, "type");
    bool listed = tree_get(import, field, "data_type") != NULL;
    if (type == NULL || !read_type(value, type, listed ? addresses : 0)) {
        value->left_out = true;
        import_lose(import, value->line, _("%.60s: there is no type here like \"%.20s\""),
                    value->name, type != NULL ? type : "?");
        return;
    }
    if (value->type == FIELD_BITS) {
        (void)tree_integer(import, field, "bit", &number);
        value->bit = (uint8_t)(number & 15);
    }
    if (value->type == FIELD_TEXT && !tree_integer(import, field, "length", &number))
        number = addresses;
    value->registers = number > 0 && number <= 60 ? (unsigned)number : 1;
    if (order == NULL)
        order = place->order;
    if (order != NULL && !read_order(value, order)) {
        value->left_out = true;
        import_lose(import, value->line, _("%.60s: \"%.20s\" is no order of bytes"), value->name,
                    order);
    }
    (void)tree_number(import, field, "scale", &value->scale);
}

static void read_field(struct import *import, const yaml_node_t *field, const struct place *place)
{
    const char *name = tree_text(import, field, "name");
    const char *measurement = tree_text(import, field, "measurement");
    uint16_t address = 0;
    unsigned addresses = 0;
    if (field->type != YAML_MAPPING_NODE || tree_true(import, field, "omit"))
        return;
    name = name != NULL ? name : "?";
    if (place->function == 0) {
        import_lose(import, yaml_line(field), _("%.60s: its kind of register is none"), name);
        return;
    }
    if (!read_addresses(import, field, name, &address, &addresses))
        return;
    struct import_value *value = import_value(import, place->device, yaml_line(field), name);
    if (value == NULL)
        return;
    if (measurement == NULL)
        measurement = place->measurement;
    (void)snprintf(value->context, sizeof value->context, "%.40s %.40s",
                   import->devices[place->device].label, measurement != NULL ? measurement : "");
    value->function = place->function;
    value->address = address;
    if (place->function <= MODBUS_READ_DISCRETE)
        value->type = FIELD_BOOL;
    else
        read_type_and_order(import, field, place, value, addresses);
    import_rest(import, field, field_keys, name);
}

static void read_fields(struct import *import, const yaml_node_t *fields, struct place place,
                        bool own_kind)
{
    const yaml_node_t *field;
    for (size_t i = 0; fields != NULL && (field = tree_item(import, fields, i)) != NULL; i++) {
        if (own_kind)
            place.function = function_of(tree_text(import, field, "register"));
        read_field(import, field, &place);
    }
}

static int read_bus(struct import *import, const yaml_node_t *plugin, const char *name)
{
    const char *controller = tree_text(import, plugin, "controller");
    const char *mode = tree_text(import, plugin, "transmission_mode");
    int64_t number;
    int line = yaml_line(plugin);
    if (controller == NULL)
        return -1;
    bool tcp = strncmp(controller, "tcp://", 6) == 0;
    const char *port =
        tcp || strncmp(controller, "file://", 7) == 0 ? strstr(controller, "//") + 2 : controller;
    if (strncasecmp(port, "com", 3) == 0)
        import_remark(import, line, _("port %.40s is a name of Windows; write the name of here"),
                      port);
    if (mode != NULL && strncmp(mode, "ASCII", 5) == 0)
        import_lose(import, line, _("transmission_mode %.20s: only RTU and TCP are spoken here"),
                    mode);
    int index = import_bus(import, line, name, port);
    if (index < 0)
        return -1;
    struct import_bus *bus = &import->buses[index];
    bus->type = !tcp                                              ? BUS_RTU
                : mode != NULL && strcmp(mode, "RTUoverTCP") == 0 ? BUS_RTU_OVER_TCP
                                                                  : BUS_TCP;
    if (tree_integer(import, plugin, "baud_rate", &number) && number >= 300 && number <= 921600)
        bus->baud = (unsigned)number;
    if (tree_integer(import, plugin, "stop_bits", &number))
        bus->stop_bits = number == 2 ? 2 : 1;
    bus->parity = import_parity(tree_text(import, plugin, "parity"));
    return index;
}

static unsigned interval_of(struct import *import, const yaml_node_t *plugin,
                            const yaml_node_t *root)
{
    const char *text = tree_text(import, plugin, "interval");
    uint64_t us = 0;
    if (text == NULL)
        text = tree_text(import, tree_get(import, root, "agent"), "interval");
    return text != NULL && units_duration_us(text, &us) && us >= 1000000 && us < 86400000000
               ? (unsigned)(us / 1000000)
               : 0;
}

/* The device of a request, or of the whole plugin; -1: no room. */
static int device_of(struct import *import, const yaml_node_t *table, const yaml_node_t *plugin,
                     int bus, const char *name)
{
    int64_t slave = 1;
    if (!tree_integer(import, table, "slave_id", &slave))
        (void)tree_integer(import, plugin, "slave_id", &slave);
    if (slave < 0 || slave > 255) {
        import_lose(import, yaml_line(table), _("%.60s: %lld is no address of a device"), name,
                    (long long)slave);
        return -1;
    }
    return import_device_at(import, bus, (int)slave, yaml_line(table), name);
}

static void read_plugin(struct import *import, const yaml_node_t *plugin, const yaml_node_t *root)
{
    static const struct {
        const char *key;
        uint8_t function;
    } lists[] = {{"coils", MODBUS_READ_COILS},
                 {"discrete_inputs", MODBUS_READ_DISCRETE},
                 {"holding_registers", MODBUS_READ_HOLDING},
                 {"input_registers", MODBUS_READ_INPUT}};
    static const char *const styles[] = {"request", "metric"};
    const char *name = tree_text(import, plugin, "name");
    const char *style = tree_text(import, plugin, "configuration_type");
    name = name != NULL && *name != '\0' ? name : "modbus";
    int bus = read_bus(import, plugin, name);
    unsigned before = import->device_count;
    for (size_t i = 0; (style == NULL || strcmp(style, "register") == 0) && i < 4; i++) {
        const yaml_node_t *list = tree_get(import, plugin, lists[i].key);
        int device = list != NULL ? device_of(import, plugin, plugin, bus, name) : -1;
        if (device >= 0)
            read_fields(import, list,
                        (struct place){(unsigned)device, lists[i].function, NULL, NULL}, false);
    }
    for (size_t i = 0; style != NULL && i < 2; i++) {
        const yaml_node_t *list = tree_get(import, plugin, styles[i]), *table;
        if (strcmp(style, styles[i]) != 0 || list == NULL)
            continue;
        for (size_t j = 0; (table = tree_item(import, list, j)) != NULL; j++) {
            int device = device_of(import, table, plugin, bus, name);
            if (device < 0)
                continue;
            struct place place = {
                (unsigned)device, function_of(tree_text(import, table, "register")),
                tree_text(import, table, "byte_order"), tree_text(import, table, "measurement")};
            read_fields(import, tree_get(import, table, "fields"), place, i == 1);
        }
    }
    for (unsigned i = before; i < import->device_count; i++)
        import->devices[i].every_s = interval_of(import, plugin, root);
    import_rest(import, plugin, common_keys, name);
}

void import_telegraf(struct import *import, const yaml_node_t *root)
{
    const yaml_node_t *list = tree_get(import, tree_get(import, root, "inputs"), "modbus"), *one;
    for (size_t i = 0; (one = tree_item(import, list, i)) != NULL; i++)
        read_plugin(import, one, root);
    if (import->value_count > 0)
        import_remark(import, yaml_line(tree_item(import, list, 0)),
                      _("units are not in such a file: each value is taken to be in its metric's, "
                        "so look at every scale"));
}
