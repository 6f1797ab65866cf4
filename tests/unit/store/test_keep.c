/* SPDX-License-Identifier: Apache-2.0 */
/* What stays: times that become known late, files of an older version, and copies of the file. */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/common/clock.h"
#include "gateway/common/log.h"
#include "gateway/daemon/store/db.h"
#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/store.h"
#include "tests/unit/store/bench.h"
#include "tests/unit/store/garden_config.h"

struct seen {
    uint32_t readings, corrections, held;
    uint32_t last_seq;
    uint64_t next_id;
    bool corrected_last; /* nothing came after the correction */
    int64_t add_ms;
};

static void look(struct seen *seen, const struct record *record)
{
    if (record->kind == RECORD_READING) {
        assert_true(record->seq > seen->last_seq); /* in order, and none twice */
        seen->readings++;
        seen->last_seq = record->seq;
    }
    seen->corrected_last = record->kind == RECORD_CORRECTION;
    if (seen->corrected_last) {
        seen->corrections++;
        seen->add_ms = record->add_ms;
    }
}

/* Goes on from seen->next_id as a publisher would. */
static void drain(struct bench *bench, struct seen *seen)
{
    uint8_t data[BODY_MAX];
    struct feed_body body;
    for (;;) {
        enum feed_result result = store_feed(bench->store, 0, seen->next_id, data, &body);
        if (result == FEED_LATER) {
            assert_true(bench_wait_wake(bench));
            continue;
        }
        seen->held += result == FEED_HELD;
        if (result != FEED_BODY)
            return;
        struct body_reader reader;
        struct record record;
        assert_true(body_open(&reader, data, body.size));
        while (body_next(&reader, &record))
            look(seen, &record);
        assert_false(reader.failed);
        seen->next_id = body.first_id + body.count;
    }
}

/* ---- A time that becomes known late ---- */

static void what_went_out_before_its_time_was_known_is_corrected_once(void **state)
{
    struct bench *bench = *state;
    const int64_t hour_ago = clock_now().mono_ms - 3700000;
    struct seen seen = {.next_id = 1};
    struct store_stats stats;
    (void)setenv("BAIYE_CLOCK", bench->other, 1); /* trusted as soon as that exists */
    bench_open(bench);
    const struct reading_sink *sink = store_sink(bench->store);
    for (uint32_t seq = 1; seq <= 50; seq++) {
        struct reading reading = garden_reading(0, 1, seq, 1000 * seq);
        reading.taken.ms = hour_ago + seq;
        sink->reading(sink->context, &reading);
    }
    bench_wait_stored(bench, 50);
    drain(bench, &seen);
    assert_int_equal(seen.readings, 50); /* an hour is enough of waiting */
    for (uint32_t seq = 51; seq <= 80; seq++)
        bench_put(bench, 0, 1, seq, 1000 * seq);
    bench_wait_stored(bench, 80);
    drain(bench, &seen);
    assert_int_equal(seen.readings, 50); /* these wait */
    assert_true(seen.held > 0);
    fclose(fopen(bench->other, "w"));
    do {
        assert_true(bench_wait_wake(bench));
        store_stats(bench->store, &stats);
    } while (!stats.clock_trusted);
    while (seen.corrections == 0) {
        drain(bench, &seen);
        if (seen.corrections == 0)
            assert_true(bench_wait_wake(bench));
    }
    for (uint32_t seq = 81; seq <= 90; seq++)
        bench_put(bench, 0, 1, seq, NOON);
    bench_wait_stored(bench, 91); /* and the correction */
    drain(bench, &seen);
    assert_int_equal(seen.readings, 90);
    assert_int_equal(seen.corrections, 1);
}

static void a_correction_is_as_far_as_the_clock_jumped(void **state)
{
    struct clock_watch watch = {.offset_ms = 500};
    struct clock_now now = {.wall_ms = 4000500, .mono_ms = 4000000};
    int64_t shift = 0;
    (void)state;
    assert_int_equal(clock_watch(&watch, &now, false, &shift), CLOCK_STEADY);
    now = (struct clock_now){.wall_ms = NOON + 4100000, .mono_ms = 4100000};
    assert_int_equal(clock_watch(&watch, &now, true, &shift), CLOCK_GAINED_TRUST);
    assert_int_equal(shift, NOON - 500);
    assert_int_equal(watch.offset_ms, NOON);
    now = (struct clock_now){.wall_ms = NOON + 4200000 + 900, .mono_ms = 4200000};
    assert_int_equal(clock_watch(&watch, &now, true, &shift), CLOCK_STEADY); /* slewing */
}

