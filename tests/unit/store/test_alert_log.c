/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts survive a restart, are listed by their time, and keep to their share of the file. */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/daemon/store/store.h"
#include "tests/unit/store/bench.h"

static enum store_result alert(struct bench *bench, const char *id, int64_t begun, int64_t ended)
{
    struct bench_answer answer;
    struct store_alert row = {.begun_ms = begun, .ended_ms = ended, .doc = "{\"v\":1}", .size = 7};
    (void)snprintf(row.id, sizeof row.id, "%s", id);
    bench_answer_init(&answer);
    assert_int_equal(store_alert_put(bench->store, &row, bench_answer_done, &answer), STORE_OK);
    return bench_answer_wait(&answer);
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
    assert_in_range(bench_number(bench, "SELECT count(*) FROM alert"), 900, 1100);
    assert_int_equal(bench_number(bench, "SELECT count(*) FROM alert WHERE id = 'stands'"), 1);
    assert_int_equal(bench_number(bench, "SELECT max(begun) FROM alert"), NOON + 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
