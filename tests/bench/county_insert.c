/* SPDX-License-Identifier: Apache-2.0 */
/* The yardstick of the county's programs: the same rows by libpq alone.
 * bench-county CONNINFO insert N        N times INSERT of one row and COMMIT, prepared
 * bench-county CONNINFO copy FILE N     FILE (a COPY … BINARY of one message) N times, a
 * transaction each Both into table `yardstick`. Prints its processor time in seconds and the server
 * process that worked for it, which stays until standard input ends. */
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

static bool insert(long count)
{
    if (!run(PQprepare(db, "one",
                       "INSERT INTO yardstick (stream, seq, ts, air_temperature, flags)"
                       " VALUES (1, $1, to_timestamp($2), 13.5, '{}')",
                       2, NULL)))
        return false;
    for (long i = 0; i < count; i++) {
        char seq[24], ts[24];
        const char *values[] = {seq, ts};
        (void)snprintf(seq, sizeof seq, "%ld", i);
        (void)snprintf(ts, sizeof ts, "%ld", 1795000000 + i);
        if (!run(PQexec(db, "BEGIN")) ||
            !run(PQexecPrepared(db, "one", 2, values, NULL, NULL, 0)) || !run(PQexec(db, "COMMIT")))
            return false;
    }
    return true;
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
    if (argc < 4)
        return 64;
    db = PQconnectdb(argv[1]);
    bool good = PQstatus(db) == CONNECTION_OK;
    if (good && strcmp(argv[2], "insert") == 0)
        good = insert(strtol(argv[3], NULL, 10));
    else if (good && argc == 5)
        good = copy(argv[3], strtol(argv[4], NULL, 10));
    printf("%.6f %d\n", cpu_s(), PQbackendPID(db));
    (void)fflush(stdout);
    while (getchar() != EOF)
        continue;
    PQfinish(db);
    return good ? 0 : 1;
}
