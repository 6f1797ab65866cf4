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
    connection->queueing = false;
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

bool connection_check(struct connection *connection, PGresult *result, ExecStatusType wanted,
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
    return connection_check(connection, PQexec(connection->db, sql), PGRES_COMMAND_OK, NULL);
}

bool connection_query(struct connection *connection, const char *name, int count,
                      const char *const *parameters, PGresult **result)
{
    return connection_check(connection,
                            PQexecPrepared(connection->db, name, count, parameters, NULL, NULL, 0),
                            PGRES_TUPLES_OK, result);
}

/* ---- Several statements, one answer to wait for ---- */

static bool failed_to_send(struct connection *connection)
{
    (void)snprintf(connection->why, sizeof connection->why, "----- %.200s",
                   PQerrorMessage(connection->db));
    return false;
}

bool connection_queue(struct connection *connection)
{
    connection->queued = 0;
    connection->queueing = PQenterPipelineMode(connection->db) == 1;
    return connection->queueing || failed_to_send(connection);
}

static bool send_text(struct connection *connection, const char *sql)
{
    if (PQsendQueryParams(connection->db, sql, 0, NULL, NULL, NULL, NULL, 0) != 1)
        return failed_to_send(connection);
    connection->queued++;
    return true;
}

static bool send_prepared(struct connection *connection, const struct connection_call *call)
{
    if (PQsendQueryPrepared(connection->db, call->name, call->count, call->parameters, call->sizes,
                            call->formats, 0) != 1)
        return failed_to_send(connection);
    connection->queued++;
    return true;
}

/* The results of all that was sent: the first that failed says why; the last one, which is what is
 * `wanted`, is kept if it is asked for. A connection that can't go on is closed. */
static bool end_queue(struct connection *connection, bool sent, ExecStatusType wanted,
                      PGresult **last)
{
    bool good = PQpipelineSync(connection->db) == 1 ? sent : failed_to_send(connection);
    for (unsigned i = 0; i < connection->queued; i++) {
        PGresult *result = PQgetResult(connection->db);
        bool keep = last != NULL && i + 1 == connection->queued;
        if (good)
            good = connection_check(connection, result, keep ? wanted : PGRES_COMMAND_OK,
                                    keep ? last : NULL);
        else
            PQclear(result);
        if (result != NULL)
            PQclear(PQgetResult(connection->db)); /* NULL: the end of that statement */
    }
    PQclear(PQgetResult(connection->db)); /* the sync */
    connection->queueing = false;
    if (PQexitPipelineMode(connection->db) == 1)
        return good;
    if (good && last != NULL) {
        PQclear(*last);
        *last = NULL;
    }
    (void)failed_to_send(connection);
    connection_close(connection);
    return false;
}

bool connection_commit_queue(struct connection *connection)
{
    return end_queue(connection, send_text(connection, "COMMIT"), PGRES_COMMAND_OK, NULL);
}

void connection_drop_queue(struct connection *connection)
{
    (void)end_queue(connection, false, PGRES_COMMAND_OK, NULL);
}

bool connection_begin_and_query(struct connection *connection, const char *name, int count,
                                const char *const *parameters, PGresult **result)
{
    if (!connection_queue(connection))
        return false;
    const struct connection_call call = {name, count, parameters, NULL, NULL};
    bool sent = send_text(connection, "BEGIN") && send_prepared(connection, &call);
    return end_queue(connection, sent, PGRES_TUPLES_OK, result);
}

bool connection_execute_two(struct connection *connection, const struct connection_call *first,
                            const struct connection_call *second, bool *changed)
{
    PGresult *result = NULL;
    *changed = false;
    if (!connection_queue(connection))
        return false;
    bool sent = send_prepared(connection, first) && send_prepared(connection, second);
    if (!end_queue(connection, sent, PGRES_COMMAND_OK, &result))
        return false;
    *changed = PQcmdTuples(result)[0] != '0';
    PQclear(result);
    return true;
}

static bool execute(struct connection *connection, const struct connection_call *call)
{
    if (connection->queueing)
        return send_prepared(connection, call);
    return connection_check(connection,
                            PQexecPrepared(connection->db, call->name, call->count,
                                           call->parameters, call->sizes, call->formats, 0),
                            PGRES_COMMAND_OK, NULL);
}

bool connection_execute(struct connection *connection, const char *name, int count,
                        const char *const *parameters)
{
    const struct connection_call call = {name, count, parameters, NULL, NULL};
    return execute(connection, &call);
}

bool connection_execute_binary(struct connection *connection, const char *name, int count,
                               const struct copy *const *copies, int text_count,
                               const char *const *texts)
{
    const char *parameters[CONNECTION_PARAMETERS_MAX];
    int sizes[CONNECTION_PARAMETERS_MAX], formats[CONNECTION_PARAMETERS_MAX];
    for (int i = 0; i < count + text_count && i < CONNECTION_PARAMETERS_MAX; i++) {
        if (i >= count) {
            parameters[i] = texts[i - count];
            sizes[i] = formats[i] = 0;
            continue;
        }
        if (copies[i]->failed)
            return connection_no_memory(connection);
        parameters[i] = (const char *)copies[i]->data;
        sizes[i] = (int)copies[i]->used;
        formats[i] = 1;
    }
    const struct connection_call call = {name, count + text_count, parameters, sizes, formats};
    return execute(connection, &call);
}

bool connection_no_memory(struct connection *connection)
{
    (void)snprintf(connection->why, sizeof connection->why, "53200 no memory");
    return false;
}
