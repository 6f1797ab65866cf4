/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye-county CONFIG upgrade …`: which ring of the repository (baiye-county-repo) a gateway is
 * in, and what runs where. The running program tells the gateways (rollout.h).
 *
 *   rings                 how many gateways of each ring run which version, and have gone back
 *   list                  each gateway: ring, version, what came of the last request
 *   SUITE SITE… | all     these are in this ring from now on, and look there now; "now" for SUITE:
 *                         they look where they are */
#ifndef BAIYE_COUNTY_UPGRADE_COMMAND_H
#define BAIYE_COUNTY_UPGRADE_COMMAND_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

/* `words`: behind "upgrade". false: `why`. Prints to standard output. */
bool upgrade_command(PGconn *db, int count, char **words, char *why, size_t why_size);

#endif
