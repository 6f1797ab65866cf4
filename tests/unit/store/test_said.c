/* SPDX-License-Identifier: Apache-2.0 */
/* What the forecast said of a day stays as it was said, and keeps to its share of the file. */
#include <math.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/store/store.h"
#include "tests/unit/store/bench.h"

static struct store_said said_of(const char *plot, int32_t day, double kg, double booked)
{
    struct store_said said = {.day = day,
                              .at_ms = NOON,
                              .program = "1.0.0",
                              .kg = {kg - 1, kg, kg + 2},
                              .booked = booked};
    (void)snprintf(said.plot, sizeof said.plot, "%s", plot);
    return said;
}

static enum store_result say(struct bench *bench, const struct store_said *said, uint32_t count)
{
    struct bench_answer answer;
    bench_answer_init(&answer);
    enum store_result result = store_say(bench->store, said, count, bench_answer_done, &answer);
    return result == STORE_OK ? bench_answer_wait(&answer) : result;
}

struct listed {
    sem_t done;
    enum store_result result;
    uint32_t count;
    struct store_said first, last;
};

static void on_said(void *context, enum store_result result, const struct store_said *said,
                    uint32_t count)
{
    struct listed *listed = context;
    listed->result = result;
    listed->count = count;
    if (count > 0) {
        listed->first = said[0];
        listed->last = said[count - 1];
    }
    sem_post(&listed->done);
}

static struct listed list(struct bench *bench, const char *plot, int32_t from, int32_t to)
{
    struct listed listed = {.count = 0};
    struct store_said_query query = {.from_day = from, .to_day = to, .asker = STORE_ASKER_GATEWAY};
    (void)snprintf(query.plot, sizeof query.plot, "%s", plot);
    sem_init(&listed.done, 0, 0);
    assert_int_equal(store_said(bench->store, &query, on_said, &listed), STORE_OK);
    sem_wait(&listed.done);
    assert_int_equal(listed.result, STORE_OK);
    return listed;
}

static void what_was_said_last_of_a_day_is_found_after_a_restart(void **state)
{
    struct bench *bench = *state;
    struct store_said said[] = {said_of("upper", 20270411, 8, NAN), said_of("bare", 20270411, 3, 2),
                                said_of("upper", 20270412, 9, 4)};
    assert_int_equal(say(bench, said, 3), STORE_OK);
    said[0] = said_of("upper", 20270411, 12, 5); /* later that evening, when a crew was booked */
    said[0].at_ms = NOON + 7;
    assert_int_equal(say(bench, said, 1), STORE_OK);
    bench_close(bench);
    bench_open(bench);
    struct listed listed = list(bench, "upper", 20270101, 20270411);
    assert_int_equal(listed.count, 1);
    assert_string_equal(listed.first.plot, "upper");
    assert_string_equal(listed.first.program, "1.0.0");
    assert_int_equal(listed.first.day, 20270411);
    assert_int_equal(listed.first.at_ms, NOON + 7);
    assert_true(listed.first.kg[0] == 11 && listed.first.kg[1] == 12 && listed.first.kg[2] == 14);
    assert_true(listed.first.booked == 5);
    listed = list(bench, "upper", 20270411, 20270412);
    assert_int_equal(listed.count, 2);
    assert_int_equal(listed.last.day, 20270412);
    assert_true(list(bench, "bare", 20270401, 20270430).first.booked == 2);
    assert_int_equal(list(bench, "nowhere", 20270101, 20271231).count, 0);
}

static void a_number_that_is_none_is_not_kept(void **state)
{
    struct bench *bench = *state;
    struct store_said said[] = {said_of("upper", 20270411, 8, NAN),
                                said_of("bare", 20270411, NAN, NAN)};
    assert_int_equal(say(bench, said, 2), STORE_INVALID);
    assert_int_equal(list(bench, "upper", 20270101, 20271231).count, 0);
    assert_int_equal(say(bench, said, 1), STORE_OK);
    assert_true(isnan(list(bench, "upper", 20270101, 20271231).first.booked));
}

static void what_was_said_keeps_to_its_share_and_the_oldest_days_go(void **state)
{
    struct bench *bench = *state;
    enum { COUNT = 60 };
    struct store_said said[COUNT];
    bench->config->store_max_bytes = 4u << 20;
    bench_open(bench);
    for (int32_t day = 0; day < 100; day++) {
        for (int i = 0; i < COUNT; i++) {
            char plot[16];
            (void)snprintf(plot, sizeof plot, "p-%d", i);
            said[i] = said_of(plot, 20270000 + day, 8, NAN);
        }
        assert_int_equal(say(bench, said, COUNT), STORE_OK);
    }
    bench_close(bench);
    assert_in_range(bench_number(bench, "SELECT count(*) FROM said"), 800, 1400);
    assert_int_equal(bench_number(bench, "SELECT max(day) FROM said"), 20270099);
    assert_int_equal(bench_number(bench, "SELECT count(*) FROM said WHERE day = 20270099"), COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_said_last_of_a_day_is_found_after_a_restart,
                                        bench_begin_open, bench_end),
        cmocka_unit_test_setup_teardown(a_number_that_is_none_is_not_kept, bench_begin_open,
                                        bench_end),
        cmocka_unit_test_setup_teardown(what_was_said_keeps_to_its_share_and_the_oldest_days_go,
                                        bench_begin, bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
