/* SPDX-License-Identifier: Apache-2.0 */
/* baiye settings: what a node is set to, by name, and how it is set otherwise. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "gateway/common/language.h"
#include "tools/cli/cli.h"
#include "tools/cli/screen.h"
#include "tools/cli/show.h"

static int digits_of(const json_t *setting)
{
    return (int)talk_integer(setting, "decimals");
}

static double number_of(const json_t *setting, const char *key)
{
    return json_number_value(json_object_get(setting, key));
}

/* "0.20 mm" */
static void with_unit(const json_t *setting, const char *key, char *out, size_t size)
{
    const char *unit = talk_text(setting, "unit");
    (void)snprintf(out, size, "%.*f%s%s", digits_of(setting), number_of(setting, key),
                   unit[0] != '\0' ? " " : "", unit);
}

#define TEXT_COLUMN 56 /* where what a setting is for begins */

/* What stands above the columns: bytes and columns differ in Chinese. */
static void print_heads(void)
{
    show_padded(_("SETTING"), 14);
    show_padded(_("IS"), 13);
    show_padded(_("POSSIBLE"), 19);
    show_padded(_("FACTORY"), 10);
    (void)puts(_("WHAT FOR"));
}

static void print_settings(const json_t *result)
{
    size_t index;
    const json_t *setting, *line = json_object_get(result, "line");
    print_heads();
    json_array_foreach (json_object_get(result, "settings"), index, setting) {
        char value[32], range[32];
        int digits = digits_of(setting);
        with_unit(setting, "value", value, sizeof value);
        (void)snprintf(range, sizeof range, "%.*f..%.*f", digits, number_of(setting, "min"), digits,
                       number_of(setting, "max"));
        (void)printf("%-13s %-12s %-18s %-9.*f ", talk_text(setting, "name"), value, range, digits,
                     number_of(setting, "factory"));
        screen_wrap(stdout, screen_width(stdout), TEXT_COLUMN, TEXT_COLUMN,
                    talk_words(talk_text(setting, "text")));
    }
    (void)printf(
        _("line          address %lld, %lld baud, parity %s%s\n"), talk_integer(line, "address"),
        talk_integer(line, "baud"), talk_text(line, "parity"),
        json_is_true(json_object_get(result, "trial"))
            ? _("\n              on trial: back to the old within a minute unless spoken to")
            : "");
    if (json_is_true(json_object_get(result, "uncommitted")))
        (void)puts(
            _("Some of these were written by another tool and never stored: they are not in\n"
              "force, and are forgotten within a minute."));
    if (json_is_true(json_object_get(result, "unreadable")))
        (void)puts(_("This node has never stored settings, or could not read them: the factory's\n"
                     "are in force."));
}

static void print_set(const json_t *result)
{
    size_t index;
    const json_t *setting;
    json_array_foreach (json_object_get(result, "settings"), index, setting) {
        char before[32], now[32];
        with_unit(setting, "before", before, sizeof before);
        with_unit(setting, "value", now, sizeof now);
        (void)printf(_("%s: %s, was %s; stored, read back, in force\n"), talk_text(setting, "name"),
                     now, before);
    }
}

/* NAME=VALUE */
static bool add_value(json_t *values, const char *argument)
{
    char name[32], *end;
    const char *equals = strchr(argument, '=');
    double value = equals != NULL ? strtod(equals + 1, &end) : 0;
    if (equals == NULL || equals == argument || equals[1] == '\0' || *end != '\0' ||
        !cli_format(name, sizeof name, "%.*s", (int)(equals - argument), argument)) {
        cli_complain("\"%s\" is no NAME=NUMBER, for example tip=0.2; nothing was changed",
                     argument);
        return false;
    }
    if (json_object_get(values, name) != NULL) {
        cli_complain("%s is given twice; nothing was changed", name);
        return false;
    }
    return json_object_set_new(values, name, json_real(value)) == 0;
}

int cli_settings(int argc, char **argv)
{
    struct talk_options options;
    if (!talk_options(argc, argv, &options) || argc == optind) {
        return cli_usage(
            N_("Usage: baiye settings DEVICE [NAME=VALUE]… [--json] [--socket FILE]\n"
               "Without NAME=VALUE: what the node is set to, what is possible, and what for.\n"
               "With: all are checked, then written, stored and read back, or none.\n"));
    }
    const char *device = argv[optind++];
    json_t *values = json_object();
    bool set = optind < argc;
    for (; optind < argc; optind++) {
        if (!add_value(values, argv[optind])) {
            json_decref(values);
            return EX_USAGE;
        }
    }
    return talk_once(&options, set ? "set" : "settings",
                     json_pack("{s:s,s:o}", "device", device, "values", values), NULL,
                     set ? print_set : print_settings);
}
