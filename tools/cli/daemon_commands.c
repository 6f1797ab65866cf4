/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that the daemon answers: it owns the lines, nobody else opens them. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/common/serial.h"
#include "gateway/common/text.h"
#include "protocols/modbus/pdu.h"
#include "tools/cli/audit_words.h"
#include "tools/cli/cli.h"
#include "tools/cli/screen.h"
#include "tools/cli/show.h"

/* A whole number: decimal, or hex with 0x. */
static bool number(const char *text, long long *out)
{
    char *end;
    *out = strtoll(text, &end, 0);
    if (end != text && *end == '\0')
        return true;
    cli_complain("\"%s\" is not a whole number", text);
    return false;
}

static bool add_number(json_t *params, const char *key, const char *text)
{
    long long value;
    return number(text, &value) && json_object_set_new(params, key, json_integer(value)) == 0;
}

/* As it stands on the label. */
static bool add_serial(json_t *params, const char *text)
{
    uint32_t serial = 0;
    switch (serial_parse(text, &serial)) {
    case SERIAL_OK:
        return json_object_set_new(params, "serial", json_integer(serial)) == 0;
    case SERIAL_WRONG:
        cli_complain("%s: its last digit does not fit the others: a slip; read the label again",
                     text);
        return false;
    case SERIAL_NONE:
        break;
    }
    cli_complain("%s is no serial number: it has up to 8 digits 0-9, A-F and a check digit, as on "
                 "the label",
                 text);
    return false;
}

/* "0000-03E8-5" of a member; valid until the next call with the same buffer. */
static const char *serial_text(const json_t *object, char text[SERIAL_TEXT_SIZE])
{
    serial_print((uint32_t)talk_integer(object, "serial"), text);
    return text;
}

static bool add_text(json_t *params, const char *key, const char *text)
{
    return json_object_set_new(params, key, json_string(text)) == 0;
}

/* ---- Printing ---- */

/* Texts of the gateway are bounded by its messages; a longer line is cut. */
static void say(unsigned indent, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(unsigned indent, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    screen_wrap(stdout, screen_width(stdout), 0, indent, text);
}

static void print_one_device(const json_t *device)
{
    size_t index;
    const json_t *item;
    char more[1024] = "";
    json_array_foreach (json_object_get(device, "metrics"), index, item) {
        (void)text_add(more, sizeof more, " %s", json_string_value(item));
    }
    json_array_foreach (json_object_get(device, "writes"), index, item) {
        (void)text_add(more, sizeof more, "%s %s %lld..%lld", index == 0 ? ";" : ",",
                       talk_text(item, "name"), talk_integer(item, "min"),
                       talk_integer(item, "max"));
    }
    if (json_is_true(json_object_get(device, "away")))
        (void)text_add(more, sizeof more, "%s", _("; AWAY: its converter has not dialled in"));
    say(4, "%-20s %-12s %4lld %-18s %7.6gs %s", talk_text(device, "name"), talk_text(device, "bus"),
        talk_integer(device, "unit"), talk_text(device, "profile"),
        json_number_value(json_object_get(device, "every_s")), more);
}

/* What stands above the columns: bytes and columns differ in Chinese. */
static void print_heads(void)
{
    static const struct {
        const char *text;
        unsigned columns;
    } heads[] = {{N_("DEVICE"), 21},  {N_("BUS"), 13},  {N_("UNIT"), 5},
                 {N_("PROFILE"), 19}, {N_("EVERY"), 9}, {N_("METRICS"), 0}};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        show_padded(gettext(heads[i].text), heads[i].columns);
    (void)fputc('\n', stdout);
}

static void print_devices(const json_t *result)
{
    size_t index;
    const json_t *devices = json_object_get(result, "devices"), *device;
    print_heads();
    json_array_foreach (devices, index, device) {
        print_one_device(device);
    }
}

static void print_device_stats(const json_t *device)
{
    time_t seen = (time_t)(talk_integer(device, "last_seen") / 1000);
    char text[32] = "";
    struct tm local;
    if (seen > 0 && localtime_r(&seen, &local) != NULL)
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local);
    say(8, _("device  %s, %s, last answer %s"), talk_text(device, "device"),
        json_is_true(json_object_get(device, "online")) ? _("answers") : _("DOES NOT ANSWER"),
        text[0] != '\0' ? text : _("never"));
    say(8,
        _("polls   %lld, %lld good, %lld timeouts, %lld garbled, %lld exceptions, %lld late, "
          "%lld asked again"),
        talk_integer(device, "polls"), talk_integer(device, "good"),
        talk_integer(device, "timeouts"), talk_integer(device, "crc_errors"),
        talk_integer(device, "exceptions"), talk_integer(device, "late_answers"),
        talk_integer(device, "retries"));
    if (talk_integer(device, "turnaround_p99_us") > 0) /* else it never answered */
        say(8, _("answers begin after %.1f ms, 99 of 100 before %.1f ms"),
            (double)talk_integer(device, "turnaround_p50_us") / 1e3,
            (double)talk_integer(device, "turnaround_p99_us") / 1e3);
    if (talk_integer(device, "silence_us") > 0)
        say(8, _("silence before its requests: %.2f ms"),
            (double)talk_integer(device, "silence_us") / 1e3);
    if (talk_hint(device)[0] != '\0')
        say(8, _("hint    %s"), talk_hint(device));
}

