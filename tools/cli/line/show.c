/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/line/show.h"

#include <stdio.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/text.h"
#include "protocols/modbus/pdu.h"
#include "protocols/modbus/rtu.h"
#include "tools/cli/screen.h"

#define HEX_SHOWN    12 /* bytes of a frame */
#define VALUES_SHOWN 4
#define NAME_COLUMNS 20

/* ---- frames ---- */

static void values_text(const uint8_t *bytes, size_t size, char *out, size_t room)
{
    unsigned count = bytes[2] / 2u;
    int used = snprintf(out, room, "%u:", bytes[0]);
    if (modbus_reads_bits(bytes[1])) {
        (void)snprintf(out + used, room - (size_t)used, " bits %02x", bytes[3]);
        return;
    }
    for (unsigned i = 0; i < count && i < VALUES_SHOWN && 4 + 2 * i < size; i++) {
        size_t at = strlen(out);
        (void)snprintf(out + at, room - at, " %u",
                       (unsigned)(bytes[3 + 2 * i] << 8 | bytes[4 + 2 * i]));
    }
    if (count > VALUES_SHOWN) {
        size_t at = strlen(out);
        (void)snprintf(out + at, room - at, " ... (%u)", count);
    }
}

void line_frame_text(const uint8_t *bytes, size_t size, char *out, size_t room)
{
    static const char *const things[] = {"", N_("coils"), N_("bits"), N_("registers"),
                                         N_("inputs")};
    bool good = size >= RTU_FRAME_MIN && rtu_check(bytes, size);
    uint8_t function = good ? bytes[1] : 0;
    unsigned address = size >= 6 ? (unsigned)(bytes[2] << 8 | bytes[3]) : 0;
    unsigned value = size >= 6 ? (unsigned)(bytes[4] << 8 | bytes[5]) : 0;
    if (!good)
        (void)snprintf(out, room, "%s", _("no frame"));
    else if ((function & MODBUS_EXCEPTION_BIT) != 0)
        (void)snprintf(out, room, _("%u: refuses, exception %u"), bytes[0], bytes[2]);
    else if (function >= MODBUS_READ_COILS && function <= MODBUS_READ_INPUT &&
             size == 5u + bytes[2])
        values_text(bytes, size - 2, out, room);
    else if (function >= MODBUS_READ_COILS && function <= MODBUS_READ_INPUT && size == 8)
        (void)snprintf(out, room, _("%u: read %u %s from %u"), bytes[0], value,
                       gettext(things[function]), address);
    else if (function == MODBUS_WRITE_COIL || function == MODBUS_WRITE_REGISTER)
        (void)snprintf(out, room, _("%u: write %s %u = %u"), bytes[0],
                       function == MODBUS_WRITE_COIL ? _("coil") : _("register"), address,
                       function == MODBUS_WRITE_COIL ? value != 0 : value);
    else if ((function == MODBUS_WRITE_COILS || function == MODBUS_WRITE_REGISTERS) && size >= 8)
        (void)snprintf(out, room, _("%u: write %u %s from %u"), bytes[0], value,
                       function == MODBUS_WRITE_COILS ? _("coils") : _("registers"), address);
    else
        (void)snprintf(out, room, _("%u: function %u"), bytes[0], function);
}

void line_show_frame(double at_s, bool sent, const uint8_t *bytes, size_t size)
{
    char hex[3 * HEX_SHOWN + 4] = "", text[64];
    for (size_t i = 0; i < size && i < HEX_SHOWN; i++)
        (void)snprintf(hex + 3 * i, sizeof hex - 3 * i, "%02x ", bytes[i]);
    if (size > HEX_SHOWN)
        memcpy(hex + 3 * (HEX_SHOWN - 1), "...", 4);
    line_frame_text(bytes, size, text, sizeof text);
    (void)printf("%8.4f %s %-36s %s\n", at_s, sent ? ">" : "<", hex, text);
    (void)fflush(stdout);
}

/* ---- verdicts ---- */

