/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye clock`: is there a reason to believe this box's clock? With --wait it ends when the kernel
 * says that a time daemon, whichever it is, disciplines its clock. baiye-clock.service waits in the
 * daemon's place, which may make no system call that has to do with setting a clock. */
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "gateway/common/clock.h"
#include "gateway/common/language.h"
#include "tools/cli/cli.h"
#include "tools/cli/outcome.h"
#include "tools/cli/screen.h"

#define LOOK_S 5

static const char usage[] =
    N_("Usage: baiye clock [--wait] [--json]\n"
       "Says whether the box's clock can be believed.\n"
       "  --wait   ends when a time daemon has synchronised the kernel's clock\n"
       "Exit 0: it can; 75: nothing vouches for it.\n");

static int wait_for_daemon(void)
{
    const struct timespec pause = {.tv_sec = LOOK_S};
    while (!clock_is_disciplined())
        (void)nanosleep(&pause, NULL);
    return EX_OK;
}

int cli_clock(int argc, char **argv)
{
    static const struct option table[] = {{"wait", no_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
    bool wait = false;
    for (int option; (option = cli_option(argc, argv, "", table)) != -1;) {
        if (option != 'w')
            return cli_usage(usage);
        wait = true;
    }
    if (optind != argc)
        return cli_usage(usage);
    if (wait)
        return wait_for_daemon();
    bool disciplined = clock_is_disciplined(), trusted = clock_is_trusted(clock_now().wall_ms, 0);
    outcome_add("disciplined", json_boolean(disciplined));
    outcome_add("trusted", json_boolean(trusted));
    screen_wrap(stdout, screen_width(stdout), 0, 0,
                disciplined ? _("a time daemon has synchronised the clock")
                : trusted   ? _("no time daemon has synchronised the clock, but a battery clock, a "
                                  "host or BAIYE_CLOCK vouches for it")
                            : _("nothing vouches for the clock: readings keep their order, and get "
                                  "their time when a time daemon has reached its source"));
    return trusted ? EX_OK : EX_TEMPFAIL;
}
