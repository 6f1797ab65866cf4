/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/store.h"
#include "protocols/metric/metric.h"
#include "tests/unit/store/garden_config.h"

#define NOON 1795233600000 /* 2026-11-21T12:00:00+08:00 */

struct bench {
    char path[256];
    struct config *config;
    struct store *store;
    int wake_fd;
};

static void open_store(struct bench *bench)
{
    bench->store = store_open(bench->config);
    assert_non_null(bench->store);
    store_set_wake(bench->store, bench->wake_fd);
    assert_true(store_start(bench->store));
}

static void close_store(struct bench *bench)
{
    store_stop(bench->store);
    bench->store = NULL;
}

static int begin(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    (void)setenv("BAIYE_CLOCK", "trusted", 1);
    garden_store_path(bench->path, sizeof bench->path);
    bench->config = garden_config(3, 2, bench->path);
    bench->wake_fd = eventfd(0, EFD_NONBLOCK);
    open_store(bench);
    *state = bench;
    return 0;
}

static int end(void **state)
{
    struct bench *bench = *state;
    store_stop(bench->store);
    close(bench->wake_fd);
    garden_config_free(bench->config);
    garden_remove(bench->path);
    free(bench);
    return 0;
}

static void put(struct bench *bench, uint16_t device, uint32_t boot, uint32_t seq, int64_t t)
{
    const struct reading_sink *sink = store_sink(bench->store);
    struct reading reading = garden_reading(device, boot, seq, t);
    sink->reading(sink->context, &reading);
}

/* Waits for the store to say that something has changed; false after two seconds without. */
static bool wait_wake(struct bench *bench)
{
    struct pollfd fd = {.fd = bench->wake_fd, .events = POLLIN};
    eventfd_t count = 0;
    return poll(&fd, 1, 2000) > 0 && eventfd_read(bench->wake_fd, &count) == 0;
}

static bool wait_stored(struct bench *bench, uint64_t count)
{
    struct store_stats stats;
    do {
        store_stats(bench->store, &stats);
        if (stats.stored >= count)
            return true;
    } while (wait_wake(bench));
    return false;
}

/* Reads all bodies from `id` on, as a publisher does; the number of readings. */
static uint32_t drain(struct bench *bench, uint64_t id, uint32_t *last_seq)
{
    uint8_t data[BODY_MAX];
    struct feed_body body;
    uint32_t readings = 0;
    for (;;) {
        enum feed_result result = store_feed(bench->store, 0, id, data, &body);
        if (result == FEED_LATER && wait_wake(bench))
            continue;
        if (result != FEED_BODY)
            return readings;
        struct body_reader reader;
        struct record record;
        assert_true(body_open(&reader, data, body.size));
        while (body_next(&reader, &record)) {
            readings += record.kind == RECORD_READING;
            *last_seq = record.seq;
        }
        assert_false(reader.failed);
        id = body.first_id + body.count;
    }
}

static void what_is_committed_is_there_after_a_restart(void **state)
{
    struct bench *bench = *state;
    uint32_t boot = store_boot(bench->store), last = 0;
    char uuid[37];
    memcpy(uuid, store_uuid(bench->store), sizeof uuid);
    for (uint32_t seq = 1; seq <= 1000; seq++)
        put(bench, (uint16_t)(seq % 3), 1, seq, NOON + seq * 1000);
    assert_true(wait_stored(bench, 1000));
    assert_int_equal(drain(bench, 1, &last), 1000);
    close_store(bench);
    open_store(bench);
    assert_int_equal(drain(bench, 1, &last), 1000);
    assert_int_equal(last, 1000);
    assert_int_equal(store_boot(bench->store), boot + 1);
    assert_string_equal(store_uuid(bench->store), uuid);
}

