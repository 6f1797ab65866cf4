/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever floods the store with questions delays neither its commits nor the others' answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/reading.h"
#include "gateway/daemon/store/tasks.h"
#include "tests/unit/store/bench.h"

/* ---- The letter box ---- */

#define ANN 100u
#define BEN 101u

static enum store_result add(struct task_box *box, struct task *task, store_asker asker)
{
    *task = (struct task){.asker = asker};
    return task_box_add(box, task);
}

static void askers_take_turns(void **state)
{
    struct task_box box;
    struct task tasks[6];
    static const store_asker order[] = {ANN, BEN, ANN, BEN, ANN, ANN};
    (void)state;
    task_box_init(&box);
    for (int i = 0; i < 4; i++)
        assert_int_equal(add(&box, &tasks[i], ANN), STORE_OK);
    for (int i = 4; i < 6; i++)
        assert_int_equal(add(&box, &tasks[i], BEN), STORE_OK);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(task_box_take(&box)->asker, order[i]);
    assert_null(task_box_take(&box));
    task_box_destroy(&box);
}

static void a_long_question_lets_others_in_between_its_slices(void **state)
{
    struct task_box box;
    struct task slow, first, second;
    (void)state;
    task_box_init(&box);
    assert_int_equal(add(&box, &slow, ANN), STORE_OK);
    assert_ptr_equal(task_box_take(&box), &slow);
    assert_int_equal(add(&box, &first, BEN), STORE_OK);
    task_box_again(&box, &slow);
    assert_ptr_equal(task_box_take(&box), &first);
    assert_ptr_equal(task_box_take(&box), &slow);
    assert_int_equal(add(&box, &second, BEN), STORE_OK);
    task_box_again(&box, &slow);
    assert_ptr_equal(task_box_take(&box), &second);
    task_box_destroy(&box);
}

static void the_control_socket_goes_first(void **state)
{
    struct task_box box;
    struct task tasks[3];
    (void)state;
    task_box_init(&box);
    assert_int_equal(add(&box, &tasks[0], ANN), STORE_OK);
    assert_int_equal(add(&box, &tasks[1], STORE_ASKER_GATEWAY), STORE_OK);
    assert_int_equal(add(&box, &tasks[2], STORE_ASKER_CONTROL), STORE_OK);
    assert_ptr_equal(task_box_take(&box), &tasks[2]);
    task_box_destroy(&box);
}

static void a_flood_leaves_places_for_others(void **state)
{
    struct task_box box;
    static struct task tasks[4 * TASKS_MAX];
    uint32_t used = 0;
    (void)state;
    task_box_init(&box);
    for (store_asker asker = ANN; asker < ANN + 3; asker++) {
        while (add(&box, &tasks[used], asker) == STORE_OK)
            used++;
    }
    assert_int_equal(add(&box, &tasks[used], ANN), STORE_BUSY);
    assert_int_equal(add(&box, &tasks[used++], ANN + 4), STORE_OK);
    uint32_t control = 0;
    while (add(&box, &tasks[used], STORE_ASKER_CONTROL) == STORE_OK) {
        used++;
        control++;
    }
    assert_true(control >= TASKS_CONTROL);
    task_box_close(&box);
    assert_int_equal(add(&box, &tasks[used], BEN), STORE_STOPPED);
    task_box_destroy(&box);
}

/* ---- The store under a flood ---- */

struct flood {
    struct store *store;
    struct store_history_query query;
    struct bench_answer first; /* its first question */
    atomic_bool any, enough;
};

/* Each answer asks the next question at once. */
static void flooded(void *context, const struct store_history *history)
{
    struct flood *flood = context;
    if (!atomic_exchange(&flood->any, true))
        bench_answer_done(&flood->first, history->result);
    if (history->result == STORE_OK && !atomic_load(&flood->enough))
        (void)store_history(flood->store, &flood->query, flooded, flood);
}

static void readings_are_committed_while_a_user_floods_history(void **state)
{
    struct bench *bench = *state;
    static struct flood flood;
    for (uint32_t seq = 1; seq <= 2000; seq++)
        bench_put(bench, 0, 7, seq, NOON + seq * INT64_C(1000));
    bench_wait_stored(bench, 2000);
    flood = (struct flood){.store = bench->store,
                           .query = {.device = 0,
                                     .plot = -1,
                                     .asker = store_asker_of("mallory"),
                                     .metric = "air_temperature",
                                     .from_ms = NOON,
                                     .to_ms = NOON + DAY,
                                     .max_points = STORE_HISTORY_MAX}};
    bench_answer_init(&flood.first);
    for (int i = 0; i < 8; i++)
        assert_int_equal(store_history(bench->store, &flood.query, flooded, &flood), STORE_OK);
    assert_int_equal(bench_answer_wait(&flood.first), STORE_OK); /* the flood has begun */
    for (uint32_t seq = 2001; seq <= 2010; seq++)
        bench_put(bench, 0, 7, seq, NOON + seq * INT64_C(1000));
    bench_wait_stored(bench, 2010); /* although there always is another question */
    atomic_store(&flood.enough, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(askers_take_turns),
        cmocka_unit_test(a_long_question_lets_others_in_between_its_slices),
        cmocka_unit_test(the_control_socket_goes_first),
        cmocka_unit_test(a_flood_leaves_places_for_others),
        cmocka_unit_test_setup_teardown(readings_are_committed_while_a_user_floods_history,
                                        bench_begin_open, bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