static const struct {
    enum screen_colour colour;
    const char *text;
} sayings[VERDICT_KINDS] = {
    [VERDICT_FINE] = {SCREEN_GOOD, N_("The line is well: everybody answers, and nothing else is "
                                      "heard.")},
    [VERDICT_SWAPPED] =
        {SCREEN_BAD, N_("A and B are swapped at the adapter: nobody understands a request, and "
                        "after each the line falls to the level of a break. Exchange the two wires "
                        "at the adapter.")},
    [VERDICT_TERMINATION] =
        {SCREEN_WARN, N_("Errors on all devices, and more in long answers: the termination is "
                         "missing, or there are long branches. 120 ohms between A and B at both "
                         "ends of the cable, and nowhere else.")},
    [VERDICT_BIAS] = {SCREEN_WARN,
                      N_("The line makes bytes while nobody talks: nobody holds it at rest. Switch "
                         "on the bias (failsafe) resistors at the adapter, and look at the shield "
                         "and the third wire.")},
    [VERDICT_JOINT] = {SCREEN_BAD, N_("A bad contact between %s and %s: up to the first all is "
                                      "well, behind it frames are damaged. Look at the terminals "
                                      "and joints between the two.")},
    [VERDICT_TWINS] = {SCREEN_BAD, N_("Two units at the address of %s: both answer. Unplug one; "
                                      "our nodes: `baiye nodes %s`, then give one another address "
                                      "by `baiye address`.")},
    [VERDICT_ECHO] = {SCREEN_WARN, N_("The adapter hears what it sends (echo). It is filtered out; "
                                      "better switch it off at the adapter, where that can be "
                                      "done.")},
    [VERDICT_RATE] = {SCREEN_BAD, N_("%s: requests are answered at %s only. Write that rate to the "
                                     "configuration, or set the line's by `baiye commission %s`.")},
    [VERDICT_MASTER] = {SCREEN_BAD, N_("Another master is on this line: requests are heard that "
                                       "are not ours. Only one may ask: take the other away, or "
                                       "give it a line of its own.")},
    [VERDICT_BABBLE] = {SCREEN_BAD, N_("Somebody talks without end. Unplug one unit after the "
                                       "other; when it is quiet, it was that one.")},
    [VERDICT_DEAF] = {SCREEN_WARN, N_("The adapter was deaf: nobody was heard any more, until its "
                                      "port was opened anew just now. If that comes again, change "
                                      "the adapter or its cable.")},
    [VERDICT_DEVICE_SILENT] = {SCREEN_BAD, N_("%s does not answer, at no rate: look at its supply, "
                                              "its address, and its own A and B.")},
    [VERDICT_LINE_SILENT] =
        {SCREEN_BAD, N_("Nobody answers, at no rate: look at the supply, the first metres of "
                        "cable, A and B; then at the adapter, by another one.")},
    [VERDICT_GARBAGE] = {SCREEN_BAD, N_("Only garbage is heard: look at rate and parity, at a "
                                        "short circuit, and at what the cable lies beside.")},
    [VERDICT_ERRORS] = {SCREEN_WARN, N_("Errors on %s: look at terminals, branches and "
                                        "supply.")},
};

static const char *name_of(const struct trial *trial, int device)
{
    if (device < 0)
        return device == -1 ? _("all devices") : "";
    return trial->tallies[device].name;
}

static void rate_text(const struct trial *trial, int device, char *out, size_t room)
{
    const struct serial_timing *rate = NULL;
    for (unsigned i = 0; i < trial->heard.count && rate == NULL; i++) {
        if ((device < 0 || (unsigned)device == i) && trial->tallies[i].other.baud != 0)
            rate = &trial->tallies[i].other;
    }
    (void)snprintf(out, room, "%u 8%c1", rate != NULL ? rate->baud : 0,
                   rate != NULL ? rate->parity : 'N');
}

void line_verdict_text(const struct trial *trial, const struct verdict *verdict, char *out,
                       size_t room)
{
    char rate[24];
    const char *text = _(sayings[verdict->kind].text), *bus = trial->bus->name;
    const char *device = name_of(trial, verdict->device);
    rate_text(trial, verdict->device, rate, sizeof rate);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (verdict->kind == VERDICT_RATE)
        (void)snprintf(out, room, text, device, rate, bus);
    else if (verdict->kind == VERDICT_JOINT)
        (void)snprintf(out, room, text, device, name_of(trial, verdict->other));
    else
        (void)snprintf(out, room, text, device, bus);
#pragma GCC diagnostic pop
}

/* ---- the table ---- */

/* A cell of so many columns, also of Chinese text. */
static void cell(const char *text, size_t columns, bool right)
{
    size_t has = screen_columns(text), pad = has < columns ? columns - has : 0;
    (void)printf("%*s%s%*s", right ? (int)pad : 0, "", text, right ? 0 : (int)pad, "");
}

static void head(void)
{
    cell(_("DEVICE"), NAME_COLUMNS, false);
    cell(_("SHORT"), 7, true);
    cell(_("errors"), 8, true);
    cell(_("LONG"), 7, true);
    cell(_("errors"), 8, true);
    cell("p50 ms", 8, true);
    cell("p99 ms", 8, true);
    cell(_("IT HEARS"), 14, true);
    (void)puts("");
}

static void tries_cells(const struct verdict_tries *tries, unsigned bytes)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%u B", bytes);
    cell(tries->all > 0 ? text : "-", 7, true);
    (void)snprintf(text, sizeof text, "%.1f %%", 100 * verdict_share(tries));
    cell(tries->all > 0 ? text : "-", 8, true);
}

static void turnaround_cell(uint32_t us)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.1f", us / 1000.0);
    cell(us > 0 ? text : "-", 8, true);
}

