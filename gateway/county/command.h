/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator's commands at the database share: one statement at a time, why it failed, rows
 * as lines. One thread. */
#ifndef BAIYE_COUNTY_COMMAND_H
#define BAIYE_COUNTY_COMMAND_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

struct command {
    PGconn *db;
    char *why;
    size_t why_size;
};

/* Says why: `what` and `which`. Always false. */
bool command_fail(struct command *command, const char *what, const char *which);
/* The caller clears the result. NULL: it failed, and why is said. */
PGresult *command_query(struct command *command, const char *sql, int count,
                        const char *const *parameters);
/* How many rows it changed or gave; -1: it failed, and why is said. */
int command_execute(struct command *command, const char *sql, int count,
                    const char *const *parameters);
/* Rows as lines on standard output, their columns with a tabulator between; a newline in one is a
 * blank. The last `reasons` columns are reasons, in the reader's language. false: it failed, and
 * why is said. */
bool command_print(struct command *command, const char *sql, int count,
                   const char *const *parameters, int reasons);

#endif
