/* SPDX-License-Identifier: Apache-2.0 */
/* ESPHome's modbus_controller: sensors, binary sensors, switches, numbers of a controller, which is
 * one device. Addresses are those on the wire, an offset counts bytes behind one; a bitmask shifts
 * what it takes; filters scale. */
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/units.h"
#include "protocols/modbus/pdu.h"
#include "tools/cli/import/import.h"

static bool is_ours(struct import *import, const yaml_node_t *item)
{
    const char *platform = tree_text(import, item, "platform");
    return platform != NULL && strcmp(platform, "modbus_controller") == 0;
}

bool import_is_esphome(struct import *import, const yaml_node_t *root)
{
    const yaml_node_t *sensors = tree_get(import, root, "sensor"), *one;
    for (size_t i = 0; sensors != NULL && (one = tree_item(import, sensors, i)) != NULL; i++) {
        if (is_ours(import, one))
            return true;
    }
    return tree_get(import, root, "modbus_controller") != NULL;
}

/* ---- Controllers ---- */

/* The item with that id; the first when no id is said. */
static const yaml_node_t *by_id(struct import *import, const yaml_node_t *list, const char *id)
{
    const yaml_node_t *one;
    for (size_t i = 0; list != NULL && (one = tree_item(import, list, i)) != NULL; i++) {
        const char *own = tree_text(import, one, "id");
        if (id == NULL || (own != NULL && strcmp(own, id) == 0))
            return one;
    }
    return NULL;
}

static void read_uart(struct import *import, const yaml_node_t *root, const yaml_node_t *controller,
                      struct import_device *device)
{
    const yaml_node_t *modbus =
        by_id(import, tree_get(import, root, "modbus"), tree_text(import, controller, "modbus_id"));
    const yaml_node_t *uart =
        by_id(import, tree_get(import, root, "uart"), tree_text(import, modbus, "uart_id"));
    int64_t number;
    if (tree_integer(import, uart, "baud_rate", &number) && number >= 300 && number <= 921600)
        device->baud = (unsigned)number;
    if (tree_integer(import, uart, "stop_bits", &number))
        device->stop_bits = number == 2 ? 2 : 1;
    device->parity = import_parity(tree_text(import, uart, "parity"));
}

static int device_of(struct import *import, const yaml_node_t *root, const yaml_node_t *item)
{
    const char *id = tree_text(import, item, "modbus_controller_id");
    const yaml_node_t *controller = by_id(import, tree_get(import, root, "modbus_controller"), id);
    int64_t address = -1;
    for (unsigned i = 0; i < import->device_count; i++) {
        const char *own = tree_text(import, controller, "id");
        if ((own != NULL && strcmp(import->devices[i].label, own) == 0) || (own == NULL && i == 0))
            return (int)i;
    }
    if (id == NULL)
        id = tree_text(import, controller, "id");
    const yaml_node_t *from = controller != NULL ? controller : item;
    struct import_device *device =
        import_device(import, yaml_line(from), id != NULL ? id : "modbus-device");
    if (device == NULL)
        return -1;
    if (tree_integer(import, controller, "address", &address) && address >= 0 && address <= 255)
        device->unit = (int)address;
    read_uart(import, root, controller, device);
    return (int)import->device_count - 1;
}

/* ---- Values ---- */

static uint8_t function_of(const char *kind)
{
    static const struct {
        const char *name;
        uint8_t function;
    } kinds[] = {{"coil", MODBUS_READ_COILS},
                 {"discrete_input", MODBUS_READ_DISCRETE},
                 {"holding", MODBUS_READ_HOLDING},
                 {"read", MODBUS_READ_INPUT},
                 {"input", MODBUS_READ_INPUT}};
    for (size_t i = 0; kind != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, kind) == 0)
            return kinds[i].function;
    }
    return 0;
}

static bool read_type(const char *type, struct import_value *value)
{
    static const struct {
        const char *name;
        uint8_t type, order;
    } types[] = {{"U_WORD", FIELD_U16, ORDER_ABCD},    {"S_WORD", FIELD_S16, ORDER_ABCD},
                 {"U_DWORD", FIELD_U32, ORDER_ABCD},   {"S_DWORD", FIELD_S32, ORDER_ABCD},
                 {"U_DWORD_R", FIELD_U32, ORDER_CDAB}, {"S_DWORD_R", FIELD_S32, ORDER_CDAB},
                 {"U_QWORD", FIELD_U64, ORDER_ABCD},   {"S_QWORD", FIELD_S64, ORDER_ABCD},
                 {"U_QWORD_R", FIELD_U64, ORDER_CDAB}, {"S_QWORD_R", FIELD_S64, ORDER_CDAB},
                 {"FP32", FIELD_F32, ORDER_ABCD},      {"FP32_R", FIELD_F32, ORDER_CDAB}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].name, type) == 0) {
            value->type = types[i].type;
            value->order = types[i].order;
            return true;
        }
    }
    return false;
}

