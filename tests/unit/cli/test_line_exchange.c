/* SPDX-License-Identifier: Apache-2.0 */
/* What was heard after a request: the answer among echoes, breaks, noise and other masters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tools/cli/line/exchange.h"

#define BYTE_NS 1000000

static struct exchange x;
static struct exchange_judged judged;

static int set_up(void **state)
{
    (void)state;
    memset(&x, 0, sizeof x);
    assert_true(exchange_read(&x, 3, 4, 1, 2));
    x.sent_end_ns = 100 * BYTE_NS;
    return 0;
}

static void hear(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        x.at_ns[x.heard_size] = x.sent_end_ns + (int64_t)(5 + x.heard_size + 1) * BYTE_NS;
        x.heard[x.heard_size++] = bytes[i];
    }
}

static void hear_frame(uint8_t unit, const uint8_t *pdu, size_t size)
{
    uint8_t frame[RTU_FRAME_MAX];
    hear(frame, rtu_build(unit, pdu, size, frame, sizeof frame));
}

static void answer(void)
{
    hear_frame(3, (const uint8_t[]){4, 4, 0, 244, 2, 51}, 6);
}

static void judge(enum exchange_end end)
{
    exchange_judge(&x, BYTE_NS, &judged);
    assert_int_equal(judged.end, end);
}

static void test_an_answer_and_its_turnaround(void **state)
{
    (void)state;
    answer();
    judge(EXCHANGE_GOOD);
    assert_int_equal(judged.turnaround_ns, 5 * BYTE_NS);
    assert_int_equal(judged.stray, 0);
    assert_false(judged.again || judged.echo || judged.broke);
}

static void test_an_exception_is_an_answer(void **state)
{
    (void)state;
    hear_frame(3, (const uint8_t[]){0x84, 2}, 2);
    judge(EXCHANGE_REFUSED);
    assert_int_equal(judged.code, 2);
}

static void test_an_echo_is_not_another_master(void **state)
{
    (void)state;
    hear(x.request, x.request_size);
    judge(EXCHANGE_SILENT);
    assert_true(judged.echo);
    answer();
    judge(EXCHANGE_GOOD);
    assert_int_equal(judged.others, 0);
}

/* Three were given up, and their echoes come in front of the next answer: after a look at a healthy
 * exchange with its echo, so that it is known that the adapter does that. */
static void test_late_echoes_are_not_another_master(void **state)
{
    (void)state;
    hear(x.request, x.request_size);
    answer();
    judge(EXCHANGE_GOOD);
    for (uint8_t unit = 5; unit < 8; unit++) {
        struct echoes echoes = judged.echoes;
        memset(&x, 0, sizeof x);
        assert_true(exchange_read(&x, unit, 3, 0, 1));
        x.echoes = echoes;
        judge(EXCHANGE_SILENT);
    }
    struct echoes echoes = judged.echoes;
    assert_int_equal(set_up(NULL), 0);
    x.echoes = echoes;
    for (uint8_t unit = 5; unit < 8; unit++)
        hear_frame(unit, (const uint8_t[]){3, 0, 0, 0, 1}, 5);
    hear(x.request, x.request_size);
    answer();
    judge(EXCHANGE_GOOD);
    assert_true(judged.echo);
    assert_int_equal(judged.others, 0);
    hear_frame(6, (const uint8_t[]){3, 0, 0, 0, 1}, 5);
    judge(EXCHANGE_GOOD);
    assert_int_equal(judged.others, 1);
}

static void test_another_master_and_its_answer_are_not_ours(void **state)
{
    (void)state;
    hear_frame(7, (const uint8_t[]){3, 0, 0, 0, 1}, 5);
    hear_frame(7, (const uint8_t[]){3, 2, 0, 9}, 4);
    judge(EXCHANGE_GARBLED);
    assert_int_equal(judged.others, 1);
}

static void test_a_break_is_no_garbage(void **state)
{
    (void)state;
    hear((const uint8_t[]){0}, 1);
    judge(EXCHANGE_SILENT);
    assert_true(judged.broke);
    hear((const uint8_t[]){0, 0xFF}, 2);
    judge(EXCHANGE_GARBLED);
    assert_false(judged.broke);
}

static void test_stray_bytes_cost_no_answer_and_a_second_one_is_seen(void **state)
{
    (void)state;
    hear((const uint8_t[]){0, 0xFF}, 2);
    answer();
    judge(EXCHANGE_GOOD);
    assert_int_equal(judged.stray, 2);
    assert_int_equal(judged.turnaround_ns, 7 * BYTE_NS);
    hear_frame(3, (const uint8_t[]){4, 4, 0, 1, 0, 1}, 6);
    judge(EXCHANGE_GOOD);
    assert_true(judged.again);
}

static void test_a_damaged_answer_is_garbled_and_no_bytes_are_silence(void **state)
{
    (void)state;
    judge(EXCHANGE_SILENT);
    answer();
    x.heard[4] ^= 1;
    judge(EXCHANGE_GARBLED);
    x.heard_size = 4;
    judge(EXCHANGE_GARBLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_answer_and_its_turnaround, set_up),
        cmocka_unit_test_setup(test_an_exception_is_an_answer, set_up),
        cmocka_unit_test_setup(test_an_echo_is_not_another_master, set_up),
        cmocka_unit_test_setup(test_late_echoes_are_not_another_master, set_up),
        cmocka_unit_test_setup(test_another_master_and_its_answer_are_not_ours, set_up),
        cmocka_unit_test_setup(test_a_break_is_no_garbage, set_up),
        cmocka_unit_test_setup(test_stray_bytes_cost_no_answer_and_a_second_one_is_seen, set_up),
        cmocka_unit_test_setup(test_a_damaged_answer_is_garbled_and_no_bytes_are_silence, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
