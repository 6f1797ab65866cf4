/* SPDX-License-Identifier: Apache-2.0 */
/* The n-th allocation fails, the store's own and SQLite's alike, for n from the first of opening to
 * beyond the last commit: the store says no, or goes on; what it reported as stored is there after
 * the next start. BAIYE_FULL=1 tries every n, else one in a stride. */
#include <poll.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/common/log.h"
#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/store.h"
#include "tests/unit/store/failing_malloc.h"
#include "tests/unit/store/garden_config.h"

#define NOON     1795233600000
#define READINGS 30u
#define STRIDE   257

/* ---- SQLite's ---- */

static sqlite3_mem_methods real_methods;

static void *sqlite_malloc(int size)
{
    return failing_malloc_now() ? NULL : real_methods.xMalloc(size);
}

static void *sqlite_realloc(void *old, int size)
{
    return failing_malloc_now() ? NULL : real_methods.xRealloc(old, size);
}

static int take_over(void **state)
{
    (void)state;
    (void)setenv("BAIYE_CLOCK", "trusted", 1);
    log_set_level(LOG_LEVEL_ERROR - 1); /* hundreds of expected troubles */
    sqlite3_mem_methods methods;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_methods), SQLITE_OK);
    methods = real_methods;
    methods.xMalloc = sqlite_malloc;
    methods.xRealloc = sqlite_realloc;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    return 0;
}

/* ---- The runs ---- */

static uint64_t stored(struct store *store)
{
    struct store_stats stats;
    store_stats(store, &stats);
    return stats.stored;
}

static void wait_a_little(int wake_fd, int ms)
{
    struct pollfd fd = {.fd = wake_fd, .events = POLLIN};
    eventfd_t count = 0;
    if (poll(&fd, 1, ms) > 0)
        (void)eventfd_read(wake_fd, &count);
}

static uint32_t count_readings(struct store *store, int wake_fd, uint32_t boot)
{
    uint8_t data[BODY_MAX];
    struct feed_body body;
    uint32_t count = 0;
    uint64_t id = 1;
    for (;;) {
        enum feed_result result = store_feed(store, 0, id, data, &body);
        if (result == FEED_LATER) {
            wait_a_little(wake_fd, 1000);
            continue;
        }
        if (result != FEED_BODY)
            return count;
        struct body_reader reader;
        struct record record;
        assert_true(body_open(&reader, data, body.size));
        while (body_next(&reader, &record))
            count += record.kind == RECORD_READING && record.boot == boot;
        assert_false(reader.failed);
        id = body.first_id + body.count;
    }
}

/* Takes readings while allocation n fails; how many were reported as stored. */
static uint64_t run_short_of_memory(struct config *config, int wake_fd, long n, bool lasting,
                                    uint32_t *boot)
{
    failing_malloc_begin(n, lasting);
    struct store *store = store_open(config, "");
    uint64_t reported = 0;
    *boot = 0;
    if (store != NULL) {
        *boot = store_boot(store);
        store_set_wake(store, wake_fd);
        if (store_start(store)) {
            const struct reading_sink *sink = store_sink(store);
            for (uint32_t i = 0; i < READINGS; i++) {
                struct reading reading =
                    garden_reading((uint16_t)(i % 3), *boot, i / 3 + 1, NOON + i);
                sink->reading(sink->context, &reading);
            }
            for (int i = 0; i < 10 && stored(store) < READINGS; i++)
                wait_a_little(wake_fd, 10);
        }
        reported = stored(store);
    }
    failing_malloc_end();
    store_stop(store);
    return reported;
}

/* false: n is beyond the last allocation. */
static bool try_one(long n, bool lasting)
{
    char path[256];
    uint32_t boot = 0;
    int wake_fd = eventfd(0, EFD_NONBLOCK);
    garden_store_path(path, sizeof path);
    struct config *config = garden_config(3, 1, path);
    config->commit_every_ms = 1;
    uint64_t reported = run_short_of_memory(config, wake_fd, n, lasting, &boot);
    bool reached = atomic_load(&failing_malloc->failed);
    struct store *store = store_open(config, "");
    assert_non_null(store);
    store_set_wake(store, wake_fd);
    assert_true(store_start(store));
    assert_true(store_boot(store) > boot);
    uint32_t found = boot != 0 ? count_readings(store, wake_fd, boot) : 0;
    assert_true(found >= reported);
    assert_true(found <= READINGS);
    store_stop(store);
    close(wake_fd);
    garden_config_free(config);
    garden_remove(path);
    return reached;
}

static void every_allocation(bool lasting)
{
    const char *full = getenv("BAIYE_FULL");
    long step = full != NULL && strcmp(full, "1") == 0 ? 1 : STRIDE, n = 1, reached = 0;
    while (try_one(n, lasting)) {
        reached++;
        n += n < 20 ? 1 : step; /* the first are the store's own */
    }
    assert_true(reached > 25);
}

static void an_allocation_that_fails_loses_nothing_reported(void **state)
{
    (void)state;
    every_allocation(false);
}

static void no_memory_from_then_on_loses_nothing_reported(void **state)
{
    (void)state;
    every_allocation(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allocation_that_fails_loses_nothing_reported),
        cmocka_unit_test(no_memory_from_then_on_loses_nothing_reported),
    };
    return cmocka_run_group_tests(tests, take_over, NULL);
}
