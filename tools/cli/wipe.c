/* SPDX-License-Identifier: Apache-2.0 */
/* For a box that changes hands: everything of the farm goes, and the box is as just installed.
 *
 * The package's two folders are emptied, that of upgrades, the broker's store and log too, and the
 * system's log. Of folders that somebody else chose only what is named as a site's files are. No
 * step follows a link; one folder belongs to the daemon's user. Small files, which the secrets are,
 * are written over first: against who reads the disk, not against who takes a memory card apart. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
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

#define CONFIG_FOLDER  "/etc/baiye"
#define STATE_FOLDER   "/var/lib/baiye"
#define UPGRADE_FOLDER "/var/lib/baiye-upgrade"
#define SMALL_MOST     65536 /* bytes of a file that is written over */
#define DEPTH_MOST     8

/* Whether a file of a folder goes; `name` is that in the folder itself, `own` what it goes by. */
typedef bool (*goes_fn)(const char *name, const char *own);

static bool all_goes(const char *name, const char *own)
{
    (void)name;
    (void)own;
    return true;
}

/* `own`: the configuration's file. Another YAML file there is not known to be this site's. */
static bool site_goes(const char *name, const char *own)
{
    size_t size = strlen(name);
    if (size > 5 && strcmp(name + size - 5, ".yaml") == 0)
        return strcmp(name, own) == 0;
    return backup_is_site_file(name) || strstr(name, BACKUP_ASIDE) != NULL ||
           strcmp(name, "tls") == 0 || strcmp(name, "profiles") == 0;
}

/* The database, its journal and what lies beside it under its name. */
static bool store_goes(const char *name, const char *own)
{
    return strncmp(name, own, strlen(own)) == 0;
}

static void write_over(int folder, const char *name)
{
    static const char zeros[SMALL_MOST];
    struct stat info;
    int fd = openat(folder, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return; /* it is removed all the same */
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1 &&
        info.st_size <= SMALL_MOST && cli_write_all(fd, zeros, (size_t)info.st_size))
        (void)fsync(fd); /* as above */
    (void)close(fd);
}

/* Takes `folder` over. false: something stays. */
static bool empty(int folder, unsigned depth, goes_fn goes, const char *own)
{
    DIR *dir = fdopendir(folder);
    bool ok = dir != NULL;
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || (depth == 0 && !goes(name, own)))
            continue;
        int below = depth < DEPTH_MOST
                        ? openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                        : -1;
        if (below >= 0) {
            ok = empty(below, depth + 1, all_goes, "") && ok;
        } else {
            write_over(folder, name);
        }
        if (unlinkat(folder, name, below >= 0 ? AT_REMOVEDIR : 0) != 0 && errno != ENOENT) {
            cli_complain("can't remove %s: %s", name, strerror(errno));
            ok = false;
        }
    }
    if (dir != NULL)
        (void)closedir(dir);
    else
        (void)close(folder);
    return ok;
}

static bool wipe_folder(const char *path, goes_fn goes, const char *own)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 && errno == ENOENT)
        return true;
    if (folder >= 0 && empty(folder, 0, goes, own))
        return true;
    cli_complain("%s is not empty of what was this farm's", path);
    return false;
}

static bool systemd_runs(void)
{
    return access("/run/systemd/system", F_OK) == 0;
}

/* Nothing may run that would write what is removed anew. */
static bool stop_all(const char *socket_path)
{
    const char *const stop[] = {"systemctl",
                                "stop",
                                "baiyed.service",
                                "baiye-led.service",
                                "mosquitto.service",
                                "baiye-upgrade.service",
                                "baiye-upgrade-undo.timer",
                                "baiye-upgrade-undo.service",
                                NULL};
    struct talk talk;
    if (systemd_runs())
        (void)cli_run(true, stop); /* one that is not installed is no reason to stay */
    if (!talk_try(&talk, socket_path))
        return true;
    talk_close(&talk);
    cli_complain("the gateway runs: stop baiyed and mosquitto first");
    return false;
}

