/* SPDX-License-Identifier: Apache-2.0 */
/* What goes first, second, third when a file of half a megabyte fills up, in virtual time: the
 * store thread and SQLite are real, the clock is not. After each test every number that was taken
 * is either in a batch or in exactly one row of what is gone, and was told as a gap once. */
#include <fcntl.h>
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/common/clock.h"
#include "gateway/daemon/store/db.h"
#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/little.h"
#include "gateway/daemon/store/retain.h"
#include "tests/unit/store/bench.h"
#include "tests/unit/store/garden_config.h"

#define MAX_SIZE (512u << 10)
#define SEQS     40000u
#define DEVICES  3u
#define LOOK_MS  11000 /* longer than the store waits between two looks at the size */
#define HOUR     3600000

/* ---- The clock: both run on, and by `skipped_ms` further ---- */

static atomic_llong skipped_ms;
static atomic_llong begun_ms; /* monotonic */

struct clock_now __real_clock_now(void);
struct clock_now __wrap_clock_now(void);

struct clock_now __wrap_clock_now(void)
{
    struct clock_now now = __real_clock_now();
    now.mono_ms += atomic_load(&skipped_ms);
    now.wall_ms = NOON + now.mono_ms - atomic_load(&begun_ms);
    return now;
}

static void on_value(void *context, enum store_result result, const void *value, size_t size)
{
    (void)result;
    (void)value;
    (void)size;
    sem_post(context);
}

/* Until the store thread has made a step under the new time. */
static void step(struct bench *bench)
{
    sem_t done;
    sem_init(&done, 0, 0);
    do {
        assert_int_equal(store_get(bench->store, "none", on_value, &done), STORE_OK);
        sem_wait(&done);
    } while (store_idle_ms(bench->store) > LOOK_MS / 2);
}

/* Time passes; the size has been looked at before this returns: it is the last thing of a step. */
static void pass(struct bench *bench, int64_t ms)
{
    atomic_fetch_add(&skipped_ms, ms);
    step(bench);
    atomic_fetch_add(&skipped_ms, LOOK_MS);
    step(bench);
}

/* ---- Taking readings ---- */

struct taken {
    struct bench *bench;
    uint32_t seq;                     /* of each device */
    int64_t stored;                   /* since the opening */
    uint32_t told[DEVICES][SEQS + 1]; /* gaps published that hold it */
    uint64_t drained;                 /* the next record to look at */
    uint64_t gaps;
} taken;

static int begin(void **state)
{
    memset(&taken, 0, sizeof taken);
    atomic_store(&skipped_ms, 0);
    atomic_store(&begun_ms, __real_clock_now().mono_ms);
    if (bench_begin(state) != 0)
        return -1;
    taken.bench = *state;
    taken.drained = 1;
    taken.bench->config->store_max_bytes = MAX_SIZE;
    taken.bench->config->commit_every_ms = 2;
    bench_open(taken.bench);
    return 0;
}

static struct store_stats stats_now(void)
{
    struct store_stats stats;
    struct stat st;
    store_stats(taken.bench->store, &stats);
    assert_int_equal(stat(taken.bench->path, &st), 0);
    assert_true(st.st_size <= (off_t)MAX_SIZE);
    return stats;
}

static unsigned percent(void)
{
    return (unsigned)(stats_now().used_bytes * 100 / MAX_SIZE);
}

/* `count` readings of each device, `apart_ms` from one to the next, the first at `wall_ms`. */
static void put(uint32_t count, int64_t wall_ms, int64_t apart_ms)
{
    struct store_stats stats;
    store_stats(taken.bench->store, &stats);
    for (uint32_t i = 0; i < count; i++, wall_ms += apart_ms) {
        taken.seq++;
        for (uint16_t device = 0; device < DEVICES; device++)
            bench_put(taken.bench, device, 1, taken.seq, wall_ms);
    }
    assert_true(taken.seq <= SEQS);
    bench_wait_stored(taken.bench, stats.stored + (uint64_t)count * DEVICES);
}

/* ---- What became of them ---- */

static void look(const struct record *record, const char *device)
{
    if (record->kind != RECORD_GAP)
        return;
    assert_int_equal(record->why, GAP_QUOTA);
    assert_int_equal(record->boot, 1);
    for (uint32_t seq = record->seq; seq <= record->last_seq; seq++)
        taken.told[device[5] - '0'][seq]++;
    taken.gaps++;
}

