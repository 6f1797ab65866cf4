/* SPDX-License-Identifier: Apache-2.0 */
/* Picks and audit are bounded: one user's flood costs neither readings nor what others noted. */
#include <semaphore.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/daemon/store/store.h"
#include "tests/unit/store/bench.h"

struct answer {
    sem_t done;
    enum store_result result;
};

static void on_done(void *context, enum store_result result)
{
    struct answer *answer = context;
    answer->result = result;
    sem_post(&answer->done);
}

static enum store_result pick(struct bench *bench, const char *user, unsigned number, int64_t at_ms)
{
    struct answer answer;
    struct store_pick pick = {.plot = "upper", .day = 20260401, .kg = 1, .at_ms = at_ms};
    (void)snprintf(pick.user, sizeof pick.user, "%s", user);
    (void)snprintf(pick.id, sizeof pick.id, "%s-%u", user, number);
    sem_init(&answer.done, 0, 0);
    assert_int_equal(store_pick(bench->store, &pick, on_done, &answer), STORE_OK);
    sem_wait(&answer.done);
    return answer.result;
}

static int64_t count(struct bench *bench, const char *sql)
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

static void a_user_notes_so_many_picks_a_day_and_others_go_on(void **state)
{
    struct bench *bench = *state;
    for (unsigned i = 0; i < STORE_PICKS_A_DAY; i++)
        assert_int_equal(pick(bench, "li", i, NOON + i), STORE_OK);
    assert_int_equal(pick(bench, "li", 90000, NOON + 1000), STORE_LIMIT);
    assert_int_equal(pick(bench, "li", 7, NOON + 1000), STORE_LIMIT); /* nor corrects them */
    assert_int_equal(pick(bench, "wang", 1, NOON + 1000), STORE_OK);
    assert_int_equal(pick(bench, "li", 90000, NOON + DAY + 1000), STORE_OK);
    bench_close(bench);
    assert_int_equal(count(bench, "SELECT count(*) FROM pick"), STORE_PICKS_A_DAY + 2);
}

static void picks_keep_to_their_share_and_the_largest_owner_makes_room(void **state)
{
    struct bench *bench = *state;
    bench->config->store_max_bytes = 4u << 20;
    bench_open(bench);
    assert_int_equal(pick(bench, "wang", 1, NOON), STORE_OK);
    for (unsigned i = 0; i < 3 * STORE_PICKS_A_DAY; i++)
        assert_int_equal(pick(bench, "li", i, NOON + (i / STORE_PICKS_A_DAY) * DAY * 2), STORE_OK);
    bench_close(bench);
    assert_in_range(count(bench, "SELECT count(*) FROM pick"), 900, 1100);
    assert_int_equal(count(bench, "SELECT count(*) FROM pick WHERE user = 'wang'"), 1);
    assert_int_equal(count(bench, "SELECT count(*) FROM pick WHERE id = 'li-1499'"), 1);
}

static void the_audit_keeps_to_its_share_and_the_largest_owner_makes_room(void **state)
{
    struct bench *bench = *state;
    bench->config->store_max_bytes = 4u << 20;
    bench_open(bench);
    for (unsigned i = 0; i < 2000; i++) {
        struct answer answer;
        struct store_audit audit = {.at_ms = NOON + i, .method = "pick"};
        (void)snprintf(audit.user, sizeof audit.user, "%s", i < 20 ? "owner" : "li");
        sem_init(&answer.done, 0, 0);
        assert_int_equal(store_audit(bench->store, &audit, on_done, &answer), STORE_OK);
        sem_wait(&answer.done);
        assert_int_equal(answer.result, STORE_OK);
    }
    bench_close(bench);
    assert_in_range(count(bench, "SELECT count(*) FROM audit"), 900, 1100);
    assert_int_equal(count(bench, "SELECT count(*) FROM audit WHERE user = 'owner'"), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_user_notes_so_many_picks_a_day_and_others_go_on,
                                        bench_begin_open, bench_end),
        cmocka_unit_test_setup_teardown(picks_keep_to_their_share_and_the_largest_owner_makes_room,
                                        bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(
            the_audit_keeps_to_its_share_and_the_largest_owner_makes_room, bench_begin, bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
