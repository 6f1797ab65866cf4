/* SPDX-License-Identifier: Apache-2.0 */
/* Picks are bounded: one user's flood costs neither readings nor what others noted. */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/daemon/store/store.h"
#include "tests/unit/store/bench.h"

static enum store_result pick(struct bench *bench, const char *user, unsigned number, int64_t at_ms)
{
    struct bench_answer answer;
    struct store_pick pick = {.plot = "upper", .day = 20260401, .kg = 1, .at_ms = at_ms};
    (void)snprintf(pick.user, sizeof pick.user, "%s", user);
    (void)snprintf(pick.id, sizeof pick.id, "%s-%u", user, number);
    bench_answer_init(&answer);
    assert_int_equal(store_pick(bench->store, &pick, bench_answer_done, &answer), STORE_OK);
    return bench_answer_wait(&answer);
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
    assert_int_equal(bench_number(bench, "SELECT count(*) FROM pick"), STORE_PICKS_A_DAY + 2);
}

/* A correction is one more write to the flash, whatever the rows say. */
static void corrections_of_one_pick_count_too(void **state)
{
    struct bench *bench = *state;
    for (unsigned i = 0; i < STORE_PICKS_A_DAY; i++)
        assert_int_equal(pick(bench, "li", 1, NOON + i), STORE_OK);
    assert_int_equal(pick(bench, "li", 1, NOON + 1000), STORE_LIMIT);
    assert_int_equal(pick(bench, "li", 2, NOON + 1000), STORE_LIMIT);
    assert_int_equal(pick(bench, "wang", 1, NOON + 1000), STORE_OK);
    bench_close(bench);
    bench_open(bench); /* a start of the daemon gives no new day */
    assert_int_equal(pick(bench, "li", 1, NOON + 1000), STORE_LIMIT);
    for (unsigned i = 0; i < 100; i++) { /* nor do many others who note something */
        char user[16];
        (void)snprintf(user, sizeof user, "v%u", i);
        assert_int_equal(pick(bench, user, 1, NOON + 2000 + i), STORE_OK);
    }
    assert_int_equal(pick(bench, "li", 1, NOON + 3000), STORE_LIMIT);
    assert_int_equal(pick(bench, "li", 1, NOON + DAY), STORE_OK);
    for (unsigned i = 0; i < 100; i++) {
        char user[16];
        (void)snprintf(user, sizeof user, "u%u", i);
        assert_int_equal(pick(bench, user, 1, NOON + DAY + i), STORE_OK);
    }
    bench_close(bench);
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
    assert_in_range(bench_number(bench, "SELECT count(*) FROM pick"), 900, 1100);
    assert_int_equal(bench_number(bench, "SELECT count(*) FROM pick WHERE user = 'wang'"), 1);
    assert_int_equal(bench_number(bench, "SELECT count(*) FROM pick WHERE id = 'li-1499'"), 1);
}

/* ---- The ledger ---- */

static void note(struct bench *bench, const char *user, double kg, int32_t day, int64_t made_ms,
                 int64_t at_ms)
{
    struct bench_answer answer;
    struct store_pick pick = {
        .id = "a", .plot = "upper", .day = day, .kg = kg, .at_ms = at_ms, .made_ms = made_ms};
    (void)snprintf(pick.user, sizeof pick.user, "%s", user);
    bench_answer_init(&answer);
    assert_int_equal(store_pick(bench->store, &pick, bench_answer_done, &answer), STORE_OK);
    assert_int_equal(bench_answer_wait(&answer), STORE_OK);
}

static enum store_result drop(struct bench *bench, const char *id, const char *user)
{
    struct bench_answer answer;
    struct store_pick pick = {.at_ms = NOON + 9000};
    (void)snprintf(pick.id, sizeof pick.id, "%s", id);
    (void)snprintf(pick.user, sizeof pick.user, "%s", user);
    bench_answer_init(&answer);
    assert_int_equal(store_pick_drop(bench->store, &pick, bench_answer_done, &answer), STORE_OK);
    return bench_answer_wait(&answer);
}

struct ledger {
    sem_t done;
    char text[512];
};

static void on_ledger(void *context, enum store_result result, const struct store_pick *picks,
                      uint32_t count)
{
    struct ledger *ledger = context;
    size_t at = 0;
    assert_int_equal(result, STORE_OK);
    ledger->text[0] = '\0';
    for (uint32_t i = 0; i < count && at < sizeof ledger->text; i++)
        at += (size_t)snprintf(ledger->text + at, sizeof ledger->text - at, "%s%s %d %g %s/%s%s",
                               i > 0 ? ", " : "", picks[i].id, (int)picks[i].day, picks[i].kg,
                               picks[i].first, picks[i].user, picks[i].gone ? " gone" : "");
    sem_post(&ledger->done);
}

static void assert_ledger(struct bench *bench, const struct store_ledger_query *query,
                          const char *expected)
{
    struct ledger ledger;
    sem_init(&ledger.done, 0, 0);
    assert_int_equal(store_ledger(bench->store, query, on_ledger, &ledger), STORE_OK);
    sem_wait(&ledger.done);
    assert_string_equal(ledger.text, expected);
}

static const struct store_ledger_query all = {.to_day = 99991231}, of_a = {.id = "a"};

