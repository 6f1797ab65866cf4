/* SPDX-License-Identifier: Apache-2.0 */
/* Home Assistant's modbus: hubs with sensors, binary sensors and switches. Addresses are those on
 * the wire; value = scale × raw + offset, and a sensor without data_type is signed. */
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/units.h"
#include "protocols/modbus/pdu.h"
#include "tools/cli/import/import.h"

static const yaml_node_t *hubs_of(struct import *import, const yaml_node_t *root)
{
    const yaml_node_t *hubs = tree_get(import, root, "modbus");
    return hubs != NULL ? hubs : root->type == YAML_SEQUENCE_NODE ? root : NULL;
}

bool import_is_home_assistant(struct import *import, const yaml_node_t *root)
{
    static const char *const kinds[] = {"sensors", "binary_sensors", "switches", "climates",
                                        "lights",  "fans",           "covers"};
    const yaml_node_t *hub = tree_item(import, hubs_of(import, root), 0);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (tree_get(import, hub, kinds[i]) != NULL)
            return true;
    }
    return false;
}

/* ---- Hubs ---- */

static int read_hub(struct import *import, const yaml_node_t *hub, const char *name)
{
    const char *said = tree_text(import, hub, "type"), *host = tree_text(import, hub, "host");
    const char *type = said != NULL ? said : "serial";
    const char *device = tree_text(import, hub, "port");
    char port[CONFIG_PATH_SIZE];
    int64_t number = 0;
    bool serial = strcmp(type, "serial") == 0;
    if (device == NULL || (!serial && host == NULL))
        return -1;
    (void)snprintf(port, sizeof port, serial ? "%.200s" : "%.200s:%.10s", serial ? device : host,
                   device);
    int index = import_bus(import, yaml_line(hub), name, port);
    if (index < 0)
        return -1;
    struct import_bus *bus = &import->buses[index];
    bus->type = serial ? BUS_RTU : strcmp(type, "rtuovertcp") == 0 ? BUS_RTU_OVER_TCP : BUS_TCP;
    if (strcmp(type, "udp") == 0)
        import_lose(import, yaml_line(hub), _("type udp: only RTU and TCP are spoken here"));
    if (tree_integer(import, hub, "baudrate", &number) && number >= 300 && number <= 921600)
        bus->baud = (unsigned)number;
    if (tree_integer(import, hub, "stopbits", &number))
        bus->stop_bits = number == 2 ? 2 : 1;
    bus->parity = import_parity(tree_text(import, hub, "parity"));
    return index;
}

static int device_of(struct import *import, const yaml_node_t *item, int bus, const char *hub)
{
    int64_t slave = 0;
    char name[IMPORT_TEXT];
    if (!tree_integer(import, item, "slave", &slave) &&
        !tree_integer(import, item, "device_address", &slave))
        (void)tree_integer(import, item, "unit", &slave);
    if (slave < 0 || slave > 255) {
        import_lose(import, yaml_line(item), _("%.60s: %lld is no address of a device"), hub,
                    (long long)slave);
        return -1;
    }
    (void)snprintf(name, sizeof name, "%.60s %d", hub, (int)slave);
    int device = import_device_at(import, bus, (int)slave, yaml_line(item), name);
    int64_t seconds = 0;
    if (device >= 0 && tree_integer(import, item, "scan_interval", &seconds) && seconds > 0 &&
        seconds <= 86400 &&
        (import->devices[device].every_s == 0 || seconds < import->devices[device].every_s))
        import->devices[device].every_s = (unsigned)seconds;
    return device;
}

/* ---- Sensors ---- */

