/* SPDX-License-Identifier: Apache-2.0 */
/* Between backup.c and restore.c. */
#ifndef BAIYE_CLI_BACKUP_H
#define BAIYE_CLI_BACKUP_H

#include <stdbool.h>

struct backup_options {
    const char *config, *socket, *file;
    bool force;
};

/* Puts the archive in place while no daemon runs; an exit code of sysexits.h. */
int restore_run(const struct backup_options *options);

#endif
