/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into the tree of a file, and what is kept of it. */
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "gateway/common/language.h"
#include "gateway/common/plain.h"
#include "gateway/common/units.h"
#include "protocols/modbus/pdu.h"
#include "tools/cli/import/import.h"

/* ---- The tree ---- */

const yaml_node_t *tree_get(struct import *import, const yaml_node_t *mapping, const char *key)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const char *name = yaml_text(yaml_at(&import->source, pair->key));
        if (name != NULL && strcmp(name, key) == 0)
            return yaml_at(&import->source, pair->value);
    }
    return NULL;
}

const yaml_node_t *tree_item(struct import *import, const yaml_node_t *list, size_t index)
{
    if (list == NULL)
        return NULL;
    if (list->type != YAML_SEQUENCE_NODE)
        return index == 0 ? list : NULL;
    size_t count = (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);
    return index < count ? yaml_at(&import->source, list->data.sequence.items.start[index]) : NULL;
}

const char *tree_text(struct import *import, const yaml_node_t *mapping, const char *key)
{
    const yaml_node_t *node = tree_get(import, mapping, key);
    return node != NULL ? yaml_text(node) : NULL;
}

bool tree_integer(struct import *import, const yaml_node_t *mapping, const char *key,
                  int64_t *number)
{
    const char *text = tree_text(import, mapping, key);
    return text != NULL && units_integer(text, number);
}

bool tree_number(struct import *import, const yaml_node_t *mapping, const char *key, double *number)
{
    const char *text = tree_text(import, mapping, key);
    int64_t whole;
    if (text == NULL)
        return false;
    if (units_integer(text, &whole)) {
        *number = (double)whole;
        return true;
    }
    return units_number(text, number);
}

bool tree_true(struct import *import, const yaml_node_t *mapping, const char *key)
{
    static const char *const words[] = {"true", "yes", "on", "1"};
    const char *text = tree_text(import, mapping, key);
    for (size_t i = 0; text != NULL && i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(text, words[i]) == 0)
            return true;
    }
    return false;
}

/* ---- What is noted ---- */

static void note(struct import *import, int line, bool lost, const char *format, va_list arguments)
{
    if (import->note_count == IMPORT_NOTES) {
        import->overflowed = true;
        return;
    }
    struct import_note *note = &import->notes[import->note_count++];
    note->line = line;
    note->lost = lost;
    (void)vsnprintf(note->text, sizeof note->text, format, arguments); /* a longer one is cut */
    note->text[plain_text(note->text, strlen(note->text))] = '\0';
}

void import_lose(struct import *import, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    note(import, line, true, format, arguments);
    va_end(arguments);
}

void import_remark(struct import *import, int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    note(import, line, false, format, arguments);
    va_end(arguments);
}

void import_rest(struct import *import, const yaml_node_t *mapping, const char *const *known,
                 const char *of)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING_NODE)
        return;
    for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_at(&import->source, pair->key);
        const char *name = yaml_text(key);
        const char *const *one = known;
        while (name != NULL && *one != NULL && strcmp(*one, name) != 0)
            one++;
        if (name == NULL || *one == NULL)
            import_lose(import, yaml_line(key), _("%.60s: there is no place here for \"%.40s\""),
                        of, name != NULL ? name : "?");
    }
}

bool import_address(struct import *import, int line, const char *of, int64_t number,
                    uint16_t *address)
{
    if (number < 0 || number > 65535) {
        import_lose(import, line, _("%.60s: %lld is no register; they are 0 to 65535"), of,
                    (long long)number);
        return false;
    }
    *address = (uint16_t)number;
    if ((number > 40000 && number < 50000) || (number > 30000 && number < 40000))
        import_remark(import, line,
                      _("%.60s: %lld is sent as it is by that program, and so here: it is not "
                        "register number %lld of a document"),
                      of, (long long)number, (long long)number % 10000);
    return true;
}

/* ---- What is kept ---- */

void import_copy(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
    size_t length = strlen(out);
    if (text != NULL && strlen(text) > length) /* cut: not within a character */
        while (length > 0 && ((unsigned char)out[length - 1] & 0xC0) == 0x80)
            length--;
    if (text != NULL && strlen(text) > strlen(out) && length > 0 &&
        ((unsigned char)out[length - 1] & 0x80) != 0)
        length--;
    out[length] = '\0';
    out[plain_text(out, length)] = '\0';
}

