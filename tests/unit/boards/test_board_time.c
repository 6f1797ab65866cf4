/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boards/cortex-m3/cpu.h"
#include "firmware/hal.h"
#include "tests/unit/boards/register_model.h"

/* The system timer, by true ticks; every look at a register takes some. */
static uint64_t ticks;
static uint32_t ticks_a_look;
static uint64_t wraps_served;
static bool interrupts; /* the wrap is served as soon as it is there */

static uint32_t reload(void)
{
    return model_get(SYSTICK_RVR) + 1;
}

static void timer_runs(uint32_t address)
{
    if (address != SYSTICK_CVR && address != SCB_ICSR)
        return;
    ticks += ticks_a_look;
    uint64_t wraps = ticks / reload();
    if (interrupts)
        for (; wraps_served < wraps; wraps_served++)
            time_wrapped();
    uint32_t position = (uint32_t)(ticks % reload());
    model_set(SYSTICK_CVR, position ? reload() - position : 0);
    model_set(SCB_ICSR, wraps_served < wraps ? 1U << 26 : 0);
}

static void start(uint32_t hz)
{
    model_reset();
    ticks = wraps_served = 0;
    ticks_a_look = 1;
    interrupts = true;
    time_start(hz, true);
    model.on_read = timer_runs;
}

static void time_is_true_at_every_clock_of_the_boards(void **state)
{
    (void)state;
    static const uint32_t clocks[] = {12500000, 25000000, 9000000, 8000000, 1000000};
    for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        start(clocks[i]);
        for (uint64_t s = 0; s < 100; s++) {
            ticks = clocks[i] * s + clocks[i] / 3;
            uint64_t now_us = hal_now_us();
            uint64_t true_us = ticks * 1000000 / clocks[i];
            assert_true(now_us <= true_us + 1 && now_us + 3 >= true_us);
        }
    }
}

static void time_never_goes_back_around_a_wrap(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) /* with the interrupt served at once, and held back */
        for (ticks_a_look = 1; ticks_a_look <= 3; ticks_a_look++) {
            uint32_t step = ticks_a_look;
            start(9000000);
            ticks_a_look = step;
            interrupts = !late;
            ticks = reload() - 300;
            uint64_t last_us = hal_now_us();
            for (int i = 0; i < 400; i++) {
                uint64_t now_us = hal_now_us();
                assert_true(now_us >= last_us && now_us - last_us <= 2);
                last_us = now_us;
            }
            assert_true(last_us >= 1000000);
        }
}

static void a_delay_takes_its_time_also_over_a_wrap(void **state)
{
    (void)state;
    start(25000000);
    ticks_a_look = 7;
    for (uint32_t us = 1; us <= 1000; us += 111) {
        ticks = reload() - 60;
        uint64_t begin = ticks;
        hal_delay_us(us);
        assert_in_range(ticks - begin, us * 25, us * 25 + 60);
    }
    uint64_t begin = ticks;
    hal_delay_us(UINT32_MAX); /* bounded */
    assert_in_range(ticks - begin, 25000, 25100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_is_true_at_every_clock_of_the_boards),
        cmocka_unit_test(time_never_goes_back_around_a_wrap),
        cmocka_unit_test(a_delay_takes_its_time_also_over_a_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
