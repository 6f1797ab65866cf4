/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye-county CONFIG upgrade …`: which ring of the repository (baiye-county-repo) a gateway is
 * in, and what runs where. The running program tells the gateways (rollout.h). */
#ifndef BAIYE_COUNTY_UPGRADE_COMMAND_H
#define BAIYE_COUNTY_UPGRADE_COMMAND_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

extern const char upgrade_command_help[];

/* `words`: behind "upgrade". false: `why`. Prints to standard output. */
bool upgrade_command(PGconn *db, int count, char **words, char *why, size_t why_size);

#endif
