/* SPDX-License-Identifier: Apache-2.0 */
/* The audit is bounded: one user's flood costs neither readings nor what others asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "gateway/daemon/store/store.h"
#include "tests/unit/store/bench.h"

static void the_audit_keeps_to_its_share_and_the_largest_owner_makes_room(void **state)
{
    struct bench *bench = *state;
    bench->config->store_max_bytes = 4u << 20;
    bench_open(bench);
    for (unsigned i = 0; i < 2000; i++) {
        struct bench_answer answer;
        struct store_audit audit = {.at_ms = NOON + i, .method = "pick"};
        (void)snprintf(audit.user, sizeof audit.user, "%s", i < 20 ? "owner" : "li");
        bench_answer_init(&answer);
        assert_int_equal(store_audit(bench->store, &audit, bench_answer_done, &answer), STORE_OK);
        assert_int_equal(bench_answer_wait(&answer), STORE_OK);
    }
    bench_close(bench);
    assert_in_range(bench_number(bench, "SELECT count(*) FROM audit"), 900, 1100);
    assert_int_equal(bench_number(bench, "SELECT count(*) FROM audit WHERE user = 'owner'"), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            the_audit_keeps_to_its_share_and_the_largest_owner_makes_room, bench_begin, bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