static bool full(struct import *import, int line, const char *of)
{
    if (!import->overflowed)
        import_lose(import, line, _("%.60s and what follows: a file may have no more"), of);
    import->overflowed = true;
    return true;
}

struct import_device *import_device(struct import *import, int line, const char *name)
{
    if (import->device_count == IMPORT_DEVICES && full(import, line, name))
        return NULL;
    struct import_device *device = &import->devices[import->device_count++];
    *device = (struct import_device){.line = line, .bus = -1, .unit = -1};
    device->same_as = import->device_count - 1;
    import_copy(device->label, sizeof device->label, name);
    return device;
}

struct import_value *import_value(struct import *import, unsigned device, int line,
                                  const char *name)
{
    if (import->value_count == IMPORT_VALUES && full(import, line, name))
        return NULL;
    struct import_value *value = &import->values[import->value_count++];
    *value = (struct import_value){.line = line,
                                   .device = device,
                                   .function = MODBUS_READ_HOLDING,
                                   .type = FIELD_U16,
                                   .bits = 1,
                                   .scale = 1};
    import_copy(value->name, sizeof value->name, name);
    return value;
}

struct import_write *import_write(struct import *import, unsigned device, int line,
                                  const char *name)
{
    if (import->write_count == IMPORT_WRITES && full(import, line, name))
        return NULL;
    struct import_write *write = &import->writes[import->write_count++];
    *write = (struct import_write){
        .line = line, .device = device, .function = MODBUS_WRITE_REGISTER, .max = 1, .scale = 1};
    import_copy(write->name, sizeof write->name, name);
    return write;
}

int import_bus(struct import *import, int line, const char *name, const char *port)
{
    for (unsigned i = 0; i < import->bus_count; i++) {
        if (strcmp(import->buses[i].port, port) == 0)
            return (int)i;
    }
    if (import->bus_count == IMPORT_BUSES) {
        (void)full(import, line, name);
        return -1;
    }
    struct import_bus *bus = &import->buses[import->bus_count];
    *bus = (struct import_bus){.line = line};
    import_copy(bus->port, sizeof bus->port, port);
    import_slug(name, '-', bus->name);
    for (unsigned i = 0; i < import->bus_count; i++) {
        if (strcmp(import->buses[i].name, bus->name) == 0)
            (void)snprintf(bus->name, sizeof bus->name, "bus-%u", import->bus_count + 1);
    }
    return (int)import->bus_count++;
}

int import_device_at(struct import *import, int bus, int unit, int line, const char *name)
{
    for (unsigned i = 0; i < import->device_count; i++) {
        if (import->devices[i].bus == bus && import->devices[i].unit == unit)
            return (int)i;
    }
    struct import_device *device = import_device(import, line, name);
    if (device == NULL)
        return -1;
    device->bus = bus;
    device->unit = unit;
    return (int)import->device_count - 1;
}

char import_parity(const char *text)
{
    if (text == NULL || *text == '\0')
        return '\0';
    if (*text == 'E' || *text == 'e')
        return 'E';
    return *text == 'O' || *text == 'o' ? 'O' : 'N';
}

void import_slug(const char *text, char joint, char out[CONFIG_NAME_SIZE])
{
    size_t at = 0;
    bool lower = false;
    for (; *text != '\0' && at + 2 < CONFIG_NAME_SIZE; text++) {
        bool upper = *text >= 'A' && *text <= 'Z';
        bool digit = *text >= '0' && *text <= '9';
        bool letter = upper || (*text >= 'a' && *text <= 'z');
        if (!letter && !digit) {
            if (at > 0 && out[at - 1] != joint)
                out[at++] = joint;
            lower = false;
            continue;
        }
        if (upper && lower) /* MotorSpeed */
            out[at++] = joint;
        out[at++] = (char)(upper ? *text - 'A' + 'a' : *text);
        lower = letter && !upper;
    }
    while (at > 0 && out[at - 1] == joint)
        at--;
    out[at] = '\0';
}
