/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/command.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/county/reason.h"

bool command_fail(struct command *command, const char *what, const char *which)
{
    (void)snprintf(command->why, command->why_size, "%s%s", what, which);
    return false;
}

PGresult *command_query(struct command *command, const char *sql, int count,
                        const char *const *parameters)
{
    PGresult *result = PQexecParams(command->db, sql, count, NULL, parameters, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    (void)snprintf(command->why, command->why_size, "%.300s", PQresultErrorMessage(result));
    PQclear(result);
    return NULL;
}

int command_execute(struct command *command, const char *sql, int count,
                    const char *const *parameters)
{
    PGresult *result = command_query(command, sql, count, parameters);
    int rows = result != NULL ? (int)strtol(PQcmdTuples(result), NULL, 10) : -1;
    PQclear(result);
    return rows;
}

bool command_print(struct command *command, const char *sql, int count,
                   const char *const *parameters, int reasons)
{
    char reason[600];
    PGresult *result = command_query(command, sql, count, parameters);
    for (int row = 0; result != NULL && row < PQntuples(result); row++) {
        for (int i = 0; i < PQnfields(result); i++) {
            const char *text = PQgetvalue(result, row, i);
            if (i >= PQnfields(result) - reasons) {
                reason_say(text, reason, sizeof reason);
                text = reason;
            }
            (void)fputs(i > 0 ? "\t" : "", stdout);
            for (; *text != '\0'; text++)
                (void)putchar((unsigned char)*text < 0x20 ? ' ' : *text);
        }
        (void)putchar('\n');
    }
    PQclear(result);
    return result != NULL;
}
