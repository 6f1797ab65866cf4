/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND_MS 1000

/* What a sender brings in a tick. */
struct load {
    uint32_t frames, payload; /* of each */
    uint64_t beside;
};

struct sender {
    struct pace pace;
    uint64_t received;
    int64_t now_ms;
    unsigned read; /* ticks in which it was read */
};

/* So many ticks of it; what is not read does not come in: the kernel's buffer is full. */
static void send_for(struct sender *sender, struct load load, int64_t span_ms)
{
    bool reads = sender->now_ms >= sender->pace.until_ms;
    for (int64_t end_ms = sender->now_ms + span_ms; sender->now_ms < end_ms;) {
        for (uint32_t i = 0; reads && i < load.frames; i++)
            pace_frame(&sender->pace, load.payload);
        if (reads)
            sender->received += (uint64_t)load.frames * (load.payload + 14) + load.beside;
        sender->read += reads;
        sender->now_ms += PACE_TICK_MS;
        reads = pace_tick(&sender->pace, sender->received, sender->now_ms);
    }
}

static const struct load app = {.frames = 20, .payload = 60, .beside = 1400};
static const struct load pictures = {.frames = 200, .payload = 4096, .beside = 20 * 200};
static const struct load pings = {.beside = 500000};
static const struct load small_frames = {.frames = 20000, .payload = 2};

static void who_uses_it_is_never_kept_waiting(void **state)
{
    (void)state;
    struct sender sender = {.now_ms = 50000};
    send_for(&sender, app, 60 * SECOND_MS);
    send_for(&sender, pictures, 60 * SECOND_MS);
    assert_int_equal(sender.read, 2 * 60 * SECOND_MS / PACE_TICK_MS);
}

static void a_flood_is_read_ever_more_rarely(void **state)
{
    (void)state;
    const struct load *const floods[] = {&pings, &small_frames};
    for (unsigned i = 0; i < 2; i++) {
        struct sender sender = {.now_ms = 50000};
        send_for(&sender, *floods[i], 600 * SECOND_MS);
        assert_in_range(sender.read, 5, 30); /* of 2400 ticks */
    }
}

static void who_has_calmed_down_is_read_as_before(void **state)
{
    (void)state;
    struct sender sender = {.now_ms = 50000};
    send_for(&sender, pings, 600 * SECOND_MS);
    send_for(&sender, app, 2 * PACE_LONGEST_MS + 2 * SECOND_MS);
    sender.read = 0;
    send_for(&sender, app, 60 * SECOND_MS);
    assert_int_equal(sender.read, 60 * SECOND_MS / PACE_TICK_MS);
    assert_int_equal(sender.pace.wait_ms, 0);
    send_for(&sender, pings, PACE_TICK_MS);
    assert_int_equal(sender.pace.wait_ms, PACE_FIRST_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_uses_it_is_never_kept_waiting),
        cmocka_unit_test(a_flood_is_read_ever_more_rarely),
        cmocka_unit_test(who_has_calmed_down_is_read_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
