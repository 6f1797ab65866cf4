/* SPDX-License-Identifier: Apache-2.0 */
/* baiye: the technician's and operator's command. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "gateway/common/language.h"
#include "tools/cli/cli.h"
#include "tools/cli/flash/flash.h"
#include "tools/cli/flash/uf2.h"
#include "tools/cli/image.h"
#include "tools/cli/outcome.h"
#include "tools/cli/screen.h"

#define COLUMNS 80
#define WHAT    14 /* where the help of a command begins */

/* Who answers --json: the command itself, with what it asked for, or outcome.h, since it tells in
 * sentences what it did. */
enum answers { ITSELF, IN_SENTENCES };

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *what; /* in one line; the command itself says how it is used */
    enum answers json;
} commands[] = {
    {"check", cli_check, N_("validate the configuration and print the poll plan"), IN_SENTENCES},
    {"doctor", cli_doctor, N_("what is wrong with this gateway and its machine, and what to do"),
     ITSELF},
    {"reload", cli_reload, N_("take the changed configuration into force, or say what is wrong"),
     ITSELF},
    {"devices", cli_daemon_command, N_("list the devices, their metrics and writable registers"),
     ITSELF},
    {"values", cli_values, N_("what the devices measured last"), ITSELF},
    {"stats", cli_daemon_command, N_("how buses, store and brokers are, or one device"), ITSELF},
    {"read", cli_read, N_("read what it measures, or registers"), ITSELF},
    {"write", cli_write, N_("write a register its profile allows"), ITSELF},
    {"scan", cli_daemon_command, N_("look for devices at every address"), ITSELF},
    {"find", cli_find, N_("who is at a serial port, at which rate and address, and what it is"),
     ITSELF},
    {"commission", cli_commission, N_("bring up a line: find, address, configure, try"), ITSELF},
    {"nodes", cli_daemon_command, N_("find our nodes by serial number, whatever their addresses"),
     ITSELF},
    {"node", cli_node, N_("one of our nodes: lamp, self-test, memory, line, clock"), ITSELF},
    {"address", cli_daemon_command, N_("give one of them its address"), ITSELF},
    {"settings", cli_settings, N_("show or change a node's settings"), ITSELF},
    {"calibrate", cli_calibrate, N_("show or change a calibration"), ITSELF},
    {"replace", cli_replace, N_("put a new node or probe in a broken one's place"), ITSELF},
    {"report", cli_report, N_("an acceptance sheet of a line or site, to print and sign"), ITSELF},
    {"line", cli_line, N_("what is wrong with a line, or another tool on it"), ITSELF},
    {"pause", cli_daemon_command, N_("close a bus's port and stop polling for a while"), ITSELF},
    {"resume", cli_daemon_command, N_("poll again"), ITSELF},
    {"raw", cli_daemon_command, N_("send one Modbus request (function code and data)"), ITSELF},
    {"resend", cli_daemon_command, N_("send readings to the brokers once more"), ITSELF},
    {"audit", cli_daemon_command, N_("who asked for what, newest first"), ITSELF},
    {"actions", cli_daemon_command, N_("what is switched by itself, how it is, and why"), ITSELF},
    {"alert", cli_alert, N_("what stands, what was, and \"I have seen it\""), ITSELF},
    {"profile", cli_profile, N_("what is wrong with a device profile, or what a device says by it"),
     ITSELF},
    {"import", cli_import, N_("take over the devices of Telegraf, mqmgateway or Home Assistant"),
     ITSELF},
    {"user", cli_user, N_("people and programs that may log in"), IN_SENTENCES},
    {"remote", cli_remote, N_("the app away from the farm, by a small server of your own"),
     IN_SENTENCES},
    {"cert", cli_cert, N_("make the site's own CA and server certificate"), IN_SENTENCES},
    {"enrol", cli_enrol, N_("join a county: a key here, and its certificate"), IN_SENTENCES},
    {"clock", cli_clock, N_("whether the box's clock can be believed"), IN_SENTENCES},
    {"backup", cli_backup, N_("copy readings and configuration, while it runs"), IN_SENTENCES},
    {"restore", cli_restore, N_("put a backup in place, while it does not run"), IN_SENTENCES},
    {"wipe", cli_wipe, N_("remove everything of the farm, for a box that changes hands"),
     IN_SENTENCES},
    {"forecast", cli_forecast, N_("what would have been said of past seasons"), IN_SENTENCES},
    {"update", cli_update, N_("bring nodes to this firmware"), ITSELF},
    {"flash", cli_flash, N_("write a board on the bench, test it, label it"), IN_SENTENCES},
    {"uf2", cli_uf2, N_("make the file that is dragged onto a board"), IN_SENTENCES},
    {"sign", cli_sign, N_("make a signed firmware image"), IN_SENTENCES},
    {"image", cli_image, N_("what is in a firmware image"), IN_SENTENCES},
    {"keys", cli_keys, N_("public keys for a boot loader's build"), IN_SENTENCES},
    {"config-take", cli_config_take, NULL, ITSELF},   /* for baiye-config.socket, not for people */
    {"upgrade-gate", cli_upgrade_gate, NULL, ITSELF}, /* for baiye-upgrade */
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
                    "  --json          for programs: one object, or one a line, and nothing else\n"
                    "`baiye help COMMAND` says more; the manual page is baiye(1).\n"),
                  CLI_CONFIG, CLI_SOCKET);
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

/* Takes --json out of the words, those of another program behind "--" apart: was it there? */
static bool take_json(int *argc, char **argv)
{
    bool found = false, others = false;
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        others = others || strcmp(argv[i], "--") == 0;
        bool it = !others && strcmp(argv[i], "--json") == 0;
        found = found || it;
        if (!it)
            argv[kept++] = argv[i];
    }
    *argc = kept;
    argv[kept] = NULL;
    return found;
}

static bool in_sentences(const struct command *command, int argc, char **argv)
{
    bool replay = strcmp(command->name, "alert") == 0 && argc > 1 && strcmp(argv[1], "replay") == 0;
    return command->json == IN_SENTENCES || replay;
}

/* Its words from the command's own name on. */
static int run(const struct command *command, int argc, char **argv)
{
    bool kept = !cli_help_wanted() && in_sentences(command, argc, argv) && take_json(&argc, argv);
    if (kept && !outcome_begin(command->name)) {
        cli_complain("no memory");
        return EX_OSERR;
    }
    int code = command->run(argc, argv);
    if (cli_help_wanted())
        return EX_OK;
    return outcome_print() ? code : EX_IOERR;
}

/* "baiye help profile try" is "baiye profile try --help", and so is "-h" at the end, unless it is
 * another program's, behind "--". */
static void ask_for_help(int *argc, char **argv)
{
    static char help_option[] = "--help";
    bool others = false;
    if (*argc > 2 && strcmp(argv[1], "help") == 0) {
        for (int i = 1; i + 1 < *argc; i++)
            argv[i] = argv[i + 1];
        argv[*argc - 1] = help_option;
    }
    for (int i = 2; i < *argc; i++)
        others = others || strcmp(argv[i], "--") == 0;
    char *last = argv[*argc - 1];
    if (*argc > 2 && !others && (strcmp(last, "-h") == 0 || strcmp(last, help_option) == 0)) {
        argv[*argc - 1] = help_option;
        cli_want_help();
    }
}

int main(int argc, char **argv)
{
    language_open();
    if (argc < 2) {
        help(stderr);
        return EX_USAGE;
    }
    ask_for_help(&argc, argv);
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
        return run(&commands[i], argc - 1, argv + 1);
    }
    complain_unknown(argv[1]);
    return EX_USAGE;
}