/* A mask of bits beside each other of one register. */
static bool read_bitmask(int64_t mask, struct import_value *value)
{
    unsigned bit = 0, bits = 0;
    if (mask == 0xFFFF || mask == 0xFFFFFFFF)
        return true;
    if (mask <= 0 || mask > 0xFFFF || value->type != FIELD_U16)
        return false;
    while ((mask >> bit & 1) == 0)
        bit++;
    while ((mask >> (bit + bits) & 1) != 0)
        bits++;
    value->type = FIELD_BITS;
    value->bit = (uint8_t)bit;
    value->bits = (uint8_t)bits;
    return mask >> (bit + bits) == 0;
}

/* "return x * 0.1;" */
static bool read_lambda(const char *text, double *factor)
{
    char plain[64] = "";
    size_t used = 0;
    for (; *text != '\0' && used + 1 < sizeof plain; text++) {
        if (strchr(" \n\t;", *text) == NULL)
            plain[used++] = *text;
    }
    plain[used] = '\0';
    if (used > 0 && (plain[used - 1] == 'f' || plain[used - 1] == 'F'))
        plain[used - 1] = '\0';
    double number = 0;
    if (strncmp(plain, "returnx", 7) != 0 || !units_number(plain + 8, &number) ||
        !(number > 0 || number < 0) || (plain[7] != '*' && plain[7] != '/'))
        return false;
    *factor = plain[7] == '*' ? number : 1 / number;
    return true;
}

/* In their order. Those that only thin out or smooth what is sent are said. */
static void read_filters(struct import *import, const yaml_node_t *filters,
                         struct import_value *value)
{
    const yaml_node_t *filter;
    for (size_t i = 0; filters != NULL && (filter = tree_item(import, filters, i)) != NULL; i++) {
        const char *lambda = tree_text(import, filter, "lambda");
        double number = 0, factor = 1;
        if (tree_number(import, filter, "multiply", &number)) {
            value->scale *= number;
            value->offset *= number;
        } else if (tree_number(import, filter, "offset", &number)) {
            value->offset += number;
        } else if (lambda != NULL && read_lambda(lambda, &factor)) {
            value->scale *= factor;
            value->offset *= factor;
        } else {
            const yaml_node_pair_t *pair =
                filter->type == YAML_MAPPING_NODE ? filter->data.mapping.pairs.start : NULL;
            const char *name = pair != NULL && pair < filter->data.mapping.pairs.top
                                   ? yaml_text(yaml_at(&import->source, pair->key))
                                   : yaml_text(filter);
            import_lose(import, yaml_line(filter), _("%.60s: filter \"%.40s\""), value->name,
                        name != NULL ? name : "?");
        }
    }
}

static bool read_place(struct import *import, const yaml_node_t *item, const char *name,
                       uint8_t function, uint16_t *address)
{
    int64_t number = -1, offset = 0;
    (void)tree_integer(import, item, "address", &number);
    (void)tree_integer(import, item, "offset", &offset);
    if (function == 0) {
        import_lose(import, yaml_line(item), _("%.60s: its kind of register is none"), name);
        return false;
    }
    if (function >= MODBUS_READ_HOLDING && (offset < 0 || offset % 2 != 0)) {
        import_lose(import, yaml_line(item), _("%.60s: it begins within a register"), name);
        return false;
    }
    return import_address(
        import, yaml_line(item), name,
        number < 0 ? number : number + (function >= MODBUS_READ_HOLDING ? offset / 2 : offset),
        address);
}

static const char *const value_keys[] = {"platform",
                                         "modbus_controller_id",
                                         "name",
                                         "id",
                                         "address",
                                         "offset",
                                         "register_type",
                                         "value_type",
                                         "bitmask",
                                         "filters",
                                         "unit_of_measurement",
                                         "accuracy_decimals",
                                         "device_class",
                                         "state_class",
                                         "icon",
                                         "skip_updates",
                                         "force_new_range",
                                         "register_count",
                                         "entity_category",
                                         "internal",
                                         "disabled_by_default",
                                         "min_value",
                                         "max_value",
                                         "step",
                                         "multiply",
                                         "use_write_multiple",
                                         "mode",
                                         "response_size",
                                         "assumed_state",
                                         NULL};