/* Set to 1970 by hand or by a board without a battery, while readings are taken. */
static void a_trusted_clock_is_not_moved_to_where_nothing_vouches_for_it(void **state)
{
    struct clock_watch watch = {.trusted = true, .offset_ms = NOON};
    struct clock_now now = {.wall_ms = 5000, .mono_ms = 4000000};
    int64_t shift = 0;
    (void)state;
    assert_int_equal(clock_watch(&watch, &now, false, &shift), CLOCK_DOUBTED);
    assert_int_equal(watch.offset_ms, NOON);
    assert_true(watch.trusted);
    now = (struct clock_now){.wall_ms = NOON + 4001000, .mono_ms = 4001000};
    assert_int_equal(clock_watch(&watch, &now, true, &shift), CLOCK_STEADY); /* it is back */
    now = (struct clock_now){.wall_ms = NOON + 4062000, .mono_ms = 4002000};
    assert_int_equal(clock_watch(&watch, &now, true, &shift), CLOCK_STEPPED);
    assert_int_equal(watch.offset_ms, NOON + 60000);
    assert_false(clock_is_trusted(5000, 0)); /* whatever the environment says */
}

/* Its battery is dead: 2017 at power-up, and the system lifts the wall clock to a saved time. */
static void a_battery_clock_counts_only_when_its_own_time_is_plausible(void **state)
{
    const int64_t year_2017 = 1483228800000;
    (void)state;
    assert_true(clock_rtc_vouches(NOON, NOON + 2000, NOON - DAY));
    assert_true(clock_rtc_vouches(NOON, NOON + 2000, 0));
    assert_false(clock_rtc_vouches(year_2017, NOON - DAY, 0));
    assert_false(clock_rtc_vouches(year_2017, year_2017 + 2000, 0));
    assert_false(clock_rtc_vouches(NOON, NOON + DAY, 0));
    assert_false(clock_rtc_vouches(NOON - DAY, NOON - DAY, NOON)); /* that is over */
}

/* ---- A file of version 1, as the first release wrote it ---- */

static const char version_1[] =
    "PRAGMA page_size=2048; PRAGMA application_id=1113146673; PRAGMA user_version=1;"
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;"
    "CREATE TABLE batch(id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;"
    "CREATE TABLE broker(name TEXT PRIMARY KEY, cursor INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE stream(id INTEGER PRIMARY KEY, device TEXT NOT NULL, shape TEXT NOT NULL,"
    " UNIQUE(device, shape)) STRICT;"
    "CREATE TABLE mean(stream INTEGER, step INTEGER, t INTEGER,"
    " first_id INTEGER, last_id INTEGER, boot_lo INTEGER, boot_hi INTEGER,"
    " seq_lo INTEGER, seq_hi INTEGER, body BLOB NOT NULL,"
    " PRIMARY KEY(stream, step, t)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE seen(device TEXT, boot INTEGER, ranges BLOB NOT NULL,"
    " PRIMARY KEY(device, boot)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE boot(id INTEGER PRIMARY KEY, mono_ms INTEGER, offset_ms INTEGER) STRICT;"
    "CREATE TABLE quarantine(at INTEGER, broker TEXT, id INTEGER, reason INTEGER, body TEXT)"
    " STRICT;"
    "CREATE TABLE pick(id TEXT PRIMARY KEY, plot TEXT, user TEXT, day INTEGER, kg REAL,"
    " pickers INTEGER, at INTEGER) STRICT;"
    "CREATE TABLE audit(at INTEGER, user TEXT, via TEXT, method TEXT, request TEXT, detail TEXT,"
    " result TEXT) STRICT;"
    "INSERT INTO meta VALUES('uuid','01234567-89ab-4def-8123-456789abcdef'),('boot',41),"
    "('counted',1),('clean',1);"
    "INSERT INTO broker VALUES('broker-0',11),('broker-1',1);";