static void print_store_stats(const json_t *store)
{
    say(8, _("store   %s, taken %lld, stored %lld, lost %lld, waiting %lld, %lld of %lld MB%s%s"),
        json_is_true(json_object_get(store, "available")) ? _("fine") : _("NOT AVAILABLE"),
        talk_integer(store, "taken"), talk_integer(store, "stored"), talk_integer(store, "lost"),
        talk_integer(store, "waiting"), talk_integer(store, "file_bytes") / 1000000,
        talk_integer(store, "file_limit") / 1000000,
        talk_text(store, "alarm")[0] != '\0' ? ", " : "", talk_text(store, "alarm"));
}

/* What the gateway calls a bus's or broker's state, in the language of messages. */
static const char *state_word(const char *state)
{
    static const char *const words[] = {N_("up"),     N_("away"),       N_("down"),
                                        N_("paused"), N_("connecting"), N_("stopped")};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], state) == 0)
            return gettext(words[i]);
    }
    return state;
}

static void print_stats(const json_t *result)
{
    if (json_object_get(result, "device") != NULL) {
        print_device_stats(result);
        return;
    }
    size_t index;
    const json_t *one;
    say(8, _("site %s, up %lld s"), talk_text(result, "site"), talk_integer(result, "uptime_s"));
    print_store_stats(json_object_get(result, "store"));
    json_array_foreach (json_object_get(result, "buses"), index, one) {
        say(8, _("bus     %-12s %s, %lld requests, %lld answers, %lld timeouts, %lld garbled%s%s"),
            talk_text(one, "name"), state_word(talk_text(one, "state")),
            talk_integer(one, "requests"), talk_integer(one, "answers"),
            talk_integer(one, "timeouts"), talk_integer(one, "crc_errors"),
            talk_hint(one)[0] != '\0' ? ", " : "", talk_hint(one));
    }
    json_array_foreach (json_object_get(result, "brokers"), index, one) {
        say(8, _("broker  %-12s %s, backlog %lld, acknowledged %lld, this month %.1f MB%s%s"),
            talk_text(one, "name"), state_word(talk_text(one, "state")),
            talk_integer(one, "backlog"), talk_integer(one, "acked"),
            (double)talk_integer(one, "bytes_month") / 1e6,
            talk_text(one, "why")[0] != '\0' ? ", " : "", show_reason(talk_text(one, "why")));
    }
}

