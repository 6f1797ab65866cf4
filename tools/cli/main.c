/* SPDX-License-Identifier: Apache-2.0 */
/* baiye: the technician's and operator's command. */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "tools/cli/cli.h"
#include "tools/cli/flash/flash.h"
#include "tools/cli/flash/uf2.h"
#include "tools/cli/image.h"
#include "tools/cli/screen.h"

#define COLUMNS 80
#define WHAT    14 /* where the help of a command begins */

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what; /* in one line; the command itself says how it is used */
} commands[] = {
    {"check", cli_check, N_("validate the configuration and print the poll plan")},
    {"doctor", cli_doctor, N_("what is wrong with this gateway and its machine, and what to do")},
    {"reload", cli_reload, N_("take the changed configuration into force, or say what is wrong")},
    {"devices", cli_ask, N_("list the devices, their metrics and writable registers")},
    {"values", cli_values, N_("what the devices measured last")},
    {"stats", cli_ask, N_("how buses, store and brokers are, or one device")},
    {"read", cli_read, N_("read what it measures, or registers")},
    {"write", cli_write, N_("write a register its profile allows")},
    {"scan", cli_ask, N_("look for devices at every address")},
    {"find", cli_find, N_("who is at a serial port, at which rate and address, and what it is")},
    {"commission", cli_commission, N_("bring up a line: find, address, configure, try")},
    {"nodes", cli_ask, N_("find our nodes by serial number, whatever their addresses")},
    {"node", cli_node, N_("one of our nodes: lamp, self-test, memory, line, clock")},
    {"address", cli_ask, N_("give one of them its address")},
    {"settings", cli_settings, N_("show or change a node's settings")},
    {"calibrate", cli_calibrate, N_("show or change a calibration")},
    {"replace", cli_replace, N_("put a new node or probe in a broken one's place")},
    {"report", cli_report, N_("an acceptance sheet of a line or site, to print and sign")},
    {"line", cli_line, N_("what is wrong with a line, or another tool on it")},
    {"pause", cli_ask, N_("close a bus's port and stop polling for a while")},
    {"resume", cli_ask, N_("poll again")},
    {"raw", cli_ask, N_("send one Modbus request (function code and data)")},
    {"resend", cli_ask, N_("send readings to the brokers once more")},
    {"audit", cli_ask, N_("who asked for what, newest first")},
    {"actions", cli_ask, N_("what is switched by itself, how it is, and why")},
    {"alert", cli_alert, N_("what stands, what was, and \"I have seen it\"")},
    {"profile", cli_profile,
     N_("what is wrong with a device profile, or what a device says by it")},
    {"import", cli_import, N_("take over the devices of Telegraf, mqmgateway or Home Assistant")},
    {"user", cli_user, N_("people and programs that may log in")},
    {"remote", cli_remote, N_("the app away from the farm, by a small server of your own")},
    {"cert", cli_cert, N_("make the site's own CA and server certificate")},
    {"enrol", cli_enrol, N_("join a county: a key here, and its certificate")},
    {"clock", cli_clock, N_("whether the box's clock can be believed")},
    {"backup", cli_backup, N_("copy readings and configuration, while it runs")},
    {"restore", cli_restore, N_("put a backup in place, while it does not run")},
    {"wipe", cli_wipe, N_("remove everything of the farm, for a box that changes hands")},
    {"forecast", cli_forecast, N_("what would have been said of past seasons")},
    {"update", cli_update, N_("bring nodes to this firmware")},
    {"flash", cli_flash, N_("write a board on the bench, test it, label it")},
    {"uf2", cli_uf2, N_("make the file that is dragged onto a board")},
    {"sign", cli_sign, N_("make a signed firmware image")},
    {"image", cli_image, N_("what is in a firmware image")},
    {"keys", cli_keys, N_("public keys for a boot loader's build")},
    {"config-take", cli_config_take, NULL},   /* for baiye-config.socket, not for people */
    {"upgrade-gate", cli_upgrade_gate, NULL}, /* for baiye-upgrade */
};

static void help(FILE *out)
{
    (void)fputs(_("Usage: baiye COMMAND [OPTIONS]\n"
                  "Looks after a Baiye gateway: devices, users, certificates, backups.\n\n"),
                out);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i].what == NULL)
            continue;
        (void)fprintf(out, "  %-11s ", commands[i].name);
        screen_wrap(out, COLUMNS, WHAT, WHAT, gettext(commands[i].what));
    }
    (void)fprintf(out,
                  _("\nOptions of most commands:\n"
                    "  --config FILE   the gateway's configuration (%s)\n"
                    "  --socket FILE   the daemon's control socket (%s)\n"
                    "  --json          the daemon's answer as it is\n"
                    "`baiye help COMMAND` says more; the manual page is baiye(1).\n"),
                  CLI_CONFIG, CLI_SOCKET);
}

