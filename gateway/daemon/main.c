/* SPDX-License-Identifier: Apache-2.0 */
/* baiyed: reads the configuration, starts the parts in order, waits for signals. */
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/common/log.h"
#include "gateway/common/options.h"
#include "gateway/common/yaml.h"
#include "gateway/daemon/bus/load.h"
#include "gateway/daemon/child.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/config/last_good.h"
#include "gateway/daemon/config/trial.h"
#include "gateway/daemon/notifier/notifier.h"
#include "gateway/daemon/publish/publish.h"
#include "gateway/daemon/report.h"
#include "gateway/daemon/run.h"

struct options {
    const char *config, *profiles;
    bool check, once, json;
};

static const char help_text[] =
    N_("Usage: baiyed --config FILE [--profiles DIR] [--check | --once [--json]]\n"
       "Polls Modbus devices, keeps every reading in SQLite and publishes it to MQTT.\n"
       "\n"
       "  --config FILE    the configuration (YAML)\n"
       "  --profiles DIR   device profiles searched before the shipped ones\n"
       "  --check          validate, print the poll plan and exit: 0, or 78 when\n"
       "                   something is wrong\n"
       "  --once           poll everything once, print a table and exit: 0 if every\n"
       "                   device answered\n"
       "  --json           with --once: one JSON object a line\n"
       "  --help, --version\n"
       "\n"
       "SIGHUP reloads the configuration (`baiye reload` does, and says what came of\n"
       "it), SIGTERM ends within 5 s. Other exits follow sysexits.h.\n");

/* -1: go on; else the exit code. */
static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'}, {"profiles", required_argument, NULL, 'p'},
        {"check", no_argument, NULL, 'k'},        {"once", no_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},         {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},      {NULL, 0, NULL, 0},
    };
    int letter;
    while ((letter = options_next(argc, argv, "", longs)) != -1) {
        switch (letter) {
        case 'c':
            options->config = optarg;
            break;
        case 'p':
            options->profiles = optarg;
            break;
        case 'k':
            options->check = true;
            break;
        case 'o':
            options->once = true;
            break;
        case 'j':
            options->json = true;
            break;
        case 'h':
            language_open();
            (void)fputs(gettext(help_text), stdout);
            return EX_OK;
        case 'V':
            (void)printf("baiyed %s\n", BAIYE_VERSION);
            return EX_OK;
        default:
            language_open();
            options_complain("baiyed", argv, letter);
            return EX_USAGE;
        }
    }
    if (optind < argc || options->config == NULL || (options->check && options->once) ||
        (options->json && !options->once)) {
        language_open();
        (void)fputs(_("baiyed: --config FILE is needed, with --check or --once (and --json) at "
                      "most; see baiyed --help\n"),
                    stderr);
        return EX_USAGE;
    }
    return -1;
}

/* One heap for all threads, which rarely ask for memory, and without what reading the configuration
 * has left behind. */
static void keep_memory_small(void)
{
    (void)mallopt(M_ARENA_MAX, 1);
    (void)malloc_trim(0);
}

static int act(const struct options *options, const struct config *config)
{
    if (options->check) {
        report_plan(config, stdout);
        return EX_OK;
    }
    if (options->once)
        return report_once(config, options->json, stdout);
    keep_memory_small();
    switch (run_daemon(config, options->profiles)) {
    case RUN_STOPPED:
        return EX_OK;
    case RUN_RELOAD:
        return -1;
    case RUN_FAILED:
        break;
    }
    return EX_OSERR;
}

/* The daemon is to run, and its file is wrong: with the configuration that ran last, if it is kept.
 * `why`: of the file. */
