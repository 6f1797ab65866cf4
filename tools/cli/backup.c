/* SPDX-License-Identifier: Apache-2.0 */
/* A backup is a tar file: readings.db, a consistent copy that the daemon made while it ran, with
 * readings.db.months (how much of the month's data is used) when there is a plan, and the folder of
 * the configuration with users and keys; boards.csv, the register of boards, when there is one. The
 * key of the certificate authority is in it only when it is asked for, and under a passphrase.
 * Whoever has the file has the site's other secrets. restore.c puts it back. */
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
#include "tools/cli/ca_key.h"
#include "tools/cli/cli.h"
#include "tools/cli/outcome.h"
#include "tools/cli/user_files.h"

static const char usage[] = N_(
    "Usage: baiye backup FILE.tar [--with-ca [--passphrase-file FILE]] [--json]\n"
    "         [--config FILE] [--socket FILE]\n"
    "       baiye restore FILE.tar [--passphrase-file FILE] [--force] [--json]\n"
    "         [--config FILE] [--socket FILE]\n"
    "backup copies readings and the configuration's folder while the gateway runs. restore makes\n"
    "this machine the one that was backed up, while the gateway does not run: readings,\n"
    "configuration, users, the broker's accounts, profiles, certificates. What is there and "
    "differs\n"
    "is kept as NAME.before-restore; for readings that are there it takes --force.\n"
    "--with-ca: also the key of the certificate authority, under a passphrase that is asked\n"
    "for, or is the first line of a file; without it, or the passphrase, a restored box has\n"
    "no such key, and after a new authority every phone must trust anew.\n");

static bool read_options(int argc, char **argv, struct backup_options *options)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"socket", required_argument, NULL, 's'},
        {"force", no_argument, NULL, 'f'},
        {"with-ca", no_argument, NULL, 'a'},
        {"passphrase-file", required_argument, NULL, 'p'},
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
        else if (letter == 'a')
            options->with_ca = true;
        else if (letter == 'p')
            options->passphrase_file = optarg;
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

/* The authority's key under its passphrase, as a new file. */
static int lock_ca(const struct backup_options *options, const char *config, const char *locked)
{
    char passphrase[USER_LINE_SIZE], key[CLI_PATH];
    if (!cli_format(key, sizeof key, "%s/tls/ca.key", config))
        return EX_CANTCREAT;
    if (access(key, R_OK) != 0) {
        cli_complain("there is no %s: %s", key, strerror(errno));
        return EX_NOINPUT;
    }
    enum ca_passphrase had = ca_key_new_passphrase(options->passphrase_file, passphrase);
    if (had == CA_PASSPHRASE_NONE)
        cli_complain("nobody is there to be asked for a passphrase: --passphrase-file has it");
    if (had != CA_PASSPHRASE_HAD)
        return had == CA_PASSPHRASE_NONE ? EX_USAGE : EX_DATAERR;
    bool good = ca_key_lock(key, passphrase, locked);
    explicit_bzero(passphrase, sizeof passphrase);
    return good ? EX_OK : EX_CANTCREAT;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* The archive of the two folders, and of the key in `ca` unless that is "". */
static bool pack(const struct backup_options *options, const char *config, const char *store,
                 const char *copy, const char *ca)
{
    char folder[CLI_PATH], fresh[CLI_PATH], months[CLI_PATH], boards[CLI_PATH], name_months[80],
        no_copy[80], no_store[CLI_PATH], rename_copy[128];
    static const char no_locked[] = "--exclude=./tls/" CA_KEY_LOCKED,
                      rename_key[] =
                          "--transform=s,^" CA_KEY_LOCKED ",config/tls/" CA_KEY_LOCKED ",";
    const char *name = base_name(copy);
    if (!cli_folder(store, folder, sizeof folder) ||
        !cli_format(name_months, sizeof name_months, "%s.months", name) ||
        !cli_format(months, sizeof months, "%s.months", copy) ||
        !cli_format(boards, sizeof boards, "%s/boards.csv", folder) ||
        /* Both may lie in the configuration's folder. */
        !cli_format(no_copy, sizeof no_copy, "--exclude=./%s*", name) ||
        !cli_format(no_store, sizeof no_store, "--exclude=./%s*", base_name(store)) ||
        !cli_format(rename_copy, sizeof rename_copy, "--transform=s,^%s,readings.db,", name) ||
        !cli_format(fresh, sizeof fresh, "%s.part", options->file))
        return false;
    const char *words[] = {"tar",
                           "--warning=no-file-ignored",   /* sockets, */
                           "--warning=no-ignore-archive", /* and the file itself */
                           "-cf",
                           fresh,
                           rename_copy,
                           "--transform=s,^\\./,config/,",
                           rename_key,
                           "--exclude=./tls/ca.key",
                           no_locked,
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
                           NULL,
                           NULL,
                           NULL,
                           NULL};
    size_t last = sizeof words / sizeof *words - 6;
    if (access(months, F_OK) == 0)
        words[last++] = name_months;
    if (access(boards, F_OK) == 0)
        words[last++] = "boards.csv";
    if (ca[0] != '\0') {
        words[last++] = "-C";
        words[last++] = ca;
        words[last] = CA_KEY_LOCKED;
    }
    mode_t before = umask(0077);
    bool good = cli_run(false, words) == 0 && rename(fresh, options->file) == 0;
    umask(before);
    (void)unlink(months);
    (void)unlink(fresh);
    return good;
}

/* With the key in a folder of its own beside the file, as long as that is written. */
static int back_up(const struct backup_options *options, const char *config, const char *store,
                   const char *copy)
{
    char ca[CLI_PATH] = "", locked[CLI_PATH];
    int code = EX_OK;
    if (options->with_ca) {
        if (!cli_format(ca, sizeof ca, "%s.XXXXXX", options->file) || mkdtemp(ca) == NULL ||
            !cli_format(locked, sizeof locked, "%s/" CA_KEY_LOCKED, ca)) {
            cli_complain("%s could not be written", options->file);
            return EX_CANTCREAT;
        }
        code = lock_ca(options, config, locked);
    }
    if (code == EX_OK && !copy_by_daemon(options, copy))
        code = EX_UNAVAILABLE;
    if (code == EX_OK && !pack(options, config, store, copy, ca)) {
        cli_complain("%s could not be written", options->file);
        code = EX_CANTCREAT;
    }
    (void)unlink(copy);
    if (options->with_ca) {
        (void)unlink(locked);
        (void)rmdir(ca);
    }
    return code;
}

int cli_backup(int argc, char **argv)
{
    struct backup_options options;
    char store[CLI_PATH], folder[CLI_PATH], copy[CLI_PATH], config[CLI_PATH];
    if (!read_options(argc, argv, &options))
        return EX_USAGE;
    if (access(options.file, F_OK) == 0) {
        cli_complain("%s exists already", options.file);
        return EX_CANTCREAT;
    }
    if (!store_of(options.config, store, sizeof store) ||
        !cli_folder(store, folder, sizeof folder) ||
        !cli_folder(options.config, config, sizeof config) ||
        !cli_format(copy, sizeof copy, "%s/backup-%d.db", folder, (int)getpid()))
        return EX_CONFIG;
    int code = back_up(&options, config, store, copy);
    if (code != EX_OK)
        return code;
    cli_say(_("%s holds the readings and %s: keep it secret\n"), options.file, config);
    if (options.with_ca)
        cli_say("%s", _("The authority's key in it opens by its passphrase only, which is in no "
                        "file: without it the key is lost.\n"));
    outcome_add("file", json_string(options.file));
    return EX_OK;
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
