/* SPDX-License-Identifier: Apache-2.0 */
/* Between backup.c and restore.c. */
#ifndef BAIYE_CLI_BACKUP_H
#define BAIYE_CLI_BACKUP_H

#include <stdbool.h>

struct backup_options {
    const char *config, *socket, *file;
    const char *passphrase_file; /* NULL: a terminal is asked */
    bool force, with_ca;
};

/* Puts the archive in place while no daemon runs; an exit code of sysexits.h. */
int restore_run(const struct backup_options *options);

/* What restore puts aside is named so behind its own name. */
#define BACKUP_ASIDE ".before-restore"
/* Is it, by its name, one of the files that a site has in its configuration's folder? */
bool backup_is_site_file(const char *name);

#endif