static void a_correction_is_seen_by_all_and_what_stood_there_is_kept(void **state)
{
    struct bench *bench = *state;
    note(bench, "li", 125, 20260401, NOON, NOON + 1);
    note(bench, "li", 125, 20260401, NOON,
         NOON + 5); /* the answer was lost: no version of its own */
    note(bench, "wang", 12.5, 20260331, NOON + 2000, NOON + 2001);
    assert_ledger(bench, &all, "a 20260331 12.5 li/wang");
    assert_ledger(bench, &of_a, "a 20260401 125 li/li, a 20260331 12.5 li/wang");
    note(bench, "li", 125, 20260401, NOON, NOON + 3000); /* sent again long after: it is older */
    assert_ledger(bench, &all, "a 20260331 12.5 li/wang");
}

/* A phone's clock that is years ahead, or who wants the last word for ever. */
static void nobody_corrects_out_of_the_future(void **state)
{
    struct bench *bench = *state;
    note(bench, "li", 125, 20260401, INT64_MAX, NOON + 1);
    note(bench, "wang", 12.5, 20260401, NOON + 2000, NOON + 2001);
    assert_ledger(bench, &all, "a 20260401 12.5 li/wang");
}

static void what_is_deleted_is_in_no_list_and_is_kept(void **state)
{
    struct bench *bench = *state;
    note(bench, "li", 125, 20260401, NOON, NOON + 1);
    assert_int_equal(drop(bench, "a", "wang"), STORE_OK);
    assert_int_equal(drop(bench, "a", "wang"), STORE_OK);
    assert_int_equal(drop(bench, "never", "wang"), STORE_UNKNOWN);
    note(bench, "li", 125, 20260401, NOON + 9999, NOON + 9999); /* it does not come back */
    assert_ledger(bench, &all, "");
    assert_ledger(bench, &of_a, "a 20260401 125 li/li, a 20260401 125 li/wang gone");
}

static void the_ledger_is_read_by_days_and_pages(void **state)
{
    struct bench *bench = *state;
    for (unsigned i = 0; i < STORE_LEDGER_MOST; i++)
        assert_int_equal(pick(bench, "li", i, NOON + i), STORE_OK);
    note(bench, "li", 3, 20260402, NOON, NOON);
    struct store_ledger_query query = {.from_day = 20260402, .to_day = 20260402};
    assert_ledger(bench, &query, "a 20260402 3 li/li");
    query = (struct store_ledger_query){.to_day = 20260402, .skip = STORE_LEDGER_MOST};
    assert_ledger(bench, &query, "li-0 20260401 1 li/li");
    (void)snprintf(query.plot, sizeof query.plot, "creek");
    query.skip = 0;
    assert_ledger(bench, &query, "");
}

static void count(struct bench *bench, const char *id, double shoots, int32_t day)
{
    struct bench_answer answer;
    struct store_pick count = {.plot = "upper",
                               .user = "li",
                               .day = day,
                               .kg = shoots,
                               .pickers = 3,
                               .counted = true,
                               .at_ms = NOON};
    (void)snprintf(count.id, sizeof count.id, "%s", id);
    bench_answer_init(&answer);
    assert_int_equal(store_pick(bench->store, &count, bench_answer_done, &answer), STORE_OK);
    assert_int_equal(bench_answer_wait(&answer), STORE_OK);
}

/* A version before, which knows of no counts, asks for days after 0: to it they are no picks. */
static void counts_of_shoots_are_of_the_ledger_but_no_picks(void **state)
{
    struct bench *bench = *state;
    struct store_ledger_query counts = {.to_day = 99991231, .counted = true}, of_c = {.id = "c"};
    note(bench, "li", 12, 20260402, NOON, NOON + 1);
    count(bench, "c", 14, 20260401);
    count(bench, "b", 9, 20260408);
    assert_ledger(bench, &all, "a 20260402 12 li/li");
    assert_ledger(bench, &counts, "b 20260408 9 li/li, c 20260401 14 li/li");
    count(bench, "c", 11, 20260401);
    assert_ledger(bench, &of_c, "c 20260401 14 li/li, c 20260401 11 li/li");
    counts.from_day = counts.to_day = 20260408;
    assert_ledger(bench, &counts, "b 20260408 9 li/li");
    assert_int_equal(drop(bench, "b", "wang"), STORE_OK);
    assert_ledger(bench, &counts, "");
    bench_close(bench);
    assert_int_equal(bench_number(bench, "SELECT count(*) FROM pick WHERE day >= 0"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(corrections_of_one_pick_count_too, bench_begin_open,
                                        bench_end),
        cmocka_unit_test_setup_teardown(a_user_notes_so_many_picks_a_day_and_others_go_on,
                                        bench_begin_open, bench_end),
        cmocka_unit_test_setup_teardown(picks_keep_to_their_share_and_the_largest_owner_makes_room,
                                        bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_correction_is_seen_by_all_and_what_stood_there_is_kept,
                                        bench_begin_open, bench_end),
        cmocka_unit_test_setup_teardown(nobody_corrects_out_of_the_future, bench_begin_open,
                                        bench_end),
        cmocka_unit_test_setup_teardown(what_is_deleted_is_in_no_list_and_is_kept, bench_begin_open,
                                        bench_end),
        cmocka_unit_test_setup_teardown(the_ledger_is_read_by_days_and_pages, bench_begin_open,
                                        bench_end),
        cmocka_unit_test_setup_teardown(counts_of_shoots_are_of_the_ledger_but_no_picks,
                                        bench_begin_open, bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
