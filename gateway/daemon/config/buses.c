/* SPDX-License-Identifier: Apache-2.0 */
/* The lines and the devices on them. */
#include "gateway/daemon/config/draft.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "gateway/common/keys.h"
#include "gateway/common/language.h"
#include "gateway/common/units.h"

static const char *const parity_names[] = {"none", "even", "odd", NULL};
static const char *const bus_types[] = {"rtu", "tcp", "rtu-over-tcp", NULL};
static const char *const rs485_names[] = {"adapter", "kernel", NULL};

static bool read_parity(struct yaml_source *source, const yaml_node_t *value, char *parity)
{
    static const struct key key = {.name = "parity", .kind = KEY_CHOICE, .choices = parity_names};
    uint8_t index;
    if (!keys_read_one(source, value, &key, &index))
        return false;
    *parity = "NEO"[index];
    return true;
}

static bool read_device_parity(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return read_parity(source, value, &((struct draft_device *)target)->device.parity);
}

static bool read_scales(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    (void)source;
    ((struct draft_device *)target)->scales = value; /* understood when the profile is known */
    return true;
}

static bool read_offsets(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    (void)source;
    ((struct draft_device *)target)->offsets = value;
    return true;
}

static bool read_date(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct draft_device *draft = target;
    const char *text = yaml_text(value);
    int32_t day = 0;
    if (!draft_day(text, &day))
        return yaml_error(source, yaml_line(value),
                          "on: \"%.40s\" is not a day; write for example on: 2027-03-01",
                          text != NULL ? text : _("(a list or mapping)"));
    (void)snprintf(draft->device.adjusted_on, sizeof draft->device.adjusted_on, "%s", text);
    return true;
}

static bool read_adjusted(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    static const struct key keys[] = {
        {.name = "on", .kind = KEY_FUNCTION, .read = read_date, .example = "2027-03-01"},
        {.name = "by",
         .kind = KEY_TEXT,
         KEY_MEMBER(struct draft_device, device.adjusted_by),
         .example = "Lin Yun"},
    };
    return keys_read(source, value, "adjusted", keys, sizeof keys / sizeof *keys, target);
}

static bool read_dues(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct draft_device *draft = target;
    (void)source;
    draft->dues = value;
    return true;
}

#define DEVICE(member) KEY_MEMBER(struct draft_device, member)
static const struct key device_keys[] = {
    {.name = "name", .kind = KEY_NAME, DEVICE(device.name), .required = true, .example = "plot-1"},
    {.name = "label", .kind = KEY_TEXT, DEVICE(device.label), .example = "上坡"},
    {.name = "profile",
     .kind = KEY_NAME,
     DEVICE(profile),
     .required = true,
     .example = "baiye-node"},
    {.name = "address",
     .kind = KEY_INTEGER,
     DEVICE(device.unit),
     .min = 0,
     .max = 255,
     .required = true,
     .example = "7"},
    {.name = "every",
     .kind = KEY_MS,
     DEVICE(device.every_ms),
     .min = 1,
     .max = 86400e3,
     .example = "60s"},
    {.name = "baud",
     .kind = KEY_INTEGER,
     DEVICE(device.baud),
     .min = 300,
     .max = 921600,
     .example = "9600"},
    {.name = "parity", .kind = KEY_FUNCTION, .read = read_device_parity},
    {.name = "scale", .kind = KEY_FUNCTION, .read = read_scales},
    {.name = "offset", .kind = KEY_FUNCTION, .read = read_offsets},
    {.name = "adjusted", .kind = KEY_FUNCTION, .read = read_adjusted},
    {.name = "calibration_due", .kind = KEY_FUNCTION, .read = read_dues},
};

static bool read_device(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    struct draft_device *draft = target;
    draft->device.line = yaml_line(item);
    draft->device.every_ms = 60000;
    return keys_read(source, item, "a device", device_keys,
                     sizeof device_keys / sizeof *device_keys, draft);
}

static bool read_bus_devices(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct draft_bus *draft = target;
    const char *text = yaml_text(value);
    if (text != NULL && text[0] == '\0') /* `devices:` and nothing: none yet */
        return true;
    return keys_list(source, value, "devices", 255, sizeof *draft->devices,
                     (void **)&draft->devices, &draft->device_count, read_device);
}

static bool read_bus_parity(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    return read_parity(source, value, &((struct draft_bus *)target)->bus.parity);
}

static bool read_bus_port(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    (void)source;
    ((struct draft_bus *)target)->port = value; /* understood when the type is known */
    return true;
}

static bool read_bus_listen(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    (void)source;
    ((struct draft_bus *)target)->listen = value;
    return true;
}

/* `after poll`, or `idle 10s`. */
static bool read_bus_close(struct yaml_source *source, const yaml_node_t *value, void *target)
{
    struct bus_config *bus = &((struct draft_bus *)target)->bus;
    const char *text = yaml_text(value);
    uint64_t us;
    bus->close_after = text != NULL && strcmp(text, "after poll") == 0;
    if (bus->close_after)
        return true;
    if (text == NULL || strncmp(text, "idle ", 5) != 0 || !units_duration_us(text + 5, &us) ||
        us < 100000 || us > 86400000000)
        return yaml_error(source, yaml_line(value),
                          "close: \"%.60s\" is neither `after poll` nor `idle 10s` (100ms to 1d)",
                          text != NULL ? text : "");
    bus->close_ms = (uint32_t)(us / 1000);
    return true;
}

