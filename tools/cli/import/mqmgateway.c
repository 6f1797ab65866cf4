/* SPDX-License-Identifier: Apache-2.0 */
/* mqmgateway: networks are buses, objects name registers as network.slave.register. A decimal
 * register is counted from 1, a hexadecimal one from 0. Converters say type and scale. */
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/units.h"
#include "protocols/modbus/pdu.h"
#include "tools/cli/import/import.h"

#define SLAVES_MAX 32

bool import_is_mqmgateway(struct import *import, const yaml_node_t *root)
{
    return tree_get(import, tree_get(import, root, "modbus"), "networks") != NULL ||
           tree_get(import, root, "modmqttd") != NULL;
}

/* ---- Networks ---- */

static void read_network(struct import *import, const yaml_node_t *network)
{
    static const char *const known[] = {"name",
                                        "device",
                                        "baud",
                                        "parity",
                                        "data_bit",
                                        "stop_bit",
                                        "address",
                                        "port",
                                        "slaves",
                                        "watchdog",
                                        "response_timeout",
                                        "response_data_timeout",
                                        "read_retries",
                                        "write_retries",
                                        "delay_before_first_command",
                                        "delay_before_command",
                                        "rtu_serial_mode",
                                        "rtu_rts_mode",
                                        "rtu_rts_delay_us",
                                        NULL};
    const char *name = tree_text(import, network, "name");
    const char *device = tree_text(import, network, "device");
    const char *host = tree_text(import, network, "address");
    char port[CONFIG_PATH_SIZE];
    int64_t number = 502;
    if (name == NULL || (device == NULL && host == NULL)) {
        import_lose(import, yaml_line(network),
                    _("a network has no name, or no device or address"));
        return;
    }
    if (device == NULL)
        (void)tree_integer(import, network, "port", &number);
    (void)snprintf(port, sizeof port, device != NULL ? "%.200s" : "%.200s:%lld",
                   device != NULL ? device : host, (long long)number);
    int index = import_bus(import, yaml_line(network), name, port);
    if (index < 0)
        return;
    struct import_bus *bus = &import->buses[index];
    bus->type = device != NULL ? BUS_RTU : BUS_TCP;
    if (tree_integer(import, network, "baud", &number) && number >= 300 && number <= 921600)
        bus->baud = (unsigned)number;
    if (tree_integer(import, network, "stop_bit", &number))
        bus->stop_bits = number == 2 ? 2 : 1;
    bus->parity = import_parity(tree_text(import, network, "parity"));
    import_rest(import, network, known, name);
}

/* By the network's own name: its bus may be called otherwise. */
static int find_network(struct import *import, const yaml_node_t *root, const char *name)
{
    const yaml_node_t *list = tree_get(import, tree_get(import, root, "modbus"), "networks"), *one;
    for (size_t i = 0; (one = tree_item(import, list, i)) != NULL; i++) {
        const char *own = tree_text(import, one, "name");
        if (own == NULL || strcmp(own, name) != 0)
            continue;
        for (unsigned bus = 0; bus < import->bus_count; bus++) {
            if (import->buses[bus].line == yaml_line(one))
                return (int)bus;
        }
    }
    return -1;
}

/* What a slave is called; NULL: nothing. */
static const char *slave_name(struct import *import, const yaml_node_t *root, unsigned bus,
                              int slave)
{
    const yaml_node_t *list = tree_get(import, tree_get(import, root, "modbus"), "networks");
    for (size_t i = 0; tree_item(import, list, i) != NULL; i++) {
        const yaml_node_t *network = tree_item(import, list, i);
        const yaml_node_t *slaves = tree_get(import, network, "slaves"), *one;
        int64_t number;
        if (yaml_line(network) != import->buses[bus].line || slaves == NULL)
            continue;
        for (size_t j = 0; (one = tree_item(import, slaves, j)) != NULL; j++) {
            if (tree_integer(import, one, "address", &number) && number == slave)
                return tree_text(import, one, "name");
        }
    }
    return NULL;
}