static void print_read(const json_t *result)
{
    size_t index;
    const json_t *value;
    json_array_foreach (json_object_get(result, "values"), index, value) {
        long long raw = json_integer_value(value);
        (void)printf("%3zu  %5lld  0x%04llx  %6lld\n", index, raw, (unsigned long long)raw,
                     raw > 32767 ? raw - 65536 : raw);
    }
}

static void print_raw(const json_t *result)
{
    long long exception = talk_integer(result, "exception");
    (void)printf("%s  (%lld us)", talk_text(result, "pdu"), talk_integer(result, "turnaround_us"));
    if (exception != 0)
        (void)printf(_("  Modbus exception %lld, %s"), exception,
                     gettext(modbus_exception_text((uint8_t)exception)));
    (void)printf("\n");
}

/* What is looked at is for a terminal: a script gets what was found. */
static bool shows_progress(void)
{
    return isatty(STDOUT_FILENO) != 0;
}

static void clear_progress(void)
{
    if (shows_progress())
        (void)printf("\r%60s\r", "");
}

static void print_scan(const json_t *result)
{
    clear_progress();
    (void)printf(_("%zu found\n"), json_array_size(json_object_get(result, "found")));
}

static void scan_progress(const json_t *body)
{
    if (json_is_true(json_object_get(body, "found"))) {
        clear_progress();
        say(4,
            json_is_true(json_object_get(body, "garbled"))
                ? _("unit %lld answers, but garbled: two devices at one address, or another rate?")
                : _("unit %lld answers"),
            talk_integer(body, "unit"));
    } else if (shows_progress()) {
        (void)printf("\r");
        (void)printf(_("looking at %lld "), talk_integer(body, "unit"));
    }
    (void)fflush(stdout);
}

static void print_nodes(const json_t *result)
{
    (void)printf(_("%zu found\n"), json_array_size(json_object_get(result, "nodes")));
}

static void node_progress(const json_t *body)
{
    char text[SERIAL_TEXT_SIZE];
    (void)printf(_("serial number %s at address %lld\n"), serial_text(body, text),
                 talk_integer(body, "unit"));
    (void)fflush(stdout);
}

static void print_address(const json_t *result)
{
    char text[SERIAL_TEXT_SIZE];
    (void)printf(_("serial number %s answers at address %lld\n"), serial_text(result, text),
                 talk_integer(result, "unit"));
}

static bool day_of(char *text, size_t size, const json_t *ms)
{
    time_t seconds = (time_t)(json_integer_value(ms) / 1000);
    struct tm utc;
    return json_is_integer(ms) && gmtime_r(&seconds, &utc) != NULL &&
           strftime(text, size, "%Y-%m-%d", &utc) > 0;
}

static void print_resend(const json_t *result)
{
    size_t index;
    const json_t *one;
    (void)printf(_("readings that are kept and will be sent again: %lld\n"),
                 talk_integer(result, "found"));
    json_array_foreach (json_object_get(result, "later"), index, one) {
        char day[16];
        if (day_of(day, sizeof day, json_object_get(one, "ts")))
            say(4, _("to %s not yet: 80 %% of this month's data are used; they go out on %s (UTC)"),
                talk_text(one, "broker"), day);
        else
            say(4,
                _("to %s not yet: 80 %% of this month's data are used; they go out when the next "
                  "month begins"),
                talk_text(one, "broker"));
    }
}

/* Of `pause` with the port that is free now, of `resume` without. */
static void print_pause(const json_t *result)
{
    if (json_object_get(result, "port") != NULL)
        (void)puts(_("polling rests and the port is free; `baiye resume` ends that early"));
    else
        (void)puts(_("polling goes on"));
}

/* How an output is, in the language of messages. */
static const char *switch_word(const char *state)
{
    if (strcmp(state, "on") == 0)
        return _("on");
    return strcmp(state, "off") == 0 ? _("off") : _("unknown");
}

