/* SPDX-License-Identifier: Apache-2.0 */
/* baiye-field: the simulated garden. Reads the scene, opens its lines, says `ready`, and runs
 * until SIGTERM, SIGINT or the end of --seconds. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "tools/field/control.h"
#include "tools/field/garden.h"
#include "tools/field/line.h"
#include "tools/field/node.h"
#include "tools/field/pty_latency.h"

#define NS_PER_S       1000000000
#define NS_PER_MS      INT64_C(1000000)
#define READY_EVERY_MS 20
#define READY_WITHIN_S 60

struct options {
    const char *scene, *dir, *ledger;
    uint64_t seed;
    double seconds;
    bool measure_hop;
};

struct program {
    struct garden garden;
    struct control *control;
    struct loop_watch signals;
    struct loop_timer end, ready, flush;
    int64_t ready_until_ns;
    bool failed;
};

static const char usage[] =
    "usage: baiye-field --scene FILE.yaml --dir RUNDIR [--seed N] [--seconds N] [--ledger FILE]\n"
    "                   [--measure-hop]\n"
    "A simulated tea garden: lines with probes and nodes for a gateway to poll.\n"
    "  --scene FILE    what there is: lines, units, faults, weather\n"
    "  --dir RUNDIR    gets a link to each line's pty (or NAME.port), control.sock, nodes' files\n"
    "  --seed N        same seed, same weather and same faults (1)\n"
    "  --seconds N     end by itself after so long\n"
    "  --ledger FILE   writes every true value given, one JSON object a line\n"
    "  --measure-hop   find out what a pty takes, and take it off the line's time\n"
    "Prints 'ready' when all lines are up. Ends on SIGTERM.\n";

/* -1: go on, else the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {{"scene", required_argument, NULL, 's'},
                                          {"dir", required_argument, NULL, 'd'},
                                          {"seed", required_argument, NULL, 'r'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"ledger", required_argument, NULL, 'l'},
                                          {"measure-hop", no_argument, NULL, 'm'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'v'},
                                          {NULL, 0, NULL, 0}};
    int name;
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (name == 's')
            options->scene = optarg;
        else if (name == 'd')
            options->dir = optarg;
        else if (name == 'l')
            options->ledger = optarg;
        else if (name == 'r')
            options->seed = strtoull(optarg, NULL, 10);
        else if (name == 't')
            options->seconds = strtod(optarg, NULL);
        else if (name == 'm')
            options->measure_hop = true;
        else if (name == 'h' || name == 'v') {
            (void)fputs(name == 'h' ? usage : "baiye-field " BAIYE_VERSION "\n", stdout);
            return EXIT_SUCCESS;
        } else {
            (void)fputs(usage, stderr);
            return EX_USAGE;
        }
    }
    if (options->scene != NULL && options->dir != NULL && optind == argc)
        return -1;
    (void)fputs(usage, stderr);
    return EX_USAGE;
}

static void each_node(const struct garden *garden, void (*visit)(struct node_program *node))
{
    for (size_t i = 0; i < garden->line_count; i++)
        for (size_t k = 0; k < garden->lines[i]->unit_count; k++) {
            if (garden->lines[i]->units[k].node != NULL)
                visit(garden->lines[i]->units[k].node);
        }
}

static void signal_ready(void *context, uint32_t events)
{
    struct program *program = context;
    struct signalfd_siginfo info;
    (void)events;
    if (read(program->signals.fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGCHLD)
        each_node(&program->garden, node_look_after);
    else
        loop_stop(&program->garden.loop);
}

static void end_fires(void *context, int64_t now_ns)
{
    struct program *program = context;
    (void)now_ns;
    loop_stop(&program->garden.loop);
}

/* Lines of the ledger are never older than a second when a test reads them. */
static void flush_fires(void *context, int64_t now_ns)
{
    struct program *program = context;
    ledger_flush(&program->garden.ledger);
    loop_arm(&program->garden.loop, &program->flush, now_ns + NS_PER_S);
}

static bool all_ready(const struct garden *garden)
{
    bool ready = true; /* every one is asked: that is what sets it up */
    for (size_t i = 0; i < garden->line_count; i++)
        for (size_t k = 0; k < garden->lines[i]->unit_count; k++) {
            if (garden->lines[i]->units[k].node != NULL)
                ready = node_ready(garden->lines[i]->units[k].node) && ready;
        }
    return ready;
}

static void ready_fires(void *context, int64_t now_ns)
{
    struct program *program = context;
    if (all_ready(&program->garden)) {
        (void)puts("ready");
        (void)fflush(stdout);
    } else if (now_ns < program->ready_until_ns) {
        loop_arm(&program->garden.loop, &program->ready, now_ns + READY_EVERY_MS * NS_PER_MS);
    } else {
        garden_log("not all nodes connected within %d s", READY_WITHIN_S);
        program->failed = true;
        loop_stop(&program->garden.loop);
    }
}

static bool catch_signals(struct program *program)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGCHLD);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return false;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    program->signals = (struct loop_watch){.fd = -1, .ready = signal_ready, .context = program};
    return fd >= 0 && loop_watch(&program->garden.loop, &program->signals, fd, EPOLLIN);
}

