/* SPDX-License-Identifier: Apache-2.0 */
/* A backup is a tar file: readings.db, a consistent copy that the daemon made while it ran, with
 * readings.db.months (how much of the month's data is used) when there is a plan, and the folder of
 * the configuration with users and keys; boards.csv, the register of boards, when there is one.
 * Whoever has it has the site's secrets. restore.c puts it back. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/daemon/config/config.h"
#include "tools/cli/backup.h"
#include "tools/cli/cli.h"
#include "tools/cli/outcome.h"

static const char usage[] = N_(
    "Usage: baiye backup FILE.tar [--json] [--config FILE] [--socket FILE]\n"
    "       baiye restore FILE.tar [--force] [--json] [--config FILE] [--socket FILE]\n"
    "backup copies readings and the configuration's folder while the gateway runs. restore makes\n"
    "this machine the one that was backed up, while the gateway does not run: readings,\n"
    "configuration, users, the broker's accounts, profiles, certificates. What is there and "
    "differs\n"
    "is kept as NAME.before-restore; for readings that are there it takes --force.\n");

static bool read_options(int argc, char **argv, struct backup_options *options)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"socket", required_argument, NULL, 's'},
        {"force", no_argument, NULL, 'f'},
        {NULL, 0, NULL, 0},
    };
    *options = (struct backup_options){.config = CLI_CONFIG, .socket = CLI_SOCKET};
    bool wrong = false;
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter == 'c')
            options->config = optarg;
        else if (letter == 's')
            options->socket = optarg;
        else if (letter == 'f')
            options->force = true;
        else
            wrong = true;
    }
    if (wrong || argc - optind != 1) {
        (void)cli_usage(usage);
        return false;
    }
    options->file = argv[optind];
    return true;
}

static bool store_of(const char *config_file, char *path, size_t size)
{
    struct config_error error;
    struct config *config = config_load(config_file, NULL, &error);
    if (config == NULL) {
        cli_complain("%s", error.text);
        return false;
    }
    bool ok = cli_format(path, size, "%s", config->store_path);
    config_free(config);
    return ok;
}

/* The daemon writes the copy beside its own file, where it may write. */
static bool copy_by_daemon(const struct backup_options *options, const char *copy)
{
    struct talk talk;
    if (!talk_open(&talk, options->socket))
        return false;
    json_t *answer = talk_ask(&talk, "backup", json_pack("{s:s}", "path", copy), NULL);
    talk_close(&talk);
    bool ok = answer != NULL && !talk_failed(answer);
    json_decref(answer);
    return ok;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

int cli_backup(int argc, char **argv)
{
    struct backup_options options;
    char store[CLI_PATH], folder[CLI_PATH], name[64], copy[CLI_PATH], config[CLI_PATH],
        rename_copy[128], fresh[CLI_PATH], name_months[80], months[CLI_PATH], no_copy[80],
        no_store[CLI_PATH], boards[CLI_PATH];
    if (!read_options(argc, argv, &options))
        return EX_USAGE;
    if (access(options.file, F_OK) == 0) {
        cli_complain("%s exists already", options.file);
        return EX_CANTCREAT;
    }
    if (!store_of(options.config, store, sizeof store) ||
        !cli_folder(store, folder, sizeof folder) ||
        !cli_folder(options.config, config, sizeof config) ||
        !cli_format(name, sizeof name, "backup-%d.db", (int)getpid()) ||
        !cli_format(copy, sizeof copy, "%s/%s", folder, name) ||
        !cli_format(name_months, sizeof name_months, "%s.months", name) ||
        !cli_format(months, sizeof months, "%s.months", copy) ||
        !cli_format(boards, sizeof boards, "%s/boards.csv", folder) ||
        /* Both may lie in the configuration's folder. */
        !cli_format(no_copy, sizeof no_copy, "--exclude=./%s*", name) ||
        !cli_format(no_store, sizeof no_store, "--exclude=./%s*", base_name(store)) ||
        !cli_format(rename_copy, sizeof rename_copy, "--transform=s,^%s,readings.db,", name) ||
        !cli_format(fresh, sizeof fresh, "%s.part", options.file))
        return EX_CONFIG;
    if (!copy_by_daemon(&options, copy))
        return EX_UNAVAILABLE;
    const char *pack[] = {"tar",
                          "--warning=no-file-ignored",   /* sockets, */
                          "--warning=no-ignore-archive", /* and the file itself */
                          "-cf",
                          fresh,
                          rename_copy,
                          "--transform=s,^\\./,config/,",
                          "--exclude=./tls/ca.key",
                          no_copy,
                          no_store,
                          "--exclude=./boards.csv",
                          "-C",
                          config,
                          ".",
                          "-C",
                          folder,
                          name,
                          NULL,
                          NULL,
                          NULL};
    size_t last = sizeof pack / sizeof *pack - 3;
    if (access(months, F_OK) == 0)
        pack[last++] = name_months;
    if (access(boards, F_OK) == 0)
        pack[last] = "boards.csv";
    mode_t before = umask(0077);
    bool ok = cli_run(false, pack) == 0 && rename(fresh, options.file) == 0;
    umask(before);
    (void)unlink(copy);
    (void)unlink(months);
    (void)unlink(fresh);
    if (!ok)
        cli_complain("%s could not be written", options.file);
    else {
        cli_say(_("%s holds the readings and %s: keep it secret\n"), options.file, config);
        outcome_add("file", json_string(options.file));
    }
    return ok ? EX_OK : EX_CANTCREAT;
}

/* Is somebody using the store? */
static bool daemon_runs(const char *socket_path)
{
    struct talk talk;
    if (access(socket_path, F_OK) != 0 || !talk_open(&talk, socket_path))
        return false;
    talk_close(&talk);
    return true;
}

int cli_restore(int argc, char **argv)
{
    struct backup_options options;
    if (!read_options(argc, argv, &options))
        return EX_USAGE;
    if (daemon_runs(options.socket)) {
        cli_complain("the gateway runs: stop it first (systemctl stop baiyed)");
        return EX_TEMPFAIL;
    }
    return restore_run(&options);
}