#define BUS(member) KEY_MEMBER(struct draft_bus, bus.member)
static const struct key bus_keys[] = {
    {.name = "name", .kind = KEY_NAME, BUS(name), .required = true, .example = "east"},
    {.name = "type", .kind = KEY_CHOICE, BUS(type), .choices = bus_types},
    {.name = "port",
     .kind = KEY_FUNCTION,
     .read = read_bus_port,
     .example = "/dev/serial/by-id/usb-FTDI-if00 (rtu) or port: 192.168.1.5:502 (tcp)"},
    {.name = "listen", .kind = KEY_FUNCTION, .read = read_bus_listen, .example = "0.0.0.0:8899"},
    {.name = "registration",
     .kind = KEY_FUNCTION,
     .read = draft_registration,
     .example = "4G-0017"},
    {.name = "heartbeat", .kind = KEY_FUNCTION, .read = draft_heartbeats, .example = "ping"},
    {.name = "from", .kind = KEY_FUNCTION, .read = draft_from, .example = "10.64.0.0/16"},
    {.name = "baud", .kind = KEY_INTEGER, BUS(baud), .min = 300, .max = 921600, .example = "9600"},
    {.name = "parity", .kind = KEY_FUNCTION, .read = read_bus_parity},
    {.name = "stop_bits", .kind = KEY_INTEGER, BUS(stop_bits), .min = 1, .max = 2, .example = "1"},
    {.name = "rs485", .kind = KEY_CHOICE, BUS(rs485), .choices = rs485_names},
    {.name = "silence", .kind = KEY_US, BUS(silence_us), .min = 0, .max = 1e6, .example = "4ms"},
    {.name = "response",
     .kind = KEY_MS,
     BUS(response_ms),
     .min = 20,
     .max = 10000,
     .example = "500ms"},
    {.name = "connect", .kind = KEY_MS, BUS(connect_ms), .min = 100, .max = 60000, .example = "5s"},
    {.name = "settle", .kind = KEY_MS, BUS(settle_ms), .min = 0, .max = 60000, .example = "1s"},
    {.name = "close", .kind = KEY_FUNCTION, .read = read_bus_close, .example = "after poll"},
    {.name = "allow_overload", .kind = KEY_BOOL, BUS(allow_overload), .example = "true"},
    {.name = "devices",
     .kind = KEY_FUNCTION,
     .read = read_bus_devices,
     .required = true,
     .example = "[{ name: plot-1, profile: baiye-node, address: 1, every: 60s }]"},
};

/* Not another system's name of one, and no host's. */
static bool is_port_here(struct yaml_source *source, const yaml_node_t *node)
{
    char host[CONFIG_HOST_SIZE];
    uint16_t port = 0;
    const char *text = yaml_text(node);
    if (text == NULL || text[0] == '/')
        return true;
    bool windows = strncasecmp(text, "com", 3) == 0 && strspn(text + 3, "0123456789") > 0;
    if (windows)
        return yaml_error(source, yaml_line(node),
                          "port: \"%.40s\" is a port's name of Windows; write its name here, for "
                          "example port: /dev/serial/by-id/usb-FTDI-if00",
                          text);
    if (strspn(text, "0123456789.:") == strlen(text) && strchr(text, '.') != NULL &&
        units_host(text, host, sizeof host, &port))
        return yaml_error(source, yaml_line(node),
                          "port: \"%.40s\" is no serial port; write type: tcp (or rtu-over-tcp) "
                          "beside it",
                          text);
    return true;
}

bool draft_bus(struct yaml_source *source, const yaml_node_t *item, void *target)
{
    struct draft_bus *draft = target;
    struct bus_config *bus = &draft->bus;
    bus->line = yaml_line(item);
    bus->baud = 9600;
    bus->parity = 'N';
    bus->stop_bits = 1;
    bus->connect_ms = 5000;
    if (!keys_read(source, item, "a bus", bus_keys, sizeof bus_keys / sizeof *bus_keys, draft))
        return false;
    if (bus->rs485 == RS485_KERNEL && (bus->type != BUS_RTU || draft->listen != NULL))
        return yaml_error(source, bus->line,
                          "bus \"%s\" has rs485: kernel, but is not a serial port of this machine; "
                          "leave it out",
                          bus->name);
    if (draft->listen != NULL)
        return draft_dial_in(source, draft, bus->response_ms > 0);
    if (!draft_no_dial_in(source, draft))
        return false;
    if (draft->port == NULL)
        return yaml_error(source, bus->line,
                          "bus \"%s\" has no port; write for example port: "
                          "/dev/serial/by-id/usb-FTDI-if00 (rtu) or port: 192.168.1.5:502 (tcp)",
                          bus->name);
    if (bus->type == BUS_RTU)
        return is_port_here(source, draft->port) &&
               keys_path(source, draft->port, bus->port, sizeof bus->port);
    bus->tcp_port = 502;
    const char *text = yaml_text(draft->port);
    if (text == NULL || !units_host(text, bus->port, sizeof bus->port, &bus->tcp_port))
        return yaml_error(
            source, yaml_line(draft->port),
            "port: \"%.60s\" is not host:port; write for example port: 192.168.1.5:502",
            text != NULL ? text : "");
    return true;
}