static bool set_weather(struct garden *garden)
{
    const struct scene_weather *scene = &garden->scene->weather;
    char error[128];
    garden->weather = (struct weather){.seed = garden->seed, .latitude = scene->latitude};
    garden->weather_start_s = loop_wall_ms() / 1000;
    garden->started_ns = loop_now_ns();
    if (scene->start != NULL && !weather_time_parse(scene->start, &garden->weather_start_s)) {
        garden_log("weather: start '%s' is not like 2026-04-01T06:00:00Z", scene->start);
        return false;
    }
    if (scene->csv != NULL &&
        !weather_series_load(&garden->weather.series, scene->csv, error, sizeof(error))) {
        garden_log("%s: %s", scene->csv, error);
        return false;
    }
    return true;
}

static bool open_lines(struct garden *garden)
{
    uint32_t place = 0;
    garden->lines = calloc(garden->scene->lines_count, sizeof(struct line *));
    if (garden->lines == NULL)
        abort();
    for (unsigned i = 0; i < garden->scene->lines_count; i++) {
        struct line *line = line_open(garden, &garden->scene->lines[i], &place);
        if (line == NULL)
            return false;
        garden->lines[garden->line_count++] = line;
    }
    return true;
}

/* Before there are lines and nodes: nothing else runs in this program. */
static bool measure_hop(struct garden *garden)
{
    char link[256], stamps[256];
    (void)snprintf(link, sizeof(link), "%s/hop", garden->dir);
    (void)snprintf(stamps, sizeof(stamps), "%s/said", garden->dir);
    if (!pty_latency_measure(link, &garden->latency) ||
        !write_stamps_open(&garden->stamps, stamps)) {
        garden_log("%s: %s", garden->dir, strerror(errno));
        return false;
    }
    garden_log("a pty takes %.1f us to the master and %.1f us back, at least",
               (double)garden->latency.hear_ns / 1e3, (double)garden->latency.say_ns / 1e3);
    return true;
}

static bool start(struct program *program, const struct options *options)
{
    struct garden *garden = &program->garden;
    char path[256];
    if (!loop_init(&garden->loop) || !catch_signals(program)) {
        garden_log("%s", strerror(errno));
        return false;
    }
    if (mkdir(options->dir, 0777) != 0 && errno != EEXIST) {
        garden_log("%s: %s", options->dir, strerror(errno));
        return false;
    }
    if (options->ledger != NULL && !ledger_open(&garden->ledger, options->ledger)) {
        garden_log("%s: %s", options->ledger, strerror(errno));
        return false;
    }
    if (options->measure_hop && !measure_hop(garden))
        return false;
    if (!set_weather(garden) || !open_lines(garden))
        return false;
    (void)snprintf(path, sizeof(path), "%s/control.sock", options->dir);
    program->control = control_open(garden, path);
    if (program->control == NULL)
        garden_log("%s: %s", path, strerror(errno));
    return program->control != NULL;
}

static void run(struct program *program, const struct options *options)
{
    struct loop *loop = &program->garden.loop;
    int64_t now = loop_now_ns();
    program->end = (struct loop_timer){.fire = end_fires, .context = program};
    program->ready = (struct loop_timer){.fire = ready_fires, .context = program};
    program->flush = (struct loop_timer){.fire = flush_fires, .context = program};
    program->ready_until_ns = now + (int64_t)READY_WITHIN_S * NS_PER_S;
    if (options->seconds > 0)
        loop_arm(loop, &program->end, now + (int64_t)(options->seconds * NS_PER_S));
    loop_arm(loop, &program->ready, now);
    loop_arm(loop, &program->flush, now + NS_PER_S);
    if (!loop_run(loop)) {
        garden_log("%s", strerror(errno));
        program->failed = true;
    }
}

static void finish(struct program *program)
{
    struct garden *garden = &program->garden;
    if (program->control != NULL)
        control_close(program->control);
    for (size_t i = 0; i < garden->line_count; i++)
        line_free(garden->lines[i]);
    free(garden->lines);
    ledger_close(&garden->ledger);
    write_stamps_close(&garden->stamps);
    weather_series_free(&garden->weather.series);
    if (program->signals.fd > 0)
        (void)close(program->signals.fd);
    loop_free(&garden->loop);
}

int main(int argc, char **argv)
{
    struct options options = {.seed = 1};
    struct scene_error error;
    int exit_code = read_options(argc, argv, &options);
    if (exit_code >= 0)
        return exit_code;
    struct scene *scene = scene_load(options.scene, &error);
    if (scene == NULL) {
        garden_log("%s: %s", options.scene, error.text);
        return EX_CONFIG;
    }
    static struct program program;
    program.garden.scene = scene;
    program.garden.dir = options.dir;
    program.garden.seed = options.seed;
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    if (start(&program, &options))
        run(&program, &options);
    else
        program.failed = true;
    finish(&program);
    scene_free(scene);
    return program.failed ? EX_OSERR : EXIT_SUCCESS;
}
