/* SPDX-License-Identifier: Apache-2.0 */
/* Users live in three files beside the configuration, always written together and by one process at
 * a time:
 *
 *   users             name and role, for the daemon
 *   mosquitto.passwd  hashed passwords, for the broker
 *   mosquitto.acl     what each may read and write, for the broker; made from `users`
 *
 * All functions complain on stderr when they fail. */
#ifndef BAIYE_CLI_USER_FILES_H
#define BAIYE_CLI_USER_FILES_H

#include <stdbool.h>
#include <stdio.h>

#include "gateway/daemon/config/config.h"
#include "gateway/daemon/rpc/password.h"
#include "tools/cli/cli.h"

struct user_files {
    struct config *config;
    const struct broker_config *broker; /* the local one: the daemon's own account is there */
    char folder[CLI_PATH], users[CLI_PATH], passwords[CLI_PATH], acl[CLI_PATH];
    int lock; /* -1: not held */
};

/* Reads the configuration. user_files_close() must follow, also after false. */
bool user_files_open(struct user_files *files, const char *config_file);
/* Gives the lock back, too. */
void user_files_close(struct user_files *files);
/* Before anything is changed: waits at most 10 s until nobody else changes users. */
bool user_files_lock(struct user_files *files);

/* A whole text file; "" when there is none. The caller frees it. NULL: it can't be read. */
char *user_read_text(const char *path);
/* Writes the file anew without the lines that begin with `name` and `separator`, and with `added`
 * (may be ""). `found` (may be NULL): was there one? */
bool user_replace_lines(const char *path, const char *name, char separator, const char *added,
                        bool *found);
/* Under the lock. `iterations`: see password.h. */
bool user_set_password(const struct user_files *files, const char *name, const char *password,
                       int iterations);
/* The gateway's own account at the broker? */
bool user_is_gateways(const struct user_files *files, const char *name);
/* The whole access list, from the users file. */
bool user_write_acl(const struct user_files *files);
/* The same for another broker, to which farmers and technicians come; `gateway`: the daemon's
 * account there. */
bool user_write_acl_elsewhere(const struct user_files *files, const char *path,
                              const char *gateway);
/* Has the broker read them. */
void user_reload_broker(void);

/* A whole line without its end, at most PASSWORD_MOST bytes. */
#define USER_LINE_SIZE (PASSWORD_SIZE + 2) /* with its end */
bool user_read_line(FILE *file, char *out);
/* One that is asked for on standard error and typed on standard input, unseen on a terminal. */
bool user_ask_line(const char *prompt, char *out);
/* The first line of a file, "-": of standard input; false and a complaint. */
bool user_first_line(const char *path, char *out);

/* user_own.c: `baiye user passwd-own`, whose caller need not be trusted. */
int user_passwd_own(struct user_files *files);

#endif
