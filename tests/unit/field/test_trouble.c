/* SPDX-License-Identifier: Apache-2.0 */
/* What a badly built line does: only what passes the joint is damaged, and noise is a short
 * pulse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tools/field/trouble.h"

static void test_only_those_behind_the_joint_are_apart(void **state)
{
    (void)state;
    const struct scene_line line = {.joint = 0.1, .joint_after = 2}, whole = {.joint_after = 2};
    assert_false(trouble_apart(&line, 1));
    assert_false(trouble_apart(&line, 2));
    assert_true(trouble_apart(&line, 3));
    assert_false(trouble_apart(&whole, 3));
}

static void test_a_joint_damages_its_share_of_the_bytes(void **state)
{
    (void)state;
    const struct scene_line line = {.joint = 0.05};
    struct rng rng = rng_named(1, "joint");
    uint8_t bytes[1000] = {0};
    unsigned changed = 0;
    assert_true(trouble_joint(&line, &rng, bytes, sizeof bytes));
    for (size_t i = 0; i < sizeof bytes; i++)
        changed += bytes[i] != 0;
    assert_in_range(changed, 25, 75);
}

static void test_noise_is_low_bits_and_then_the_rest_of_the_line(void **state)
{
    (void)state;
    struct rng rng = rng_named(1, "noise");
    for (unsigned i = 0; i < 200; i++) {
        uint8_t byte = trouble_noise(&rng);
        assert_int_equal((uint8_t)(~byte + 1) & (uint8_t)~byte, 0); /* 0…01…1, turned round */
    }
}

static void test_noise_comes_as_often_as_the_scene_says(void **state)
{
    (void)state;
    const struct scene_line line = {.floating = 20};
    struct rng rng = rng_named(1, "times");
    int64_t now = 0;
    for (unsigned i = 0; i < 1000; i++)
        now = trouble_noise_ns(&line, &rng, now);
    assert_in_range((uint64_t)now / 1000000, 45000, 55000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_those_behind_the_joint_are_apart),
        cmocka_unit_test(test_a_joint_damages_its_share_of_the_bytes),
        cmocka_unit_test(test_noise_is_low_bits_and_then_the_rest_of_the_line),
        cmocka_unit_test(test_noise_comes_as_often_as_the_scene_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