/* NULL: nothing that a profile can read. */
static struct import_value *read_value(struct import *import, const yaml_node_t *item,
                                       unsigned device, const char *name, uint8_t function)
{
    const char *type = tree_text(import, item, "value_type");
    uint16_t address;
    int64_t mask;
    if (tree_get(import, item, "custom_command") != NULL) {
        import_lose(import, yaml_line(item), _("%.60s: a request of its own"), name);
        return NULL;
    }
    if (!read_place(import, item, name, function, &address))
        return NULL;
    struct import_value *value = import_value(import, device, yaml_line(item), name);
    if (value == NULL)
        return NULL;
    value->function = function;
    value->address = address;
    if (function <= MODBUS_READ_DISCRETE)
        value->type = FIELD_BOOL;
    else if ((type != NULL && !read_type(type, value)) ||
             (tree_integer(import, item, "bitmask", &mask) && !read_bitmask(mask, value))) {
        import_lose(import, yaml_line(item), _("%.60s: its type or bit mask has no place here"),
                    name);
        import->value_count--;
        return NULL;
    }
    import_copy(value->unit, sizeof value->unit, tree_text(import, item, "unit_of_measurement"));
    import_copy(value->context, sizeof value->context, tree_text(import, item, "device_class"));
    read_filters(import, tree_get(import, item, "filters"), value);
    return value;
}

static void read_sensor(struct import *import, const yaml_node_t *item, unsigned device,
                        const char *name)
{
    if (read_value(import, item, device, name,
                   function_of(tree_text(import, item, "register_type"))) != NULL)
        import_rest(import, item, value_keys, name);
}

static void read_switch(struct import *import, const yaml_node_t *item, unsigned device,
                        const char *name)
{
    uint8_t function = function_of(tree_text(import, item, "register_type"));
    struct import_value *value = read_value(import, item, device, name, function);
    if (value == NULL)
        return;
    if (function != MODBUS_READ_COILS) {
        import_lose(import, yaml_line(item),
                    _("%.60s: nothing says which values may be written; add a write with min and "
                      "max"),
                    name);
        return;
    }
    uint16_t address = value->address;
    struct import_write *write = import_write(import, device, yaml_line(item), name);
    if (write == NULL)
        return;
    write->address = address;
    write->function =
        tree_true(import, item, "use_write_multiple") ? MODBUS_WRITE_COILS : MODBUS_WRITE_COIL;
    import_rest(import, item, value_keys, name);
}

/* A number is read and written; its range is in units, the register's is that × multiply. */
static void read_number(struct import *import, const yaml_node_t *item, unsigned device,
                        const char *name)
{
    double least = 0, most = 0, multiply = 1;
    bool ranged = tree_number(import, item, "min_value", &least) &&
                  tree_number(import, item, "max_value", &most);
    (void)tree_number(import, item, "multiply", &multiply);
    struct import_value *value = read_value(import, item, device, name, 3);
    if (value == NULL)
        return;
    if (multiply > 0)
        value->scale = 1 / multiply;
    if (!ranged || !(multiply > 0) || least * multiply < -32768 || most * multiply > 65535 ||
        least > most || (value->type != FIELD_U16 && value->type != FIELD_S16)) {
        import_lose(import, yaml_line(item),
                    _("%.60s: nothing says which values may be written; add a write with min and "
                      "max"),
                    name);
        return;
    }
    uint16_t address = value->address;
    struct import_write *write = import_write(import, device, yaml_line(item), name);
    if (write == NULL)
        return;
    write->address = address;
    write->function = tree_true(import, item, "use_write_multiple") ? MODBUS_WRITE_REGISTERS
                                                                    : MODBUS_WRITE_REGISTER;
    write->min = (int32_t)(least * multiply);
    write->max = (int32_t)(most * multiply);
    write->scale = 1 / multiply;
    import_copy(write->unit, sizeof write->unit, tree_text(import, item, "unit_of_measurement"));
    import_rest(import, item, value_keys, name);
}

static void read_list(struct import *import, const yaml_node_t *root, const char *key,
                      void (*read)(struct import *import, const yaml_node_t *item, unsigned device,
                                   const char *name))
{
    const yaml_node_t *list = tree_get(import, root, key), *item;
    for (size_t i = 0; list != NULL && (item = tree_item(import, list, i)) != NULL; i++) {
        const char *name = tree_text(import, item, "name");
        if (name == NULL)
            name = tree_text(import, item, "id");
        name = name != NULL ? name : "?";
        if (!is_ours(import, item))
            continue;
        int device = device_of(import, root, item);
        if (device >= 0 && read != NULL)
            read(import, item, (unsigned)device, name);
        else if (read == NULL)
            import_lose(import, yaml_line(item), _("%.60s: there is no place here for \"%.40s\""),
                        name, key);
    }
}

void import_esphome(struct import *import, const yaml_node_t *root)
{
    read_list(import, root, "sensor", read_sensor);
    read_list(import, root, "binary_sensor", read_sensor);
    read_list(import, root, "switch", read_switch);
    read_list(import, root, "number", read_number);
    read_list(import, root, "select", NULL);
    read_list(import, root, "output", NULL);
    read_list(import, root, "text_sensor", NULL);
}
