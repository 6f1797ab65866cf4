/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/program.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

int program_begin(int argc, char **argv, struct settings *settings)
{
    struct config_error error;
    sigset_t set;
    if (argc != 2 || argv[1][0] == '-') {
        (void)fprintf(stderr, "usage: %s CONFIG\n", name_of(argv[0]));
        exit(argc == 2 && strcmp(argv[1], "--help") == 0 ? EX_OK : EX_USAGE);
    }
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