static void print_actions(const json_t *result)
{
    size_t index;
    const json_t *row;
    json_array_foreach (json_object_get(result, "outputs"), index, row) {
        const char *person = talk_text(row, "person"), *action = talk_text(row, "action");
        const json_t *waits = json_object_get(row, "waits");
        char text[512] = "";
        if (json_is_integer(json_object_get(row, "on_s")))
            (void)text_add(text, sizeof text, _("for %lld s, "), talk_integer(row, "on_s"));
        if (person[0] != '\0')
            (void)text_add(text, sizeof text, _("%s has it for %lld s more"), person,
                           talk_integer(row, "person_s"));
        else
            (void)text_add(text, sizeof text, "%s%s%s", action, action[0] != '\0' ? ": " : "",
                           talk_words(talk_text(row, "why")));
        if (waits != NULL)
            (void)text_add(text, sizeof text, _(", %.1f mm, so %s is left out"),
                           json_number_value(json_object_get(waits, "rain_mm")),
                           talk_text(waits, "action"));
        if (json_is_true(json_object_get(row, "failed")))
            (void)text_add(text, sizeof text, "%s", _(", CAN'T BE SWITCHED"));
        (void)printf("%-16s %-10s ", talk_text(row, "device"), talk_text(row, "name"));
        show_padded(switch_word(talk_text(row, "state")), 8);
        screen_wrap(stdout, screen_width(stdout), 36, 36, text);
    }
    if (json_array_size(json_object_get(result, "outputs")) == 0)
        (void)puts(_("nothing is switched by itself"));
}

static void print_audit(const json_t *result)
{
    size_t index;
    const json_t *row;
    json_array_foreach (json_object_get(result, "audits"), index, row) {
        char when[32] = "", detail[1024], what[1200], all[1800];
        time_t seconds = (time_t)(talk_integer(row, "ts") / 1000);
        struct tm local;
        if (localtime_r(&seconds, &local) != NULL &&
            strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &local) == 0)
            when[0] = '\0';
        audit_detail(talk_text(row, "detail"), detail, sizeof detail);
        (void)snprintf(what, sizeof what, "%s%s%s", audit_method(talk_text(row, "method")),
                       detail[0] != '\0' ? _(", ") : "", detail);
        (void)snprintf(all, sizeof all, _("%s: %s"), what, audit_result(talk_text(row, "result")));
        say(4, "%s  %-12s %-8s %s", when, talk_text(row, "user"), talk_text(row, "via"), all);
    }
}

/* ---- Commands ---- */

static bool no_params(json_t *params, int argc, char **argv)
{
    (void)params;
    (void)argc;
    (void)argv;
    return true;
}

static bool read_params(json_t *params, int argc, char **argv)
{
    return add_text(params, "device", argv[0]) && add_number(params, "register", argv[1]) &&
           (argc < 3 || add_number(params, "count", argv[2]));
}

static bool scan_params(json_t *params, int argc, char **argv)
{
    return add_text(params, "bus", argv[0]) &&
           (argc < 2 || (add_number(params, "from", argv[1]) &&
                         add_number(params, "to", argv[argc < 3 ? 1 : 2])));
}

static bool nodes_params(json_t *params, int argc, char **argv)
{
    (void)argc;
    return add_text(params, "bus", argv[0]) &&
           json_object_set_new(params, "serials", json_true()) == 0;
}

static bool address_params(json_t *params, int argc, char **argv)
{
    (void)argc;
    return add_text(params, "bus", argv[0]) && add_serial(params, argv[1]) &&
           add_number(params, "address", argv[2]);
}

static bool pause_params(json_t *params, int argc, char **argv)
{
    return add_text(params, "bus", argv[0]) &&
           add_number(params, "seconds", argc > 1 ? argv[1] : "0");
}

static bool raw_params(json_t *params, int argc, char **argv)
{
    (void)argc;
    return add_text(params, "bus", argv[0]) && add_number(params, "unit", argv[1]) &&
           add_text(params, "pdu", argv[2]);
}

static bool resend_params(json_t *params, int argc, char **argv)
{
    return add_text(params, "device", argv[0]) && add_number(params, "boot", argv[1]) &&
           add_number(params, "from", argv[2]) && add_number(params, "to", argv[argc - 1]);
}