static void a_sample_seen_twice_is_one_reading(void **state)
{
    struct bench *bench = *state;
    struct store_stats stats;
    uint32_t last = 0;
    for (uint32_t seq = 1; seq <= 50; seq++)
        put(bench, 0, 9, seq, NOON + seq);
    assert_true(wait_stored(bench, 50));
    close_store(bench);
    open_store(bench);
    for (uint32_t seq = 40; seq <= 60; seq++) /* as when a log is fetched again */
        put(bench, 0, 9, seq, NOON + seq);
    assert_true(wait_stored(bench, 10));
    store_stats(bench->store, &stats);
    assert_int_equal(stats.duplicates, 11);
    assert_int_equal(drain(bench, 1, &last), 60);
}

static void cursors_move_and_stay(void **state)
{
    struct bench *bench = *state;
    for (uint32_t seq = 1; seq <= 10; seq++)
        put(bench, 0, 1, seq, NOON);
    assert_true(wait_stored(bench, 10));
    store_ack(bench->store, 0, 8);
    store_ack(bench->store, 1, 3);
    store_ack(bench->store, 1, 2);   /* never backwards */
    store_ack(bench->store, 1, 500); /* never beyond what is committed */
    close_store(bench);
    open_store(bench);
    assert_int_equal(store_cursor(bench->store, 0), 8);
    assert_int_equal(store_cursor(bench->store, 1), 3);
}

struct answer {
    sem_t done;
    enum store_result result;
    uint32_t count, found;
    int64_t next;
    struct store_point points[STORE_HISTORY_MAX];
};

static void on_history(void *context, const struct store_history *history)
{
    struct answer *answer = context;
    answer->result = history->result;
    answer->count = history->count;
    answer->next = history->next_ms;
    memcpy(answer->points, history->points, history->count * sizeof answer->points[0]);
    sem_post(&answer->done);
}

static void ask(struct bench *bench, struct answer *answer, const struct store_history_query *q)
{
    sem_init(&answer->done, 0, 0);
    assert_int_equal(store_history(bench->store, q, on_history, answer), STORE_OK);
    sem_wait(&answer->done);
    assert_int_equal(answer->result, STORE_OK);
}

static void history_gives_raw_values_hours_and_days(void **state)
{
    static struct answer answer;
    struct bench *bench = *state;
    struct store_history_query query = {.device = 0,
                                        .plot = -1,
                                        .metric = "air_temperature",
                                        .from_ms = NOON,
                                        .to_ms = NOON + 3 * 3600000,
                                        .max_points = 100};
    for (uint32_t minute = 0; minute < 180; minute++)
        put(bench, 0, 1, minute + 1, NOON + minute * 60000);
    assert_true(wait_stored(bench, 180));
    for (int round = 0; round < 2; round++) { /* from RAM, then from the file */
        query.step = STORE_RAW;
        ask(bench, &answer, &query);
        assert_int_equal(answer.count, 100);
        assert_int_equal(answer.next, NOON + 100 * 60000);
        assert_true(answer.points[99].mean == 1.00);
        query.from_ms = answer.next;
        ask(bench, &answer, &query);
        assert_int_equal(answer.count, 80);
        assert_int_equal(answer.next, 0);
        query.from_ms = NOON;
        query.step = STORE_HOUR;
        ask(bench, &answer, &query);
        assert_int_equal(answer.count, 3);
        assert_int_equal(answer.points[1].n, 60);
        assert_true(answer.points[1].min > 0.609 && answer.points[1].min < 0.611);
        assert_true(answer.points[1].mean > 0.904 && answer.points[1].mean < 0.906);
        query.step = STORE_DAY;
        ask(bench, &answer, &query);
        assert_int_equal(answer.count, 1);
        assert_int_equal(answer.points[0].n, 180);
        assert_int_equal(answer.points[0].t_ms, NOON - 12 * 3600000);
        close_store(bench);
        open_store(bench);
    }
}