/* ---- Where a register is ---- */

struct object {
    const yaml_node_t *root;
    const char *topic, *network, *slaves;
    unsigned every_s;
};

struct where {
    int bus;
    int slaves[SLAVES_MAX];
    unsigned count;
    uint16_t address;
};

/* "1,2,5-8" */
static bool read_slaves(const char *text, struct where *where)
{
    while (*text != '\0') {
        char *end;
        long from = strtol(text, &end, 10), to = from;
        if (end == text)
            return false;
        if (*end == '-')
            to = strtol(end + 1, &end, 10);
        for (long slave = from; slave <= to; slave++) {
            if (slave < 0 || slave > 255 || where->count == SLAVES_MAX)
                return false;
            where->slaves[where->count++] = (int)slave;
        }
        text = end + strspn(end, ", ");
        if (text == end && *end != '\0')
            return false;
    }
    return where->count > 0;
}

static bool read_number(const char *text, int64_t *number)
{
    bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    if (!units_integer(text, number))
        return false;
    *number -= !hexadecimal;
    return true;
}

/* [network.[slave.]]register; what it does not say is the object's. */
static bool read_where(struct import *import, const yaml_node_t *item, const struct object *object,
                       const char *name, struct where *where)
{
    const char *text = tree_text(import, item, "register");
    char whole[96], *parts[3] = {NULL}, *at = whole;
    int64_t number = -1;
    unsigned count = 0;
    *where = (struct where){0};
    (void)snprintf(whole, sizeof whole, "%s", text != NULL ? text : "");
    while (count < 3 && at != NULL) {
        parts[count++] = at;
        at = strchr(at, '.');
        if (at != NULL)
            *at++ = '\0';
    }
    const char *network = count == 3 ? parts[0] : object->network;
    const char *slaves = count >= 2 ? parts[count - 2] : object->slaves;
    where->bus = network != NULL ? find_network(import, object->root, network) : -1;
    if (text == NULL || at != NULL || where->bus < 0 || slaves == NULL ||
        !read_slaves(slaves, where) || !read_number(parts[count - 1], &number)) {
        import_lose(import, yaml_line(item),
                    _("%.60s: \"%.40s\" names no network, slave and register that are known"), name,
                    text != NULL ? text : "?");
        return false;
    }
    return import_address(import, yaml_line(item), name, number, &where->address);
}

/* ---- Converters ---- */

struct converter {
    char name[24]; /* without its plug-in */
    char arguments[4][48];
    unsigned count;
};

/* std.divide(10, 2, low_first) */
static bool split_converter(const char *text, struct converter *converter)
{
    const char *dot = strchr(text, '.'), *open = strchr(text, '(');
    const char *begin = dot != NULL && (open == NULL || dot < open) ? dot + 1 : text;
    size_t size = strcspn(begin, "( \n");
    *converter = (struct converter){0};
    if (size >= sizeof converter->name)
        return false;
    memcpy(converter->name, begin, size);
    if (open == NULL)
        return true;
    int depth = 0;
    for (const char *at = open + 1;
         *at != '\0' && (depth > 0 || *at != ')') && converter->count < 4;) {
        char *out = converter->arguments[converter->count++];
        size_t used = 0;
        at += strspn(at, " '\"");
        for (; *at != '\0' && (depth > 0 || (*at != ',' && *at != ')')); at++) {
            depth += *at == '(';
            depth -= *at == ')';
            if (*at == '\'' || *at == '"')
                continue;
            if (used + 1 >= sizeof converter->arguments[0])
                return false;
            out[used++] = *at;
        }
        while (used > 0 && out[used - 1] == ' ')
            used--;
        out[used] = '\0';
        at += *at == ',';
    }
    return true;
}

static bool has_argument(const struct converter *converter, const char *word)
{
    for (unsigned i = 0; i < converter->count; i++) {
        if (strcmp(converter->arguments[i], word) == 0)
            return true;
    }
    return false;
}