static void run_sql(sqlite3 *db, const char *sql)
{
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void write_version_1(struct bench *bench)
{
    uint8_t data[BODY_MAX];
    char text[STREAM_SCHEMA_TEXT_MAX];
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    struct stream_schema schema;
    struct body body;
    struct body_base base = {41, NOON, 1000};
    stream_schema_of_device(&bench->config->devices[0], &schema);
    stream_schema_text(&schema, text);
    body_begin(&body, data, sizeof data, &base);
    for (uint32_t seq = 1; seq <= 20; seq++) {
        struct reading reading = garden_reading(0, 1, seq, NOON + seq * 1000);
        assert_true(body_reading(&body, 7, &schema, &reading));
    }
    body_seal(&body);
    assert_int_equal(sqlite3_open(bench->path, &db), SQLITE_OK);
    run_sql(db, version_1);
    assert_int_equal(
        sqlite3_prepare_v2(db, "INSERT INTO stream VALUES(7, 'plot-0', ?1)", -1, &s, NULL), 0);
    sqlite3_bind_text(s, 1, text, -1, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(s), SQLITE_DONE);
    sqlite3_finalize(s);
    assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO batch VALUES(1, ?1)", -1, &s, NULL), 0);
    sqlite3_bind_blob(s, 1, data, (int)body.used, SQLITE_STATIC);
    assert_int_equal(sqlite3_step(s), SQLITE_DONE);
    sqlite3_finalize(s);
    /* An hour of long ago, whose readings are gone: n 60, min 1, max 3, mean 2 of three values. */
    run_sql(db, "INSERT INTO mean VALUES(7, 1, 1790000000000 - 1790000000000 % 3600000, 0, 0, 0, 0,"
                " 0, 0, x'3c0000000000803f0000404000000040"
                "3c0000000000803f00004040000000403c0000000000803f0000404000000040')");
    sqlite3_close(db);
}

struct answer {
    sem_t done;
    enum store_result result;
    uint32_t count;
    struct store_point first;
};

static void on_history(void *context, const struct store_history *history)
{
    struct answer *answer = context;
    answer->result = history->result;
    answer->count = history->count;
    if (history->count > 0)
        answer->first = history->points[0];
    sem_post(&answer->done);
}

static void a_file_of_version_1_is_taken_over_whole(void **state)
{
    struct bench *bench = *state;
    struct answer answer;
    struct seen seen = {.next_id = 1};
    struct store_history_query query = {.device = 0,
                                        .plot = -1,
                                        .metric = "air_temperature",
                                        .from_ms = 1780000000000,
                                        .to_ms = 1795000000000,
                                        .step = STORE_HOUR,
                                        .max_points = 10};
    write_version_1(bench);
    bench_open(bench);
    assert_string_equal(store_uuid(bench->store), "01234567-89ab-4def-8123-456789abcdef");
    assert_int_equal(store_boot(bench->store), 42);
    assert_int_equal(store_cursor(bench->store, 0), 11);
    assert_int_equal(store_cursor(bench->store, 1), 1);
    drain(bench, &seen);
    assert_int_equal(seen.readings, 20);
    sem_init(&answer.done, 0, 0);
    assert_int_equal(store_history(bench->store, &query, on_history, &answer), STORE_OK);
    sem_wait(&answer.done);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.first.n, 60);
    assert_int_equal(answer.first.bad, 0);
    assert_true(answer.first.min == 1 && answer.first.mean == 2 && answer.first.max == 3);
    bench_put(bench, 0, 1, 21, NOON + 21000); /* and it goes on */
    bench_wait_stored(bench, 1);
    drain(bench, &seen);
    assert_int_equal(seen.readings, 21);
    bench_close(bench);
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_open(bench->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(s, 0), DB_VERSION);
    sqlite3_finalize(s);
    sqlite3_close(db);
}

