/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of `baiye`: one file a family of commands. A command gets its own argv, prints
 * for people, and returns an exit code of sysexits.h. */
#ifndef BAIYE_CLI_H
#define BAIYE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <jansson.h>

#define CLI_CONFIG "/etc/baiye/baiye.yaml"
#define CLI_SOCKET "/run/baiye/control.sock"
#define CLI_PATH   512

int cli_user(int argc, char **argv);
int cli_cert(int argc, char **argv);
int cli_config_take(int argc, char **argv);  /* for baiye-config.socket */
int cli_upgrade_gate(int argc, char **argv); /* for baiye-upgrade */
int cli_enrol(int argc, char **argv);
int cli_clock(int argc, char **argv);
int cli_backup(int argc, char **argv);
int cli_restore(int argc, char **argv);
int cli_wipe(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_find(int argc, char **argv);
int cli_commission(int argc, char **argv);
int cli_remote(int argc, char **argv);
int cli_node(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_forecast(int argc, char **argv);
/* stats, devices, read, write, scan, pause, resume, raw, audit: asked of the daemon. */
int cli_daemon_command(int argc, char **argv);
int cli_alert(int argc, char **argv);
int cli_line(int argc, char **argv);
int cli_values(int argc, char **argv);
int cli_profile(int argc, char **argv);
int cli_import(int argc, char **argv);
int cli_reload(int argc, char **argv);
int cli_settings(int argc, char **argv);
int cli_calibrate(int argc, char **argv);
/* By names and units; registers by number go to cli_daemon_command(). */
int cli_read(int argc, char **argv);
int cli_write(int argc, char **argv);
int cli_replace(int argc, char **argv);
int cli_report(int argc, char **argv);
int cli_update(int argc, char **argv);

/* ---- How a command is used ---- */

struct option;
/* getopt_long() with its complaints in the language of messages; '?': the usage is wanted. `shorts`
 * as there, mostly "". Each command reads its options by this one. */
int cli_option(int argc, char **argv, const char *shorts, const struct option *longs);
/* Prints a help, looked up in the language of messages and fitted to 80 columns: on standard output
 * and EX_OK when --help asked for it, else on standard error and EX_USAGE. */
int cli_usage(const char *text);
/* What is asked for is --help. */
void cli_want_help(void);
bool cli_help_wanted(void);

/* ---- Common work ---- */

/* "baiye: …" on stderr, made fit for a terminal. */
void cli_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* That a file can't be read, by its errno, and what to do. */
void cli_cant_read(const char *path, int error);
/* Sentences on standard output, each with its line feed, fitted to a terminal; a line of its own
 * begins where it begins. */
void cli_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Formats; false (and a complaint) when it does not fit. */
bool cli_format(char *out, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Folder of a file's path, "." when it has none. */
bool cli_folder(const char *file, char *out, size_t size);
/* Runs a program and waits: its exit code, -1 (and a complaint) when it can't be run or was
 * killed. `quiet`: its output goes nowhere. */
int cli_run(bool quiet, const char *const *arguments);
bool cli_write_all(int fd, const char *data, size_t size);
/* Writes a whole file anew: complete or not at all. Keeps owner and mode of one that exists, else
 * `mode`. false and a complaint when that fails. */
bool cli_write_file(const char *path, const void *data, size_t size, mode_t mode);
/* `bytes` random bytes as letters and digits without those that look alike; out is bytes + 1. */
bool cli_random_text(char *out, size_t bytes);

/* ---- The daemon's control socket ---- */

struct talk {
    int fd;
    char *line;
    size_t size, room;
    bool raw; /* answers are for programs; else texts in them are made fit for a terminal */
};
/* false and a complaint when no daemon listens. */
bool talk_open(struct talk *talk, const char *socket_path);
/* The same without a complaint; errno says why. */
bool talk_try(struct talk *talk, const char *socket_path);
void talk_close(struct talk *talk);
/* Sends a request, calls `progress` (may be NULL) for each progress line, and gives the last
 * line: {"result":…} or {"error":…}; a new reference. Takes `params` over. NULL and a complaint:
 * no answer. */
json_t *talk_ask(struct talk *talk, const char *method, json_t *params,
                 void (*progress)(const json_t *body));
/* The first line of an answer; NULL without a complaint. For what gives no progress. */
json_t *talk_ask_quietly(struct talk *talk, const char *method, json_t *params);
/* From now on times are printed in the zone of the garden, not in that of the machine. A gateway
 * that does not say leaves the machine's. */
void talk_site_time(struct talk *talk);
/* Prints an error as the daemon gave it; true when there was one. */
bool talk_failed(const json_t *answer);
/* A result as one line of JSON. */
void talk_dump(const json_t *result);

/* Options of all commands that ask the daemon, for their tables of long options. --config is taken
 * by every command of this program; there it is not needed. */
/* clang-format off */
#define TALK_OPTIONS                          \
    {"socket", required_argument, NULL, 's'}, \
    {"config", required_argument, NULL, 'c'}, \
    {"json", no_argument, NULL, 'j'},         \
    {"help", no_argument, NULL, 'h'}
/* clang-format on */

struct talk_options {
    const char *socket_path;
    bool json;
};
/* Takes these and no others; false: the usage is wanted. */
bool talk_options(int argc, char **argv, struct talk_options *options);
/* One question, its answer printed, an exit code. Takes `params` over. */
int talk_once(const struct talk_options *options, const char *method, json_t *params,
              void (*progress)(const json_t *body), void (*print)(const json_t *result));

/* A member of an object; "" or 0 when there is none. */
const char *talk_text(const json_t *object, const char *key);
/* A text of the gateway in the language of messages, where the catalogue has it as it stands. */
const char *talk_words(const char *text);
/* What the technician is to look at, in the language of messages; "": nothing. */
const char *talk_hint(const json_t *object);
long long talk_integer(const json_t *object, const char *key);

#endif
