/* SPDX-License-Identifier: Apache-2.0 */
/* A backup is a tar file: readings.db, a consistent copy that the daemon made while it ran, with
 * readings.db.months (how much of the month's data is used) when there is a plan, and the folder of
 * the configuration with users and keys. Whoever has it has the site's secrets. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/daemon/config/config.h"
#include "tools/cli/cli.h"

struct options {
    const char *config, *socket, *file;
    bool force;
};

static const char usage[] =
    "Usage: baiye backup FILE.tar [--config FILE] [--socket FILE]\n"
    "       baiye restore FILE.tar [--config FILE] [--socket FILE] [--force]\n"
    "backup copies readings and the configuration's folder while the gateway runs. restore puts\n"
    "the readings in place while it does not run; --force moves readings that are there aside.\n"
    "The configuration is restored only where none is.\n";

static bool read_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"socket", required_argument, NULL, 's'},
        {"force", no_argument, NULL, 'f'},
        {NULL, 0, NULL, 0},
    };
    *options = (struct options){.config = CLI_CONFIG, .socket = CLI_SOCKET};
    bool wrong = false;
    int letter;
    while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1) {
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
        (void)fputs(usage, stderr);
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
static bool copy_by_daemon(const struct options *options, const char *copy)
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
    struct options options;
    char store[CLI_PATH], folder[CLI_PATH], name[64], copy[CLI_PATH], config[CLI_PATH],
        rename_copy[128], fresh[CLI_PATH], name_months[80], months[CLI_PATH], no_copy[80],
        no_store[CLI_PATH];
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
        /* Both may lie in the configuration's folder. */
        !cli_format(no_copy, sizeof no_copy, "--exclude=./%s*", name) ||
        !cli_format(no_store, sizeof no_store, "--exclude=./%s*", base_name(store)) ||
        !cli_format(rename_copy, sizeof rename_copy, "--transform=s,^%s,readings.db,", name) ||
        !cli_format(fresh, sizeof fresh, "%s.part", options.file))
        return EX_CONFIG;
    if (!copy_by_daemon(&options, copy))
        return EX_UNAVAILABLE;
    const char *const pack[] = {"tar",
                                "-cf",
                                fresh,
                                rename_copy,
                                "--transform=s,^\\./,config/,",
                                "--exclude=./tls/ca.key",
                                no_copy,
                                no_store,
                                "-C",
                                config,
                                ".",
                                "-C",
                                folder,
                                name,
                                access(months, F_OK) == 0 ? name_months : NULL,
                                NULL};
    mode_t before = umask(0077);
    bool ok = cli_run(false, pack) == 0 && rename(fresh, options.file) == 0;
    umask(before);
    (void)unlink(copy);
    (void)unlink(months);
    (void)unlink(fresh);
    if (!ok)
        cli_complain("%s could not be written", options.file);
    else
        (void)printf("%s holds the readings and %s: keep it secret\n", options.file, config);
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

static bool move_aside(const char *store)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char from[CLI_PATH], to[CLI_PATH];
    for (size_t i = 0; i < 3; i++) {
        if (!cli_format(from, sizeof from, "%s%s", store, suffixes[i]) ||
            !cli_format(to, sizeof to, "%s.before-restore%s", store, suffixes[i]))
            return false;
        if (rename(from, to) != 0 && errno != ENOENT) {
            cli_complain("can't move %s aside: %s", from, strerror(errno));
            return false;
        }
    }
    return true;
}

/* What a plan has carried on this machine since is more than the backup knows: that stays. */
static bool restore_months(const char *store, const char *unpacked, const struct stat *owner)
{
    char months[CLI_PATH];
    if (access(unpacked, F_OK) != 0)
        return true; /* there was no plan */
    if (!cli_format(months, sizeof months, "%s.months", store))
        return false;
    if (access(months, F_OK) == 0)
        return unlink(unpacked) == 0;
    return chown(unpacked, owner->st_uid, owner->st_gid) == 0 && rename(unpacked, months) == 0;
}

static bool restore_config(const struct options *options)
{
    char folder[CLI_PATH];
    if (access(options->config, F_OK) == 0)
        return true;
    const char *const unpack[] = {
        "tar", "-xpf", options->file, "-C", folder, "--strip-components=1", "config", NULL};
    if (!cli_folder(options->config, folder, sizeof folder))
        return false;
    if (mkdir(folder, 0750) != 0 && errno != EEXIST) {
        cli_complain("can't make %s: %s", folder, strerror(errno));
        return false;
    }
    return cli_run(false, unpack) == 0;
}

int cli_restore(int argc, char **argv)
{
    struct options options;
    struct stat place;
    char store[CLI_PATH], folder[CLI_PATH], unpacked[CLI_PATH], months[CLI_PATH];
    if (!read_options(argc, argv, &options))
        return EX_USAGE;
    if (daemon_runs(options.socket)) {
        cli_complain("the gateway runs: stop it first (systemctl stop baiyed)");
        return EX_TEMPFAIL;
    }
    if (!restore_config(&options) || !store_of(options.config, store, sizeof store) ||
        !cli_folder(store, folder, sizeof folder) ||
        !cli_format(unpacked, sizeof unpacked, "%s/readings.db.restored", folder) ||
        !cli_format(months, sizeof months, "%s/readings.db.months.restored", folder))
        return EX_CONFIG;
    if (access(store, F_OK) == 0 && !options.force) {
        cli_complain("there are readings in %s; --force moves them aside", store);
        return EX_CANTCREAT;
    }
    const char *const unpack[] = {"tar",         "-xf",          options.file,
                                  "-C",          folder,         "--transform=s,$,.restored,",
                                  "--wildcards", "readings.db*", NULL};
    if (cli_run(false, unpack) != 0 || !move_aside(store) || stat(folder, &place) != 0 ||
        chown(unpacked, place.st_uid, place.st_gid) != 0 || rename(unpacked, store) != 0 ||
        !restore_months(store, months, &place)) {
        cli_complain("the readings could not be put in place");
        (void)unlink(unpacked);
        (void)unlink(months);
        return EX_CANTCREAT;
    }
    (void)printf("restored to %s\n", store);
    return EX_OK;
}