static bool read_type(struct import *import, const yaml_node_t *item, struct import_value *value)
{
    static const struct {
        const char *name;
        uint8_t type;
    } types[] = {
        {"int16", FIELD_S16}, {"uint16", FIELD_U16}, {"int32", FIELD_S32},   {"uint32", FIELD_U32},
        {"int64", FIELD_S64}, {"uint64", FIELD_U64}, {"float32", FIELD_F32}, {"float64", FIELD_F64},
        {"int", FIELD_S16},   {"uint", FIELD_U16},   {"float", FIELD_F32},   {"string", FIELD_TEXT},
        {">h", FIELD_S16},    {">H", FIELD_U16},     {">i", FIELD_S32},      {">l", FIELD_S32},
        {">I", FIELD_U32},    {">L", FIELD_U32},     {">q", FIELD_S64},      {">Q", FIELD_U64},
        {">f", FIELD_F32},    {">d", FIELD_F64}};
    const char *type = tree_text(import, item, "data_type");
    if (type != NULL && strcmp(type, "custom") == 0)
        type = tree_text(import, item, "structure");
    if (type == NULL)
        type = "int16";
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, type) == 0) {
            value->type = types[i].type;
            return true;
        }
    }
    import_lose(import, yaml_line(item), _("%.60s: there is no type here like \"%.20s\""),
                value->name, type);
    return false;
}

static void read_swap(struct import *import, const yaml_node_t *item, struct import_value *value)
{
    const char *swap = tree_text(import, item, "swap");
    bool words = value->type != FIELD_S16 && value->type != FIELD_U16;
    if (swap == NULL)
        return;
    if (strcmp(swap, "byte") == 0 || (strcmp(swap, "word_byte") == 0 && !words))
        value->order = ORDER_BADC;
    else if (strcmp(swap, "word") == 0 && words)
        value->order = ORDER_CDAB;
    else if (strcmp(swap, "word_byte") == 0)
        value->order = ORDER_DCBA;
}

static const char *const sensor_keys[] = {"name",
                                          "address",
                                          "slave",
                                          "device_address",
                                          "unit",
                                          "input_type",
                                          "count",
                                          "scale",
                                          "data_type",
                                          "structure",
                                          "offset",
                                          "swap",
                                          "precision",
                                          "scan_interval",
                                          "unit_of_measurement",
                                          "device_class",
                                          "state_class",
                                          "unique_id",
                                          "lazy_error_count",
                                          "nan_value",
                                          NULL};

static struct import_value *new_value(struct import *import, const yaml_node_t *item,
                                      unsigned device, const char *name)
{
    int64_t address = -1;
    uint16_t at;
    (void)tree_integer(import, item, "address", &address);
    if (!import_address(import, yaml_line(item), name, address, &at))
        return NULL;
    struct import_value *value = import_value(import, device, yaml_line(item), name);
    if (value != NULL)
        value->address = at;
    return value;
}

static void read_sensor(struct import *import, const yaml_node_t *item, unsigned device,
                        const char *name)
{
    const char *input = tree_text(import, item, "input_type");
    const char *nan = tree_text(import, item, "nan_value");
    const char *class = tree_text(import, item, "device_class");
    int64_t count = 1;
    struct import_value *value = new_value(import, item, device, name);
    if (value == NULL)
        return;
    value->function =
        input != NULL && strcmp(input, "input") == 0 ? MODBUS_READ_INPUT : MODBUS_READ_HOLDING;
    if (!read_type(import, item, value)) {
        import->value_count--;
        return;
    }
    (void)tree_integer(import, item, "count", &count);
    value->registers = count >= 1 && count <= 60 ? (unsigned)count : 1;
    read_swap(import, item, value);
    (void)tree_number(import, item, "scale", &value->scale);
    (void)tree_number(import, item, "offset", &value->offset);
    import_copy(value->unit, sizeof value->unit, tree_text(import, item, "unit_of_measurement"));
    import_copy(value->context, sizeof value->context, class);
    int64_t code;
    if (nan != NULL && units_integer(nan, &code))
        import_copy(value->no_value, sizeof value->no_value, nan);
    import_rest(import, item, sensor_keys, name);
}

static void read_binary(struct import *import, const yaml_node_t *item, unsigned device,
                        const char *name)
{
    static const struct {
        const char *name;
        uint8_t function;
    } kinds[] = {{"coil", MODBUS_READ_COILS},
                 {"discrete_input", MODBUS_READ_DISCRETE},
                 {"holding", MODBUS_READ_HOLDING},
                 {"input", MODBUS_READ_INPUT}};
    const char *input = tree_text(import, item, "input_type");
    struct import_value *value = new_value(import, item, device, name);
    if (value == NULL)
        return;
    value->function = MODBUS_READ_COILS;
    for (size_t i = 0; input != NULL && i < 4; i++)
        value->function = strcmp(kinds[i].name, input) == 0 ? kinds[i].function : value->function;
    value->type =
        value->function <= MODBUS_READ_DISCRETE ? FIELD_BOOL : FIELD_BITS; /* its lowest bit */
    import_rest(import, item, sensor_keys, name);
}