/* Goes on as a publisher would. */
static void drain(void)
{
    uint8_t data[BODY_MAX];
    struct feed_body body;
    for (;;) {
        enum feed_result result = store_feed(taken.bench->store, 0, taken.drained, data, &body);
        if (result == FEED_LATER) {
            assert_true(bench_wait_wake(taken.bench));
            continue;
        }
        if (result != FEED_BODY)
            return;
        struct body_reader reader;
        struct record record;
        struct stream stream;
        assert_true(body_open(&reader, data, body.size));
        while (body_next(&reader, &record)) {
            assert_true(store_stream(taken.bench->store, record.stream, &stream));
            look(&record, stream.device);
        }
        taken.drained = body.first_id + body.count;
    }
}

/* By both brokers; what was not drained is not acknowledged, since a gap that nobody has heard of
 * may be dropped then. */
static void acknowledge_all(void)
{
    drain();
    for (uint16_t b = 0; b < 2; b++)
        store_ack(taken.bench->store, b, taken.drained);
}

/* Puts readings of now until so much of the file is used: less than a percent, then a look. */
static void fill(unsigned until, bool acknowledge)
{
    while (taken.seq < 4800) /* quickly to three quarters */
        put(120, clock_now().wall_ms, 100);
    do {
        put(20, clock_now().wall_ms, 100);
        if (acknowledge)
            acknowledge_all();
        pass(taken.bench, LOOK_MS);
    } while (percent() < until);
}

/* What a file holds. */
struct holding {
    uint8_t kept[DEVICES][SEQS + 1], gone[DEVICES][SEQS + 1];
    uint32_t told[DEVICES][SEQS + 1]; /* drained before, or waiting in the file */
    uint32_t first_kept, readings;
    uint64_t mean_count; /* samples in hourly and daily means, of the first value */
    uint32_t days;
    int64_t first_hour, last_day;
};

static sqlite3_stmt *ask(sqlite3 *db, const char *text)
{
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &s, NULL), SQLITE_OK);
    return s;
}

static void read_batches(sqlite3 *db, struct holding *holding)
{
    sqlite3_stmt *s = ask(db, "SELECT id, body FROM batch ORDER BY id");
    memcpy(holding->told, taken.told, sizeof holding->told);
    while (sqlite3_step(s) == SQLITE_ROW) {
        struct body_reader reader;
        struct record record;
        bool drained = (uint64_t)sqlite3_column_int64(s, 0) < taken.drained;
        size_t size = (size_t)sqlite3_column_bytes(s, 1);
        assert_true(body_intact(sqlite3_column_blob(s, 1), size));
        assert_true(body_open(&reader, sqlite3_column_blob(s, 1), size));
        while (body_next(&reader, &record)) {
            bool waiting = record.kind == RECORD_GAP && !drained;
            for (uint32_t seq = record.seq; waiting && seq <= record.last_seq; seq++)
                holding->told[record.stream - 1][seq]++; /* streams are 1, 2, 3 */
            if (record.kind != RECORD_READING)
                continue;
            holding->kept[record.stream - 1][record.seq]++;
            holding->readings++;
            if (holding->first_kept == 0)
                holding->first_kept = record.seq;
        }
    }
    sqlite3_finalize(s);
}

static void read_gone(sqlite3 *db, struct holding *holding)
{
    sqlite3_stmt *s = ask(db, "SELECT device, first, last, told FROM gone");
    while (sqlite3_step(s) == SQLITE_ROW) {
        int device = sqlite3_column_text(s, 0)[5] - '0';
        for (int seq = sqlite3_column_int(s, 1); seq <= sqlite3_column_int(s, 2); seq++) {
            holding->gone[device][seq]++;
            assert_int_equal(holding->told[device][seq], sqlite3_column_int(s, 3));
        }
    }
    sqlite3_finalize(s);
}

static void read_means(sqlite3 *db, struct holding *holding)
{
    sqlite3_stmt *s = ask(db, "SELECT step, t, body FROM mean ORDER BY t DESC");
    while (sqlite3_step(s) == SQLITE_ROW) {
        uint32_t n = 0;
        little_copy(&n, sqlite3_column_blob(s, 2), sizeof n, 1);
        holding->mean_count += n;
        if (sqlite3_column_int(s, 0) == 1)
            holding->first_hour = sqlite3_column_int64(s, 1);
        else if (holding->days++ == 0)
            holding->last_day = sqlite3_column_int64(s, 1);
    }
    sqlite3_finalize(s);
}

