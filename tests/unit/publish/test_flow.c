/* SPDX-License-Identifier: Apache-2.0 */
/* How much goes to a broker at once, by how it answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/daemon/publish/worker/flow.h"
#include "gateway/daemon/publish/worker/ready.h"

static struct flow begun(uint32_t max_packet)
{
    struct flow flow;
    flow_init(&flow);
    flow_begin(&flow, max_packet);
    return flow;
}

static void a_fast_way_takes_more_and_a_full_one_half(void **state)
{
    struct flow flow = begun(0);
    size_t first = flow.limit;
    (void)state;
    flow_timed(&flow, 800); /* a long way is no full one */
    flow_acked(&flow, 1000, 0, 900, 900);
    assert_int_equal(flow.limit, first + 1000);
    flow_acked(&flow, 1000, 1000, 3000, 3000);
    assert_int_equal(flow.limit, (first + 1000) / 2);
    flow_acked(&flow, 1000, 1001, 3100, 3100); /* under way together: once */
    assert_int_equal(flow.limit, (first + 1000) / 2);
    for (int64_t at = 4000; at < 100000; at += 5000)
        flow_acked(&flow, 1000, at, at + 4000, at + 4000);
    assert_int_equal(flow.limit, 4096);
}

static void readings_in_flight_are_counted(void **state)
{
    struct flow flow = begun(0);
    (void)state;
    assert_false(flow_is_full(&flow));
    flow_add(&flow, flow.limit);
    assert_true(flow_is_full(&flow));
    flow_remove(&flow, 1);
    assert_false(flow_is_full(&flow));
    flow_remove(&flow, 1u << 20); /* of a connection before */
    assert_int_equal(flow.used, 0);
}

static void a_message_is_as_large_as_the_broker_says(void **state)
{
    struct flow flow = begun(4096);
    (void)state;
    assert_true(flow_takes(&flow, 4000, 72));
    assert_false(flow_takes(&flow, 4000, 73));
    assert_in_range(flow_message_most(&flow), 2048, 4096 - 256);
}

static void what_was_too_large_once_is_not_tried_again(void **state)
{
    struct flow flow = begun(0);
    (void)state;
    flow.limit = 1u << 20;
    assert_int_equal(flow_message_most(&flow), READY_BYTES);
    flow_sent(&flow, 20000);
    flow_too_large(&flow, 0); /* nothing waits: the largest that was sent */
    assert_false(flow_takes(&flow, 20000, 0));
    flow_begin(&flow, 0);
    flow.limit = 1u << 20;
    assert_int_equal(flow_message_most(&flow), 10000);
    flow_too_large(&flow, 9000);
    assert_false(flow_takes(&flow, 9000, 0));
    assert_true(flow_takes(&flow, 8999, 0));
}

static void after_a_connection_that_ended_soon_each_message_goes_alone(void **state)
{
    struct flow flow = begun(0);
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        flow_sent(&flow, 100);
    assert_false(flow_goes_alone(&flow));
    flow_ended_soon(&flow);
    flow_begin(&flow, 0);
    flow_sent(&flow, 100);
    flow_ended_soon(&flow); /* again, with the first of them: no reason to hurry */
    flow_begin(&flow, 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(flow_goes_alone(&flow));
        flow_sent(&flow, 100);
    }
    assert_false(flow_goes_alone(&flow));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fast_way_takes_more_and_a_full_one_half),
        cmocka_unit_test(readings_in_flight_are_counted),
        cmocka_unit_test(a_message_is_as_large_as_the_broker_says),
        cmocka_unit_test(what_was_too_large_once_is_not_tried_again),
        cmocka_unit_test(after_a_connection_that_ended_soon_each_message_goes_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
