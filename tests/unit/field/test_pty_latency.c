/* SPDX-License-Identifier: Apache-2.0 */
/* What a pseudo terminal takes, and when a master wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/field/pty_latency.h"
#include "tools/field/write_stamps.h"

static char folder[] = "/tmp/test_hop.XXXXXX";
static char path[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/it", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static void each_way_takes_time_and_the_name_is_free_again(void **state)
{
    struct pty_latency least;
    (void)state;
    assert_true(pty_latency_measure(path, &least));
    assert_in_range(least.hear_ns, 1, 100000000);
    assert_in_range(least.say_ns, 1, 100000000);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_false(pty_latency_measure("/nowhere/it", &least));
}

static void what_a_master_told_is_taken_once(void **state)
{
    struct write_stamps said = {0};
    (void)state;
    assert_int_equal(write_stamps_take(&said, 3, 100), 0); /* not open */
    assert_true(write_stamps_open(&said, path));
    atomic_store(&said.slots[3], 5000);
    assert_int_equal(write_stamps_take(&said, 4, 6000), 0);
    assert_int_equal(write_stamps_take(&said, 3, 6000), 5000);
    assert_int_equal(write_stamps_take(&said, 3, 6000), 0);
    write_stamps_close(&said);
}

static void what_can_not_be_meant_is_not_believed(void **state)
{
    struct write_stamps said = {0};
    (void)state;
    assert_true(write_stamps_open(&said, path));
    atomic_store(&said.slots[0], 5000);
    assert_int_equal(write_stamps_take(&said, 0, 4999), 0); /* written after it was seen */
    atomic_store(&said.slots[0], 5000);
    assert_int_equal(write_stamps_take(&said, 0, 5001 + (int64_t)WRITE_STAMPS_MOST_NS), 0);
    assert_int_equal(write_stamps_take(&said, -1, 5000), 0);
    assert_int_equal(write_stamps_take(&said, WRITE_STAMPS_SLOTS, 5000), 0);
    write_stamps_close(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_takes_time_and_the_name_is_free_again),
        cmocka_unit_test(what_a_master_told_is_taken_once),
        cmocka_unit_test(what_can_not_be_meant_is_not_believed),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
