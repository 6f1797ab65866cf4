/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/bench.h"

#include <poll.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/common/log.h"
#include "gateway/daemon/store/feed.h"
#include "tests/unit/store/garden_config.h"

int bench_begin(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    (void)setenv("BAIYE_CLOCK", "trusted", 1);
    log_set_level(LOG_LEVEL_ERROR - 1);
    garden_store_path(bench->path, sizeof bench->path);
    (void)snprintf(bench->other, sizeof bench->other, "%s.other", bench->path);
    bench->config = garden_config(3, 2, bench->path);
    bench->machine = "";
    bench->wake_fd = eventfd(0, EFD_NONBLOCK);
    *state = bench;
    return bench->wake_fd >= 0 ? 0 : -1;
}

int bench_begin_open(void **state)
{
    if (bench_begin(state) != 0)
        return -1;
    bench_open(*state);
    return 0;
}

int bench_end(void **state)
{
    struct bench *bench = *state;
    char identity[300], months[300];
    store_stop(bench->store);
    close(bench->wake_fd);
    garden_config_free(bench->config);
    (void)snprintf(identity, sizeof identity, "%s.identity", bench->other);
    (void)snprintf(months, sizeof months, "%s.months", bench->other);
    (void)unlink(months);
    (void)unlink(bench->other);
    (void)unlink(identity);
    garden_remove(bench->path);
    free(bench);
    return 0;
}

void bench_open(struct bench *bench)
{
    bench->store = store_open(bench->config, bench->machine);
    assert_non_null(bench->store);
    store_set_wake(bench->store, bench->wake_fd);
    assert_true(store_start(bench->store));
}

void bench_close(struct bench *bench)
{
    store_stop(bench->store);
    bench->store = NULL;
}

void bench_put(struct bench *bench, uint16_t device, uint32_t boot, uint32_t seq, int64_t wall_ms)
{
    const struct reading_sink *sink = store_sink(bench->store);
    struct reading reading = garden_reading(device, boot, seq, wall_ms);
    sink->reading(sink->context, &reading);
}

bool bench_wait_wake(struct bench *bench)
{
    struct pollfd fd = {.fd = bench->wake_fd, .events = POLLIN};
    eventfd_t count = 0;
    return poll(&fd, 1, 60000) > 0 && eventfd_read(bench->wake_fd, &count) == 0;
}

void bench_wait_stored(struct bench *bench, uint64_t count)
{
    struct store_stats stats;
    store_stats(bench->store, &stats);
    while (stats.stored < count) {
        assert_true(bench_wait_wake(bench));
        store_stats(bench->store, &stats);
    }
}

int64_t bench_number(const struct bench *bench, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_open(bench->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return number;
}

void bench_answer_init(struct bench_answer *answer)
{
    sem_init(&answer->done, 0, 0);
}

void bench_answer_done(void *context, enum store_result result)
{
    struct bench_answer *answer = context;
    answer->result = result;
    sem_post(&answer->done);
}

enum store_result bench_answer_wait(struct bench_answer *answer)
{
    sem_wait(&answer->done);
    return answer->result;
}