static void read_switch(struct import *import, const yaml_node_t *item, unsigned device,
                        const char *name)
{
    static const char *const known[] = {"name",
                                        "address",
                                        "slave",
                                        "device_address",
                                        "unit",
                                        "write_type",
                                        "verify",
                                        "command_on",
                                        "command_off",
                                        "scan_interval",
                                        "unique_id",
                                        "device_class",
                                        "lazy_error_count",
                                        NULL};
    const char *kind = tree_text(import, item, "write_type");
    int64_t on = 1, off = 0, address = -1;
    uint16_t at;
    bool coil = kind != NULL && strncmp(kind, "coil", 4) == 0;
    bool plural = kind != NULL && kind[0] != '\0' && kind[strlen(kind) - 1] == 's';
    (void)tree_integer(import, item, "command_on", &on);
    (void)tree_integer(import, item, "command_off", &off);
    (void)tree_integer(import, item, "address", &address);
    if (!import_address(import, yaml_line(item), name, address, &at))
        return;
    if (on < -32768 || on > 65535 || off < -32768 || off > 65535 || (coil && (on | off) > 1)) {
        import_lose(import, yaml_line(item), _("%.60s: its commands do not fit its register"),
                    name);
        return;
    }
    struct import_write *write = import_write(import, device, yaml_line(item), name);
    if (write == NULL)
        return;
    write->address = at;
    write->function = coil && plural ? MODBUS_WRITE_COILS
                      : coil         ? MODBUS_WRITE_COIL
                      : plural       ? MODBUS_WRITE_REGISTERS
                                     : MODBUS_WRITE_REGISTER;
    write->min = (int32_t)(on < off ? on : off);
    write->max = (int32_t)(on < off ? off : on);
    if (write->max - write->min > 1)
        import_remark(import, write->line,
                      _("%.60s: only %d and %d are its commands, the range allows what is between"),
                      name, write->min, write->max);
    import_rest(import, item, known, name);
}

static void read_list(struct import *import, const yaml_node_t *hub, int bus, const char *key,
                      const char *hub_name,
                      void (*read)(struct import *import, const yaml_node_t *item, unsigned device,
                                   const char *name))
{
    const yaml_node_t *list = tree_get(import, hub, key), *item;
    for (size_t i = 0; list != NULL && (item = tree_item(import, list, i)) != NULL; i++) {
        const char *name = tree_text(import, item, "name");
        int device = item->type == YAML_MAPPING_NODE ? device_of(import, item, bus, hub_name) : -1;
        if (item->type != YAML_MAPPING_NODE)
            import_lose(import, yaml_line(item),
                        _("%.60s: what it includes is in another file; import that, too"), key);
        if (device >= 0)
            read(import, item, (unsigned)device, name != NULL ? name : "?");
    }
}

void import_home_assistant(struct import *import, const yaml_node_t *root)
{
    static const char *const known[] = {"name",    "type",           "host",
                                        "port",    "baudrate",       "bytesize",
                                        "method",  "parity",         "stopbits",
                                        "delay",   "timeout",        "message_wait_milliseconds",
                                        "retries", "retry_on_empty", "close_comm_on_error",
                                        "sensors", "binary_sensors", "switches",
                                        "lights",  "fans",           NULL};
    const yaml_node_t *hubs = hubs_of(import, root), *hub;
    for (size_t i = 0; (hub = tree_item(import, hubs, i)) != NULL; i++) {
        const char *name = tree_text(import, hub, "name");
        name = name != NULL ? name : "modbus_hub";
        int bus = read_hub(import, hub, name);
        read_list(import, hub, bus, "sensors", name, read_sensor);
        read_list(import, hub, bus, "binary_sensors", name, read_binary);
        read_list(import, hub, bus, "switches", name, read_switch);
        read_list(import, hub, bus, "lights", name, read_switch);
        read_list(import, hub, bus, "fans", name, read_switch);
        import_rest(import, hub, known, name);
    }
}
