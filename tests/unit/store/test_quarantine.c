/* SPDX-License-Identifier: Apache-2.0 */
/* What brokers refuse for good is kept aside within bounds, and told as a gap when it drops out. */
#include <semaphore.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/store/feed.h"
#include "tests/unit/store/bench.h"
#include "tests/unit/store/garden_config.h"

#define ROWS_MOST 1000u
#define REFUSED   1500u
#define AT_ONCE   32u /* fewer than tasks that may wait */

static void on_value(void *context, enum store_result result, const void *value, size_t size)
{
    (void)result;
    (void)value;
    (void)size;
    sem_post(context);
}

/* Until the store has done what it was asked for before. */
static void wait_done(struct bench *bench)
{
    sem_t done;
    sem_init(&done, 0, 0);
    assert_int_equal(store_get(bench->store, "none", on_value, &done), STORE_OK);
    sem_wait(&done);
    sem_destroy(&done);
}

static void refuse(struct bench *bench, uint64_t first, uint64_t last, const char *payload)
{
    for (uint64_t id = first; id <= last; id++) {
        store_quarantine(bench->store, 0, id, 0x95, payload, (uint32_t)strlen(payload));
        if ((id - first + 1) % AT_ONCE == 0)
            wait_done(bench);
    }
    wait_done(bench);
}

static int64_t number(const char *path, const char *query)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, query, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return value;
}

static void the_oldest_drop_out_and_become_gaps(void **state)
{
    struct bench *bench = *state;
    struct store_stats stats;
    for (uint32_t seq = 1; seq <= REFUSED; seq++)
        bench_put(bench, 0, 1, seq, NOON + seq);
    bench_wait_stored(bench, REFUSED);
    refuse(bench, 1, REFUSED, "{}");
    store_stats(bench->store, &stats);
    assert_int_equal(stats.quarantined, ROWS_MOST);
    assert_int_equal(stats.quarantine_dropped, REFUSED - ROWS_MOST);
    bench_close(bench);
    assert_int_equal(number(bench->path, "SELECT count(*) FROM quarantine"), ROWS_MOST);
    assert_int_equal(number(bench->path, "SELECT min(id) FROM quarantine"),
                     REFUSED - ROWS_MOST + 1);
    assert_int_equal(number(bench->path, "SELECT sum(last - first + 1) FROM gone WHERE"
                                         " device = 'plot-0' AND boot = 1"),
                     REFUSED - ROWS_MOST);
    bench_open(bench);
    store_stats(bench->store, &stats);
    assert_int_equal(stats.quarantined, ROWS_MOST); /* known after a start */
}

static void large_ones_are_bounded_by_their_bytes(void **state)
{
    struct bench *bench = *state;
    struct store_stats stats;
    char *payload = malloc(60001);
    memset(payload, 'x', 60000);
    payload[60000] = '\0';
    for (uint32_t seq = 1; seq <= 40; seq++)
        bench_put(bench, 0, 1, seq, NOON + seq);
    bench_wait_stored(bench, 40);
    refuse(bench, 1, 40, payload);
    free(payload);
    store_stats(bench->store, &stats);
    assert_int_equal(stats.quarantined, 1048576 / 60000);
    assert_int_equal(stats.quarantined + stats.quarantine_dropped, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_oldest_drop_out_and_become_gaps, bench_begin_open,
                                        bench_end),
        cmocka_unit_test_setup_teardown(large_ones_are_bounded_by_their_bytes, bench_begin_open,
                                        bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
