/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what: the file `users` beside the configuration, one "name role" a line, written by
 * `baiye user`. Passwords are not in it: the broker has those. */
#ifndef BAIYE_RPC_USERS_H
#define BAIYE_RPC_USERS_H

#include <stdbool.h>
#include <stddef.h>

#define USER_NAME_SIZE 33 /* [a-z0-9-]{1,32} and NUL */

enum user_role {
    USER_UNKNOWN = 0, /* not in the file: may look, not touch */
    USER_SCREEN,      /* the same, and the broker lets it see and ask for less */
    USER_FARMER,
    USER_TECHNICIAN
};

const char *user_role_name(enum user_role role);
/* false: no such role. */
bool user_role_parse(const char *name, enum user_role *role);
bool user_name_valid(const char *name);

/* Takes a line of the file apart. false: it is no user of a role that there is. */
bool user_line(const char *line, char name[USER_NAME_SIZE], enum user_role *role);

/* The path of the users file that goes with a configuration file; false: too long. */
bool users_path(const char *config_file, char *out, size_t size);
/* The role of a name in the file; USER_UNKNOWN also when there is no file. Reads the file anew. */
enum user_role users_role(const char *path, const char *name);

#endif