static void flagged_values_are_told_and_kept_out_of_means(void **state)
{
    static struct answer answer;
    struct bench *bench = *state;
    const struct reading_sink *sink = store_sink(bench->store);
    static const uint8_t flags[4] = {METRIC_GOOD, METRIC_STUCK, METRIC_UNCALIBRATED, METRIC_FAULT};
    struct store_history_query query = {.device = 0,
                                        .plot = -1,
                                        .metric = "air_temperature",
                                        .from_ms = NOON,
                                        .to_ms = NOON + 2 * 3600000,
                                        .max_points = 1000};
    for (uint32_t minute = 0; minute < 120; minute++) {
        struct reading reading = garden_reading(0, 1, minute + 1, NOON + minute * 60000);
        reading.values[0].flag = minute < 60 ? flags[minute % 4] : METRIC_RANGE;
        if (reading.values[0].flag == METRIC_FAULT) /* the sensor gave nothing */
            reading.values[0].present = false;
        sink->reading(sink->context, &reading);
    }
    assert_true(wait_stored(bench, 120));
    for (int round = 0; round < 2; round++) { /* from RAM, then from the file */
        query.step = STORE_RAW;
        ask(bench, &answer, &query);
        assert_int_equal(answer.count, 45 + 60);
        for (uint32_t i = 0; i < 45; i++)
            assert_int_equal(answer.points[i].flag, flags[i % 3]);
        query.step = STORE_HOUR;
        ask(bench, &answer, &query);
        assert_int_equal(answer.count, 2);
        assert_int_equal(answer.points[0].n, 30);
        assert_int_equal(answer.points[0].bad, 30);
        assert_true(answer.points[0].max < 0.591); /* the 59th minute's, which is uncalibrated */
        assert_int_equal(answer.points[1].n, 0);
        assert_int_equal(answer.points[1].bad, 60);
        query.step = STORE_DAY;
        ask(bench, &answer, &query);
        assert_int_equal(answer.count, 1);
        assert_int_equal(answer.points[0].n, 30);
        assert_int_equal(answer.points[0].bad, 90);
        assert_true(answer.points[0].max < 0.591);
        close_store(bench);
        open_store(bench);
    }
}

static void on_resend(void *context, enum store_result result, uint32_t found)
{
    struct answer *answer = context;
    answer->result = result;
    answer->found = found;
    sem_post(&answer->done);
}

static void resend_gives_exactly_what_was_asked_for(void **state)
{
    static struct answer answer;
    struct bench *bench = *state;
    struct store_resend_query query = {
        .broker = 1, .device = 2, .boot = 4, .first_seq = 20, .last_seq = 29};
    uint8_t data[BODY_MAX];
    struct feed_body body;
    uint32_t got = 0;
    for (uint32_t seq = 1; seq <= 100; seq++) {
        for (uint16_t device = 0; device < 3; device++)
            put(bench, device, 4, seq, NOON + seq * 60000);
    }
    assert_true(wait_stored(bench, 300));
    close_store(bench);
    open_store(bench);
    sem_init(&answer.done, 0, 0);
    assert_int_equal(store_resend(bench->store, &query, on_resend, &answer), STORE_OK);
    sem_wait(&answer.done);
    assert_int_equal(answer.found, 10);
    for (;;) {
        enum feed_result result = store_feed_again(bench->store, 1, data, &body);
        if (result == FEED_LATER && wait_wake(bench))
            continue;
        if (result != FEED_BODY)
            break;
        struct body_reader reader;
        struct record record;
        assert_true(body_open(&reader, data, body.size));
        while (body_next(&reader, &record)) {
            assert_in_range(record.seq, 20, 29);
            got++;
        }
    }
    assert_int_equal(got, 10);
    assert_int_equal(store_feed_again(bench->store, 0, data, &body), FEED_NONE);
}

static void on_done(void *context, enum store_result result)
{
    struct answer *answer = context;
    answer->result = result;
    sem_post(&answer->done);
}

