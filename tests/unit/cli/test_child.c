/* SPDX-License-Identifier: Apache-2.0 */
/* A tool that is run: what it said and how it ended, also when it is gone before it was read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tools/cli/flash/child.h"

#define TIMES 50

static struct child child;

static void run(const char *script)
{
    struct command command = {0};
    command_add(&command, "sh");
    command_add(&command, "-c");
    command_add(&command, "%s", script);
    child_run(&command, 30, &child, NULL, NULL);
}

/* It writes what fills the pipe and exits while the first of many pieces is read. */
static void test_one_that_is_gone_before_it_was_read_is_done(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TIMES; i++) {
        run("exec dd if=/dev/zero bs=60000 count=1 status=none");
        assert_int_equal(child.end, CHILD_DONE);
        assert_int_equal(child.code, 0);
        assert_int_equal(child.size, 60000);
    }
}

static void test_the_code_of_one_that_is_gone_is_kept(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TIMES; i++) {
        run("dd if=/dev/zero bs=60000 count=1 status=none; exit 7");
        assert_int_equal(child.end, CHILD_DONE);
        assert_int_equal(child.code, 7);
        assert_int_equal(child.size, 60000);
    }
}

static void test_one_whose_own_child_lives_on_is_not_waited_for(void **state)
{
    (void)state;
    run("sleep 20 & echo said");
    assert_int_equal(child.end, CHILD_DONE);
    assert_int_equal(child.code, 0);
    assert_string_equal(child.output, "said\n");
}

static void test_what_it_started_may_not_talk_for_ever(void **state)
{
    (void)state;
    struct command command = {0};
    command_add(&command, "sh");
    command_add(&command, "-c");
    command_add(&command, "timeout 20 yes & exit 3");
    child_run(&command, 1, &child, NULL, NULL);
    assert_int_equal(child.end, CHILD_DONE);
    assert_int_equal(child.code, 3);
}

static void test_one_that_is_not_there_is_missing(void **state)
{
    (void)state;
    struct command command = {0};
    command_add(&command, "/no/such/tool");
    child_run(&command, 30, &child, NULL, NULL);
    assert_int_equal(child.end, CHILD_MISSING);
}

static void test_one_that_never_ends_is_ended(void **state)
{
    (void)state;
    struct command command = {0};
    command_add(&command, "sleep");
    command_add(&command, "1000");
    child_run(&command, 0, &child, NULL, NULL);
    assert_int_equal(child.end, CHILD_LATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_is_gone_before_it_was_read_is_done),
        cmocka_unit_test(test_the_code_of_one_that_is_gone_is_kept),
        cmocka_unit_test(test_one_whose_own_child_lives_on_is_not_waited_for),
        cmocka_unit_test(test_what_it_started_may_not_talk_for_ever),
        cmocka_unit_test(test_one_that_is_not_there_is_missing),
        cmocka_unit_test(test_one_that_never_ends_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
