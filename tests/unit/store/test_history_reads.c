/* SPDX-License-Identifier: Apache-2.0 */
/* A question about one device reads what belongs to it, however many others there are. */
#include <semaphore.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/places.h"
#include "tests/unit/store/bench.h"
#include "tests/unit/store/garden_config.h"

#define OTHERS 20 /* batches of another device between two of the one that is asked about */
#define OWN    6

struct answer {
    sem_t done;
    uint32_t count;
};

static void on_history(void *context, const struct store_history *history)
{
    struct answer *answer = context;
    assert_int_equal(history->result, STORE_OK);
    assert_int_equal(history->next_ms, 0);
    answer->count = history->count;
    sem_post(&answer->done);
}

static uint64_t batches_read(struct bench *bench)
{
    struct store_stats stats;
    store_stats(bench->store, &stats);
    return stats.history_batches;
}

/* All raw values of the first device; *read: how many batches that took. */
static uint32_t ask(struct bench *bench, uint64_t *read)
{
    struct answer answer;
    struct store_history_query query = {.device = 0,
                                        .plot = -1,
                                        .metric = "air_temperature",
                                        .from_ms = NOON,
                                        .to_ms = NOON + DAY,
                                        .max_points = STORE_HISTORY_MAX};
    uint64_t before = batches_read(bench);
    sem_init(&answer.done, 0, 0);
    assert_int_equal(store_history(bench->store, &query, on_history, &answer), STORE_OK);
    sem_wait(&answer.done);
    *read = batches_read(bench) - before;
    return answer.count;
}

/* Each reading in a batch of its own: the first device's, then some of the second one's. */
static void fill(struct bench *bench)
{
    uint64_t stored = 0;
    bench->config->commit_every_ms = 1;
    bench_open(bench);
    for (uint32_t own = 0; own < OWN; own++) {
        bench_put(bench, 0, 1, own + 1, NOON + own * 1000);
        bench_wait_stored(bench, ++stored);
        for (uint32_t other = 0; other < OTHERS; other++) {
            bench_put(bench, 1, 1, own * OTHERS + other + 1, NOON + own * 1000);
            bench_wait_stored(bench, ++stored);
        }
    }
}

static void history_reads_only_batches_that_have_the_devices_readings(void **state)
{
    struct bench *bench = *state;
    uint64_t read = 0;
    fill(bench);
    for (int round = 0; round < 2; round++) { /* from RAM, then from the file */
        assert_int_equal(ask(bench, &read), OWN);
        assert_int_equal(read, OWN);
        bench_close(bench);
        bench_open(bench);
    }
    bench_put(bench, 0, 1, OWN + 1, NOON + OWN * 1000); /* the hour goes on after a start */
    bench_wait_stored(bench, 1);
    assert_int_equal(ask(bench, &read), OWN + 1);
    assert_int_equal(read, OWN + 1);
}

static void run_on_file(const char *path, const char *text)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* It knows no places, and counts one more reading of an hour that has some. */
static void readings_of_a_program_that_keeps_no_places_are_found(void **state)
{
    struct bench *bench = *state;
    uint64_t read = 0;
    fill(bench);
    bench_close(bench);
    assert_true(bench_number(bench, "SELECT count(*) FROM place") > 0);
    run_on_file(bench->path,
                "INSERT INTO batch SELECT (SELECT max(id) + 1 FROM batch), body FROM batch"
                " WHERE id = 1; UPDATE mean SET last_id = (SELECT max(id) FROM batch)"
                " WHERE step = 1 AND first_id = 1");
    bench_open(bench);
    assert_int_equal(ask(bench, &read), OWN + 1);
    bench_close(bench);
    run_on_file(bench->path, "DELETE FROM place"); /* nor does a file of an earlier version */
    bench_open(bench);
    assert_int_equal(ask(bench, &read), OWN + 1);
    assert_true(read > OWN * OTHERS);
}

/* ---- Sent again ---- */

struct resent {
    sem_t done;
    uint32_t found;
};

static void on_resend(void *context, enum store_result result, uint32_t found)
{
    struct resent *resent = context;
    assert_int_equal(result, STORE_OK);
    resent->found = found;
    sem_post(&resent->done);
}

/* Asks for the first device's readings up to that number. *read: batches that were read to find
 * and to send them. How many records came. */
