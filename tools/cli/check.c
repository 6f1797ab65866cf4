/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye check` is `baiyed --check`: one judge of configurations, not two. It runs as the service's
 * user, because what root can read the service may not. */
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/daemon/config/access.h"
#include "tools/cli/cli.h"
#include "tools/cli/screen.h"
#include "tools/cli/service.h"

#define UNUSABLE 1

struct check {
    const char *config, *profiles, *user;
    char program[CLI_PATH];
};

static const char usage[] =
    N_("Usage: baiye check [--config FILE] [--profiles DIR] [--user NAME] [--json]\n"
       "Judges the configuration, prints the poll plan, and looks whether the service can\n"
       "use what it names: as user baiye, or NAME.\n"
       "Exit 0: right; 78: the configuration is wrong; 1: it is right, but something that it\n"
       "names is missing here or can't be used.\n");

static int judge(void *context)
{
    const struct check *check = context;
    const char *const arguments[] = {check->program,
                                     "--config",
                                     check->config,
                                     "--check",
                                     check->profiles != NULL ? "--profiles" : NULL,
                                     check->profiles,
                                     NULL};
    (void)execvp(arguments[0], (char *const *)(uintptr_t)arguments);
    cli_complain("%s can't be run: %s", arguments[0], strerror(errno));
    return EX_UNAVAILABLE;
}

/* The daemon's own look has no unit around it: what that hides is said here. */
static void print_hidden(void *context, const struct access_finding *finding)
{
    (void)context;
    if (finding->state == ACCESS_NOTE && strstr(finding->en, "the service ") != NULL)
        (void)printf(_("note: %s\n"), language_chinese() ? finding->zh : finding->en);
}

/* The daemon has printed them. */
static int count(void *context)
{
    const struct check *check = context;
    const struct access_look look = {.service = service_view(check->user) == SERVICE_YES,
                                     .say = print_hidden};
    struct config_error error;
    struct config *config = config_load(check->config, check->profiles, &error);
    unsigned broken = config != NULL ? access_check(config, &look) : 1;
    config_free(config);
    return broken > 0;
}

static bool read_options(int argc, char **argv, struct check *check)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"profiles", required_argument, NULL, 'p'},
        {"user", required_argument, NULL, 'u'},
        {NULL, 0, NULL, 0},
    };
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter == 'c')
            check->config = optarg;
        else if (letter == 'p')
            check->profiles = optarg;
        else if (letter == 'u')
            check->user = optarg;
        else
            return false;
    }
    return true;
}

static bool find_program(char *program, size_t size)
{
    char self[CLI_PATH], folder[CLI_PATH];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    if (!cli_folder(self, folder, sizeof folder) || !cli_format(program, size, "%s/baiyed", folder))
        return false;
    return access(program, X_OK) == 0 || cli_format(program, size, "baiyed");
}

/* On a terminal the plan's lines are fitted to it; what is wrong goes to standard error. */
static int run_judge(struct check *check)
{
    unsigned width = screen_width(stdout);
    FILE *plan = width > 0 ? tmpfile() : NULL;
    int out = plan != NULL ? dup(STDOUT_FILENO) : -1;
    char line[1024];
    if (out >= 0)
        (void)dup2(fileno(plan), STDOUT_FILENO);
    int code = service_run(check->user, judge, check);
    if (out >= 0) {
        (void)dup2(out, STDOUT_FILENO);
        (void)close(out);
        rewind(plan);
    }
    while (out >= 0 && fgets(line, sizeof line, plan) != NULL) {
        unsigned blanks = (unsigned)strspn(line, " ");
        line[strcspn(line, "\n")] = '\0';
        screen_wrap(stdout, width, 0, blanks + 2, line);
    }
    if (plan != NULL)
        (void)fclose(plan);
    return code;
}

int cli_check(int argc, char **argv)
{
    struct check check = {.config = CLI_CONFIG, .user = SERVICE_USER};
    if (!read_options(argc, argv, &check))
        return cli_usage(usage);
    if (optind < argc) { /* else another file than the one meant would be called good */
        cli_complain("check takes its file by --config: baiye check --config %s", argv[optind]);
        return EX_USAGE;
    }
    if (!find_program(check.program, sizeof check.program))
        return EX_SOFTWARE;
    enum service_view view = service_view(check.user);
    int code = run_judge(&check);
    if (code == EX_CONFIG && view == SERVICE_YES && geteuid() == 0)
        cli_complain("that is how user %s sees it, as whom the service runs", check.user);
    if (code != EX_OK)
        return code < 0 ? EX_UNAVAILABLE : code;
    if (view == SERVICE_OTHER)
        (void)printf(
            _("note: user %s may read more or less than you; `sudo baiye check` looks as it "
              "does\n"),
            check.user);
    code = service_run(check.user, count, &check);
    if (code < 0)
        return EX_UNAVAILABLE;
    if (code == EX_OK || view == SERVICE_OTHER)
        return EX_OK;
    cli_complain("the configuration is right, but not all that it names can be used here; see "
                 "above");
    return UNUSABLE;
}
