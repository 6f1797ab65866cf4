/* SPDX-License-Identifier: Apache-2.0 */
/* The one thing that the daemon, and whoever took it over, can have done to the configuration file:
 * replace it by another one that is right, if it is the one that is meant. systemd starts this as
 * root for each connection to a socket (baiye-config.socket); who connects writes
 *
 *   SHA256 of the file that is there, blank, SIZE \n, SIZE bytes
 *
 * and reads one line: "ok", or why not. Nothing else is written, and only to the folder of the file
 * (the unit's ReadWritePaths). */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/daemon/bus/load.h"
#include "gateway/daemon/config/draft.h"
#include "gateway/daemon/config/trial.h"
#include "tools/cli/cli.h"

static int answer(const char *line)
{
    bool told = printf("%.240s\n", line) > 0 && fflush(stdout) == 0;
    return told ? EX_OK : EX_IOERR;
}

/* Judged as the daemon judges its file. */
static bool is_right(const char *file, const char *yaml, size_t size, char *why, size_t why_size)
{
    char copy[] = "/tmp/baiye-config-XXXXXX";
    struct config_error error = {.text = "it can't be looked at"};
    int fd = mkstemp(copy);
    struct config *config = fd >= 0 && cli_write_all(fd, yaml, size)
                                ? config_load_copy(copy, file, NULL, &error)
                                : NULL;
    bool good = config != NULL && load_check(config, &error);
    config_free(config);
    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(copy);
    }
    const char *text = error.text; /* what it says of the copy it says of the file */
    bool of_copy = strncmp(text, copy, strlen(copy)) == 0;
    (void)snprintf(why, why_size, "%s%s", of_copy ? file : "",
                   of_copy ? text + strlen(copy) : text);
    return good;
}

static int take(const char *file, const char *hash_old, const char *yaml, size_t size)
{
    char hash[TRIAL_HASH_SIZE], why[512];
    if (!config_trial_hash_file(file, hash) || strcmp(hash, hash_old) != 0)
        return answer("the file is another one");
    if (!is_right(file, yaml, size, why, sizeof why))
        return answer(why);
    return answer(config_trial_replace(file, yaml, size) ? "ok" : strerror(errno));
}

int cli_config_take(int argc, char **argv)
{
    static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
                                          {NULL, 0, NULL, 0}};
    static char yaml[TRIAL_YAML_MAX + 1];
    const char *file = CLI_CONFIG;
    char line[128], hash[TRIAL_HASH_SIZE];
    size_t size = 0;
    char *end = NULL;
    int letter, at = 0;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter != 'c')
            return EX_USAGE;
        file = optarg;
    }
    if (fgets(line, sizeof line, stdin) == NULL || sscanf(line, "%64[0-9a-f] %n", hash, &at) != 1 ||
        (size = strtoul(line + at, &end, 10)) == 0 || *end != '\n' || size > TRIAL_YAML_MAX ||
        fread(yaml, 1, size, stdin) != size || memchr(yaml, '\0', size) != NULL)
        return answer("that is no configuration");
    return take(file, hash, yaml, size);
}
