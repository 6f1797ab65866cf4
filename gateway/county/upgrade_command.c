/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/upgrade_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/upgrade_state.h"

/* NULL: it failed, and `why` says it. */
static PGresult *ask(PGconn *db, const char *sql, int count, const char *const *parameters,
                     char *why, size_t why_size)
{
    PGresult *result = PQexecParams(db, sql, count, NULL, parameters, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return result;
    (void)snprintf(why, why_size, "%.300s", PQresultErrorMessage(result));
    PQclear(result);
    return NULL;
}

static bool print_rows(PGconn *db, const char *sql, char *why, size_t why_size)
{
    PGresult *result = ask(db, sql, 0, NULL, why, why_size);
    for (int row = 0; result != NULL && row < PQntuples(result); row++) {
        for (int i = 0; i < PQnfields(result); i++) {
            (void)fputs(i > 0 ? "\t" : "", stdout);
            for (const char *at = PQgetvalue(result, row, i); *at != '\0'; at++)
                (void)putchar((unsigned char)*at < 0x20 ? ' ' : *at);
        }
        (void)putchar('\n');
    }
    PQclear(result);
    return result != NULL;
}

#define GATEWAYS                                                                                   \
    " FROM garden_now g LEFT JOIN upgrade u USING (site) LEFT JOIN LATERAL (SELECT"                \
    " body ->> 'what' AS what FROM document WHERE site = g.site AND name = 'alert/upgrade'"        \
    " ORDER BY at DESC LIMIT 1) a ON true"

static const char rings[] =
    "SELECT coalesce(nullif(u.suite, ''), '-'), coalesce(g.version, '-'), count(*) || ' gateways',"
    " count(a.what) || ' have gone back'" GATEWAYS " GROUP BY 1, 2 ORDER BY 1, 2";
static const char list[] =
    "SELECT g.site, coalesce(nullif(u.suite, ''), '-'), coalesce(g.version, '-'),"
    " CASE WHEN u.wanted THEN 'asked' WHEN u.answer <> '' THEN u.answer WHEN u.at IS NOT NULL"
    "  THEN 'asked ' || to_char(u.at, 'YYYY-MM-DD HH24:MI') ELSE '' END, coalesce(a.what, "
    "'')" GATEWAYS " ORDER BY 2, 1";
static const char want[] = "INSERT INTO upgrade (site, suite) SELECT DISTINCT site, $1 FROM gateway"
                           " WHERE retired IS NULL AND ($2 = 'all' OR site = $2) ON CONFLICT "
                           "(site) DO UPDATE SET wanted = true, said = NULL,"
                           " answer = '', suite = CASE WHEN $1 = '' THEN upgrade.suite ELSE $1 END";

static bool want_all(PGconn *db, const char *suite, int count, char **sites, char *why,
                     size_t why_size)
{
    long asked = 0;
    for (int i = 0; i < count; i++) {
        const char *parameters[] = {suite, sites[i]};
        PGresult *result = ask(db, want, 2, parameters, why, why_size);
        long rows = result != NULL ? strtol(PQcmdTuples(result), NULL, 10) : -1;
        PQclear(result);
        if (rows == 0)
            (void)snprintf(why, why_size, "no gateway has been heard of: %.64s", sites[i]);
        if (rows <= 0)
            return false;
        asked += rows;
    }
    (void)printf("%ld gateways are asked\n", asked);
    return true;
}

bool upgrade_command(PGconn *db, int count, char **words, char *why, size_t why_size)
{
    const char *verb = count > 0 ? words[0] : "";
    if (strcmp(verb, "rings") == 0 && count == 1)
        return print_rows(db, rings, why, why_size);
    if (strcmp(verb, "list") == 0 && count == 1)
        return print_rows(db, list, why, why_size);
    if (count >= 2 && (strcmp(verb, "now") == 0 || upgrade_is_suite(verb)))
        return want_all(db, strcmp(verb, "now") == 0 ? "" : verb, count - 1, words + 1, why,
                        why_size);
    (void)snprintf(why, why_size,
                   "upgrade: rings, list, or canary, early, stable or now, and SITE... or all");
    return false;
}
