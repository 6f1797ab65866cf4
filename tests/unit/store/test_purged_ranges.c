/* SPDX-License-Identifier: Apache-2.0 */
/* What is gone, and whether it was told, held against a model that has a mark for each number. */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/store/db.h"
#include "gateway/daemon/store/purged_ranges.h"
#include "tests/unit/store/garden_config.h"

#define NUMBERS 24u
#define BOOT    7u

enum mark { KEPT, UNTOLD, TOLD };

static uint32_t pick(uint32_t below)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state % below);
}

/* Each number is in one row at most, and there it says what the model says. */
static void check(struct db *db, const uint8_t model[NUMBERS])
{
    uint8_t found[NUMBERS] = {0};
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_prepare_v2(db->handle,
                                        "SELECT first, last, told FROM gone WHERE device = 'probe'"
                                        " AND boot = 7",
                                        -1, &s, NULL),
                     SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW) {
        assert_true(sqlite3_column_int(s, 0) <= sqlite3_column_int(s, 1));
        assert_true(sqlite3_column_int(s, 1) < (int)NUMBERS);
        for (int seq = sqlite3_column_int(s, 0); seq <= sqlite3_column_int(s, 1); seq++) {
            assert_int_equal(found[seq], KEPT);
            found[seq] = sqlite3_column_int(s, 2) ? TOLD : UNTOLD;
        }
    }
    sqlite3_finalize(s);
    assert_memory_equal(found, model, NUMBERS);
}

static void tell_all(struct db *db, uint8_t model[NUMBERS])
{
    assert_int_equal(sqlite3_exec(db->handle, "UPDATE gone SET told = 1", NULL, NULL, NULL),
                     SQLITE_OK);
    for (uint32_t seq = 0; seq < NUMBERS; seq++)
        model[seq] = model[seq] == KEPT ? KEPT : TOLD;
}

static void rows_say_what_a_mark_for_each_number_says(void **state)
{
    (void)state;
    char path[200], why[200] = "";
    struct db db = {.handle = NULL};
    garden_store_path(path, sizeof path);
    assert_int_equal(db_open(&db, path, 1 << 24, why, sizeof why), SQLITE_OK);
    for (unsigned round = 0; round < 200; round++) {
        uint8_t model[NUMBERS] = {0};
        assert_int_equal(db_begin(&db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db.handle, "DELETE FROM gone", NULL, NULL, NULL), SQLITE_OK);
        /* Others' rows are not touched. */
        assert_int_equal(purged_ranges_add(&db, "probe", BOOT + 1, 0, NUMBERS), SQLITE_OK);
        assert_int_equal(purged_ranges_add(&db, "other", BOOT, 0, NUMBERS), SQLITE_OK);
        for (unsigned step = 0; step < 20; step++) {
            uint32_t first = pick(NUMBERS), last = first + pick(NUMBERS - first);
            if (pick(4) == 0) {
                tell_all(&db, model);
            } else if (pick(2)) {
                assert_int_equal(purged_ranges_add(&db, "probe", BOOT, first, last), SQLITE_OK);
                for (uint32_t seq = first; seq <= last; seq++)
                    model[seq] = model[seq] == KEPT ? UNTOLD : model[seq];
            } else {
                assert_int_equal(purged_ranges_report_again(&db, "probe", BOOT, first, last),
                                 SQLITE_OK);
                for (uint32_t seq = first; seq <= last; seq++)
                    model[seq] = model[seq] == TOLD ? UNTOLD : model[seq];
            }
            check(&db, model);
        }
        assert_int_equal(db_commit(&db), SQLITE_OK);
    }
    db_close(&db);
    garden_remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_say_what_a_mark_for_each_number_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
