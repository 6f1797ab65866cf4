/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to PostgreSQL. What fails leaves in `why` its SQLSTATE and PostgreSQL's words. One
 * thread. */
#ifndef BAIYE_COUNTY_CONNECTION_H
#define BAIYE_COUNTY_CONNECTION_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "gateway/county/copy.h"

#define CONNECTION_WHY_SIZE       300
#define CONNECTION_PARAMETERS_MAX 16

struct connection { /* all zero: closed */
    PGconn *db;
    char why[CONNECTION_WHY_SIZE]; /* "22023 what is wrong" */
    bool queueing;
    unsigned queued; /* statements on their way, whose results are not looked at yet */
};

/* `conninfo`: libpq's connection string; `options`: of the session ("-c NAME=VALUE"). Waits at most
 * 10 s. true: it stands, or stood already (`*fresh`: it is a new one). */
bool connection_open(struct connection *connection, const char *conninfo, const char *program,
                     const char *options, bool *fresh);
void connection_close(struct connection *connection);

/* Is the result what is `wanted`? Clears it, unless it is and the caller keeps it (`*keep`). */
bool connection_check(struct connection *connection, PGresult *result, ExecStatusType wanted,
                      PGresult **keep);
bool connection_run(struct connection *connection, const char *sql);
/* Prepared statements: with rows, which the caller clears; and without. */
bool connection_query(struct connection *connection, const char *name, int count,
                      const char *const *parameters, PGresult **result);
bool connection_execute(struct connection *connection, const char *name, int count,
                        const char *const *parameters);
/* The same with parameters in PostgreSQL's binary format, `copies[i]` is all of parameter i; and
 * behind them texts. */
bool connection_execute_binary(struct connection *connection, const char *name, int count,
                               const struct copy *const *copies, int text_count,
                               const char *const *texts);
/* "BEGIN" and a query, with one answer to wait for. */
bool connection_begin_and_query(struct connection *connection, const char *name, int count,
                                const char *const *parameters, PGresult **result);
/* A prepared statement and its parameters, as libpq has them; `sizes` and `formats` NULL: texts. */
struct connection_call {
    const char *name;
    int count;
    const char *const *parameters;
    const int *sizes, *formats;
};
/* Both in one transaction, with one answer to wait for. `*changed`: the second one has changed a
 * row. */
bool connection_execute_two(struct connection *connection, const struct connection_call *first,
                            const struct connection_call *second, bool *changed);
/* From here on connection_execute() sends and does not wait; nothing else may be called. */
bool connection_queue(struct connection *connection);
/* Sends "COMMIT" behind them and waits for all. false: at least one failed, the first says why, and
 * nothing is committed. */
bool connection_commit_queue(struct connection *connection);
/* Waits for them without committing, when something else went wrong; keeps `why`. */
void connection_drop_queue(struct connection *connection);
/* Gives false, for a last line. */
bool connection_no_memory(struct connection *connection);

#endif
