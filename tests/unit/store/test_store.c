/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <math.h>
#include <semaphore.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/daemon/store/db.h"
#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/impl.h"
#include "gateway/daemon/store/store.h"
#include "protocols/metric/metric.h"
#include "tests/unit/store/bench.h"
#include "tests/unit/store/garden_config.h"

/* Reads all bodies from `id` on, as a publisher does; the number of readings. */
static uint32_t drain(struct bench *bench, uint64_t id, uint32_t *last_seq)
{
    uint8_t data[BODY_MAX];
    struct feed_body body;
    uint32_t readings = 0;
    for (;;) {
        enum feed_result result = store_feed(bench->store, 0, id, data, &body);
        if (result == FEED_LATER && bench_wait_wake(bench))
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
        bench_put(bench, (uint16_t)(seq % 3), 1, seq, NOON + seq * 1000);
    bench_wait_stored(bench, 1000);
    assert_int_equal(drain(bench, 1, &last), 1000);
    bench_close(bench);
    bench_open(bench);
    assert_int_equal(drain(bench, 1, &last), 1000);
    assert_int_equal(last, 1000);
    assert_int_equal(store_boot(bench->store), boot + 1);
    assert_string_equal(store_uuid(bench->store), uuid);
}

/* A store that is awake for another reason commits nothing early: each commit wears the card. */
static void readings_wait_for_their_commit(void **state)
{
    static const uint32_t every_ms[] = {1000, 10000};
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof every_ms / sizeof every_ms[0]; i++) {
        struct store_stats stats;
        bench->config->commit_every_ms = every_ms[i];
        bench->store = store_open(bench->config, bench->machine); /* its thread is this one */
        assert_non_null(bench->store);
        bench_put(bench, 0, 1, (uint32_t)i + 1, NOON);
        int64_t put_ms = clock_now().mono_ms;
        for (int64_t ms = 0; ms < every_ms[i]; ms += every_ms[i] / 8)
            commit_run(bench->store, put_ms + ms - 10, false);
        store_stats(bench->store, &stats);
        assert_int_equal(stats.stored, 0);
        commit_run(bench->store, put_ms + every_ms[i], false);
        store_stats(bench->store, &stats);
        assert_int_equal(stats.stored, 1);
        store_stop(bench->store);
        bench->store = NULL;
    }
}

static void a_sample_seen_twice_is_one_reading(void **state)
{
    struct bench *bench = *state;
    struct store_stats stats;
    uint32_t last = 0;
    for (uint32_t seq = 1; seq <= 50; seq++)
        bench_put(bench, 0, 9, seq, NOON + seq);
    bench_wait_stored(bench, 50);
    bench_close(bench);
    bench_open(bench);
    for (uint32_t seq = 40; seq <= 60; seq++) /* as when a log is fetched again */
        bench_put(bench, 0, 9, seq, NOON + seq);
    bench_wait_stored(bench, 10);
    store_stats(bench->store, &stats);
    assert_int_equal(stats.duplicates, 11);
    assert_int_equal(drain(bench, 1, &last), 60);
}

static void cursors_move_and_stay(void **state)
{
    struct bench *bench = *state;
    for (uint32_t seq = 1; seq <= 10; seq++)
        bench_put(bench, 0, 1, seq, NOON);
    bench_wait_stored(bench, 10);
    store_ack(bench->store, 0, 8);
    store_ack(bench->store, 1, 3);
    store_ack(bench->store, 1, 2);   /* never backwards */
    store_ack(bench->store, 1, 500); /* never beyond what is committed */
    bench_close(bench);
    bench_open(bench);
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
        bench_put(bench, 0, 1, minute + 1, NOON + minute * 60000);
    bench_wait_stored(bench, 180);
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
        bench_close(bench);
        bench_open(bench);
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
    bench_wait_stored(bench, 120);
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
        bench_close(bench);
        bench_open(bench);
    }
}

