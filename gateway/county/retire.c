/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/retire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/county/enrol.h"

#define OF_SITE "gw IN (SELECT gw FROM gateway WHERE site = $1)"
#define STREAMS "stream IN (SELECT id FROM stream WHERE " OF_SITE ")"

/* Each has the site as its only parameter. The gateways' rows come first: baiye-ingest locks them
 * before it writes anything of theirs. They stay, so that nothing is taken in their names. */
static const char *const ending[] = {
    "UPDATE gateway SET retired = coalesce(retired, now()) WHERE site = $1",
    "DELETE FROM suspect WHERE " OF_SITE,
    "DELETE FROM asked WHERE " OF_SITE,
    "DELETE FROM silence WHERE site = $1",
    "DELETE FROM config_seen WHERE site = $1",
    "DELETE FROM upgrade WHERE site = $1",
    "DELETE FROM document WHERE site = $1 AND name LIKE 'alert/%'",
    "DELETE FROM wanted WHERE site = $1 AND state IN ('waiting', 'asked', 'trying', 'overdue')",
    NULL,
};
static const char readings[] = "DELETE FROM reading WHERE " STREAMS;
static const char *const removing[] = {
    "DELETE FROM hour WHERE " STREAMS,
    "DELETE FROM thinned WHERE " STREAMS,
    "DELETE FROM misdated WHERE " STREAMS,
    "DELETE FROM stream WHERE " OF_SITE,
    "DELETE FROM correction WHERE " OF_SITE,
    "DELETE FROM document WHERE site = $1",
    "DELETE FROM day WHERE site = $1",
    "DELETE FROM wanted WHERE site = $1",
    "DELETE FROM dead WHERE site = $1",
    "DELETE FROM dead_more WHERE site = $1",
    NULL,
};

/* Rows that it changed; -1: `why`. */
static int64_t change(PGconn *db, const char *sql, int count, const char *const *parameters,
                      char *why, size_t why_size)
{
    PGresult *result = PQexecParams(db, sql, count, NULL, parameters, NULL, NULL, 0);
    bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
    int64_t rows = good ? strtoll(PQcmdTuples(result), NULL, 10) : -1;
    if (!good)
        (void)snprintf(why, why_size, "%.200s", PQresultErrorMessage(result));
    PQclear(result);
    return rows;
}

static bool change_all(PGconn *db, const char *const *statements, const char *site, char *why,
                       size_t why_size)
{
    for (; *statements != NULL; statements++) {
        if (change(db, *statements, 1, &site, why, why_size) < 0)
            return false;
    }
    return true;
}

static bool note_retired(PGconn *db, const char *site, bool remove, const char *who, char *why,
                         size_t why_size)
{
    const char *parameters[] = {site, who, remove ? "t" : "f"};
    int64_t rows = change(db,
                          "INSERT INTO retired (site, who, removed) SELECT $1, $2, $3::bool WHERE"
                          " EXISTS (SELECT FROM gateway WHERE site = $1) OR"
                          " EXISTS (SELECT FROM certificate WHERE site = $1) ON CONFLICT (site)"
                          " DO UPDATE SET removed = retired.removed OR excluded.removed",
                          3, parameters, why, why_size);
    if (rows == 0)
        (void)snprintf(why, why_size, "no garden \"%.40s\" is known", site);
    return rows > 0;
}

static bool end_rows(PGconn *db, const char *site, bool remove, const char *who,
                     struct retired *done, char *why, size_t why_size)
{
    if (!note_retired(db, site, remove, who, why, why_size) ||
        !change_all(db, ending, site, why, why_size))
        return false;
    done->readings = remove ? change(db, readings, 1, &site, why, why_size) : 0;
    return done->readings >= 0 && (!remove || change_all(db, removing, site, why, why_size)) &&
           audit_note(db, who, remove ? "retired, data removed" : "retired, data kept", site);
}

bool retire_garden(PGconn *db, const struct settings *settings, const char *site, bool remove,
                   const char *who, struct retired *done, char *why, size_t why_size)
{
    *done = (struct retired){.certificates = -1};
    why[0] = '\0';
    /* First: from here on nobody connects in its name. */
    if (settings->enrol.ca_file[0] != '\0') {
        done->certificates = enrol_revoke(db, settings, site, why, why_size);
        if (done->certificates < 0)
            return false;
    }
    bool good = change(db, "BEGIN", 0, NULL, why, why_size) >= 0 &&
                end_rows(db, site, remove, who, done, why, why_size);
    char unused[8];
    bool ended = change(db, good ? "COMMIT" : "ROLLBACK", 0, NULL, good ? why : unused,
                        good ? why_size : sizeof unused) >= 0;
    if (!good && why[0] == '\0')
        (void)snprintf(why, why_size, "%.200s", PQerrorMessage(db));
    return good && ended;
}

bool retire_word(const char *word, bool *remove)
{
    *remove = strcmp(word, "remove") == 0;
    return *remove || strcmp(word, "keep") == 0;
}

bool audit_note(PGconn *db, const char *who, const char *what, const char *site)
{
    const char *parameters[] = {who, what, site};
    char why[8];
    return change(db, "INSERT INTO audit (who, what, site) VALUES ($1, $2, $3)", 3, parameters, why,
                  sizeof why) >= 0;
}
