/* SPDX-License-Identifier: Apache-2.0 */
/* A copied card: a gateway is who it was as long as it runs on its own machine, and a new one on
 * another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/store/bench.h"

#define BOX   "0123456789abcdef0123456789abcdef"
#define OTHER "fedcba9876543210fedcba9876543210"

static char uuid[37]; /* of the last look() */

/* Runs once on that machine. true: with the identity of before. */
static bool same_on(struct bench *bench, const char *machine)
{
    bench->machine = machine;
    bench_open(bench);
    bool same = strcmp(store_uuid(bench->store), uuid) == 0;
    memcpy(uuid, store_uuid(bench->store), sizeof uuid);
    bench_close(bench);
    return same;
}

static bool copied_on(struct bench *bench, const char *machine)
{
    struct store_stats stats;
    bench->machine = machine;
    bench_open(bench);
    store_stats(bench->store, &stats);
    memcpy(uuid, store_uuid(bench->store), sizeof uuid);
    bench_close(bench);
    return stats.copied;
}

static void beside(const struct bench *bench, const char *mode, char *text, size_t size)
{
    char name[300];
    (void)snprintf(name, sizeof name, "%s.identity", bench->path);
    FILE *file = fopen(name, mode);
    assert_non_null(file);
    if (mode[0] == 'r')
        text[fread(text, 1, size - 1, file)] = '\0';
    else
        assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
}

static void on_another_machine_it_is_a_new_gateway(void **state)
{
    struct bench *bench = *state;
    (void)same_on(bench, BOX);
    assert_true(same_on(bench, BOX));
    assert_true(copied_on(bench, OTHER));
    char first[37];
    memcpy(first, uuid, sizeof first);
    assert_false(copied_on(bench, OTHER)); /* and stays that one */
    assert_string_equal(uuid, first);
    assert_false(same_on(bench, BOX));
}

static void what_is_not_known_changes_nothing(void **state)
{
    struct bench *bench = *state;
    (void)same_on(bench, "");
    assert_true(same_on(bench, BOX)); /* learnt */
    assert_true(same_on(bench, ""));  /* a container, a file that is gone */
    assert_true(same_on(bench, BOX)); /* it is remembered meanwhile */
    assert_true(same_on(bench, ""));
    assert_true(copied_on(bench, OTHER));
}

static void the_file_of_before_knows_no_machine(void **state)
{
    struct bench *bench = *state;
    char text[200];
    (void)same_on(bench, "");
    beside(bench, "r", text, sizeof text);
    assert_null(strstr(text, BOX));
    assert_int_equal(strchr(text, '\n') - text, strlen(text) - 1);
    assert_true(same_on(bench, BOX));
    beside(bench, "r", text, sizeof text);
    assert_non_null(strstr(text, " " BOX "\n"));
}

static void a_power_cut_while_it_changes_changes_it_once(void **state)
{
    struct bench *bench = *state;
    char fresh[100], old[300];
    (void)same_on(bench, BOX);
    beside(bench, "r", old, sizeof old);
    /* The file beside is written first: the store's still has the old one. */
    (void)snprintf(fresh, sizeof fresh, "01234567-89ab-4def-8123-456789abcdef 1 1 " OTHER "\n");
    beside(bench, "w", fresh, sizeof fresh);
    assert_false(same_on(bench, OTHER));
    assert_memory_equal(uuid, fresh, 36);
    (void)snprintf(old, sizeof old, "%s.identity", bench->path);
    assert_int_equal(unlink(old), 0);
    assert_true(same_on(bench, OTHER)); /* the store's file has it too */
}

static void a_store_that_is_gone_brings_no_identity_back(void **state)
{
    struct bench *bench = *state;
    (void)same_on(bench, BOX);
    assert_int_equal(unlink(bench->path), 0);
    assert_true(same_on(bench, BOX)); /* its own, by the file beside it */
    assert_int_equal(unlink(bench->path), 0);
    assert_true(copied_on(bench, OTHER));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, bench_begin, bench_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(on_another_machine_it_is_a_new_gateway),
        CASE(what_is_not_known_changes_nothing),
        CASE(the_file_of_before_knows_no_machine),
        CASE(a_power_cut_while_it_changes_changes_it_once),
        CASE(a_store_that_is_gone_brings_no_identity_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
