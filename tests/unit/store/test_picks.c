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
    assert_in_range(count(bench, "SELECT count(*) FROM pick"), 900, 1100);
    assert_int_equal(count(bench, "SELECT count(*) FROM pick WHERE user = 'wang'"), 1);
    assert_int_equal(count(bench, "SELECT count(*) FROM pick WHERE id = 'li-1499'"), 1);
}

/* ---- The ledger ---- */

static void note(struct bench *bench, const char *user, double kg, int32_t day, int64_t made_ms,
                 int64_t at_ms)
{
    struct answer answer;
    struct store_pick pick = {
        .id = "a", .plot = "upper", .day = day, .kg = kg, .at_ms = at_ms, .made_ms = made_ms};
    (void)snprintf(pick.user, sizeof pick.user, "%s", user);
    sem_init(&answer.done, 0, 0);
    assert_int_equal(store_pick(bench->store, &pick, on_done, &answer), STORE_OK);
    sem_wait(&answer.done);
    assert_int_equal(answer.result, STORE_OK);
}

static enum store_result drop(struct bench *bench, const char *id, const char *user)
{
    struct answer answer;
    struct store_pick pick = {.at_ms = NOON + 9000};
    (void)snprintf(pick.id, sizeof pick.id, "%s", id);
    (void)snprintf(pick.user, sizeof pick.user, "%s", user);
    sem_init(&answer.done, 0, 0);
    assert_int_equal(store_pick_drop(bench->store, &pick, on_done, &answer), STORE_OK);
    sem_wait(&answer.done);
    return answer.result;
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

/* ---- Alerts ---- */

static enum store_result alert(struct bench *bench, const char *id, int64_t begun, int64_t ended)
{
    struct answer answer;
    struct store_alert row = {.begun_ms = begun, .ended_ms = ended, .doc = "{\"v\":1}", .size = 7};
    (void)snprintf(row.id, sizeof row.id, "%s", id);
    sem_init(&answer.done, 0, 0);
    assert_int_equal(store_alert_put(bench->store, &row, on_done, &answer), STORE_OK);
    sem_wait(&answer.done);
    return answer.result;
}

struct listed {
    sem_t done;
    enum store_result result;
    uint32_t count;
    int64_t next_ms;
    char text[256];
};

static void on_alerts(void *context, enum store_result result, const struct store_alert *alerts,
                      uint32_t count, int64_t next_ms)
{
    struct listed *listed = context;
    listed->count = count;
    listed->next_ms = next_ms;
    size_t at = 0;
    listed->result = result;
    listed->text[0] = '\0';
    for (uint32_t i = 0; i < count; i++)
        at += (size_t)snprintf(listed->text + at, sizeof listed->text - at, "%s%s%s:%.*s",
                               i > 0 ? " " : "", alerts[i].id, alerts[i].ended_ms > 0 ? "-" : "+",
                               (int)alerts[i].size, alerts[i].doc);
    sem_post(&listed->done);
}

static void assert_listed(struct bench *bench, int64_t from, int64_t to, const char *expected)
{
    struct listed listed;
    sem_init(&listed.done, 0, 0);
    assert_int_equal(
        store_alerts(bench->store, STORE_ASKER_GATEWAY, from, to, 100, on_alerts, &listed),
        STORE_OK);
    sem_wait(&listed.done);
    assert_int_equal(listed.result, STORE_OK);
    assert_string_equal(listed.text, expected);
}

static void alerts_that_stand_are_found_after_a_restart_and_ended_ones_by_their_time(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(alert(bench, "frost", NOON, NOON + 100), STORE_OK);
    assert_int_equal(alert(bench, "frost", NOON + DAY, 0), STORE_OK);
    assert_int_equal(alert(bench, "dry", NOON + 5, 0), STORE_OK);
    bench_close(bench);
    bench_open(bench);
    assert_listed(bench, 0, 0, "frost+:{\"v\":1} dry+:{\"v\":1}");
    assert_int_equal(alert(bench, "frost", NOON + DAY, NOON + DAY + 7), STORE_OK);
    assert_listed(bench, 0, 0, "dry+:{\"v\":1}");
    assert_listed(bench, NOON, NOON + DAY, "dry+:{\"v\":1} frost-:{\"v\":1}");
    assert_listed(bench, NOON, NOON + 2 * DAY, "frost-:{\"v\":1} dry+:{\"v\":1} frost-:{\"v\":1}");
    assert_listed(bench, NOON + 101, NOON + 102, "dry+:{\"v\":1}");
}

/* A season's list, page by page: each once, also where several began in one moment. */
static void a_list_goes_on_where_the_last_page_ended(void **state)
{
    struct bench *bench = *state;
    uint32_t got = 0, pages = 0;
    for (unsigned i = 0; i < 25; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "a-%u", i);
        assert_int_equal(alert(bench, id, NOON + i / 4, i % 3 > 0 ? NOON + 100 : 0), STORE_OK);
    }
    for (int64_t to = NOON + DAY; to != 0; pages++) {
        struct listed listed;
        sem_init(&listed.done, 0, 0);
        assert_int_equal(
            store_alerts(bench->store, STORE_ASKER_GATEWAY, NOON, to, 10, on_alerts, &listed),
            STORE_OK);
        sem_wait(&listed.done);
        assert_int_equal(listed.result, STORE_OK);
        assert_in_range(listed.count, 1, 10);
        got += listed.count;
        to = listed.next_ms;
    }
    assert_int_equal(got, 25);
    assert_in_range(pages, 3, 4);
}

static void alerts_keep_to_their_share_and_those_that_stand_stay(void **state)
{
    struct bench *bench = *state;
    bench->config->store_max_bytes = 4u << 20;
    bench_open(bench);
    assert_int_equal(alert(bench, "stands", NOON, 0), STORE_OK);
    for (unsigned i = 0; i < 1500; i++)
        assert_int_equal(alert(bench, "frost", NOON + 1 + i, NOON + 2 + i), STORE_OK);
    bench_close(bench);
    assert_in_range(count(bench, "SELECT count(*) FROM alert"), 900, 1100);
    assert_int_equal(count(bench, "SELECT count(*) FROM alert WHERE id = 'stands'"), 1);
    assert_int_equal(count(bench, "SELECT max(begun) FROM alert"), NOON + 1500);
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
        cmocka_unit_test_setup_teardown(
            the_audit_keeps_to_its_share_and_the_largest_owner_makes_room, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(
            alerts_that_stand_are_found_after_a_restart_and_ended_ones_by_their_time,
            bench_begin_open, bench_end),
        cmocka_unit_test_setup_teardown(a_list_goes_on_where_the_last_page_ended, bench_begin_open,
                                        bench_end),
        cmocka_unit_test_setup_teardown(alerts_keep_to_their_share_and_those_that_stand_stay,
                                        bench_begin, bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
