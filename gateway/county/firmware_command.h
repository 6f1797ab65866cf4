/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye-county CONFIG firmware …`: what the operator does about nodes' firmware (firmware.h). */
#ifndef BAIYE_COUNTY_FIRMWARE_COMMAND_H
#define BAIYE_COUNTY_FIRMWARE_COMMAND_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

extern const char firmware_command_help[];

/* `words`: behind "firmware". false: `why`. Prints to standard output. */
bool firmware_command(PGconn *db, int count, char **words, char *why, size_t why_size);
/* Does it change something, for the audit? */
bool firmware_command_changes(const char *verb);

#endif