static void show_device(struct trial *trial, unsigned i)
{
    const struct verdict_device *device = &trial->tallies[i];
    const struct verdict_node *node = &device->node;
    char hears[48] = "-";
    if (node->known)
        (void)snprintf(hears, sizeof hears, "%u / %u", node->messages,
                       node->crc + node->framing + node->parity + node->noise);
    cell(device->name, NAME_COLUMNS, false);
    tries_cells(&device->brief, device->brief_bytes);
    tries_cells(&device->lengthy, device->lengthy_bytes);
    turnaround_cell(trial_turnaround_us(&trial->devices[i], 0.5));
    turnaround_cell(trial_turnaround_us(&trial->devices[i], 0.99));
    cell(hears, 14, true);
    (void)puts("");
}

void line_show(struct trial *trial, const struct verdict *verdicts, unsigned count, bool blinked)
{
    char text[LINE_TEXT];
    unsigned width = screen_width(stdout);
    head();
    for (unsigned i = 0; i < trial->heard.count; i++)
        show_device(trial, i);
    (void)snprintf(text, sizeof text,
                   _("At rest for %.0f s: %u bytes of noise, %u requests of others. IT HEARS: what "
                     "the node itself counted meanwhile, whole frames / damaged or noise."),
                   trial->heard.listened_s, trial->heard.noise, trial->heard.others);
    screen_wrap(stdout, width, 0, 0, text);
    for (unsigned i = 0; i < count; i++) {
        line_verdict_text(trial, &verdicts[i], text, sizeof text);
        (void)printf("\n%s%s%s ", screen_colour(stdout, sayings[verdicts[i].kind].colour),
                     verdicts[i].kind == VERDICT_FINE ? "+" : "!",
                     screen_colour(stdout, SCREEN_PLAIN));
        screen_wrap(stdout, width, 2, 2, text);
    }
    if (blinked)
        screen_wrap(
            stdout, width, 0, 0,
            _("The nodes were asked to blink: where a lamp blinks, it hears the gateway, and "
              "the adapter does not hear it."));
}

/* ---- for programs ---- */

static json_t *tries_json(const struct verdict_tries *tries, unsigned bytes)
{
    return json_pack("{s:i,s:i,s:i,s:i,s:i}", "bytes", (int)bytes, "tries", (int)tries->all, "good",
                     (int)tries->good, "silent", (int)tries->silent, "garbled",
                     (int)tries->garbled);
}

static json_t *node_json(const struct verdict_node *node)
{
    if (!node->known)
        return json_null();
    return json_pack("{s:i,s:i,s:i,s:i,s:i}", "messages", (int)node->messages, "crc",
                     (int)node->crc, "framing", (int)node->framing, "parity", (int)node->parity,
                     "noise", (int)node->noise);
}

static json_t *rate_json(const struct serial_timing *rate)
{
    return rate->baud == 0 ? json_null()
                           : json_pack("{s:i,s:s%}", "baud", (int)rate->baud, "parity",
                                       &rate->parity, (size_t)1);
}

static json_t *device_json(struct trial *trial, unsigned i)
{
    const struct verdict_device *device = &trial->tallies[i];
    struct trial_device *asked = &trial->devices[i];
    return json_pack(
        "{s:s,s:i,s:o,s:o,s:i,s:i,s:{s:i,s:i},s:o,s:o}", "device", device->name, "unit",
        (int)asked->config->unit, "short", tries_json(&device->brief, device->brief_bytes), "long",
        tries_json(&device->lengthy, device->lengthy_bytes), "again", (int)device->again, "refused",
        (int)asked->refused, "turnaround_us", "p50", (int)trial_turnaround_us(asked, 0.5), "p99",
        (int)trial_turnaround_us(asked, 0.99), "other_rate", rate_json(&device->other), "node",
        node_json(&device->node));
}

static json_t *verdict_json(const struct trial *trial, const struct verdict *verdict)
{
    char text[LINE_TEXT];
    line_verdict_text(trial, verdict, text, sizeof text);
    json_t *one = json_pack("{s:s,s:s}", "verdict", verdict_name(verdict->kind), "text", text);
    if (verdict->device >= 0)
        (void)json_object_set_new(one, "device", json_string(name_of(trial, verdict->device)));
    if (verdict->other >= 0)
        (void)json_object_set_new(one, "other", json_string(name_of(trial, verdict->other)));
    return one;
}

json_t *line_json(struct trial *trial, const struct verdict *verdicts, unsigned count)
{
    const struct verdict_line *heard = &trial->heard;
    json_t *devices = json_array(), *list = json_array();
    for (unsigned i = 0; i < heard->count; i++)
        (void)json_array_append_new(devices, device_json(trial, i));
    for (unsigned i = 0; i < count; i++)
        (void)json_array_append_new(list, verdict_json(trial, &verdicts[i]));
    return json_pack("{s:s,s:f,s:i,s:i,s:i,s:i,s:i,s:o,s:o}", "bus", trial->bus->name, "listened_s",
                     heard->listened_s, "noise_bytes", (int)heard->noise, "other_requests",
                     (int)heard->others, "asked", (int)heard->asked, "echoed", (int)heard->echoed,
                     "breaks", (int)heard->breaks, "devices", devices, "verdicts", list);
}
