/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye-county CONFIG config …`: what the operator does about gateways' configurations
 * (rollout.h). */
#ifndef BAIYE_COUNTY_CONFIG_COMMAND_H
#define BAIYE_COUNTY_CONFIG_COMMAND_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

extern const char config_command_help[];

/* `words`: behind "config". false: `why`. Prints to standard output. */
bool config_command(PGconn *db, int count, char **words, char *why, size_t why_size);

#endif