static uint32_t resend(struct bench *bench, uint32_t last_seq, uint32_t *found, uint64_t *read)
{
    static uint8_t data[BODY_MAX];
    struct resent resent;
    struct store_stats stats;
    struct feed_body body;
    struct store_resend_query query = {.boot = 1, .first_seq = 1, .last_seq = last_seq};
    uint32_t got = 0;
    store_stats(bench->store, &stats);
    *read = stats.resend_batches;
    sem_init(&resent.done, 0, 0);
    assert_int_equal(store_resend(bench->store, &query, on_resend, &resent), STORE_OK);
    sem_wait(&resent.done);
    *found = resent.found;
    for (;;) {
        enum feed_result result = store_feed_again(bench->store, 0, data, &body);
        if (result == FEED_LATER && bench_wait_wake(bench))
            continue;
        if (result != FEED_BODY)
            break;
        got += body.count;
    }
    store_stats(bench->store, &stats);
    *read = stats.resend_batches - *read;
    return got;
}

static void resend_reads_only_batches_that_have_the_devices_readings(void **state)
{
    struct bench *bench = *state;
    uint32_t found = 0;
    uint64_t read = 0;
    fill(bench);
    assert_int_equal(resend(bench, OWN, &found, &read), OWN);
    assert_int_equal(found, OWN);
    assert_int_equal(read, OWN); /* to find them; what is sent is still in RAM */
    bench_close(bench);
    bench_open(bench);
    for (int round = 0; round < 2; round++) { /* one range after the other */
        assert_int_equal(resend(bench, OWN, &found, &read), OWN);
        assert_int_equal(read, 2 * OWN);
    }
}

/* Whoever asks for a number that there is not must hear so. */
static void resend_gives_gaps_that_lie_in_batches_of_their_own(void **state)
{
    struct bench *bench = *state;
    const struct reading_sink *sink = NULL;
    const struct reading_gap gap = {
        .boot = 1, .first_seq = OWN + 1, .last_seq = OWN + 1, .why = GAP_TIMEOUT};
    uint64_t stored = OWN * (OTHERS + 1), read = 0;
    uint32_t found = 0;
    fill(bench);
    sink = store_sink(bench->store);
    sink->gap(sink->context, &gap);
    bench_wait_stored(bench, stored + 1);
    bench_put(bench, 1, 1, OWN * OTHERS + 1, NOON + OWN * 1000);
    bench_wait_stored(bench, stored + 2);
    bench_put(bench, 0, 1, OWN + 2, NOON + OWN * 1000);
    bench_wait_stored(bench, stored + 3);
    bench_close(bench);
    bench_open(bench);
    assert_int_equal(resend(bench, OWN + 2, &found, &read), OWN + 2);
    assert_int_equal(found, OWN + 1);
}

/* ---- Places ---- */

static void assert_batches(const struct places *places, const uint64_t *batches, unsigned count)
{
    uint64_t batch = 0;
    uint16_t at = 0;
    for (unsigned i = 0; i < count; i++) {
        assert_true(places_next(places, &at, &batch));
        assert_true(batch == batches[i]);
    }
    assert_false(places_next(places, &at, &batch));
}

static void each_batch_is_a_place_once(void **state)
{
    static const uint64_t batches[] = {1, 2, 300, 70000, UINT64_C(1) << 50};
    struct places places = {0};
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        places_add(&places, batches[i]);
        places_add(&places, batches[i]); /* a second reading in it */
    }
    assert_batches(&places, batches, 5);
    places_add(&places, 299); /* counted late: the order is not that of the file */
    assert_true(places.unknown);
    places_add(&places, UINT64_C(1) << 51); /* and stays so */
    assert_true(places.unknown && places.data == NULL);
}

static void too_many_places_are_none(void **state)
{
    struct places places = {0};
    (void)state;
    for (uint64_t batch = 1; batch <= PLACES_SIZE / 2; batch++)
        places_add(&places, batch);
    assert_false(places.unknown);
    for (uint64_t batch = 1; batch <= PLACES_SIZE; batch++)
        places_add(&places, PLACES_SIZE + batch);
    assert_true(places.unknown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(history_reads_only_batches_that_have_the_devices_readings,
                                        bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(readings_of_a_program_that_keeps_no_places_are_found,
                                        bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(resend_reads_only_batches_that_have_the_devices_readings,
                                        bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(resend_gives_gaps_that_lie_in_batches_of_their_own,
                                        bench_begin, bench_end),
        cmocka_unit_test(each_batch_is_a_place_once),
        cmocka_unit_test(too_many_places_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