static struct config *fall_back(const char *file, const struct config_error *why)
{
    struct config_error error;
    const char *folder = last_good_folder();
    struct config *config = folder != NULL ? last_good_load(file, folder) : NULL;
    if (config == NULL || !load_check(config, &error)) {
        config_free(config);
        return NULL;
    }
    (void)snprintf(config->refused, sizeof config->refused, "%s", why->text);
    log_write(LOG_LEVEL_ERROR, "%s", why->text);
    log_write(LOG_LEVEL_ERROR, "the last good configuration is used instead; mend the file, then "
                               "`baiye reload`");
    return config;
}

/* What is on trial in the file's place; NULL: nothing is. */
static struct config *load_trial(const struct options *options)
{
    struct config_error error;
    const char *folder = options->check || options->once ? NULL : last_good_folder();
    struct config *config =
        folder != NULL ? config_trial_load(options->config, options->profiles, folder) : NULL;
    if (config == NULL || load_check(config, &error))
        return config;
    struct config_trial trial;
    if (config_trial_read(folder, &trial))
        config_trial_undo(folder, &trial, error.text);
    config_free(config);
    return NULL;
}

/* Also after a reload, when it is called what it was started by: "exe". */
static void take_name(const char *name)
{
    (void)prctl(PR_SET_NAME, name);
}

static struct child_files files; /* of a child, as long as it lives */

/* Started by the daemon or for it: talks to a broker, or to the services of the ways. */
static int be_child(void)
{
    if (!child_take(&files)) {
        (void)fprintf(stderr, "baiyed: --child is for baiyed itself\n");
        return EX_USAGE;
    }
    if (files.role == CHILD_NOTIFIER) {
        take_name("baiye-notifier");
        return notifier_main(&files);
    }
    take_name("baiye-publisher");
    return publisher_main(&files);
}

static bool is_child(int argc, char **argv)
{
    return argc == 2 && (strcmp(argv[1], "--child") == 0 || strcmp(argv[1], "--publisher") == 0 ||
                         strcmp(argv[1], "--notifier") == 0);
}

#define MISTAKES_SHOWN 20 /* a screen of them; who has more has one that made them */

/* All at once: who mends one wants to know of the next. */
static void print_mistakes(const struct options *options, const struct config_error *first)
{
    struct yaml_errors *all = calloc(1, sizeof *all);
    if (all == NULL || config_check(options->config, options->profiles, all))
        (void)fprintf(stderr, "%s\n", first->text);
    for (unsigned i = 0; all != NULL && i < all->count && i < MISTAKES_SHOWN; i++) {
        if (all->list[i].line > 0)
            (void)fprintf(stderr, "%s:%d: ", options->config, all->list[i].line);
        (void)fprintf(stderr, "%s\n", all->list[i].text);
    }
    if (all != NULL && all->count > MISTAKES_SHOWN)
        (void)fprintf(stderr, "%s\n", _("there are more mistakes; mend these first"));
    free(all);
}

int main(int argc, char **argv)
{
    if (is_child(argc, argv))
        return be_child();
    take_name("baiyed");
    struct options options = {0};
    int end = read_options(argc, argv, &options);
    if (end >= 0)
        return end;
    if (options.check || options.once)
        language_open(); /* what a person reads; the log is English */
    else
        language_prepare(); /* for answers to who asks in Chinese */
    run_block_signals();
    struct config_error error;
    struct config *config = load_trial(&options);
    if (config == NULL)
        config = config_load(options.config, options.profiles, &error);
    bool good = config != NULL && load_check(config, &error);
    if (!good && !options.check && !options.once) {
        config_free(config);
        config = fall_back(options.config, &error);
        good = config != NULL;
    }
    end = good ? act(&options, config) : EX_CONFIG;
    if (!good && options.check)
        print_mistakes(&options, &error);
    else if (!good)
        (void)fprintf(stderr, "%s\n", error.text);
    config_free(config);
    if (end >= 0)
        return end;
    /* A reload is a new image of the same process: nothing of the old configuration is left. */
    (void)execv("/proc/self/exe", argv);
    perror("baiyed: can't start itself anew");
    return EX_OSERR;
}