static void run_on_file(const char *path, const char *text)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* As a later program leaves it: a table more, and the word that this one may go on with it. */
static void a_newer_file_is_gone_on_with_where_it_says_so(void **state)
{
    struct bench *bench = *state;
    struct seen seen = {0};
    char text[400];
    bench_open(bench);
    bench_put(bench, 0, 1, 1, NOON);
    bench_wait_stored(bench, 1);
    bench_close(bench);
    (void)snprintf(text, sizeof text,
                   "PRAGMA user_version=%d; CREATE TABLE later(x INTEGER PRIMARY KEY) STRICT;"
                   "INSERT OR REPLACE INTO meta(key, value) VALUES('oldest_reader', %d)",
                   DB_VERSION + 1, DB_VERSION);
    run_on_file(bench->path, text);
    bench_open(bench);
    drain(bench, &seen);
    assert_int_equal(seen.readings, 1);
    bench_put(bench, 0, 1, 2, NOON + 1000);
    bench_wait_stored(bench, 1);
    drain(bench, &seen);
    assert_int_equal(seen.readings, 2);
    bench_close(bench);
    /* Where it says that this program is too old, nothing is touched. */
    (void)snprintf(text, sizeof text, "UPDATE meta SET value = %d WHERE key = 'oldest_reader'",
                   DB_VERSION + 1);
    run_on_file(bench->path, text);
    struct db db = {.handle = NULL};
    char why[200] = "";
    assert_int_not_equal(db_open(&db, bench->path, 1 << 24, why, sizeof why), SQLITE_OK);
    assert_non_null(strstr(why, "install the newer program again"));
    db_close(&db);
}

