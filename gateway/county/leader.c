/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/leader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char session_options[] = "-c timezone=UTC -c statement_timeout=15000";

struct leader *leader_create(const char *conninfo, const char *lock)
{
    struct leader *leader = calloc(1, sizeof *leader);
    if (leader == NULL)
        return NULL;
    leader->lock = lock;
    leader->conninfo = strdup(conninfo);
    if (leader->conninfo != NULL)
        return leader;
    free(leader);
    return NULL;
}

static void disconnect(struct leader *leader)
{
    connection_close(&leader->connection);
    leader->leads = false;
}

void leader_destroy(struct leader *leader)
{
    if (leader == NULL)
        return;
    disconnect(leader);
    free(leader->conninfo);
    free(leader);
}

PGresult *leader_query(struct leader *leader, const char *sql, int count,
                       const char *const *parameters, char *why, size_t why_size)
{
    PGresult *result =
        PQexecParams(leader->connection.db, sql, count, NULL, parameters, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    (void)snprintf(why, why_size, "%.200s", PQerrorMessage(leader->connection.db));
    PQclear(result);
    disconnect(leader);
    return NULL;
}

bool leader_execute(struct leader *leader, const char *sql, int count,
                    const char *const *parameters, char *why, size_t why_size)
{
    PGresult *result = leader_query(leader, sql, count, parameters, why, why_size);
    PQclear(result);
    return result != NULL;
}

bool leader_connected(struct leader *leader, char *why, size_t why_size)
{
    bool fresh = false;
    bool good = connection_open(&leader->connection, leader->conninfo, "baiye-county",
                                session_options, &fresh);
    leader->leads = leader->leads && good && !fresh;
    if (!good)
        (void)snprintf(why, why_size, "%s", leader->connection.why);
    return good;
}

bool leader_step(struct leader *leader, char *why, size_t why_size)
{
    const char *parameters[] = {leader->lock};
    if (!leader_connected(leader, why, why_size))
        return false;
    if (leader->leads)
        return true;
    PGresult *result =
        leader_query(leader, "SELECT pg_try_advisory_lock($1::int8)", 1, parameters, why, why_size);
    leader->leads = result != NULL && PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    return result != NULL;
}
