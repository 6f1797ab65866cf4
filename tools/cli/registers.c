/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye read` and `write` by names and units. Registers by number are asked for as they are. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "gateway/common/language.h"
#include "tools/cli/amount.h"
#include "tools/cli/cli.h"
#include "tools/cli/show.h"

static const char read_usage[] =
    N_("Usage: baiye read DEVICE NAME | DEVICE REGISTER [COUNT]  [--json] [--socket FILE]\n"
       "NAME: what it measures (the last value), or a register that may be written (as it is\n"
       "now); `baiye devices` lists both. REGISTER: by number, from 0.\n");
static const char write_usage[] =
    N_("Usage: baiye write DEVICE NAME VALUE [UNIT] [SECONDS]  [--json] [--socket FILE]\n"
       "Writes a register that the device's profile lists, within its range, and reads it\n"
       "back: baiye write pump-1 speed 35 %. SECONDS: switched back so soon.\n");

struct ask {
    struct talk_options options;
    json_t *devices;
    const json_t *device, *write; /* borrowed of `devices`; NULL: none of that name */
};

static bool is_number(const char *text)
{
    text += strspn(text, " -");
    return *text >= '0' && *text <= '9';
}

/* The result, a new reference; NULL and a complaint; `code` is the exit code. */
static json_t *talk_result(const struct ask *ask, const char *method, json_t *params, int *code)
{
    struct talk talk;
    *code = EX_UNAVAILABLE;
    if (!talk_open(&talk, ask->options.socket_path)) {
        json_decref(params);
        return NULL;
    }
    json_t *answer = talk_ask(&talk, method, params, NULL), *result = NULL;
    talk_close(&talk);
    if (answer != NULL)
        *code = talk_failed(answer) ? 1 : EX_OK;
    if (answer != NULL && *code == EX_OK)
        result = json_incref(json_object_get(answer, "result"));
    json_decref(answer);
    return result;
}

static const json_t *named(const json_t *list, const char *name)
{
    size_t i;
    const json_t *one;
    json_array_foreach (list, i, one) {
        if (strcmp(talk_text(one, "name"), name) == 0)
            return one;
    }
    return NULL;
}

static int find(struct ask *ask, const char *device, const char *name)
{
    int code;
    ask->devices = talk_result(ask, "devices", json_object(), &code);
    if (ask->devices == NULL)
        return code;
    ask->device = named(json_object_get(ask->devices, "devices"), device);
    if (ask->device == NULL) {
        cli_complain("there is no device \"%s\"; `baiye devices` lists them", device);
        return EX_NOINPUT;
    }
    ask->write = named(json_object_get(ask->device, "writes"), name);
    return EX_OK;
}

static struct amount_range range_of(const json_t *write)
{
    double scale = json_number_value(json_object_get(write, "scale"));
    return (struct amount_range){.min = talk_integer(write, "min"),
                                 .max = talk_integer(write, "max"),
                                 .scale = scale > 0 ? scale : 1,
                                 .unit = talk_text(write, "unit")};
}

static void complain_names(const struct ask *ask, const char *name, bool metrics)
{
    char list[512] = "";
    size_t i;
    const json_t *one;
    json_array_foreach (json_object_get(ask->device, "writes"), i, one) {
        size_t used = strlen(list);
        (void)snprintf(list + used, sizeof list - used, " %s", talk_text(one, "name"));
    }
    json_array_foreach (json_object_get(ask->device, "metrics"), i, one) {
        size_t used = strlen(list);
        if (metrics)
            (void)snprintf(list + used, sizeof list - used, " %s", json_string_value(one));
    }
    if (list[0] == '\0')
        cli_complain("%s: its profile has nothing that may be written; a node of ours is set by "
                     "`baiye settings`",
                     talk_text(ask->device, "name"));
    else
        cli_complain("%s has no \"%s\"; it has:%s", talk_text(ask->device, "name"), name, list);
}

/* ---- read ---- */

static int read_register(const struct ask *ask)
{
    int code;
    char text[64];
    const struct amount_range range = range_of(ask->write);
    json_t *params = json_pack("{s:s,s:s}", "device", talk_text(ask->device, "name"), "name",
                               talk_text(ask->write, "name"));
    json_t *result = talk_result(ask, "read", params, &code);
    if (result == NULL)
        return code;
    amount_print(&range, json_integer_value(json_array_get(json_object_get(result, "values"), 0)),
                 text, sizeof text);
    if (ask->options.json)
        talk_dump(result);
    else
        (void)puts(text);
    json_decref(result);
    return EX_OK;
}

static int print_metric(const struct ask *ask, const json_t *device, const char *metric)
{
    size_t i;
    const json_t *value;
    json_array_foreach (json_object_get(device, "values"), i, value) {
        const json_t *number = json_object_get(value, "value");
        const char *flag = talk_text(value, "flag");
        if (strcmp(talk_text(value, "metric"), metric) != 0)
            continue;
        if (ask->options.json)
            talk_dump(value);
        else if (json_is_number(number))
            (void)printf("%.*f %s%s%s  (%lld s)\n", (int)talk_integer(value, "decimals"),
                         json_number_value(number), talk_text(value, "unit"),
                         strcmp(flag, "good") == 0 ? "" : "  ",
                         strcmp(flag, "good") == 0 ? "" : show_flag(flag),
                         talk_integer(device, "age_ms") / 1000);
        else
            (void)printf("--  %s\n", show_flag(flag));
        return json_is_number(number) ? EX_OK : 1;
    }
    cli_complain("%s has not measured %s yet", talk_text(ask->device, "name"), metric);
    return 1;
}

static int read_metric(const struct ask *ask, const char *name)
{
    int code;
    json_t *params = json_pack("{s:s}", "device", talk_text(ask->device, "name"));
    json_t *result = talk_result(ask, "values", params, &code);
    if (result != NULL)
        code = print_metric(ask, json_array_get(json_object_get(result, "values"), 0), name);
    json_decref(result);
    return code;
}

static bool measures(const json_t *device, const char *metric)
{
    size_t i;
    const json_t *one;
    json_array_foreach (json_object_get(device, "metrics"), i, one) {
        if (strcmp(json_string_value(one), metric) == 0)
            return true;
    }
    return false;
}

int cli_read(int argc, char **argv)
{
    struct ask ask = {0};
    bool good = talk_options(argc, argv, &ask.options);
    if (!good || optind + 2 > argc || optind + 3 < argc)
        return cli_usage(read_usage);
    const char *name = argv[optind + 1];
    if (is_number(name) || optind + 3 == argc) {
        optind = 0; /* begins anew */
        return cli_daemon_command(argc, argv);
    }
    int code = find(&ask, argv[optind], name);
    if (code == EX_OK && ask.write != NULL) {
        code = read_register(&ask);
    } else if (code == EX_OK && measures(ask.device, name)) {
        code = read_metric(&ask, name);
    } else if (code == EX_OK) {
        complain_names(&ask, name, true);
        code = 1;
    }
    json_decref(ask.devices);
    return code;
}

/* ---- write ---- */

static bool take_amount(const struct ask *ask, const char *text, const char *unit, long long *raw)
{
    char wanted[96];
    const struct amount_range range = range_of(ask->write);
    const char *name = talk_text(ask->write, "name");
    amount_print_range(&range, wanted, sizeof wanted);
    switch (amount_parse(&range, text, unit, raw)) {
    case AMOUNT_OK:
        return true;
    case AMOUNT_NO_NUMBER:
        cli_complain("\"%s\" is no number; %s takes %s", text, name, wanted);
        break;
    case AMOUNT_UNIT:
        cli_complain("%s is not in that unit; it takes %s", name, wanted);
        break;
    case AMOUNT_OUTSIDE:
        cli_complain("%s is out of the range of %s; it takes %s", text, name, wanted);
        break;
    case AMOUNT_STEP:
        cli_complain("%s can't be said so finely; it takes %s", name, wanted);
        break;
    }
    return false;
}

static int write_register(const struct ask *ask, long long raw, const char *seconds)
{
    int code;
    char text[64];
    const struct amount_range range = range_of(ask->write);
    json_t *params = json_pack("{s:s,s:s,s:I}", "device", talk_text(ask->device, "name"), "name",
                               talk_text(ask->write, "name"), "value", (json_int_t)raw);
    if (seconds != NULL)
        (void)json_object_set_new(params, "on_s", json_integer(strtoll(seconds, NULL, 10)));
    json_t *result = talk_result(ask, "write", params, &code);
    amount_print(&range, raw, text, sizeof text);
    if (result != NULL && ask->options.json)
        talk_dump(result);
    else if (result != NULL)
        (void)printf(_("written and read back: %s\n"), text);
    json_decref(result);
    return code;
}

int cli_write(int argc, char **argv)
{
    struct ask ask = {0};
    bool good = talk_options(argc, argv, &ask.options);
    int count = argc - optind;
    char **words = argv + optind;
    const char *unit = count > 3 && !is_number(words[3]) ? words[3] : NULL;
    int at = unit != NULL ? 4 : 3;
    const char *seconds = count > at ? words[at] : NULL;
    long long raw;
    if (!good || count < 3 || count > at + 1 || (seconds != NULL && !is_number(seconds)))
        return cli_usage(write_usage);
    int code = find(&ask, words[0], words[1]);
    if (code == EX_OK && ask.write == NULL) {
        complain_names(&ask, words[1], false);
        code = 1;
    } else if (code == EX_OK) {
        code = take_amount(&ask, words[2] + strspn(words[2], " "), unit, &raw)
                   ? write_register(&ask, raw, seconds)
                   : EX_DATAERR;
    }
    json_decref(ask.devices);
    return code;
}
