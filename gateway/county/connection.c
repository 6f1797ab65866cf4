/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/connection.h"

#include <stddef.h>
#include <stdio.h>

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

bool connection_open(struct connection *connection, const char *conninfo, const char *program,
                     const char *options, bool *fresh)
{
    static const char *const names[] = {"dbname", "connect_timeout", "application_name", "options",
                                        NULL};
    const char *const values[] = {conninfo, "10", program, options, NULL};
    *fresh = connection->db == NULL || PQstatus(connection->db) != CONNECTION_OK;
    if (!*fresh)
        return true;
    connection_close(connection);
    connection->db = PQconnectdbParams(names, values, 1);
    if (PQstatus(connection->db) == CONNECTION_OK) {
        (void)PQsetNoticeProcessor(connection->db, ignore_notice, NULL);
        return true;
    }
    (void)snprintf(connection->why, sizeof connection->why, "%.200s",
                   PQerrorMessage(connection->db));
    connection_close(connection);
    return false;
}

void connection_close(struct connection *connection)
{
    PQfinish(connection->db);
    connection->db = NULL;
}

bool connection_judge(struct connection *connection, PGresult *result, ExecStatusType wanted,
                      PGresult **keep)
{
    bool good = PQresultStatus(result) == wanted;
    if (!good) {
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        (void)snprintf(connection->why, sizeof connection->why, "%.5s %.250s",
                       state != NULL ? state : "-----",
                       text != NULL ? text : PQerrorMessage(connection->db));
    }
    if (good && keep != NULL)
        *keep = result;
    else
        PQclear(result);
    return good;
}

bool connection_run(struct connection *connection, const char *sql)
{
    return connection_judge(connection, PQexec(connection->db, sql), PGRES_COMMAND_OK, NULL);
}

bool connection_ask(struct connection *connection, const char *name, int count,
                    const char *const *parameters, PGresult **result)
{
    return connection_judge(connection,
                            PQexecPrepared(connection->db, name, count, parameters, NULL, NULL, 0),
                            PGRES_TUPLES_OK, result);
}

bool connection_tell(struct connection *connection, const char *name, int count,
                     const char *const *parameters)
{
    return connection_judge(connection,
                            PQexecPrepared(connection->db, name, count, parameters, NULL, NULL, 0),
                            PGRES_COMMAND_OK, NULL);
}

bool connection_no_memory(struct connection *connection)
{
    (void)snprintf(connection->why, sizeof connection->why, "53200 no memory");
    return false;
}