static bool agreed(const char *config_file)
{
    char said[16];
    (void)fprintf(stderr,
                  _("This removes everything of this farm from this machine: readings, notes and\n"
                    "audit, users, passwords, keys, the configuration (%s).\n"
                    "There is no way back without a backup (baiye backup FILE).\n"
                    "Type yes to go on: "),
                  config_file);
    return fgets(said, sizeof said, stdin) != NULL && strcmp(said, "yes\n") == 0;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* The readings, wherever the configuration says that they are. */
static bool wipe_store(const char *config_file)
{
    struct config_error error;
    char folder[CLI_PATH];
    struct config *config = config_load(config_file, NULL, &error);
    if (config == NULL)
        cli_complain("%s; without it, it is not known where the readings are", error.text);
    bool ok = config != NULL && cli_folder(config->store_path, folder, sizeof folder) &&
              wipe_folder(folder, store_goes, last_part(config->store_path));
    config_free(config);
    return ok;
}

/* A configuration that lies elsewhere. */
static bool wipe_named(const char *config_file)
{
    char folder[CLI_PATH];
    return cli_folder(config_file, folder, sizeof folder) && wipe_store(config_file) &&
           wipe_folder(folder, site_goes, last_part(config_file));
}

/* Whose packages it took, and a version that is being tried: it stays as it is now. */
static bool wipe_upgrades(void)
{
    static const char *const units[] = {
        "/etc/systemd/system/timers.target.wants/baiye-upgrade-undo.timer",
        "/etc/systemd/system/baiye-upgrade-undo.timer",
        "/etc/systemd/system/baiye-upgrade-undo.service"};
    const char *const reload[] = {"systemctl", "daemon-reload", NULL};
    bool ok = true;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        ok = (unlink(units[i]) == 0 || errno == ENOENT) && ok;
    if (systemd_runs())
        (void)cli_run(true, reload);
    return wipe_folder(UPGRADE_FOLDER, all_goes, "") && ok;
}

/* As the package made it: its script makes what is missing, and starts the services. */
static bool wipe_package(const char *config_file)
{
    const char *const anew[] = {"dpkg-reconfigure", "-f", "noninteractive", "baiye", NULL};
    const char *const rotate[] = {"journalctl", "--rotate", NULL};
    const char *const vacuum[] = {"journalctl", "--vacuum-time=1s", NULL};
    bool ok = access(config_file, F_OK) != 0 || wipe_store(config_file);
    ok = wipe_folder(STATE_FOLDER, all_goes, "") && ok;
    ok = wipe_folder(CONFIG_FOLDER, all_goes, "") && ok;
    ok = wipe_folder("/var/lib/mosquitto", all_goes, "") && ok;
    ok = wipe_folder("/var/log/mosquitto", all_goes, "") && ok;
    ok = wipe_upgrades() && ok;
    if (systemd_runs())
        ok = cli_run(true, rotate) == 0 && cli_run(true, vacuum) == 0 && ok;
    if (cli_run(true, anew) != 0)
        cli_complain("the package could not be set up anew: dpkg-reconfigure baiye says why");
    return ok;
}

static const char usage[] = N_(
    "Usage: baiye wipe [--yes] [--json] [--config FILE] [--socket FILE]\n"
    "Removes everything of the farm from this machine, for one that changes hands or is thrown\n"
    "away: readings, notes, audit, users, passwords, keys, certificates, configuration, what the\n"
    "broker keeps, and the system's log. The machine is then as just installed. Of a "
    "configuration\n"
    "elsewhere only its own files and the store that it names.\n"
    "  --yes          does not ask\n"
    "  --config FILE  the gateway's configuration (/etc/baiye/baiye.yaml)\n"
    "  --socket FILE  the daemon's control socket (/run/baiye/control.sock)\n");

int cli_wipe(int argc, char **argv)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"socket", required_argument, NULL, 's'},
        {"yes", no_argument, NULL, 'y'},
        {NULL, 0, NULL, 0},
    };
    const char *config_file = CLI_CONFIG, *socket_path = CLI_SOCKET;
    bool yes = false, wrong = false;
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter == 'c')
            config_file = optarg;
        else if (letter == 's')
            socket_path = optarg;
        else if (letter == 'y')
            yes = true;
        else
            wrong = true;
    }
    if (wrong || optind < argc)
        return cli_usage(usage);
    if (!yes && !agreed(config_file)) {
        cli_complain("nothing was removed");
        return EX_NOPERM;
    }
    if (!stop_all(socket_path))
        return EX_UNAVAILABLE;
    bool packaged = strcmp(config_file, CLI_CONFIG) == 0;
    if (!(packaged ? wipe_package(config_file) : wipe_named(config_file))) {
        cli_complain("not everything is gone: mend what was said above, then again");
        return EX_IOERR;
    }
    cli_say(
        "%s",
        _("It is gone from this machine. What is elsewhere is not: backups, what remote brokers\n"
          "and phones have, the gateway's accounts there (end them there), what the nodes have\n"
          "logged. A memory card may keep old copies in cells that are out of use: where that\n"
          "must not be, destroy it.\n"));
    return EX_OK;
}