/* Two devices of one plot with a vane and a rain gauge; values of `minute`. */
static void put_weather(struct bench *bench, uint16_t device, uint32_t minute, double degrees,
                        double mm)
{
    struct reading reading = garden_reading(device, 1, minute + 1, NOON + minute * 60000);
    const struct reading_sink *sink = store_sink(bench->store);
    reading.values[0] = (struct reading_value){.value = degrees, .present = true};
    reading.values[1] = (struct reading_value){.value = mm, .present = true};
    sink->reading(sink->context, &reading);
}

static void ask_hour_and_day(struct bench *bench, struct store_history_query *query,
                             struct store_point points[2])
{
    static struct answer answer;
    for (unsigned i = 0; i < 2; i++) {
        query->step = i == 0 ? STORE_HOUR : STORE_DAY;
        ask(bench, &answer, query);
        assert_int_equal(answer.count, 1);
        points[i] = answer.points[0];
    }
}

static void directions_are_vectors_and_increments_are_sums(void **state)
{
    struct bench *bench = *state;
    struct store_point points[2];
    struct field_config vane = {.metric = "wind_direction", .type = FIELD_U16, .scale = 0.1};
    struct field_config gauge = {.metric = "rainfall", .type = FIELD_U16, .scale = 0.1};
    for (unsigned i = 0; i < 3; i++) {
        bench->config->devices[i].metrics[0] = &vane;
        bench->config->devices[i].metrics[1] = &gauge;
    }
    bench_open(bench);
    for (uint32_t minute = 0; minute < 60; minute++) {
        put_weather(bench, 0, minute, minute % 2 == 0 ? 350 : 10, 0.2);
        put_weather(bench, 1, minute, 20, 0.4);
        put_weather(bench, 2, minute, minute % 2 == 0 ? 90 : 270, 0);
    }
    bench_wait_stored(bench, 180);
    for (int round = 0; round < 2; round++) { /* from RAM, then from the file */
        struct store_history_query query = {
            .metric = "wind_direction", .from_ms = NOON, .to_ms = NOON + 3600000, .max_points = 9};
        query.plot = -1;
        ask_hour_and_day(bench, &query, points);
        for (unsigned i = 0; i < 2; i++)
            assert_true(points[i].mean < 0.01 || points[i].mean > 359.99);
        query.device = 2; /* they cancel each other out: no direction */
        ask_hour_and_day(bench, &query, points);
        assert_true(isnan(points[0].mean) && isnan(points[1].mean));
        query.device = -1;
        query.plot = 0;
        ask_hour_and_day(bench, &query, points);
        for (unsigned i = 0; i < 2; i++)
            assert_true(points[i].mean > 10.0 && points[i].mean < 10.2);
        memcpy(query.metric, "rainfall", sizeof "rainfall");
        ask_hour_and_day(bench, &query, points);
        for (unsigned i = 0; i < 2; i++) { /* three gauges: 12, 24 and 0 mm */
            assert_int_equal(points[i].n, 180);
            assert_true(points[i].sum > 11.99 && points[i].sum < 12.01);
        }
        query.device = 1;
        query.plot = -1;
        ask_hour_and_day(bench, &query, points);
        for (unsigned i = 0; i < 2; i++)
            assert_true(points[i].sum > 23.99 && points[i].sum < 24.01);
        bench_close(bench);
        bench_open(bench);
    }
    bench_close(bench);
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
            bench_put(bench, device, 4, seq, NOON + seq * 60000);
    }
    bench_wait_stored(bench, 300);
    bench_close(bench);
    bench_open(bench);
    sem_init(&answer.done, 0, 0);
    assert_int_equal(store_resend(bench->store, &query, on_resend, &answer), STORE_OK);
    sem_wait(&answer.done);
    assert_int_equal(answer.found, 10);
    for (;;) {
        enum feed_result result = store_feed_again(bench->store, 1, data, &body);
        if (result == FEED_LATER && bench_wait_wake(bench))
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
    bench_close(bench);
    bench_open(bench);
    assert_int_equal(
        store_picks(bench->store, STORE_ASKER_GATEWAY, "upper", 20260101, false, on_picks, &answer),
        STORE_OK);
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
        bench_put(bench, (uint16_t)(seq % 3), 1, seq, NOON + seq * 1000);
    bench_wait_stored(bench, 3000);
    bench_close(bench);
    assert_int_equal(stat(bench->path, &st), 0);
    int fd = open(bench->path, O_WRONLY);
    uint8_t junk[512];
    memset(junk, 0xA5, sizeof junk);
    assert_int_equal(pwrite(fd, junk, sizeof junk, st.st_size / 2), sizeof junk);
    assert_int_equal(pwrite(fd, junk, 8, 100), 8); /* the header: SQLite sees it at once */
    close(fd);
    bench_open(bench);
    (void)snprintf(renamed, sizeof renamed, "%s.corrupt-1", bench->path);
    if (stat(renamed, &st) != 0) /* the header was believed: the first check must find it */
        bench_put(bench, 0, 2, 1, NOON);
    do {
        store_stats(bench->store, &stats);
    } while (stats.alarm[0] == '\0' && bench_wait_wake(bench));
    assert_true(store_boot(bench->store) > boot);
    assert_true(stats.available);
    bench_put(bench, 0, 3, 1, NOON);
    bench_wait_stored(bench, 1);
}

