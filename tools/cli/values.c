/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye values`: the table of `baiyed --once`, of a daemon that runs and goes on running. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "protocols/metric/metric.h"
#include "tools/cli/cli.h"
#include "tools/cli/screen.h"
#include "tools/cli/show.h"

struct values_options {
    const char *socket_path, *device;
    bool json, watch;
};

/* "12 s", "3 min", "5 h", "4 d". */
static void print_age(long long ms)
{
    long long s = ms / 1000;
    if (s < 120)
        (void)printf(_("%lld s ago"), s);
    else if (s < 7200)
        (void)printf(_("%lld min ago"), s / 60);
    else if (s < 172800)
        (void)printf(_("%lld h ago"), s / 3600);
    else
        (void)printf(_("%lld d ago"), s / 86400);
}

static void print_value(const json_t *value)
{
    const json_t *number = json_object_get(value, "value");
    const char *flag = talk_text(value, "flag"), *name = talk_text(value, "metric");
    const struct metric_info *info = language_chinese() ? metric_find(name) : NULL;
    int decimals = (int)talk_integer(value, "decimals");
    (void)printf("  %-24s ", name);
    if (json_is_number(number))
        (void)printf("%12.*f", decimals, json_number_value(number));
    else
        (void)printf("%12s", "--");
    if (talk_text(value, "unit")[0] != '\0')
        (void)printf(" %s", talk_text(value, "unit"));
    if (info != NULL)
        (void)printf("  %s%s", info->text[METRIC_ZH], metric_channel_of(name));
    (void)printf("%s%s\n", strcmp(flag, "good") == 0 ? "" : "  ",
                 strcmp(flag, "good") == 0 ? "" : show_flag(flag));
}

static void print_device(const json_t *device)
{
    size_t i;
    const json_t *value;
    const char *hint = talk_hint(device);
    (void)printf(_("%s (bus %s, address %lld), "), talk_text(device, "device"),
                 talk_text(device, "bus"), talk_integer(device, "unit"));
    if (json_is_integer(json_object_get(device, "ts")))
        print_age(talk_integer(device, "age_ms"));
    else
        (void)printf("%s", _("nothing yet"));
    (void)puts(json_is_true(json_object_get(device, "online")) ? "" : _(", DOES NOT ANSWER"));
    if (hint[0] != '\0') {
        (void)printf("  ");
        screen_wrap(stdout, screen_width(stdout), 2, 2, hint);
    }
    json_array_foreach (json_object_get(device, "values"), i, value) {
        print_value(value);
    }
}

/* True: every device answers. */
static bool print_all(const json_t *result, bool json)
{
    size_t i;
    const json_t *device;
    bool all = true;
    json_array_foreach (json_object_get(result, "values"), i, device) {
        if (json)
            talk_dump(device);
        else
            print_device(device);
        all = all && json_is_true(json_object_get(device, "online"));
    }
    (void)fflush(stdout);
    return all;
}

/* One question and its table; an exit code. */
static int look(struct talk *talk, const struct values_options *options)
{
    json_t *params = json_object();
    if (options->device != NULL)
        (void)json_object_set_new(params, "device", json_string(options->device));
    json_t *answer = talk_ask(talk, "values", params, NULL);
    int code = answer == NULL ? EX_UNAVAILABLE : talk_failed(answer) ? EX_NOINPUT : EX_OK;
    if (code == EX_OK) {
        if (options->watch && isatty(STDOUT_FILENO) != 0)
            (void)fputs("\033[H\033[J", stdout);
        code = print_all(json_object_get(answer, "result"), options->json) ? EX_OK : 1;
    }
    json_decref(answer);
    return code;
}

static bool read_options(int argc, char **argv, struct values_options *options)
{
    static const struct option longs[] = {
        {"watch", no_argument, NULL, 'w'}, TALK_OPTIONS, {NULL, 0, NULL, 0}};
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter == 'w')
            options->watch = true;
        else if (letter == 's')
            options->socket_path = optarg;
        else if (letter == 'j')
            options->json = true;
        else if (letter != 'c')
            return false;
    }
    options->device = optind < argc ? argv[optind] : NULL;
    return optind + 1 >= argc;
}

int cli_values(int argc, char **argv)
{
    struct values_options options = {.socket_path = CLI_SOCKET};
    const struct timespec second = {.tv_sec = 1};
    struct talk talk;
    if (!read_options(argc, argv, &options)) {
        return cli_usage(N_("Usage: baiye values [DEVICE] [--watch] [--json] [--socket FILE]\n"
                            "What the devices measured last: values with units and flags, and how\n"
                            "long ago; of those that do not answer, what to look at.\n"
                            "  --watch  again each second, until interrupted\n"
                            "Exit 0: every device answers; 1: some do not.\n"));
    }
    if (!talk_open(&talk, options.socket_path))
        return EX_UNAVAILABLE;
    talk.raw = options.json;
    int code = look(&talk, &options);
    while (options.watch && code <= 1) {
        (void)nanosleep(&second, NULL);
        code = look(&talk, &options);
    }
    talk_close(&talk);
    return code;
}
