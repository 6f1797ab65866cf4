/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to PostgreSQL. What fails leaves in `why` its SQLSTATE and PostgreSQL's words. One
 * thread. */
#ifndef BAIYE_COUNTY_CONNECTION_H
#define BAIYE_COUNTY_CONNECTION_H

#include <libpq-fe.h>
#include <stdbool.h>

#define CONNECTION_WHY_SIZE 300

struct connection { /* all zero: closed */
    PGconn *db;
    char why[CONNECTION_WHY_SIZE]; /* "22023 what is wrong" */
};

/* `conninfo`: libpq's connection string; `options`: of the session ("-c NAME=VALUE"). Waits at most
 * 10 s. true: it stands, or stood already (`*fresh`: it is a new one). */
bool connection_open(struct connection *connection, const char *conninfo, const char *program,
                     const char *options, bool *fresh);
void connection_close(struct connection *connection);

/* Is the result what is `wanted`? Clears it, unless it is and the caller keeps it (`*keep`). */
bool connection_judge(struct connection *connection, PGresult *result, ExecStatusType wanted,
                      PGresult **keep);
bool connection_run(struct connection *connection, const char *sql);
/* Prepared statements: with rows, which the caller clears; and without. */
bool connection_ask(struct connection *connection, const char *name, int count,
                    const char *const *parameters, PGresult **result);
bool connection_tell(struct connection *connection, const char *name, int count,
                     const char *const *parameters);
/* Gives false, for a last line. */
bool connection_no_memory(struct connection *connection);

#endif