static bool is_low_first(const struct converter *converter)
{
    return has_argument(converter, "low_first") ||
           (converter->count > 0 && has_argument(converter, "true"));
}

/* "int16(R0) / 10": one cast and one number; all else is more than a profile can say. */
static bool read_expression(const char *text, struct import_value *value)
{
    static const struct {
        const char *begins;
        uint8_t type, order;
    } casts[] = {
        {"int16(R0)", FIELD_S16, ORDER_ABCD},      {"int32(R0,R1)", FIELD_S32, ORDER_ABCD},
        {"int32(R1,R0)", FIELD_S32, ORDER_CDAB},   {"uint32(R0,R1)", FIELD_U32, ORDER_ABCD},
        {"uint32(R1,R0)", FIELD_U32, ORDER_CDAB},  {"flt32(R0,R1)", FIELD_F32, ORDER_ABCD},
        {"flt32(R1,R0)", FIELD_F32, ORDER_CDAB},   {"flt32be(R0,R1)", FIELD_F32, ORDER_BADC},
        {"flt32be(R1,R0)", FIELD_F32, ORDER_DCBA}, {"R0", FIELD_U16, ORDER_ABCD}};
    char plain[64] = "";
    size_t used = 0;
    for (; *text != '\0' && used + 1 < sizeof plain; text++) {
        if (*text != ' ')
            plain[used++] = *text;
    }
    plain[used] = '\0';
    for (size_t i = 0; i < sizeof casts / sizeof casts[0]; i++) {
        size_t size = strlen(casts[i].begins);
        double number = 0;
        if (strncmp(plain, casts[i].begins, size) != 0)
            continue;
        value->type = casts[i].type;
        value->order = casts[i].order;
        if (plain[size] == '\0')
            return true;
        if (strchr("*/+-", plain[size]) == NULL || !units_number(plain + size + 1, &number) ||
            (plain[size] == '/' && !(number > 0 || number < 0)))
            return false;
        value->scale = plain[size] == '*' ? number : plain[size] == '/' ? 1 / number : 1;
        value->offset = plain[size] == '+' ? number : plain[size] == '-' ? -number : 0;
        return true;
    }
    return false;
}

static bool read_bitmask(const char *text, struct import_value *value)
{
    int64_t mask = 0xFFFF;
    unsigned bit = 0, bits = 0;
    if (text[0] != '\0' && !units_integer(text, &mask))
        return false;
    if (mask == 0xFFFF)
        return true;
    if (mask <= 0 || mask > 0xFFFF || (mask & 1) == 0) /* it does not shift */
        return false;
    while ((mask >> (bit + bits) & 1) != 0)
        bits++;
    value->type = FIELD_BITS;
    value->bits = (uint8_t)bits;
    return mask >> bits == 0;
}

static bool read_converter(const char *text, int64_t registers, struct import_value *value)
{
    struct converter converter;
    double number = 0;
    if (!split_converter(text, &converter))
        return false;
    const char *name = converter.name;
    bool low = is_low_first(&converter), two = registers == 2;
    value->order = two && low ? ORDER_CDAB : ORDER_ABCD;
    if (strcmp(name, "divide") == 0 || strcmp(name, "multiply") == 0) {
        bool divides = name[0] == 'd';
        value->type = two ? FIELD_U32 : FIELD_U16;
        if (!units_number(converter.arguments[0], &number) || !(number > 0 || number < 0))
            return false;
        value->scale = divides ? 1 / number : number;
        return registers <= 2;
    }
    if (strcmp(name, "int8") == 0 || strcmp(name, "uint8") == 0) {
        value->type = name[0] == 'i' ? FIELD_S8 : FIELD_U8;
        value->byte = has_argument(&converter, "first") || has_argument(&converter, "true");
        return true;
    }
    if (strcmp(name, "int16") == 0) {
        value->type = FIELD_S16;
        return registers == 1;
    }
    if (strcmp(name, "int32") == 0 || strcmp(name, "uint32") == 0 || strcmp(name, "float32") == 0 ||
        strcmp(name, "float") == 0) {
        value->type = name[0] == 'i' ? FIELD_S32 : name[0] == 'u' ? FIELD_U32 : FIELD_F32;
        if (has_argument(&converter, "swap_bytes"))
            value->order = low ? ORDER_DCBA : ORDER_BADC;
        return two;
    }
    if (strcmp(name, "bit") == 0) {
        value->type = FIELD_BITS;
        bool good = units_number(converter.arguments[0], &number) && number >= 1 && number <= 16;
        value->bit = good ? (uint8_t)(number - 1) : 0;
        return good;
    }
    if (strcmp(name, "string") == 0) {
        value->type = FIELD_TEXT;
        value->registers = registers >= 1 && registers <= 60 ? (unsigned)registers : 1;
        return true;
    }
    if (strcmp(name, "bitmask") == 0)
        return read_bitmask(converter.arguments[0], value);
    return strcmp(name, "evaluate") == 0 && read_expression(converter.arguments[0], value);
}

