/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye-county CONFIG firmware …`: what the operator does about the nodes' firmware (firmware.h).
 *
 *   list                      roll-outs, and how many gateways are where
 *   show ID                   each gateway of one: ring, state, board, version, its nodes
 *   boards                    which version the last roll-out has brought to each board and ring
 *   put FILE [--stop PERCENT] [--share PERCENT] [--soak SECONDS] [--deadline SECONDS]
 *                             a signed image file, to all gateways by rings
 *   pause ID, abort ID        no further gateway; abort also ends what is under way
 *   go ID [--stop PERCENT] [--share PERCENT]    on again */
#ifndef BAIYE_COUNTY_FIRMWARE_COMMAND_H
#define BAIYE_COUNTY_FIRMWARE_COMMAND_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

/* `words`: behind "firmware". false: `why`. Prints to standard output. */
bool firmware_command(PGconn *db, int count, char **words, char *why, size_t why_size);
/* Does it change something, for the audit? */
bool firmware_command_changes(const char *verb);

#endif
