/* SPDX-License-Identifier: Apache-2.0 */
/* The promise that no comparable agent makes: what was reported as stored is there after the power
 * went at any moment, and the file opens and is whole. BAIYE_FULL=1 runs 1,000 cuts. */
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/common/log.h"
#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/store.h"
#include "tests/unit/store/garden_config.h"
#include "tests/unit/store/power_vfs.h"

#define NOON       1795233600000
#define ROUND_CUTS 25 /* cuts of one file, before a new one is begun */

struct bench {
    char path[256];
    struct config *config;
    struct store *store;
    int wake_fd;
};

static bool full_run(void)
{
    const char *full = getenv("BAIYE_FULL");
    return full != NULL && strcmp(full, "1") == 0;
}

static int begin(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    (void)setenv("BAIYE_CLOCK", "trusted", 1);
    log_set_level(LOG_LEVEL_ERROR - 1); /* hundreds of expected troubles */
    power_vfs_clear();
    garden_store_path(bench->path, sizeof bench->path);
    bench->config = garden_config(3, 1, bench->path);
    bench->config->commit_every_ms = 1;
    bench->wake_fd = eventfd(0, EFD_NONBLOCK);
    *state = bench;
    return 0;
}

static int end(void **state)
{
    struct bench *bench = *state;
    close(bench->wake_fd);
    garden_config_free(bench->config);
    garden_remove(bench->path);
    free(bench);
    power_vfs_clear();
    return 0;
}

static void start(struct bench *bench)
{
    bench->store = store_open(bench->config, "");
    assert_non_null(bench->store);
    store_set_wake(bench->store, bench->wake_fd);
    assert_true(store_start(bench->store));
}

static void put(struct bench *bench, uint32_t seq)
{
    const struct reading_sink *sink = store_sink(bench->store);
    struct reading reading =
        garden_reading((uint16_t)(seq % 3), store_boot(bench->store), seq, NOON + seq);
    sink->reading(sink->context, &reading);
}

static void wait_a_little(struct bench *bench, int ms)
{
    struct pollfd fd = {.fd = bench->wake_fd, .events = POLLIN};
    eventfd_t count = 0;
    if (poll(&fd, 1, ms) > 0)
        (void)eventfd_read(bench->wake_fd, &count);
}

static uint64_t stored(struct bench *bench)
{
    struct store_stats stats;
    store_stats(bench->store, &stats);
    return stats.stored;
}

/* Every (boot, seq) that is in the file; `count` by boot, which begin at 1. */
static void count_readings(struct bench *bench, uint32_t *counts, uint32_t boots)
{
    uint8_t data[BODY_MAX];
    struct feed_body body;
    uint64_t id = 1;
    for (;;) {
        enum feed_result result = store_feed(bench->store, 0, id, data, &body);
        if (result == FEED_LATER) {
            wait_a_little(bench, 1000);
            continue;
        }
        if (result != FEED_BODY)
            return;
        struct body_reader reader;
        struct record record;
        assert_true(body_open(&reader, data, body.size));
        while (body_next(&reader, &record)) {
            if (record.kind == RECORD_READING && record.boot < boots)
                counts[record.boot]++;
        }
        assert_false(reader.failed);
        id = body.first_id + body.count;
    }
}

static void check_file(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA quick_check", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(s, 0), "ok");
    sqlite3_finalize(s);
    sqlite3_close(db);
}

/* Takes readings until the power goes; how many had been reported as stored by then. */
static uint32_t run_until_cut(struct bench *bench, uint32_t operations)
{
    uint64_t reported = 0;
    uint32_t seq = 0;
    power_vfs_cut_after(operations);
    while (!power_vfs_is_off()) {
        uint64_t now = stored(bench); /* before looking whether the power was still on */
        if (!power_vfs_is_off())
            reported = now;
        for (unsigned i = 0; i < 20; i++)
            put(bench, ++seq);
        wait_a_little(bench, 2);
    }
    return (uint32_t)reported;
}

static void no_committed_reading_is_lost_by_a_power_cut(void **state)
{
    struct bench *bench = *state;
    uint32_t cuts = full_run() ? 1000 : 100, seed = 20261122;
    uint32_t reported[2 * ROUND_CUTS + 8] = {0};
    for (uint32_t cut = 0; cut < cuts; cut++) {
        if (cut % ROUND_CUTS == 0) {
            power_vfs_clear();
            memset(reported, 0, sizeof reported);
            garden_remove(bench->path);
            garden_store_path(bench->path, sizeof bench->path);
            (void)snprintf(bench->config->store_path, sizeof bench->config->store_path, "%s",
                           bench->path);
        }
        power_vfs_seed(seed + cut);
        start(bench);
        uint32_t boot = store_boot(bench->store);
        assert_in_range(boot, 1, sizeof reported / sizeof reported[0] - 1);
        reported[boot] = run_until_cut(bench, 3 + (cut * 7919u) % 120);
        store_stop(bench->store);
        power_vfs_on();
        if (cut % 10 == 9)
            check_file(bench->path);
        if (cut % 5 != 4)
            continue;
        uint32_t counts[2 * ROUND_CUTS + 8] = {0};
        struct store_stats stats;
        start(bench);
        store_stats(bench->store, &stats);
        assert_string_equal(stats.alarm, "");
        count_readings(bench, counts, sizeof counts / sizeof counts[0]);
        for (uint32_t b = 1; b < sizeof counts / sizeof counts[0]; b++) {
            if (counts[b] < reported[b])
                print_error("cut %u, boot %u: %u of %u reported ones\n", cut, b, counts[b],
                            reported[b]);
            assert_true(counts[b] >= reported[b]);
        }
        store_stop(bench->store);
    }
}