/* Where in the file the first batch's number is: behind the size, in the first cell of the first
 * leaf of the table's tree. */
static long first_number(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    uint8_t page[DB_PAGE_SIZE];
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name='batch'",
                                        -1, &s, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    long number = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (page[0] = 5; page[0] == 5;) { /* inner pages; the first child's number is in a cell */
        assert_int_equal(fseek(file, (number - 1) * DB_PAGE_SIZE, SEEK_SET), 0);
        assert_int_equal(fread(page, 1, sizeof page, file), sizeof page);
        if (page[0] == 5) {
            const uint8_t *cell = page + (page[12] << 8 | page[13]);
            number = (long)cell[0] << 24 | cell[1] << 16 | cell[2] << 8 | cell[3];
        }
    }
    fclose(file);
    assert_int_equal(page[0], 13);
    long at = page[8] << 8 | page[9];
    while (page[at++] >= 0x80) {
    }
    return (number - 1) * DB_PAGE_SIZE + at;
}

/* What a damaged page holds may have any number, also one beyond all others. */
static void what_lies_behind_a_number_out_of_order_is_salvaged(void **state)
{
    struct bench *bench = *state;
    struct store_stats stats;
    uint8_t junk[20], data[BODY_MAX];
    struct feed_body body;
    for (uint32_t seq = 1; seq <= 3000; seq++) {
        bench_put(bench, (uint16_t)(seq % 3), 1, seq, NOON + seq * 1000);
        if (seq % 100 == 0)
            bench_wait_stored(bench, seq);
    }
    bench_close(bench);
    long at = first_number(bench->path);
    int fd = open(bench->path, O_WRONLY);
    memset(junk, 0xA5, sizeof junk);
    assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
    close(fd);
    bench_open(bench);
    do { /* reading it notices */
        (void)store_feed(bench->store, 0, 1, data, &body);
        store_stats(bench->store, &stats);
    } while (stats.salvaged == 0 && bench_wait_wake(bench));
    assert_in_range(stats.salvaged, 2000, 2999);
}

