/* SPDX-License-Identifier: Apache-2.0 */
/* What was found, as YAML of ours; behind each # stands the line that it is from. */
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/daemon/config/profile.h"
#include "tools/cli/import/import.h"

#define WRITES_MAX 32 /* of a profile */

/* In quotes, whatever is in it. Texts are plain already. */
static void print_quoted(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            (void)fputc('\\', out);
        (void)fputc(*text, out);
    }
    (void)fputc('"', out);
}

static void print_type(const struct import_value *value, FILE *out)
{
    static const char *const orders[] = {"abcd", "cdab", "badc", "dcba"};
    if (value->type != FIELD_U16)
        (void)fprintf(out, ", type: %s", profile_type_name(value->type));
    if (value->order != ORDER_ABCD)
        (void)fprintf(out, ", order: %s", orders[value->order]);
    if (value->byte != 0)
        (void)fprintf(out, ", byte: high");
    if (value->type == FIELD_BITS)
        (void)fprintf(out, ", bit: %u, bits: %u", value->bit, value->bits);
    if (value->type == FIELD_TEXT)
        (void)fprintf(out, ", length: %u", value->registers);
}

static void print_field(const struct import_value *value, FILE *out)
{
    static const char *const roles[] = {
        [ROLE_MODEL] = "model", [ROLE_SERIAL] = "serial", [ROLE_FIRMWARE] = "firmware"};
    if (value->role != ROLE_METRIC)
        (void)fprintf(out, "  - { role: %s", roles[value->role]);
    else
        (void)fprintf(out, "  - { metric: %s", value->metric);
    (void)fprintf(out, ", function: %u, register: 0x%04X", value->function, value->address);
    print_type(value, out);
    if (value->scale != 1)
        (void)fprintf(out, ", scale: %.10g", value->scale);
    if (value->offset != 0)
        (void)fprintf(out, ", offset: %.10g", value->offset);
    if (value->no_value[0] != '\0')
        (void)fprintf(out, ", no_value: %s", value->no_value);
    if (!value->known && value->role == ROLE_METRIC) {
        if (value->unit[0] != '\0') {
            (void)fputs(", unit: ", out);
            print_quoted(out, value->unit);
        }
        (void)fputs(", label: ", out);
        print_quoted(out, value->name);
    }
    (void)fprintf(out, " } # %d%s%s\n", value->line, value->known ? " " : "",
                  value->known ? value->name : "");
}

static void print_serial(const struct import_device *device, const struct import_bus *bus,
                         FILE *out)
{
    unsigned baud = device->baud != 0 ? device->baud : bus != NULL ? bus->baud : 0;
    unsigned stop = device->stop_bits != 0 ? device->stop_bits : bus != NULL ? bus->stop_bits : 0;
    char parity = device->parity;
    if (parity == '\0' && bus != NULL)
        parity = bus->parity;
    if (baud == 0 && parity == '\0')
        return;
    (void)fprintf(out, "serial: { baud: %u, parity: %s", baud != 0 ? baud : 9600,
                  parity == 'E'   ? "even"
                  : parity == 'O' ? "odd"
                                  : "none");
    if (stop == 2)
        (void)fputs(", stop_bits: 2", out);
    (void)fputs(" }\n", out);
}

static void print_limits(const struct import_device *device, FILE *out)
{
    if (device->max_registers != 0 && device->read_gap != 0)
        (void)fprintf(out, "limits: { max_registers: %u, read_gap: %u }\n", device->max_registers,
                      device->read_gap);
    else if (device->max_registers != 0)
        (void)fprintf(out, "limits: { max_registers: %u }\n", device->max_registers);
    else if (device->read_gap != 0)
        (void)fprintf(out, "limits: { read_gap: %u }\n", device->read_gap);
}

