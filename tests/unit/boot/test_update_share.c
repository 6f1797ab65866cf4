/* SPDX-License-Identifier: Apache-2.0 */
/* A busy line at 9,600 baud in virtual time: the bus's own schedule polls, and the updater sends
 * whenever the schedule lets it, at every share. No poll may be later than twice its period. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/daemon/bus/schedule.h"
#include "gateway/daemon/bus/serial_timing.h"
#include "tests/unit/boot/line_sim.h"

#define UNITS     16
#define FAST      4 /* of them, probes that are read every second */
#define UPDATED   5 /* nodes of the same line; the last one is dead */
#define ANSWER_US 500000
#define WRITE_US  40000              /* after a broadcast */
#define TRIAL_US  INT64_C(900000000) /* NODE_TRIAL_US */
#define TURN_US   8000               /* silence and turnaround of a request and its answer */

struct traffic {
    struct schedule_unit units[UNITS];
    struct schedule schedule;
    int64_t polled_us[UNITS];
    int64_t now_us, wanted_us; /* wanted: the update has a request from then on */
    int64_t trials_us;         /* when all were restarted; 0: not yet */
    unsigned polls, late;
    double worst; /* largest distance of two polls, in periods */
};

static struct traffic traffic;

static int64_t wire_us(size_t bytes)
{
    const struct serial_timing wire = {.baud = 9600, .parity = 'N', .stop_bits = 1};
    return serial_timing_bytes_ns(&wire, bytes) / 1000;
}

static void make_traffic(void)
{
    traffic = (struct traffic){.now_us = 1000000};
    for (unsigned i = 0; i < UNITS; i++)
        traffic.units[i].period_us = i < FAST ? 1000000 : 5000000;
    schedule_init(&traffic.schedule, traffic.units, UNITS, traffic.now_us);
    for (unsigned i = 0; i < UNITS; i++)
        traffic.polled_us[i] = traffic.units[i].due_us;
}

/* A probe's two registers, or the snapshot of a node. */
static void poll(unsigned unit)
{
    int64_t period_us = traffic.units[unit].period_us;
    double distance = (double)(traffic.now_us - traffic.polled_us[unit]) / (double)period_us;
    traffic.late += distance > 2;
    traffic.worst = distance > traffic.worst ? distance : traffic.worst;
    traffic.polls++;
    traffic.polled_us[unit] = traffic.now_us;
    int64_t cost_us = wire_us(8 + (unit < FAST ? 9 : 49)) + TURN_US;
    traffic.now_us += cost_us;
    (void)schedule_end(&traffic.schedule, unit, SCHEDULE_ANSWERED, traffic.now_us, cost_us,
                       traffic.now_us);
}

/* One request of the update; how long it has the line. */
static int64_t send_one(const struct update_request *request)
{
    uint64_t before = line.bytes;
    line.now_ms = traffic.now_us / 1000;
    line_exchange(request);
    size_t answer = (size_t)(line.bytes - before) - request->pdu_size - 3;
    int64_t wait_us = request->unit == 0 ? WRITE_US : answer > 0 ? TURN_US : ANSWER_US;
    return wire_us((size_t)(line.bytes - before)) + wait_us;
}

static void run_update(const struct test_image *image, unsigned share)
{
    uint8_t units[NODES];
    struct update_request request;
    int64_t again_ms = 0;
    for (unsigned i = 0; i < line.count; i++)
        units[i] = (uint8_t)(i + 1);
    assert_true(update_start(&update, image->bytes, TEST_IMAGE_SIZE, units, line.count,
                             (struct update_options){0}));
    bool has_request = false;
    for (;;) {
        if (!has_request && traffic.now_us >= traffic.wanted_us) {
            enum update_action action =
                update_next(&update, traffic.now_us / 1000, &request, &again_ms);
            if (action == UPDATE_FINISHED)
                return;
            has_request = action == UPDATE_SEND_REQUEST;
            traffic.wanted_us = has_request ? traffic.now_us : again_ms * 1000;
        }
        struct schedule_turn turn = schedule_next(&traffic.schedule, traffic.now_us);
        if (update.restarted_all && traffic.trials_us == 0)
            traffic.trials_us = traffic.now_us;
        if (has_request && schedule_yields(&turn, traffic.wanted_us, traffic.now_us)) {
            int64_t took_us = send_one(&request);
            traffic.now_us += took_us;
            int64_t pause_ms = update_pause_ms(took_us / 1000, update_share(&update, share));
            traffic.wanted_us = traffic.now_us + 1000 * pause_ms;
            has_request = false;
        } else if (turn.unit >= 0)
            poll((unsigned)turn.unit);
        else
            traffic.now_us = turn.wake_us < traffic.wanted_us ? turn.wake_us : traffic.wanted_us;
    }
}

static void polls_keep_their_slots_at_every_share(void **state)
{
    (void)state;
    static const unsigned shares[] = {1, 5, 10, 25, 50, 75, 90, 100};
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    unsigned late = 0, polls = 0;
    int64_t last_us = INT64_MAX;
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        line_make(UPDATED, &old);
        line.nodes[UPDATED - 1].dead = true;
        line.lost_to_each = 20;
        make_traffic();
        run_update(&fresh, shares[i]);
        for (unsigned k = 0; k + 1 < UPDATED; k++)
            assert_int_equal(update.nodes[k].state, NODE_DONE);
        assert_true(traffic.now_us < last_us); /* more share, less time */
        last_us = traffic.now_us;
        late += traffic.late;
        polls += traffic.polls;
        print_message("share=%u%% seconds=%.0f polls=%u worst=%.2f periods\n", shares[i],
                      (double)traffic.now_us / 1e6, traffic.polls, traffic.worst);
    }
    print_message("polls=%u late_polls=%u\n", polls, late);
    assert_int_equal(late, 0);
}

/* A node on trial starts again after 15 minutes without a word: whatever the share, the longest
 * line must be through by then. */
static void nodes_on_trial_are_confirmed_in_time(void **state)
{
    (void)state;
    static const unsigned shares[] = {1, 100};
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    const int64_t each_us = TRIAL_US / UPDATE_NODES_MAX;
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        line_make(NODES, &old);
        make_traffic();
        run_update(&fresh, shares[i]);
        int64_t took_us = traffic.now_us - traffic.trials_us;
        print_message("share=%u%% seconds a trial=%.2f, at most %.2f\n", shares[i],
                      (double)took_us / 1e6 / NODES, (double)each_us / 1e6);
        for (unsigned k = 0; k < NODES; k++)
            assert_int_equal(update.nodes[k].state, NODE_DONE);
        assert_in_range(took_us, 1, each_us * NODES);
        assert_int_equal(traffic.late, 0);
    }
}

/* A line so full of polls that no time is left: the update still goes on, if slowly. */
static void an_update_on_a_full_line_is_not_starved(void **state)
{
    (void)state;
    const struct schedule_turn turn = {.unit = 3}, idle = {.unit = -1};
    assert_false(schedule_yields(&turn, 1000, 1000));
    assert_false(schedule_yields(&turn, 1000, 999 + SCHEDULE_MAX_WAIT_US));
    assert_true(schedule_yields(&turn, 1000, 1000 + SCHEDULE_MAX_WAIT_US));
    assert_true(schedule_yields(&idle, 1000, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polls_keep_their_slots_at_every_share),
        cmocka_unit_test(nodes_on_trial_are_confirmed_in_time),
        cmocka_unit_test(an_update_on_a_full_line_is_not_starved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
