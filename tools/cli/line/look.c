/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye line BUS`: what is wrong with a line. The gateway leaves it to this program meanwhile;
 * where no gateway runs, the port is free anyway. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/daemon/bus/bus.h"
#include "tools/cli/cli.h"
#include "tools/cli/line/look.h"
#include "tools/cli/line/pause.h"
#include "tools/cli/line/show.h"

#define POLLS        100
#define POLLS_MAX    100000
#define LISTEN_S     3
#define LISTEN_LONG  86400
#define ECHO_LATE_NS 1000000000LL /* the gateway's last request is heard by then */

static const char usage[] =
    N_("Usage: baiye line BUS [--polls N] [--frames | --listen] [--json]\n"
       "         [--config FILE] [--socket FILE]\n"
       "       baiye line run BUS [--socket FILE] -- COMMAND [ARGUMENT]...\n"
       "Says what is wrong with a line: listens, asks each device for short and long\n"
       "answers N times (100), tries other rates where nobody answers, and compares with\n"
       "what our nodes counted. Polling rests meanwhile. --frames: shows each frame;\n"
       "--listen: only listens until Ctrl-C, and shows what is said. Devices stand in the\n"
       "configuration in the order of the cable, the nearest first; then a bad joint is\n"
       "found.\n"
       "run: another tool has the line; {port} and {baud} in its command are the bus's.\n"
       "Exit 0: the line is well; 1: it is not; 69: no such port, or it is taken.\n");

struct look {
    const char *bus, *config, *socket_path;
    bool frames, listen, json;
    int polls;
    bool paused; /* a gateway runs, and leaves the line to us */
    int64_t renew_ns, begin_ns;
};

static volatile sig_atomic_t stopped;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static bool going(void *context)
{
    struct look *look = context;
    if (look->paused && line_now_ns() > look->renew_ns) {
        json_decref(line_pause(look->socket_path, look->bus, LINE_PAUSE_S));
        look->renew_ns = line_now_ns() + LINE_RENEW_MS * 1000000LL;
    }
    return stopped == 0;
}

static void show_frame(void *context, int64_t at_ns, bool sent, const uint8_t *bytes, size_t size)
{
    const struct look *look = context;
    line_show_frame((double)(at_ns - look->begin_ns) / 1e9, sent, bytes, size);
}

static void show_step(void *context, const char *what)
{
    const struct look *look = context;
    if (!look->frames && isatty(STDERR_FILENO) != 0)
        (void)fprintf(stderr, "\r%-40s\r", what[0] != '\0' ? _(what) : "");
}

static bool read_options(int argc, char **argv, struct look *look)
{
    static const struct option longs[] = {{"polls", required_argument, NULL, 'n'},
                                          {"frames", no_argument, NULL, 'f'},
                                          {"listen", no_argument, NULL, 'l'},
                                          TALK_OPTIONS,
                                          {NULL, 0, NULL, 0}};
    int letter;
    char *end = NULL;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter == 'n')
            look->polls = (int)strtol(optarg, &end, 10);
        else if (letter == 'f' || letter == 'l')
            look->frames = true;
        else if (letter == 's')
            look->socket_path = optarg;
        else if (letter == 'c')
            look->config = optarg;
        else if (letter == 'j')
            look->json = true;
        else
            return false;
        look->listen = look->listen || letter == 'l';
    }
    bool number = end == NULL || (*end == '\0' && look->polls > 0 && look->polls <= POLLS_MAX);
    look->bus = optind < argc ? argv[optind] : "";
    return optind + 1 == argc && number && !(look->json && look->frames);
}

static const struct bus_config *find_bus(const struct config *config, const char *name)
{
    for (unsigned i = 0; i < config->bus_count; i++) {
        const struct bus_config *bus = &config->buses[i];
        if (strcmp(bus->name, name) != 0)
            continue;
        if (bus->type == BUS_RTU || (bus->type == BUS_RTU_OVER_TCP && bus->dial_in == NULL))
            return bus;
        cli_complain("bus %s is no serial line that can be listened to: `baiye stats` says how its "
                     "devices answer",
                     name);
        return NULL;
    }
    cli_complain("there is no bus \"%s\" in %s", name, config->file);
    return NULL;
}

/* Was it asked by the gateway, and does it not answer any more? */
static bool is_silent(struct talk *talk, const char *device, bool *seen)
{
    json_t *answer = talk_ask_quietly(talk, "stats", json_pack("{s:s}", "device", device));
    const json_t *stats = json_object_get(answer, "result");
    bool silent =
        talk_integer(stats, "polls") > 0 && json_is_false(json_object_get(stats, "online"));
    *seen = *seen || json_is_integer(json_object_get(stats, "last_seen"));
    json_decref(answer);
    return silent;
}

/* Has everybody who once answered the gateway fallen silent? Then the port may be at fault. */
static bool all_silent(struct talk *talk, const struct trial *trial)
{
    bool seen = false;
    for (unsigned i = 0; i < trial->heard.count; i++) {
        if (!is_silent(talk, trial->tallies[i].name, &seen))
            return false;
    }
    return seen;
}

/* False: there is a gateway, and it does not give the line away. */
static bool take_line(struct look *look, struct trial *trial)
{
    struct talk talk;
    if (!talk_try(&talk, look->socket_path))
        return true;
    trial->heard.silent_before = all_silent(&talk, trial);
    talk_close(&talk);
    json_t *answer = line_pause(look->socket_path, look->bus, LINE_PAUSE_S);
    look->paused = answer != NULL;
    look->renew_ns = line_now_ns() + LINE_RENEW_MS * 1000000LL;
    json_decref(answer);
    return look->paused;
}

/* Nobody answers: who is there at another rate, and do lamps say that we are heard? */
static bool look_further(struct trial *trial)
{
    unsigned good = 0, dead = 0;
    for (unsigned i = 0; i < trial->heard.count; i++) {
        unsigned one = trial->tallies[i].brief.good + trial->tallies[i].lengthy.good;
        good += one;
        dead += one == 0;
    }
    if (dead > 0)
        trial_rates(trial);
    return good == 0 && trial_blink(trial);
}

static int judge(struct look *look, struct trial *trial, bool blinked)
{
    struct verdict verdicts[VERDICT_MAX];
    trial_settle(trial);
    unsigned count = verdict_decide(&trial->heard, verdicts);
    show_step(look, "");
    if (look->json) {
        json_t *all = line_json(trial, verdicts, count);
        talk_dump(all);
        json_decref(all);
    } else {
        line_show(trial, verdicts, count,
                  blinked && verdicts[count - 1].kind == VERDICT_LINE_SILENT);
    }
    return verdicts[0].kind == VERDICT_FINE ? EX_OK : 1;
}

static int run(struct look *look, struct trial *trial)
{
    char text[BUS_OPEN_TEXT_SIZE];
    int error = trial_open(trial);
    bool blinked = false;
    if (error != 0) {
        cli_complain("%s: %s", trial->bus->port, bus_open_text(error, trial->bus->port, text));
        return EX_UNAVAILABLE;
    }
    look->begin_ns = line_now_ns();
    trial->gateway_until_ns = look->paused ? look->begin_ns + ECHO_LATE_NS : 0;
    trial_listen(trial, (look->listen ? LISTEN_LONG : LISTEN_S) * 1000LL);
    if (!look->listen) {
        trial_count(trial, false);
        trial_request(trial, (unsigned)look->polls);
        trial_count(trial, true);
        blinked = look_further(trial);
    }
    line_end(&trial->line);
    if (trial->gone) {
        show_step(look, "");
        cli_complain("%s: the port is gone: look at the adapter and its plug", trial->bus->port);
        return EX_UNAVAILABLE;
    }
    return judge(look, trial, blinked);
}

static int look_at(struct look *look, const struct config *config)
{
    const struct bus_config *bus = find_bus(config, look->bus);
    struct trial trial = {.going = going, .step = show_step, .context = look};
    if (bus == NULL)
        return EX_NOINPUT;
    if (look->frames)
        trial.frame = show_frame;
    if (!trial_begin(&trial, config, bus))
        return EX_OSERR;
    int code = take_line(look, &trial) ? run(look, &trial) : EX_UNAVAILABLE;
    if (look->paused)
        json_decref(line_pause(look->socket_path, look->bus, 0));
    trial_end(&trial);
    return code;
}

int cli_line_look(int argc, char **argv)
{
    struct look look = {.config = CLI_CONFIG, .socket_path = CLI_SOCKET, .polls = POLLS};
    struct config_error error;
    const struct sigaction action = {.sa_handler = stop};
    if (!read_options(argc, argv, &look))
        return cli_usage(usage);
    struct config *config = config_load(look.config, NULL, &error);
    if (config == NULL) {
        cli_complain("%s", error.text);
        return EX_CONFIG;
    }
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    int code = look_at(&look, config);
    config_free(config);
    return code;
}