static void on_value(void *context, enum store_result result, const void *value, size_t size)
{
    struct answer *answer = context;
    answer->result = result;
    answer->count = (uint32_t)size;
    if (size > 0)
        memcpy(answer->points, value, size);
    sem_post(&answer->done);
}

static void on_picks(void *context, enum store_result result, const struct store_pick *picks,
                     uint32_t count)
{
    struct answer *answer = context;
    answer->result = result;
    answer->count = count;
    answer->next = count > 0 ? (int64_t)(picks[0].kg * 10) : 0;
    sem_post(&answer->done);
}

static void picks_and_documents_are_kept(void **state)
{
    static struct answer answer;
    struct bench *bench = *state;
    struct store_pick pick = {
        .id = "p1", .plot = "upper", .user = "lin", .day = 20260401, .kg = 12, .pickers = 3};
    sem_init(&answer.done, 0, 0);
    assert_int_equal(store_pick(bench->store, &pick, on_done, &answer), STORE_OK);
    sem_wait(&answer.done);
    assert_int_equal(answer.result, STORE_OK);
    pick.kg = 13.5; /* the same one, corrected */
    assert_int_equal(store_pick(bench->store, &pick, NULL, NULL), STORE_OK);
    assert_int_equal(store_put(bench->store, "a", "hello", 5, on_done, &answer), STORE_OK);
    sem_wait(&answer.done);
    close_store(bench);
    open_store(bench);
    assert_int_equal(store_picks(bench->store, "upper", 20260101, on_picks, &answer), STORE_OK);
    sem_wait(&answer.done);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.next, 135);
    assert_int_equal(store_get(bench->store, "a", on_value, &answer), STORE_OK);
    sem_wait(&answer.done);
    assert_int_equal(answer.count, 5);
    assert_memory_equal(answer.points, "hello", 5);
}

static void a_damaged_file_is_set_aside_and_salvaged(void **state)
{
    struct bench *bench = *state;
    struct store_stats stats;
    struct stat st;
    char renamed[300];
    uint32_t boot = store_boot(bench->store);
    for (uint32_t seq = 1; seq <= 3000; seq++)
        put(bench, (uint16_t)(seq % 3), 1, seq, NOON + seq * 1000);
    assert_true(wait_stored(bench, 3000));
    close_store(bench);
    assert_int_equal(stat(bench->path, &st), 0);
    int fd = open(bench->path, O_WRONLY);
    uint8_t junk[512];
    memset(junk, 0xA5, sizeof junk);
    assert_int_equal(pwrite(fd, junk, sizeof junk, st.st_size / 2), sizeof junk);
    assert_int_equal(pwrite(fd, junk, 8, 100), 8); /* the header: SQLite sees it at once */
    close(fd);
    open_store(bench);
    (void)snprintf(renamed, sizeof renamed, "%s.corrupt-1", bench->path);
    if (stat(renamed, &st) != 0) /* the header was believed: the first check must find it */
        put(bench, 0, 2, 1, NOON);
    do {
        store_stats(bench->store, &stats);
    } while (stats.alarm[0] == '\0' && wait_wake(bench));
    assert_true(store_boot(bench->store) > boot);
    assert_true(stats.available);
    put(bench, 0, 3, 1, NOON);
    assert_true(wait_stored(bench, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_committed_is_there_after_a_restart, begin, end),
        cmocka_unit_test_setup_teardown(a_sample_seen_twice_is_one_reading, begin, end),
        cmocka_unit_test_setup_teardown(cursors_move_and_stay, begin, end),
        cmocka_unit_test_setup_teardown(history_gives_raw_values_hours_and_days, begin, end),
        cmocka_unit_test_setup_teardown(flagged_values_are_told_and_kept_out_of_means, begin, end),
        cmocka_unit_test_setup_teardown(resend_gives_exactly_what_was_asked_for, begin, end),
        cmocka_unit_test_setup_teardown(picks_and_documents_are_kept, begin, end),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_set_aside_and_salvaged, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
