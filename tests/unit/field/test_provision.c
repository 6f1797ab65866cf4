/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocols/modbus/rtu.h"
#include "tools/field/provision.h"

static uint8_t frame[RTU_FRAME_MAX];

/* Unit, function, register and value of the request to send now. */
static void assert_asks(const struct provision *p, uint8_t unit, uint8_t function, unsigned reg,
                        unsigned value)
{
    size_t size = provision_request(p, frame, sizeof(frame));
    assert_int_equal(size, 8);
    assert_true(rtu_check(frame, size));
    assert_int_equal(frame[0], unit);
    assert_int_equal(frame[1], function);
    assert_int_equal(frame[2] << 8 | frame[3], reg);
    assert_int_equal(frame[4] << 8 | frame[5], value);
}

static void a_fresh_node_gets_address_rate_and_period(void **state)
{
    const struct wire_rate rate = {19200, 'E', 1};
    struct provision p;
    (void)state;
    provision_init(&p, 12, &rate, 5);
    assert_asks(&p, 247, 6, 0x07D0, 12);
    assert_true(provision_answer(&p, frame, 8));
    assert_asks(&p, 12, 6, 0x07D1, 3);
    assert_true(provision_answer(&p, frame, 8));
    assert_asks(&p, 12, 6, 0x07D2, 1);
    assert_true(provision_answer(&p, frame, 8));
    assert_asks(&p, 12, 6, 0x0100, 0x4241);
    assert_true(provision_answer(&p, frame, 8));
    assert_asks(&p, 12, 6, 0x0110, 5);
    assert_true(provision_answer(&p, frame, 8));
    assert_asks(&p, 12, 6, 0x0101, 1);
    assert_true(provision_answer(&p, frame, 8));
    assert_asks(&p, 12, 4, 0x0000, 6);
    assert_false(p.done);
    assert_true(provision_answer(&p, frame, 8));
    assert_true(p.done);
    assert_int_equal(provision_request(&p, frame, sizeof(frame)), 0);
}

static void what_is_as_from_the_factory_is_left_alone(void **state)
{
    const struct wire_rate rate = {9600, 'N', 1};
    struct provision p;
    (void)state;
    provision_init(&p, 3, &rate, 0);
    assert_asks(&p, 247, 6, 0x07D0, 3);
    assert_true(provision_answer(&p, frame, 8));
    assert_asks(&p, 3, 4, 0x0000, 6);
}

static void a_node_that_has_its_address_is_found_there(void **state)
{
    const struct wire_rate rate = {9600, 'N', 1};
    struct provision p;
    (void)state;
    provision_init(&p, 3, &rate, 0);
    for (int i = 0; i < PROVISION_TRIES; i++)
        assert_true(provision_silence(&p));
    assert_asks(&p, 3, 4, 0x0000, 6);
}

static void a_node_that_is_late_to_start_gets_its_address_all_the_same(void **state)
{
    const struct wire_rate rate = {9600, 'N', 1};
    struct provision p;
    (void)state;
    provision_init(&p, 3, &rate, 0);
    for (int i = 0; i < 2 * PROVISION_TRIES; i++)
        assert_true(provision_silence(&p));
    assert_asks(&p, 247, 6, 0x07D0, 3);
}

static void a_dead_node_is_given_up(void **state)
{
    const struct wire_rate rate = {9600, 'N', 1};
    struct provision p;
    int tries = 0;
    (void)state;
    provision_init(&p, 3, &rate, 0);
    while (provision_silence(&p))
        tries++;
    assert_int_equal(tries, 2 * PROVISION_TRIES * PROVISION_ROUNDS - 1);
    assert_false(p.done);
}

static void a_damaged_answer_moves_nothing(void **state)
{
    const struct wire_rate rate = {9600, 'N', 1};
    struct provision p;
    (void)state;
    provision_init(&p, 3, &rate, 0);
    assert_asks(&p, 247, 6, 0x07D0, 3);
    frame[5] ^= 1;
    assert_false(provision_answer(&p, frame, 8));
    assert_asks(&p, 247, 6, 0x07D0, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_node_gets_address_rate_and_period),
        cmocka_unit_test(what_is_as_from_the_factory_is_left_alone),
        cmocka_unit_test(a_node_that_has_its_address_is_found_there),
        cmocka_unit_test(a_node_that_is_late_to_start_gets_its_address_all_the_same),
        cmocka_unit_test(a_dead_node_is_given_up),
        cmocka_unit_test(a_damaged_answer_moves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