/* A help's line: what does not fit goes on below its own beginning. */
static void print_help_line(const char *line)
{
    size_t blanks = strspn(line, " ");
    size_t indent = strncasecmp(line, "usage: ", 7) == 0 ? 9 : blanks + 2;
    screen_wrap(stdout, COLUMNS, 0, (unsigned)indent, line);
}

/* What a command says of a use that it does not know is its help. */
static int help_of(int (*run)(int argc, char **argv), int argc, char **argv)
{
    FILE *said = tmpfile();
    char line[512];
    int out = said != NULL ? dup(STDOUT_FILENO) : -1;
    opterr = 0;
    (void)dup2(out >= 0 ? fileno(said) : STDOUT_FILENO, STDERR_FILENO);
    if (out >= 0)
        (void)dup2(fileno(said), STDOUT_FILENO);
    (void)run(argc, argv);
    (void)fflush(stdout);
    if (out < 0)
        return EX_OK;
    (void)dup2(out, STDOUT_FILENO);
    rewind(said);
    while (fgets(line, sizeof line, said) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        print_help_line(line);
    }
    (void)fclose(said);
    return EX_OK;
}

/* What people type for what there is. */
static const struct {
    const char *said, *meant;
} habits[] = {
    {"status", "stats"},   {"list", "devices"},  {"device", "devices"}, {"ls", "devices"},
    {"info", "stats"},     {"health", "stats"},  {"log", "audit"},      {"logs", "audit"},
    {"adduser", "user"},   {"users", "user"},    {"passwd", "user"},    {"certificate", "cert"},
    {"upgrade", "update"}, {"discover", "scan"}, {"config", "check"},   {"validate", "check"},
};

/* The first letters of a command, or nearly: enough to know what was meant. */
static const char *meant_by(const char *word)
{
    size_t size = strlen(word);
    for (size_t i = 0; i < sizeof habits / sizeof habits[0]; i++) {
        if (strcmp(word, habits[i].said) == 0)
            return habits[i].meant;
    }
    for (size_t same = size < 5 ? size : 5; same >= 3; same--) {
        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
            if (strncmp(word, commands[i].name, same) == 0)
                return commands[i].name;
        }
    }
    return NULL;
}

static void complain_unknown(const char *word)
{
    const char *meant = meant_by(word);
    if (meant != NULL)
        cli_complain("there is no command \"%s\"; did you mean \"baiye %s\"?", word, meant);
    else
        cli_complain("there is no command \"%s\"; see baiye --help", word);
}

/* "-3.5" is a temperature and no option: with a blank before it getopt leaves it alone, and whoever
 * reads a number skips that. What stands behind "--" is another program's. */
static void keep_numbers(int argc, char **argv)
{
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *digit =
            argv[i] + (argv[i][0] == '-') + (argv[i][0] == '-' && argv[i][1] == '.');
        size_t size = strlen(argv[i]) + 2;
        char *text = argv[i][0] == '-' && *digit >= '0' && *digit <= '9' ? malloc(size) : NULL;
        if (text == NULL)
            continue;
        (void)snprintf(text, size, " %s", argv[i]);
        argv[i] = text;
    }
}

int main(int argc, char **argv)
{
    language_open();
    if (argc < 2) {
        help(stderr);
        return EX_USAGE;
    }
    char asks[] = "--help"; /* "help X" is "X --help" */
    char *turned[] = {argv[0], argc > 2 ? argv[2] : NULL, asks, NULL};
    if (argc == 3 && strcmp(argv[1], "help") == 0)
        argv = turned;
    else if (strcmp(argv[argc - 1], "-h") == 0 && argc == 3)
        argv[2] = asks;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        help(stdout);
        return EX_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("baiye %s\n", BAIYE_VERSION);
        return EX_OK;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        keep_numbers(argc, argv);
        if (argc > 2 && strcmp(argv[argc - 1], "--help") == 0)
            return help_of(commands[i].run, argc - 1, argv + 1);
        return commands[i].run(argc - 1, argv + 1);
    }
    complain_unknown(argv[1]);
    return EX_USAGE;
}
