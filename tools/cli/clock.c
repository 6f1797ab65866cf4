/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye clock`: is there a reason to believe this box's clock? With --wait it ends when the kernel
 * says that a time daemon, whichever it is, disciplines its clock. baiye-clock.service waits in the
 * daemon's place, which may make no system call that has to do with setting a clock. */
#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>

#include "gateway/common/clock.h"
#include "tools/cli/cli.h"

#define LOOK_S 5

static void help(void)
{
    (void)puts("Usage: baiye clock [--wait]\n"
               "Says whether the box's clock can be believed: 0 when it can, 75 when not.\n\n"
               "  --wait   end when a time daemon has synchronised the kernel's clock");
}

static int wait_for_daemon(void)
{
    const struct timespec pause = {.tv_sec = LOOK_S};
    while (!clock_is_disciplined())
        (void)nanosleep(&pause, NULL);
    return EX_OK;
}

int cli_clock(int argc, char **argv)
{
    static const struct option table[] = {
        {"wait", no_argument, NULL, 'w'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    bool wait = false;
    for (int option; (option = getopt_long(argc, argv, "h", table, NULL)) != -1;) {
        if (option == 'h') {
            help();
            return EX_OK;
        }
        if (option != 'w')
            return EX_USAGE;
        wait = true;
    }
    if (optind != argc) {
        cli_complain("clock takes no argument; see baiye clock --help");
        return EX_USAGE;
    }
    if (wait)
        return wait_for_daemon();
    bool disciplined = clock_is_disciplined(), trusted = clock_is_trusted(clock_now().wall_ms, 0);
    (void)puts(disciplined ? "a time daemon has synchronised the clock"
               : trusted   ? "no time daemon has synchronised the clock, but a battery clock, a "
                             "host or BAIYE_CLOCK vouches for it"
                           : "nothing vouches for the clock: readings keep their order, and get "
                             "their time when a time daemon has reached its source");
    return trusted ? EX_OK : EX_TEMPFAIL;
}
