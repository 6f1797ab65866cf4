/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "gateway/daemon/store/live.h"

#define DEVICES     4
#define PATIENCE_MS 60000

static void put(struct live *live, uint16_t device, int64_t taken_ms)
{
    struct reading reading = {.device = device, .taken = {.ms = taken_ms}};
    live_put(live, &reading);
}

/* How often the timer went off since it was asked; waits for the first time. */
static uint64_t wakes(int fd, int wait_ms)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    uint64_t count = 0;
    if (poll(&ready, 1, wait_ms) == 1)
        assert_int_equal(read(fd, &count, sizeof count), sizeof count);
    return count;
}

static void what_a_burst_brings_is_one_wake(void **state)
{
    bool changed[DEVICES] = {false};
    struct itimerspec left = {.it_value = {.tv_sec = -1}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct live *live = live_create(DEVICES);
    (void)state;
    live_set_timer(live, fd);
    put(live, 0, 1);
    assert_int_equal(wakes(fd, PATIENCE_MS), 1);
    put(live, 1, 1); /* before anybody has looked */
    assert_int_equal(wakes(fd, 0), 0);
    live_changed(live, changed);
    assert_true(changed[0] && changed[1] && !changed[2]);
    for (uint16_t i = 0; i < DEVICES; i++)
        put(live, i, 2);
    assert_int_equal(timerfd_gettime(fd, &left), 0);
    assert_true(left.it_value.tv_sec == 0 && left.it_value.tv_nsec <= 10000000);
    assert_int_equal(wakes(fd, PATIENCE_MS), 1);
    live_changed(live, changed);
    assert_true(changed[0] && changed[3]);
    assert_int_equal(wakes(fd, 0), 0);
    live_destroy(live);
    assert_int_equal(close(fd), 0);
}

static void a_quiet_device_wakes_no_one(void **state)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct itimerspec left = {.it_value = {.tv_sec = -1}};
    struct live *live = live_create(DEVICES);
    (void)state;
    live_set_timer(live, fd);
    assert_false(live_set_quiet(live, 2, true));
    put(live, 2, 1);
    assert_int_equal(timerfd_gettime(fd, &left), 0);
    assert_true(left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
    assert_int_equal(wakes(fd, 0), 0);
    assert_true(live_set_quiet(live, 2, false)); /* it has changed meanwhile */
    live_destroy(live);
    assert_int_equal(close(fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_burst_brings_is_one_wake),
        cmocka_unit_test(a_quiet_device_wakes_no_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