/* Numbers of streams are in records that wait for their commit, and with the publishers. */
static void streams_keep_their_numbers_over_a_damaged_file(void **state)
{
    struct bench *bench = *state;
    struct store_stats stats;
    struct stream known[6], now;
    struct stream_schema schema;
    uint8_t junk[512], data[BODY_MAX];
    struct feed_body body;
    struct stat st;
    bench_put(bench, 0, 1, 1, NOON);
    bench_wait_stored(bench, 1);
    bench_close(bench);
    garden_widen(bench->config, 5); /* another list of fields: the devices go on as 4, 5, 6 */
    bench_open(bench);
    for (uint32_t seq = 2; seq <= 3000; seq++)
        bench_put(bench, (uint16_t)(seq % 3), 1, seq, NOON + seq * 1000);
    bench_wait_stored(bench, 2999);
    bench_close(bench);
    bench_open(bench);
    for (uint32_t i = 0, last = 0; i < 6; i++, last = known[i - 1].id)
        assert_true(store_stream_after(bench->store, last, &known[i]));
    assert_int_equal(known[3].id, 4);
    assert_int_equal(known[3].schema->count, 5);
    schema = *known[3].schema;
    memset(junk, 0xA5, sizeof junk);
    assert_int_equal(stat(bench->path, &st), 0);
    int fd = open(bench->path, O_WRONLY);
    for (off_t at = st.st_size / 8; at < st.st_size / 2; at += 2048)
        assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
    close(fd);
    uint64_t next = 1;
    do { /* reading the backlog finds it */
        enum feed_result result = store_feed(bench->store, 0, next, data, &body);
        if (result == FEED_BODY)
            next = body.first_id + body.count;
        else
            (void)bench_wait_wake(bench);
        store_stats(bench->store, &stats);
    } while (stats.alarm[0] == '\0');
    next = stats.next_record;
    for (uint16_t device = 0; device < 3; device++)
        bench_put(bench, device, 1, 5000, NOON);
    for (unsigned round = 0; round < 2; round++) { /* in RAM and from the new file */
        unsigned got = 0;
        for (uint64_t id = next; got < 3; id = body.first_id + body.count) {
            struct body_reader reader;
            struct record record;
            while (store_feed(bench->store, 0, id, data, &body) != FEED_BODY)
                assert_true(bench_wait_wake(bench));
            assert_true(body_open(&reader, data, body.size));
            while (body_next(&reader, &record)) {
                if (record.kind != RECORD_READING || record.seq != 5000)
                    continue;
                assert_int_equal(record.stream, 4 + got);
                assert_true(store_stream(bench->store, record.stream, &now));
                assert_string_equal(now.device, known[3 + got].device);
                assert_memory_equal(now.schema, &schema, sizeof schema);
                got++;
            }
        }
        bench_close(bench);
        bench_open(bench);
    }
    garden_widen(bench->config, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_committed_is_there_after_a_restart,
                                        bench_begin_open, bench_end),
        cmocka_unit_test_setup_teardown(readings_wait_for_their_commit, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_sample_seen_twice_is_one_reading, bench_begin_open,
                                        bench_end),
        cmocka_unit_test_setup_teardown(cursors_move_and_stay, bench_begin_open, bench_end),
        cmocka_unit_test_setup_teardown(history_gives_raw_values_hours_and_days, bench_begin_open,
                                        bench_end),
        cmocka_unit_test_setup_teardown(directions_are_vectors_and_increments_are_sums, bench_begin,
                                        bench_end),
        cmocka_unit_test_setup_teardown(flagged_values_are_told_and_kept_out_of_means,
                                        bench_begin_open, bench_end),
        cmocka_unit_test_setup_teardown(resend_gives_exactly_what_was_asked_for, bench_begin_open,
                                        bench_end),
        cmocka_unit_test_setup_teardown(picks_and_documents_are_kept, bench_begin_open, bench_end),
        cmocka_unit_test_setup_teardown(streams_keep_their_numbers_over_a_damaged_file,
                                        bench_begin_open, bench_end),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_set_aside_and_salvaged, bench_begin_open,
                                        bench_end),
        cmocka_unit_test_setup_teardown(what_lies_behind_a_number_out_of_order_is_salvaged,
                                        bench_begin_open, bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
