/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye check` is `baiyed --check`: one judge of configurations, not two. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "tools/cli/cli.h"

int cli_check(int argc, char **argv)
{
    const char *config = CLI_CONFIG, *profiles = NULL;
    char self[CLI_PATH], folder[CLI_PATH], program[CLI_PATH];
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"profiles", required_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    int letter;
    while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (letter == 'c') {
            config = optarg;
        } else if (letter == 'p') {
            profiles = optarg;
        } else {
            (void)fputs("Usage: baiye check [--config FILE] [--profiles DIR]\n", stderr);
            return EX_USAGE;
        }
    }
    if (optind < argc) { /* else another file than the one meant would be called good */
        cli_complain("check takes its file by --config: baiye check --config %s", argv[optind]);
        return EX_USAGE;
    }
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    self[size > 0 ? size : 0] = '\0';
    if (!cli_folder(self, folder, sizeof folder) ||
        !cli_format(program, sizeof program, "%s/baiyed", folder))
        return EX_SOFTWARE;
    const char *const arguments[] = {
        access(program, X_OK) == 0 ? program : "baiyed", "--config", config, "--check",
        profiles != NULL ? "--profiles" : NULL,          profiles,   NULL};
    int code = cli_run(false, arguments);
    return code < 0 ? EX_UNAVAILABLE : code;
}