/* One failing operation, the n-th, for all n: the store recovers by itself, nothing is lost, and
 * nothing is there twice. */
static void an_io_error_at_any_operation_loses_nothing(void **state)
{
    struct bench *bench = *state;
    uint32_t step = full_run() ? 1 : 17;
    bool reached = true;
    for (uint32_t n = 1; reached; n += step) {
        uint32_t counts[8] = {0};
        power_vfs_clear();
        garden_remove(bench->path);
        garden_store_path(bench->path, sizeof bench->path);
        (void)snprintf(bench->config->store_path, sizeof bench->config->store_path, "%s",
                       bench->path);
        power_vfs_fail_at(n, false);
        start(bench);
        for (uint32_t seq = 1; seq <= 60; seq++) {
            put(bench, seq);
            if (seq % 20 == 0)
                wait_a_little(bench, 20);
        }
        for (int i = 0; i < 1000 && stored(bench) < 60; i++)
            wait_a_little(bench, 20);
        assert_int_equal(stored(bench), 60);
        uint32_t boot = store_boot(bench->store);
        reached = power_vfs_has_failed();
        power_vfs_fail_at(0, false);
        store_stop(bench->store);
        if (boot >= 8) /* nothing could be remembered at its start: a number by chance */
            continue;
        start(bench);
        count_readings(bench, counts, 8);
        assert_int_equal(counts[boot], 60);
        store_stop(bench->store);
    }
}

#define FETCH_BOOTS 5u
#define FETCH_SEQS  12u
#define TOLD        (1. * FETCH_SEQS * (FETCH_SEQS + 1) / 2)

/* A node's log, fetched anew: boots that are over, one after the other, in one commit. */
static void fetch(struct bench *bench)
{
    const struct reading_sink *sink = store_sink(bench->store);
    for (uint32_t boot = 1; boot <= FETCH_BOOTS; boot++) {
        for (uint32_t seq = 1; seq <= FETCH_SEQS; seq++) {
            struct reading reading = garden_reading(0, boot, seq, NOON + seq);
            reading.late = true;
            sink->reading(sink->context, &reading);
        }
    }
}

static uint64_t taken_in(struct bench *bench)
{
    struct store_stats stats;
    store_stats(bench->store, &stats);
    return stats.stored + stats.duplicates;
}

static void a_log_fetched_anew_after_a_power_cut_is_there_once(void **state)
{
    struct bench *bench = *state;
    uint32_t step = full_run() ? 1 : 5;
    bool cut = true;
    struct field_config counter = *bench->config->devices[0].metrics[2];
    counter.role = ROLE_COUNTER; /* its increments are garden_reading()'s: seq */
    bench->config->devices[0].metrics[2] = &counter;
    for (uint32_t n = 1; cut; n += step) {
        uint32_t counts[FETCH_BOOTS + 1] = {0};
        power_vfs_clear();
        power_vfs_seed(n);
        garden_remove(bench->path);
        garden_store_path(bench->path, sizeof bench->path);
        (void)snprintf(bench->config->store_path, sizeof bench->config->store_path, "%s",
                       bench->path);
        bench->store = store_open(bench->config, "");
        assert_non_null(bench->store);
        store_set_wake(bench->store, bench->wake_fd);
        fetch(bench);
        power_vfs_cut_after(n);
        assert_true(store_start(bench->store));
        for (int i = 0; i < 500 && !power_vfs_is_off() && stored(bench) == 0; i++)
            wait_a_little(bench, 20);
        store_stop(bench->store);
        cut = power_vfs_is_off();
        power_vfs_on();
        start(bench);
        fetch(bench);
        for (int i = 0; i < 500 && taken_in(bench) < FETCH_BOOTS * FETCH_SEQS; i++)
            wait_a_little(bench, 20);
        store_stop(bench->store);
        start(bench);
        count_readings(bench, counts, FETCH_BOOTS + 1);
        const struct reading_sink *sink = store_sink(bench->store);
        struct reading_stored before = {0};
        assert_true(sink->last(sink->context, 0, &before));
        store_stop(bench->store);
        assert_int_equal(before.boot_count, FETCH_BOOTS);
        for (uint32_t boot = 1; boot <= FETCH_BOOTS; boot++) {
            assert_int_equal(counts[boot], FETCH_SEQS);
            assert_true(before.boots[FETCH_BOOTS - boot].boot == boot &&
                        before.boots[FETCH_BOOTS - boot].sums[0] == TOLD);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_committed_reading_is_lost_by_a_power_cut, begin, end),
        cmocka_unit_test_setup_teardown(an_io_error_at_any_operation_loses_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_log_fetched_anew_after_a_power_cut_is_there_once, begin,
                                        end),
    };
    power_vfs_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