/* ---- Objects ---- */

static uint8_t function_of(struct import *import, const yaml_node_t *item)
{
    static const struct {
        const char *name;
        uint8_t function;
    } kinds[] = {{"coil", MODBUS_READ_COILS},
                 {"bit", MODBUS_READ_DISCRETE},
                 {"holding", MODBUS_READ_HOLDING},
                 {"input", MODBUS_READ_INPUT}};
    const char *kind = tree_text(import, item, "register_type");
    for (size_t i = 0; kind != NULL && i < 4; i++) {
        if (strcmp(kinds[i].name, kind) == 0)
            return kinds[i].function;
    }
    return kind == NULL ? 3 : 0;
}

static int device_for(struct import *import, const struct object *object, const struct where *where,
                      unsigned at, int line)
{
    char made[IMPORT_TEXT];
    const char *name = slave_name(import, object->root, (unsigned)where->bus, where->slaves[at]);
    (void)snprintf(made, sizeof made, "%s-%d", import->buses[where->bus].name, where->slaves[at]);
    int device =
        import_device_at(import, where->bus, where->slaves[at], line, name != NULL ? name : made);
    if (device >= 0 && object->every_s != 0 && import->devices[device].every_s == 0)
        import->devices[device].every_s = object->every_s;
    return device;
}

/* The last piece of a topic, and not a placeholder. */
static const char *topic_tail(const char *topic)
{
    const char *slash = strrchr(topic, '/');
    const char *tail = slash != NULL ? slash + 1 : topic;
    return strchr(tail, '$') != NULL ? "" : tail;
}

static void read_state(struct import *import, const yaml_node_t *item, const struct object *object,
                       const char *outer, unsigned depth)
{
    static const char *const known[] = {"name",      "register", "register_type", "count",
                                        "converter", "refresh",  "publish_mode",  NULL};
    const char *name = tree_text(import, item, "name");
    const char *converter = tree_text(import, item, "converter");
    const yaml_node_t *inner = tree_get(import, item, "registers"), *one;
    struct where where;
    int64_t count = 1;
    name = name != NULL ? name : outer != NULL ? outer : topic_tail(object->topic);
    if (inner != NULL) {
        if (converter != NULL || depth > 4) {
            import_lose(import, yaml_line(item),
                        _("%.60s: one value made of several registers has no place here"), name);
            return;
        }
        for (size_t i = 0; (one = tree_item(import, inner, i)) != NULL; i++)
            read_state(import, one, object, name, depth + 1);
        return;
    }
    if (!read_where(import, item, object, name, &where))
        return;
    (void)tree_integer(import, item, "count", &count);
    struct import_value made = {.type = FIELD_U16, .bits = 1, .scale = 1};
    made.function = function_of(import, item);
    bool bit = modbus_reads_bits(made.function);
    if (bit)
        made.type = FIELD_BOOL;
    if (made.function == 0 || (bit && (count != 1 || converter != NULL)) ||
        (converter == NULL ? count != 1 : !bit && !read_converter(converter, count, &made))) {
        import_lose(import, yaml_line(item),
                    _("%.60s: registers: %lld, by \"%.60s\", are no single value of a profile"),
                    name, (long long)count, converter != NULL ? converter : "-");
        return;
    }
    for (unsigned i = 0; i < where.count; i++) {
        int device = device_for(import, object, &where, i, yaml_line(item));
        struct import_value *value =
            device >= 0 ? import_value(import, (unsigned)device, yaml_line(item), name) : NULL;
        if (value == NULL)
            return;
        char own[IMPORT_TEXT];
        int line = value->line;
        unsigned at = value->device;
        memcpy(own, value->name, sizeof own);
        *value = made;
        memcpy(value->name, own, sizeof own);
        value->line = line;
        value->device = at;
        value->address = where.address;
        import_copy(value->context, sizeof value->context, object->topic);
    }
    import_rest(import, item, known, name);
}