static struct holding *hold(const char *path)
{
    static struct holding holding;
    sqlite3 *db = NULL;
    memset(&holding, 0, sizeof holding);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    read_batches(db, &holding);
    read_gone(db, &holding);
    read_means(db, &holding);
    sqlite3_close(db);
    for (unsigned device = 0; device < DEVICES; device++) {
        for (uint32_t seq = 1; seq <= taken.seq; seq++) {
            assert_int_equal(holding.kept[device][seq] + holding.gone[device][seq], 1);
            assert_true(holding.kept[device][seq] >=
                        holding.kept[device][seq - 1]); /* oldest first */
        }
    }
    return &holding;
}

/* Tells what is still to be told, closes the store and looks into its file. */
static struct holding *close_and_hold(void)
{
    pass(taken.bench, LOOK_MS);
    drain();
    uint64_t first = stats_now().first_record;
    bench_close(taken.bench);
    assert_true(first <= (uint64_t)bench_number(taken.bench, "SELECT min(id) FROM batch"));
    struct holding *holding = hold(taken.bench->path);
    assert_int_equal(holding->mean_count, DEVICES * taken.seq); /* all are in some mean */
    return holding;
}

/* ---- The order, as a rule ---- */

static void each_rung_comes_after_the_one_before(void **state)
{
    static const struct {
        struct retain_state state;
        enum retain_step step;
    } cases[] = {
        {{.percent = 84, .acked = true, .age_ms = 30 * DAY, .may_fold = true}, RETAIN_NOTHING},
        {{.percent = 85, .acked = true, .age_ms = 7 * DAY, .may_fold = true}, RETAIN_DROP_OLD},
        {{.percent = 80, .begun = true, .acked = true, .age_ms = 7 * DAY}, RETAIN_DROP_OLD},
        {{.percent = 79, .begun = true, .acked = true, .age_ms = 7 * DAY}, RETAIN_NOTHING},
        {{.percent = 85, .acked = true, .age_ms = 7 * DAY - 1, .may_fold = true},
         RETAIN_FOLD_HOURS},
        {{.percent = 94, .acked = true, .age_ms = 7 * DAY - 1}, RETAIN_NOTHING},
        {{.percent = 95, .acked = true, .age_ms = 7 * DAY - 1, .may_fold = true},
         RETAIN_FOLD_HOURS},
        {{.percent = 95, .acked = true, .age_ms = 7 * DAY - 1}, RETAIN_DROP_YOUNG},
        {{.percent = 95, .acked = true, .age_ms = -1}, RETAIN_DROP_YOUNG},
        {{.percent = 94, .losing = true, .acked = true, .age_ms = 0}, RETAIN_DROP_YOUNG},
        {{.percent = 93, .losing = true, .acked = true, .age_ms = 0}, RETAIN_NOTHING},
        {{.percent = 94, .acked = false, .age_ms = 90 * DAY}, RETAIN_NOTHING},
        {{.percent = 95, .acked = false, .age_ms = 90 * DAY}, RETAIN_DROP_MISSED},
        {{.percent = 20, .full = true, .acked = true, .age_ms = 0}, RETAIN_DROP_YOUNG},
        {{.percent = 20, .full = true, .acked = false, .age_ms = 0}, RETAIN_DROP_MISSED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(retain_decide(&cases[i].state), cases[i].step);
}

/* ---- And on a file ---- */

static void nothing_goes_below_85_percent_however_old(void **state)
{
    (void)state;
    fill(80, true);
    assert_in_range(percent(), 80, 84);
    pass(taken.bench, 90 * DAY);
    pass(taken.bench, DAY);
    assert_int_equal(taken.gaps, 0);
    assert_int_equal(close_and_hold()->readings, DEVICES * taken.seq);
}

/* What a consumer is told can be had: right from the first commit on, without a look at the
 * size. */
static void the_first_record_is_known_from_the_first_commit_on(void **state)
{
    (void)state;
    assert_int_equal(stats_now().first_record, 0);
    assert_int_equal(stats_now().next_record, 1);
    put(4, clock_now().wall_ms, 100);
    assert_int_equal(stats_now().first_record, 1);
    assert_true(stats_now().oldest_ms > 0);
    bench_close(taken.bench);
    bench_open(taken.bench);
    assert_int_equal(stats_now().first_record, 1);
    assert_true(stats_now().oldest_ms > 0);
}

static void first_go_acknowledged_readings_of_more_than_7_days_until_80_percent(void **state)
{
    (void)state;
    fill(70, true);
    uint32_t old = taken.seq;
    pass(taken.bench, 7 * DAY);
    fill(84, true);
    assert_in_range(percent(), 84, 84);
    while (percent() >= 84) /* until a look at the size begins it */
        fill(0, true);
    for (int i = 0; i < 100 && percent() >= 80; i++)
        pass(taken.bench, LOOK_MS);
    assert_in_range(percent(), 75, 80);
    assert_string_equal(stats_now().alarm, ""); /* as promised */
    assert_int_equal(stats_now().dropped_quota, 0);
    struct holding *holding = close_and_hold();
    assert_in_range(holding->first_kept, 2, old);
    assert_int_equal(holding->days, 0);
    assert_in_range(taken.gaps, DEVICES, 2 * DEVICES); /* neighbours are told together */
}

static struct store_point days[64];
static uint32_t day_count;

static void on_days(void *context, const struct store_history *history)
{
    assert_int_equal(history->result, STORE_OK);
    day_count = history->count;
    memcpy(days, history->points, history->count * sizeof days[0]);
    sem_post(context);
}

static void ask_days(void)
{
    struct store_history_query query = {.device = 1,
                                        .plot = -1,
                                        .metric = "air_temperature",
                                        .from_ms = NOON - 60 * DAY,
                                        .to_ms = NOON + 10 * DAY,
                                        .step = STORE_DAY,
                                        .max_points = 64};
    sem_t done;
    sem_init(&done, 0, 0);
    assert_int_equal(store_history(taken.bench->store, &query, on_days, &done), STORE_OK);
    sem_wait(&done);
}

/* The file has them as floats. */
static bool alike(double a, double b)
{
    return a > b - 1e-4 && a < b + 1e-4;
}

static void then_hours_of_more_than_30_days_become_days_of_the_site(void **state)
{
    struct store_point before[64];
    (void)state;
    put(6 * 24 * 20, NOON - 50 * DAY, HOUR / 6); /* logs of long ago, fetched today */
    for (uint16_t b = 0; b < 2; b++)
        store_ack(taken.bench->store, b, stats_now().next_record);
    ask_days();
    memcpy(before, days, sizeof before);
    uint32_t count = day_count;
    assert_int_equal(count, 21);
    fill(84, true);
    while (percent() >= 84)
        fill(0, true);
    for (int i = 0; i < 5; i++)
        pass(taken.bench, LOOK_MS);
    ask_days();
    assert_true(day_count >= count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(days[i].t_ms, before[i].t_ms);
        assert_int_equal(days[i].n, before[i].n);
        assert_true(alike(days[i].min, before[i].min) && alike(days[i].max, before[i].max));
        assert_true(alike(days[i].mean, before[i].mean));
    }
    struct holding *holding = close_and_hold();
    assert_int_equal(taken.gaps, 0);
    assert_in_range(holding->days, DEVICES, DEVICES * 21);
    assert_true(holding->first_hour >= holding->last_day); /* the oldest first */
    assert_int_equal(holding->readings, DEVICES * taken.seq);
}

static void from_95_percent_on_younger_ones_go_and_an_alarm_stands_for_an_hour(void **state)
{
    (void)state;
    fill(94, true);
    assert_in_range(percent(), 94, 94);
    assert_string_equal(stats_now().alarm, "");
    drain();
    assert_int_equal(taken.gaps, 0); /* all is kept so far */
    while (stats_now().dropped_quota == 0)
        fill(80, true);
    pass(taken.bench, LOOK_MS);
    assert_in_range(percent(), 90, 94); /* no more than had to */
    assert_non_null(strstr(stats_now().alarm, "of the last 7 days"));
    pass(taken.bench, HOUR - 10 * LOOK_MS);
    assert_non_null(strstr(stats_now().alarm, "of the last 7 days"));
    pass(taken.bench, 10 * LOOK_MS);
    assert_string_equal(stats_now().alarm, "");
    uint64_t lost = stats_now().dropped_quota;
    struct holding *holding = close_and_hold();
    assert_int_equal(lost, DEVICES * taken.seq - holding->readings);
}

static void acknowledged_readings_go_before_missed_ones(void **state)
{
    (void)state;
    fill(60, true);
    uint32_t acknowledged = taken.seq;
    store_ack(taken.bench->store, 1, stats_now().next_record);
    while (stats_now().dropped_quota < 500)
        fill(60, false);
    pass(taken.bench, LOOK_MS);
    assert_non_null(strstr(stats_now().alarm, "of the last 7 days"));
    struct holding *holding = close_and_hold();
    assert_in_range(holding->first_kept, 100, acknowledged);
}

static void missed_readings_go_at_last_and_are_told(void **state)
{
    (void)state;
    fill(94, false);
    assert_int_equal(stats_now().dropped_quota, 0);
    while (stats_now().dropped_quota < 500)
        fill(80, false);
    pass(taken.bench, LOOK_MS);
    assert_non_null(strstr(stats_now().alarm, "undelivered"));
    uint64_t lost = stats_now().dropped_quota;
    struct holding *holding = close_and_hold();
    assert_int_equal(lost, DEVICES * taken.seq - holding->readings);
}

/* More at once than a commit has room for: what is in the way goes, nothing else is lost. */
static void a_burst_that_does_not_fit_makes_room_for_itself(void **state)
{
    (void)state;
    fill(94, true);
    put(8000, clock_now().wall_ms, 100);
    acknowledge_all();
    for (int i = 0; i < 20; i++)
        pass(taken.bench, LOOK_MS);
    assert_int_equal(stats_now().lost, 0);
    assert_true(stats_now().available);
    (void)close_and_hold();
}

static void copy_file(const char *from, const char *to)
{
    static uint8_t data[4u << 20];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t size = read(in, data, sizeof data);
    assert_true(size >= 0 && (size_t)size < sizeof data);
    assert_int_equal(write(out, data, (size_t)size), size);
    close(in);
    close(out);
}

static void a_power_cut_after_any_drop_loses_neither_means_nor_gaps(void **state)
{
    char wal[300], other_wal[300];
    (void)state;
    (void)snprintf(wal, sizeof wal, "%s-wal", taken.bench->path);
    (void)snprintf(other_wal, sizeof other_wal, "%s-wal", taken.bench->other);
    fill(94, true);
    for (uint64_t cuts = 0, dropped = 0; cuts < 5; cuts++, dropped = stats_now().dropped_quota) {
        while (stats_now().dropped_quota == dropped)
            fill(80, true);
        for (int i = 0; i < 3; i++)
            pass(taken.bench, LOOK_MS); /* all is told */
        drain();
        copy_file(taken.bench->path, taken.bench->other);
        copy_file(wal, other_wal); /* what the cut leaves */
        struct holding *holding = hold(taken.bench->other);
        uint32_t gone = DEVICES * taken.seq - holding->readings;
        assert_true(gone > 0 && holding->mean_count >= gone);
        (void)unlink(other_wal);
    }
}

static void what_was_not_told_before_the_end_is_told_after_the_start(void **state)
{
    (void)state;
    fill(94, true);
    while (stats_now().dropped_quota == 0) { /* no look behind the drop: it cannot be told */
        put(40, clock_now().wall_ms, 100);
        acknowledge_all();
        atomic_fetch_add(&skipped_ms, LOOK_MS);
        step(taken.bench);
    }
    bench_close(taken.bench);
    bench_open(taken.bench);
    pass(taken.bench, LOOK_MS);
    drain();
    assert_true(taken.gaps >= DEVICES);
    (void)close_and_hold();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rung_comes_after_the_one_before),
        cmocka_unit_test_setup_teardown(nothing_goes_below_85_percent_however_old, begin,
                                        bench_end),
        cmocka_unit_test_setup_teardown(the_first_record_is_known_from_the_first_commit_on, begin,
                                        bench_end),
        cmocka_unit_test_setup_teardown(
            first_go_acknowledged_readings_of_more_than_7_days_until_80_percent, begin, bench_end),
        cmocka_unit_test_setup_teardown(then_hours_of_more_than_30_days_become_days_of_the_site,
                                        begin, bench_end),
        cmocka_unit_test_setup_teardown(
            from_95_percent_on_younger_ones_go_and_an_alarm_stands_for_an_hour, begin, bench_end),
        cmocka_unit_test_setup_teardown(acknowledged_readings_go_before_missed_ones, begin,
                                        bench_end),
        cmocka_unit_test_setup_teardown(missed_readings_go_at_last_and_are_told, begin, bench_end),
        cmocka_unit_test_setup_teardown(a_burst_that_does_not_fit_makes_room_for_itself, begin,
                                        bench_end),
        cmocka_unit_test_setup_teardown(a_power_cut_after_any_drop_loses_neither_means_nor_gaps,
                                        begin, bench_end),
        cmocka_unit_test_setup_teardown(what_was_not_told_before_the_end_is_told_after_the_start,
                                        begin, bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
