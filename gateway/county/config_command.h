/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye-county CONFIG config …`: what the operator does about gateways' configurations
 * (rollout.h).
 *
 *   list                      roll-outs, and how many gateways are where
 *   show ID                   each gateway of one
 *   get SITE                  a gateway's file, as it says now
 *   put FOLDER [--at-once] [--stop PERCENT] [--confirm SECONDS]
 *                             SITE.yaml of the folder are wanted there, in the place of what `get`
 *                             got: one gateway in a hundred first, then one in ten, then all
 *   stop ID, go ID            no further gateway; on again */
#ifndef BAIYE_COUNTY_CONFIG_COMMAND_H
#define BAIYE_COUNTY_CONFIG_COMMAND_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

/* `words`: behind "config". false: `why`. Prints to standard output. */
bool config_command(PGconn *db, int count, char **words, char *why, size_t why_size);

#endif