static void read_command(struct import *import, const yaml_node_t *item,
                         const struct object *object)
{
    const char *name = tree_text(import, item, "name");
    struct where where;
    name = name != NULL ? name : "?";
    if (function_of(import, item) != MODBUS_READ_COILS) {
        import_lose(import, yaml_line(item),
                    _("%.60s: nothing says which values may be written; add a write with min and "
                      "max"),
                    name);
        return;
    }
    if (!read_where(import, item, object, name, &where))
        return;
    for (unsigned i = 0; i < where.count; i++) {
        int device = device_for(import, object, &where, i, yaml_line(item));
        char whole[IMPORT_TEXT];
        (void)snprintf(whole, sizeof whole, "%.40s-%.40s", topic_tail(object->topic), name);
        struct import_write *write =
            device >= 0 ? import_write(import, (unsigned)device, yaml_line(item), whole) : NULL;
        if (write == NULL)
            return;
        write->function = MODBUS_WRITE_COIL;
        write->address = where.address;
    }
}

static unsigned seconds_of(const char *text)
{
    uint64_t us = 0;
    return text != NULL && units_duration_us(text, &us) && us >= 1000000 && us < 86400000000
               ? (unsigned)(us / 1000000)
               : 0;
}

static void read_object(struct import *import, const yaml_node_t *item, const yaml_node_t *root)
{
    static const char *const known[] = {"topic",   "network",      "slave",  "state", "commands",
                                        "refresh", "publish_mode", "retain", NULL};
    const yaml_node_t *state = tree_get(import, item, "state"), *one;
    const yaml_node_t *commands = tree_get(import, item, "commands");
    struct object object = {.root = root,
                            .topic = tree_text(import, item, "topic"),
                            .network = tree_text(import, item, "network"),
                            .slaves = tree_text(import, item, "slave"),
                            .every_s = seconds_of(tree_text(import, item, "refresh"))};
    if (object.topic == NULL)
        object.topic = "?";
    if (object.every_s == 0)
        object.every_s = seconds_of(tree_text(import, tree_get(import, root, "mqtt"), "refresh"));
    for (size_t i = 0; state != NULL && (one = tree_item(import, state, i)) != NULL; i++)
        read_state(import, one, &object, NULL, 0);
    for (size_t i = 0; commands != NULL && (one = tree_item(import, commands, i)) != NULL; i++)
        read_command(import, one, &object);
    import_rest(import, item, known, object.topic);
}

void import_mqmgateway(struct import *import, const yaml_node_t *root)
{
    const yaml_node_t *list = tree_get(import, tree_get(import, root, "modbus"), "networks"), *one;
    for (size_t i = 0; (one = tree_item(import, list, i)) != NULL; i++)
        read_network(import, one);
    list = tree_get(import, tree_get(import, root, "mqtt"), "objects");
    for (size_t i = 0; (one = tree_item(import, list, i)) != NULL; i++)
        read_object(import, one, root);
    if (import->value_count > 0)
        import_remark(import, yaml_line(tree_item(import, list, 0)),
                      _("units are not in such a file: each value is taken to be in its metric's, "
                        "so look at every scale"));
}
