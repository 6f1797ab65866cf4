/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sysexits.h>

#include "gateway/common/options.h"

int program_begin(int argc, char **argv, const char *usage, struct settings *settings)
{
    struct config_error error;
    sigset_t set;
    int code = options_file(argc, argv, usage);
    if (code >= 0)
        exit(code);
    if (!settings_load(settings, argv[1], &error)) {
        (void)fprintf(stderr, "%s\n", error.text);
        exit(EX_CONFIG);
    }
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        exit(EX_OSERR);
    return signals;
}