static void print_write(const struct import *import, unsigned index, FILE *out)
{
    const struct import_write *write = &import->writes[index];
    char name[CONFIG_NAME_SIZE];
    unsigned same = 1;
    import_slug(write->name, '-', name);
    for (unsigned i = 0; i < index; i++) {
        char other[CONFIG_NAME_SIZE];
        import_slug(import->writes[i].name, '-', other);
        same += import->writes[i].device == write->device && strcmp(other, name) == 0;
    }
    if (name[0] == '\0')
        (void)snprintf(name, sizeof name, "register-%u", write->address);
    if (same > 1)
        (void)snprintf(name + (strlen(name) < 28 ? strlen(name) : 28), 5, "-%u", same % 1000);
    (void)fprintf(out, "  - { name: %s, function: %u, register: 0x%04X, min: %d, max: %d", name,
                  write->function, write->address, write->min, write->max);
    if (write->scale != 1)
        (void)fprintf(out, ", scale: %.10g", write->scale);
    if (write->unit[0] != '\0') {
        (void)fputs(", unit: ", out);
        print_quoted(out, write->unit);
    }
    (void)fprintf(out, " } # %d\n", write->line);
}

static void print_notes(const struct import *import, FILE *out)
{
    for (int lost = 1; lost >= 0; lost--) {
        bool any = false;
        for (unsigned i = 0; i < import->note_count; i++) {
            const struct import_note *note = &import->notes[i];
            if (note->lost != (lost == 1))
                continue;
            if (!any)
                (void)fprintf(out, "# %s\n", lost == 1 ? _("Left out:") : _("Look at:"));
            any = true;
            (void)fprintf(out, "#   %d: %s\n", note->line, note->text);
        }
    }
}

static const char *file_name(const struct import *import)
{
    const char *slash = strrchr(import->file, '/');
    return slash != NULL ? slash + 1 : import->file;
}

static void print_origin(const struct import *import, FILE *out)
{
    char name[IMPORT_TEXT];
    import_copy(name, sizeof name, file_name(import));
    (void)fprintf(out, _("# Made from %s of %s; the numbers behind # are its lines.\n"), name,
                  import->format);
    print_notes(import, out);
}

void import_print_profile(const struct import *import, unsigned index, FILE *out)
{
    const struct import_device *device = &import->devices[index];
    unsigned writes = 0;
    print_origin(import, out);
    (void)fputs("label: ", out);
    print_quoted(out, device->label[0] != '\0' ? device->label : device->name);
    (void)fprintf(out, " # %d\n", device->line);
    print_serial(device, device->bus >= 0 ? &import->buses[device->bus] : NULL, out);
    print_limits(device, out);
    (void)fputs("fields:\n", out);
    for (unsigned i = 0; i < import->value_count; i++) {
        if (import->values[i].device == index && !import->values[i].left_out)
            print_field(&import->values[i], out);
    }
    for (unsigned i = 0; i < import->write_count; i++) {
        if (import->writes[i].device != index || writes >= WRITES_MAX)
            continue;
        if (writes++ == 0)
            (void)fputs("writes:\n", out);
        print_write(import, i, out);
    }
}

static void print_bus(const struct import *import, unsigned index, FILE *out)
{
    static const char *const types[] = {"rtu", "tcp", "rtu-over-tcp"};
    const struct import_bus *bus = &import->buses[index];
    (void)fprintf(out, "  - name: %s # %d\n    type: %s\n    port: ",
                  bus->name[0] != '\0' ? bus->name : "bus", bus->line, types[bus->type]);
    print_quoted(out, bus->port);
    (void)fputc('\n', out);
    if (bus->type == BUS_RTU)
        (void)fprintf(out, "    baud: %u\n    parity: %s\n    stop_bits: %u\n",
                      bus->baud != 0 ? bus->baud : 9600,
                      bus->parity == 'E'   ? "even"
                      : bus->parity == 'O' ? "odd"
                                           : "none",
                      bus->stop_bits == 2 ? 2U : 1U);
    (void)fputs("    devices:\n", out);
    for (unsigned i = 0; i < import->device_count; i++) {
        const struct import_device *device = &import->devices[i];
        if (device->bus != (int)index || !import_has_values(import, device->same_as))
            continue;
        (void)fprintf(out, "      - { name: %s, profile: %s, address: %d, every: %us } # %d\n",
                      device->name, import->devices[device->same_as].name,
                      device->unit >= 0 ? device->unit : 1,
                      device->every_s != 0 ? device->every_s : 60, device->line);
    }
}

void import_print_config(const struct import *import, FILE *out)
{
    print_origin(import, out);
    (void)fputs("site: imported\nprofiles: profiles\nbuses:\n", out);
    for (unsigned i = 0; i < import->bus_count; i++)
        print_bus(import, i, out);
}