/* The version before opens what this one leaves. Version 8 is the first that asks. */
static void what_this_version_leaves_the_one_before_can_read(void **state)
{
    struct bench *bench = *state;
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    bench_open(bench);
    bench_close(bench);
    assert_int_equal(sqlite3_open(bench->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT coalesce((SELECT value FROM meta WHERE key ="
                                        " 'oldest_reader'), 8), user_version FROM"
                                        " pragma_user_version",
                                        -1, &s, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int oldest = sqlite3_column_int(s, 0), version = sqlite3_column_int(s, 1);
    assert_true(version == 8 || oldest < version);
    sqlite3_finalize(s);
    sqlite3_close(db);
}

/* ---- Copies ---- */

static void on_done(void *context, enum store_result result)
{
    struct answer *answer = context;
    answer->result = result;
    sem_post(&answer->done);
}

struct writer {
    struct bench *bench;
    atomic_bool stop;
    uint32_t seq;
};

static void *write_on(void *context)
{
    struct writer *writer = context;
    while (!atomic_load(&writer->stop)) {
        for (int i = 0; i < 20; i++) {
            writer->seq++;
            bench_put(writer->bench, 0, 1, writer->seq, NOON + writer->seq);
        }
        (void)poll(NULL, 0, 1);
    }
    return NULL;
}

static void assert_whole(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA quick_check", -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(s, 0), "ok");
    sqlite3_finalize(s);
    sqlite3_close(db);
}

static void a_copy_made_while_writing_has_all_that_was_stored(void **state)
{
    struct bench *bench = *state;
    struct answer answer;
    struct store_stats stats;
    struct writer writer = {.bench = bench, .seq = 3000};
    struct seen seen = {.next_id = 1};
    pthread_t thread;
    bench_open(bench);
    for (uint32_t seq = 1; seq <= 3000; seq++)
        bench_put(bench, 0, 1, seq, NOON + seq);
    bench_wait_stored(bench, 3000);
    assert_int_equal(store_write_sidecar(bench->store, MONTHS_NAME, "cloud 202611 7\n"), STORE_OK);
    assert_int_equal(pthread_create(&thread, NULL, write_on, &writer), 0);
    bench_wait_stored(bench, 3100);
    store_stats(bench->store, &stats);
    sem_init(&answer.done, 0, 0);
    assert_int_equal(store_backup(bench->store, bench->other, on_done, &answer), STORE_OK);
    sem_wait(&answer.done);
    assert_int_equal(answer.result, STORE_OK);
    atomic_store(&writer.stop, true);
    (void)pthread_join(thread, NULL);
    char uuid[37], months[100];
    uint32_t boot = store_boot(bench->store);
    memcpy(uuid, store_uuid(bench->store), sizeof uuid);
    bench_close(bench);
    assert_whole(bench->other);
    (void)snprintf(bench->config->store_path, sizeof bench->config->store_path, "%s", bench->other);
    bench_open(bench); /* another gateway goes on with the copy */
    assert_string_equal(store_uuid(bench->store), uuid);
    assert_true(store_boot(bench->store) > boot + 500); /* the original may have been restarted */
    (void)store_read_sidecar(bench->store, MONTHS_NAME, months, sizeof months);
    assert_string_equal(months, "cloud 202611 7\n");
    drain(bench, &seen);
    assert_true(seen.readings >= stats.stored);
    assert_int_equal(seen.last_seq, seen.readings);
    bench_close(bench);
}

/* ---- Where a node's log is asked from after a start ---- */

static struct reading_stored stored_of(struct bench *bench, uint16_t device)
{
    const struct reading_sink *sink = store_sink(bench->store);
    struct reading_stored stored = {0};
    assert_true(sink->last(sink->context, device, &stored));
    return stored;
}

static void a_start_knows_what_is_missing_and_what_counters_told(void **state)
{
    struct bench *bench = *state;
    struct answer answer;
    struct field_config counter = *bench->config->devices[0].metrics[2];
    counter.role = ROLE_COUNTER; /* its increments are garden_reading()'s: seq */
    bench->config->devices[0].metrics[2] = &counter;
    bench_open(bench);
    for (uint32_t seq = 1; seq <= 10; seq++)
        bench_put(bench, 0, 1, seq, NOON + seq);
    bench_put(bench, 0, 1, 10, NOON + 10); /* once more */
    bench_put(bench, 0, 1, 15, NOON + 15);
    bench_put(bench, 1, 4, 7, NOON);
    bench_wait_stored(bench, 12);
    sem_init(&answer.done, 0, 0);
    assert_int_equal(store_backup(bench->store, bench->other, on_done, &answer), STORE_OK);
    sem_wait(&answer.done); /* the file as a power cut would leave it */
    bench_close(bench);
    for (unsigned cut = 0; cut < 2; cut++) {
        bench_open(bench);
        struct reading_stored stored = stored_of(bench, 0);
        assert_int_equal(stored.boot, 1);
        assert_int_equal(stored.seq, 10);
        assert_true(stored.boots[0].known && stored.boots[0].sums[0] == 55 + 15);
        assert_int_equal(stored.boot_count, 1);
        assert_int_equal(stored.boots[0].boot, 1);
        assert_false(stored.whole);
        stored = stored_of(bench, 1);
        assert_int_equal(stored.boot, 4);
        assert_int_equal(stored.seq, 7);
        bench_put(bench, 0, 2, 4, NOON + 20); /* the end of boot 1 is missing, too */
        bench_put(bench, 0, 2, 5, NOON + 21);
        bench_wait_stored(bench, 2);
        bench_close(bench);
        bench_open(bench);
        stored = stored_of(bench, 0);
        assert_int_equal(stored.boot, 1);
        assert_int_equal(stored.seq, 10);
        assert_true(stored.boots[0].sums[0] == 9 && stored.boots[1].sums[0] == 70);
        assert_int_equal(stored.boot_count, 2);
        assert_int_equal(stored.boots[0].boot, 2);
        assert_int_equal(stored.boots[1].boot, 1);
        for (uint32_t seq = 1; seq <= 3; seq++)
            bench_put(bench, 0, 2, seq, NOON + seq);
        bench_wait_stored(bench, 3);
        bench_close(bench);
        bench_open(bench);
        stored = stored_of(bench, 0); /* of boot 1 it still is */
        assert_int_equal(stored.boot, 1);
        assert_int_equal(stored.seq, 10);
        const struct reading_sink *sink = store_sink(bench->store);
        struct reading_gap gap = {.why = GAP_NODE_LOG, .boot = 1, .first_seq = 11, .last_seq = 14};
        sink->gap(sink->context, &gap);
        bench_wait_stored(bench, 1);
        bench_close(bench);
        bench_open(bench);
        stored = stored_of(bench, 0);
        assert_int_equal(stored.boot, 2);
        assert_int_equal(stored.seq, 5);
        assert_true(stored.whole);
        assert_true(stored.boots[0].sums[0] == 15);
        bench_close(bench);
        (void)snprintf(bench->config->store_path, sizeof bench->config->store_path, "%s",
                       bench->other);
    }
}

/* ---- Where counters stand ---- */

static void put_count(struct bench *bench, uint32_t seq, uint32_t code)
{
    struct reading reading = garden_reading(0, 1, seq, NOON + seq);
    const struct reading_sink *sink = store_sink(bench->store);
    reading.mark = (struct reading_mark){.known = 1, .codes = {code}, .wall_ms = NOON + seq};
    sink->reading(sink->context, &reading);
}

static void assert_mark(struct bench *bench, uint32_t code, int64_t wall_ms)
{
    const struct reading_sink *sink = store_sink(bench->store);
    struct reading_mark mark;
    assert_true(sink->mark(sink->context, 0, &mark));
    assert_int_equal(mark.known, 1);
    assert_int_equal(mark.codes[0], code);
    assert_int_equal(mark.wall_ms, wall_ms);
    assert_false(sink->mark(sink->context, 1, &mark));
}

static void a_counter_goes_on_from_its_newest_stored_reading(void **state)
{
    struct bench *bench = *state;
    struct answer answer;
    struct field_config counter = *bench->config->devices[0].metrics[2];
    struct profile_config bought = *bench->config->devices[0].profile;
    counter.role = ROLE_COUNTER;
    bought.node = false;
    bench->config->devices[0].metrics[2] = &counter;
    bench->config->devices[0].profile = &bought;
    bench_open(bench);
    for (uint32_t seq = 1; seq <= 2000; seq++) /* several chunks */
        put_count(bench, seq, 4294960000u + seq);
    bench_wait_stored(bench, 2000);
    sem_init(&answer.done, 0, 0);
    assert_int_equal(store_backup(bench->store, bench->other, on_done, &answer), STORE_OK);
    sem_wait(&answer.done); /* the file as a power cut would leave it */
    put_count(bench, 2001, 7);
    bench_wait_stored(bench, 2001);
    bench_close(bench);
    bench_open(bench);
    assert_mark(bench, 7, NOON + 2001);
    bench_close(bench);
    (void)snprintf(bench->config->store_path, sizeof bench->config->store_path, "%s", bench->other);
    bench_open(bench);
    assert_mark(bench, 4294962000u, NOON + 2000);
    bench_close(bench);
}

/* "The log has lost all up to 90,000", and the node goes on from 4. */
static void what_is_called_lost_beyond_the_newest_reading_is_stored_when_it_comes(void **state)
{
    struct bench *bench = *state;
    struct reading_gap gap = {.why = GAP_NODE_LOG, .boot = 1, .first_seq = 2, .last_seq = 90000};
    bench_open(bench);
    const struct reading_sink *sink = store_sink(bench->store);
    bench_put(bench, 0, 1, 1, NOON);
    bench_put(bench, 0, 1, 3, NOON + 3);
    sink->gap(sink->context, &gap);
    bench_wait_stored(bench, 3);
    for (uint32_t seq = 4; seq < 100; seq++)
        bench_put(bench, 0, 1, seq, NOON + seq);
    bench_wait_stored(bench, 3 + 96);
    bench_close(bench);
    bench_open(bench);
    struct reading_stored stored = stored_of(bench, 0);
    assert_true(stored.whole);
    assert_int_equal(stored.seq, 99);
    bench_close(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_went_out_before_its_time_was_known_is_corrected_once,
                                        bench_begin, bench_end),
        cmocka_unit_test(a_correction_is_as_far_as_the_clock_jumped),
        cmocka_unit_test(a_trusted_clock_is_not_moved_to_where_nothing_vouches_for_it),
        cmocka_unit_test(a_battery_clock_counts_only_when_its_own_time_is_plausible),
        cmocka_unit_test_setup_teardown(a_file_of_version_1_is_taken_over_whole, bench_begin,
                                        bench_end),
        cmocka_unit_test_setup_teardown(a_newer_file_is_gone_on_with_where_it_says_so, bench_begin,
                                        bench_end),
        cmocka_unit_test_setup_teardown(what_this_version_leaves_the_one_before_can_read,
                                        bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_start_knows_what_is_missing_and_what_counters_told,
                                        bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_counter_goes_on_from_its_newest_stored_reading,
                                        bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(
            what_is_called_lost_beyond_the_newest_reading_is_stored_when_it_comes, bench_begin,
            bench_end),
        cmocka_unit_test_setup_teardown(a_copy_made_while_writing_has_all_that_was_stored,
                                        bench_begin, bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
