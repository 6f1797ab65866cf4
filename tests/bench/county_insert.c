/* SPDX-License-Identifier: Apache-2.0 */
/* The yardstick of the county's programs: the same rows by libpq alone, into table `yardstick`.
 * bench-county CONNINFO insert FILE COLUMNS  each line of FILE (rows as COPY writes them as text)
 * by INSERT, prepared once, and COMMIT bench-county CONNINFO copy FILE N          FILE (a COPY …
 * BINARY of one message) N times, a transaction each Prints its processor time in seconds and the
 * server process that worked for it, which stays until standard input ends. */
#include <libpq-fe.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static PGconn *db;

static bool run(PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    bool good = status == PGRES_COMMAND_OK || status == PGRES_COPY_IN;
    if (!good)
        (void)fprintf(stderr, "%s", PQerrorMessage(db));
    PQclear(result);
    return good;
}

static double cpu_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

#define COLUMNS_MAX 100

/* Takes a line apart. */
static int split(char *line, const char *values[COLUMNS_MAX])
{
    int count = 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *at = strsep(&line, "\t"); at != NULL && count < COLUMNS_MAX;
         at = strsep(&line, "\t"))
        values[count++] = strcmp(at, "\\N") == 0 ? NULL : at;
    return count;
}

static bool prepare(const char *columns)
{
    char sql[4000];
    int size = snprintf(sql, sizeof sql, "INSERT INTO yardstick (%s) VALUES ($1", columns);
    int number = 1;
    for (const char *at = columns; *at != '\0' && size < (int)sizeof sql; at++) {
        if (*at == ',')
            size += snprintf(sql + size, sizeof sql - (size_t)size, ", $%d", ++number);
    }
    if (size >= (int)sizeof sql - 1)
        return false;
    (void)strcat(sql, ")");
    return run(PQprepare(db, "one", sql, 0, NULL));
}

static bool insert(const char *path, const char *columns)
{
    static char line[10000];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    bool good = prepare(columns);
    while (good && fgets(line, sizeof line, file) != NULL) {
        const char *values[COLUMNS_MAX];
        int count = split(line, values);
        good = run(PQexec(db, "BEGIN")) &&
               run(PQexecPrepared(db, "one", count, values, NULL, NULL, 0)) &&
               run(PQexec(db, "COMMIT"));
    }
    (void)fclose(file);
    return good;
}

static bool copy(const char *path, long count)
{
    static char data[1 << 20];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    size_t size = fread(data, 1, sizeof data, file);
    (void)fclose(file);
    for (long i = 0; i < count; i++) {
        if (!run(PQexec(db, "COPY yardstick FROM STDIN BINARY")) ||
            PQputCopyData(db, data, (int)size) != 1 || PQputCopyEnd(db, NULL) != 1 ||
            !run(PQgetResult(db)))
            return false;
        PQclear(PQgetResult(db));
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 64;
    db = PQconnectdb(argv[1]);
    bool good = PQstatus(db) == CONNECTION_OK;
    if (good && strcmp(argv[2], "insert") == 0)
        good = insert(argv[3], argv[4]);
    else if (good)
        good = copy(argv[3], strtol(argv[4], NULL, 10));
    printf("%.6f %d\n", cpu_s(), PQbackendPID(db));
    (void)fflush(stdout);
    while (getchar() != EOF)
        continue;
    PQfinish(db);
    return good ? 0 : 1;
}
