/* SPDX-License-Identifier: Apache-2.0 */
/* The store flat out, and bare SQLite as its yardstick.
 *   bench-store ours PATH READINGS VALUES       the daemon's store
 *   bench-store bare PATH READINGS PER_COMMIT   one row a reading, WAL, FULL, as many a commit */
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>

#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/store.h"
#include "tests/unit/store/garden_config.h"

#define DEVICES 100
#define AHEAD   20000 /* readings in memory at most: it is the disk that is measured */

static double now_s(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run_ours(const char *path, unsigned long count, unsigned values)
{
    struct config *config = garden_config(DEVICES, 1, path);
    garden_widen(config, values);
    config->store_max_bytes = UINT64_C(1) << 30;
    config->commit_every_ms = 1000;
    struct store *store = store_open(config, "");
    if (store == NULL || !store_start(store))
        return 1;
    int wake_fd = eventfd(0, EFD_NONBLOCK);
    store_set_wake(store, wake_fd);
    const struct reading_sink *sink = store_sink(store);
    struct store_stats stats;
    double began = now_s();
    for (unsigned long i = 0; i < count; i++) {
        struct reading reading =
            garden_reading((uint16_t)(i % DEVICES), store_boot(store), (uint32_t)(i / DEVICES + 1),
                           1795233600000 + (int64_t)i);
        sink->reading(sink->context, &reading);
        while (i % 1000 == 0) {
            struct pollfd fd = {.fd = wake_fd, .events = POLLIN};
            eventfd_t woken = 0;
            store_stats(store, &stats);
            if (i - stats.stored < AHEAD)
                break;
            if (poll(&fd, 1, 100) > 0)
                (void)eventfd_read(wake_fd, &woken);
        }
    }
    store_stop(store);
    double took = now_s() - began;
    struct stat st;
    if (stat(path, &st) != 0)
        return 1;
    printf("{\"per_s\":%.0f,\"commits\":%llu,\"file\":%lld,\"written\":%llu}\n",
           (double)count / took, (unsigned long long)stats.commits, (long long)st.st_size,
           (unsigned long long)stats.bytes_written);
    garden_config_free(config);
    return 0;
}

static int run_bare(const char *path, unsigned long count, unsigned per_commit)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *insert = NULL;
    unsigned char body[32] = {0};
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db,
                     "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
                     "PRAGMA synchronous=FULL; CREATE TABLE reading(id INTEGER PRIMARY KEY"
                     " AUTOINCREMENT, device INTEGER, boot INTEGER, seq INTEGER, ts INTEGER,"
                     " body BLOB) STRICT",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "INSERT INTO reading(device, boot, seq, ts, body) VALUES(?,?,?,?,?)",
                           -1, &insert, NULL) != SQLITE_OK)
        return 1;
    double began = now_s();
    for (unsigned long i = 0; i < count; i++) {
        if (i % per_commit == 0)
            (void)sqlite3_exec(db, i > 0 ? "COMMIT; BEGIN" : "BEGIN", NULL, NULL, NULL);
        sqlite3_bind_int64(insert, 1, (sqlite3_int64)(i % DEVICES));
        sqlite3_bind_int64(insert, 2, 1);
        sqlite3_bind_int64(insert, 3, (sqlite3_int64)(i / DEVICES));
        sqlite3_bind_int64(insert, 4, 1795233600000 + (sqlite3_int64)i);
        sqlite3_bind_blob(insert, 5, body, sizeof body, SQLITE_STATIC);
        if (sqlite3_step(insert) != SQLITE_DONE)
            return 1;
        sqlite3_reset(insert);
    }
    (void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    double took = now_s() - began;
    sqlite3_finalize(insert);
    sqlite3_close(db);
    printf("{\"per_s\":%.0f}\n", (double)count / took);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    unsigned long count = strtoul(argv[3], NULL, 10);
    unsigned number = (unsigned)strtoul(argv[4], NULL, 10);
    (void)setenv("BAIYE_CLOCK", "trusted", 1);
    return strcmp(argv[1], "ours") == 0 ? run_ours(argv[2], count, number)
                                        : run_bare(argv[2], count, number);
}