static bool stats_params(json_t *params, int argc, char **argv)
{
    return argc < 1 || add_text(params, "device", argv[0]);
}

static bool audit_params(json_t *params, int argc, char **argv)
{
    return argc < 1 || add_number(params, "limit", argv[0]);
}

static const struct command {
    const char *name, *method, *usage, *what;
    int min, max; /* arguments */
    bool (*params)(json_t *params, int argc, char **argv);
    void (*print)(const json_t *result);
    void (*progress)(const json_t *body);
} commands[] = {
    {"devices", "devices", "",
     N_("Lists the devices, what they measure, and which of their registers may be written."), 0, 0,
     no_params, print_devices, NULL},
    {"stats", "stats", " [DEVICE]",
     N_("How buses, store and brokers are; of a device how often it was asked, what went wrong,\n"
        "how fast it answers, and what to look at."),
     0, 1, stats_params, print_stats, NULL},
    {"read", "read", " DEVICE REGISTER [COUNT]", N_("Reads holding registers by number, from 0."),
     2, 3, read_params, print_read, NULL},
    {"scan", "scan", " BUS [FROM [TO]]",
     N_("Looks for devices at every address, or at those from FROM to TO, while polling goes on."),
     1, 3, scan_params, print_scan, scan_progress},
    {"nodes", "scan", " BUS",
     N_("Finds our nodes by their serial numbers, whatever their addresses."), 1, 1, nodes_params,
     print_nodes, node_progress},
    {"address", "address", " BUS SERIAL ADDRESS",
     N_("Gives the node with that serial number, as on its label, an address of its own."), 3, 3,
     address_params, print_address, NULL},
    {"pause", "pause", " BUS SECONDS",
     N_("Stops the polling of a bus, for an hour at most, and closes its port: another program\n"
        "may have it. `baiye resume` ends it."),
     2, 2, pause_params, print_pause, NULL},
    {"resume", "pause", " BUS", N_("Polls again after `baiye pause`."), 1, 1, pause_params,
     print_pause, NULL},
    {"raw", "raw", " BUS UNIT HEX",
     N_("Sends one Modbus request and prints the answer. HEX: function code and data;\n"
        "0300000002 reads the first two holding registers."),
     3, 3, raw_params, print_raw, NULL},
    {"resend", "resend", " DEVICE BOOT FROM [TO]",
     N_("Sends readings to the brokers once more: of a device, those of start BOOT with the\n"
        "numbers FROM to TO."),
     3, 4, resend_params, print_resend, NULL},
    {"audit", "audits", " [COUNT]", N_("Who asked for what, and what was refused, newest first."),
     0, 1, audit_params, print_audit, NULL},
    {"actions", "actions", "",
     N_("What is switched by itself, how it is, and why it was switched last."), 0, 0, no_params,
     print_actions, NULL},
};

static int print_usage(const char *name, const struct command *command)
{
    char text[1024];
    (void)snprintf(text, sizeof text, _("Usage: baiye %s%s [--json] [--socket FILE]\n%s%s"), name,
                   command != NULL ? command->usage : "",
                   command != NULL ? gettext(command->what) : "",
                   _("\nExit 0: done; 1: the gateway said no; 69: no gateway answers.\n"));
    return cli_usage(text);
}

int cli_daemon_command(int argc, char **argv)
{
    const struct command *command = NULL;
    struct talk_options options;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, argv[0]) == 0)
            command = &commands[i];
    }
    bool good = talk_options(argc, argv, &options);
    int count = argc - optind;
    if (!good || command == NULL || count < command->min || count > command->max) {
        return print_usage(argv[0], command);
    }
    json_t *params = json_object();
    if (!command->params(params, count, argv + optind)) {
        json_decref(params);
        return EX_USAGE;
    }
    return talk_once(&options, command->method, params, command->progress, command->print);
}
