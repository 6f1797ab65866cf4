/* SPDX-License-Identifier: Apache-2.0 */
/* A line in virtual time: units answer in 40 ms of line, dead ones cost their timeout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/bus/schedule.h"

#define UNITS   247
#define S       1000000LL
#define POLL_US 40000LL
#define TIMEOUT 1000000LL
#define LATE_US 1000000LL

struct line {
    struct schedule schedule;
    struct schedule_unit units[UNITS];
    unsigned count;
    bool dead[UNITS];      /* does not answer */
    uint32_t polls[UNITS]; /* good ones */
    uint32_t failed[UNITS];
    int64_t last_try[UNITS], longest_wait[UNITS];
    int64_t now, dead_cost, idle, timeout_us;
};

static void line_init(struct line *l, unsigned count, int64_t period_us)
{
    memset(l, 0, sizeof *l);
    l->count = count;
    l->timeout_us = TIMEOUT;
    for (unsigned i = 0; i < count; i++)
        l->units[i].period_us = period_us;
    schedule_init(&l->schedule, l->units, (uint16_t)count, 0);
}

static void one_try(struct line *l, struct schedule_turn turn)
{
    unsigned i = (unsigned)turn.unit;
    int64_t wait = l->now - l->last_try[i];
    if (l->last_try[i] && wait > l->longest_wait[i])
        l->longest_wait[i] = wait;
    int64_t cost = POLL_US;
    if (l->dead[i]) {
        cost += l->timeout_us;
        if (turn.cost_max_us && turn.cost_max_us < cost)
            cost = turn.cost_max_us;
    }
    l->now += cost;
    l->last_try[i] = l->now;
    if (l->dead[i])
        l->dead_cost += cost;
    bool over = schedule_end(&l->schedule, i, l->dead[i] ? SCHEDULE_SILENT : SCHEDULE_ANSWERED,
                             l->now, cost, l->dead[i] ? l->now + LATE_US : l->now);
    l->polls[i] += !l->dead[i];
    l->failed[i] += l->dead[i] && over;
}

static void run_until(struct line *l, int64_t end)
{
    while (l->now < end) {
        struct schedule_turn turn = schedule_next(&l->schedule, l->now);
        if (turn.unit >= 0) {
            one_try(l, turn);
        } else {
            assert_true(turn.wake_us > l->now);
            int64_t wake = turn.wake_us < end ? turn.wake_us : end;
            l->idle += wake - l->now;
            l->now = wake;
        }
    }
}

static void keeps_every_cadence(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l, 20, 10 * S);
    run_until(&l, 600 * S);
    for (unsigned i = 0; i < 20; i++)
        assert_in_range(l.polls[i], 60, 61);
}

static void spreads_phases(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l, 20, 1 * S);
    run_until(&l, 1 * S);
    assert_true(l.idle > 100000);
    for (unsigned i = 1; i < 20; i++)
        assert_true(l.last_try[i] - l.last_try[i - 1] >= 40000);
}

/* Flat out: the earliest due goes first, so all get the same share. */
static void shares_an_overloaded_line_evenly(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l, 10, 1000);
    run_until(&l, 100 * S);
    for (unsigned i = 0; i < 10; i++)
        assert_in_range(l.polls[i], 248, 252);
    assert_int_equal(l.idle, 0);
}

static void dead_units_cost_one_percent_and_are_tried_every_ten_minutes(void **state)
{
    (void)state;
    static const struct {
        unsigned alive, dead;
    } lines[] = {{9, 1}, {9, 5}, {12, 20}, {9, 31}, {3, 100}};
    static struct line l;
    for (unsigned c = 0; c < 5; c++) {
        unsigned alive = lines[c].alive;
        line_init(&l, alive + lines[c].dead, 1000);
        for (unsigned i = alive; i < l.count; i++)
            l.dead[i] = true;
        run_until(&l, 1500 * S); /* finds out */
        l.dead_cost = 0;
        memset(l.longest_wait, 0, sizeof l.longest_wait);
        memset(l.polls, 0, sizeof l.polls);
        int64_t from = l.now;
        run_until(&l, from + 7200 * S);
        assert_true(l.dead_cost <= 72 * S);
        for (unsigned i = alive; i < l.count; i++) {
            assert_true(l.last_try[i] > l.now - 600 * S);
            assert_true(l.longest_wait[i] <= 600 * S);
        }
        assert_true(l.polls[0] >= 7200 * S / POLL_US / alive * 98 / 100);
        l.dead[l.count - 1] = false; /* one comes back */
        from = l.now;
        run_until(&l, from + 600 * S);
        assert_false(l.units[l.count - 1].dead);
        uint32_t before = l.polls[l.count - 1];
        from = l.now;
        run_until(&l, from + 60 * S);
        assert_true(l.polls[l.count - 1] - before >= 60 * S / POLL_US / (alive + 1) * 98 / 100);
    }
}

/* One poll is at most three tries, however it fails; then the next poll is due a period later. */
static void tries_a_poll_three_times_at_most(void **state)
{
    (void)state;
    static const enum schedule_outcome ends[] = {SCHEDULE_SILENT, SCHEDULE_NOISE};
    static struct line l;
    for (unsigned e = 0; e < 2; e++) {
        line_init(&l, 1, 10 * S);
        for (unsigned i = 1; i < SCHEDULE_TRIES; i++)
            assert_false(schedule_end(&l.schedule, 0, ends[e], S, POLL_US, S));
        assert_true(schedule_end(&l.schedule, 0, ends[e], S, POLL_US, S));
        assert_int_equal(SCHEDULE_TRIES, 3);
        assert_true(l.units[0].due_us == 10 * S);
    }
}

/* A slow unit among many dead ones: its probes are cut too short to hear it in time. Once it was
 * heard late it gets one try with all its time; what stays silent then is dead again. */
static void a_unit_heard_too_late_gets_all_its_time(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l, 40, 1 * S);
    for (unsigned i = 9; i < 40; i++)
        l.dead[i] = true;
    run_until(&l, 600 * S);
    assert_true(l.units[20].dead);
    schedule_heard(&l.schedule, 20, l.now);
    assert_int_equal(l.schedule.dead_count, 30);
    struct schedule_turn turn = schedule_next(&l.schedule, l.now);
    while (turn.unit != 20) {
        one_try(&l, turn);
        turn = schedule_next(&l.schedule, l.now);
    }
    assert_int_equal(turn.cost_max_us, 0);
    one_try(&l, turn);
    assert_true(l.units[20].dead);
    assert_int_equal(l.schedule.dead_count, 31);
    schedule_heard(&l.schedule, 20, l.now);
    l.dead[20] = false;
    run_until(&l, l.now + 10 * S);
    assert_true(l.polls[20] >= 9);
    schedule_heard(&l.schedule, 20, l.now); /* changes nothing of one that lives */
    assert_int_equal(l.schedule.dead_count, 30);
}

static void one_dead_of_ten_leaves_98_percent_after_30_s(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l, 10, 1000);
    l.dead[9] = true;
    run_until(&l, 30 * S);
    memset(l.polls, 0, sizeof l.polls);
    run_until(&l, 90 * S);
    uint32_t sum = 0;
    for (unsigned i = 0; i < 9; i++)
        sum += l.polls[i];
    assert_true(sum >= 60 * S / POLL_US * 98 / 100);
}

static void a_unit_is_normal_after_its_first_good_answer(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l, 10, 1 * S);
    l.dead[3] = true;
    run_until(&l, 300 * S);
    assert_int_equal(l.polls[3], 0);
    assert_true(l.units[3].dead);
    l.dead[3] = false;
    run_until(&l, 420 * S); /* within one probe interval of 110 s */
    assert_false(l.units[3].dead);
    uint32_t before = l.polls[3];
    run_until(&l, 430 * S);
    assert_in_range(l.polls[3] - before, 9, 11);
}

/* Dead for so long, and how long until it is asked again, with tries that cost as much as on a slow
 * line; the others have the rest. */
static void one_that_was_away_is_asked_within_two_seconds_or_a_tenth(void **state)
{
    (void)state;
    static const int64_t away_s[] = {15, 30, 60, 120, 600, 3600};
    static struct line l;
    for (unsigned i = 0; i < 6; i++) {
        line_init(&l, 10, 1000);
        l.timeout_us = -12000; /* a probe is shorter than a poll */
        run_until(&l, 100 * S);
        l.dead[9] = true;
        run_until(&l, (100 + away_s[i]) * S);
        assert_true(l.units[9].dead);
        uint32_t others = 0, before = l.polls[9];
        for (unsigned u = 0; u < 9; u++)
            others += l.polls[u];
        assert_true(others >= 100 * S / POLL_US * 9 / 10 + away_s[i] * S / POLL_US * 97 / 100);
        l.dead[9] = false;
        int64_t within = away_s[i] * S / 10 > 2 * S ? away_s[i] * S / 10 : 2 * S;
        run_until(&l, l.now + within + POLL_US);
        assert_true(l.polls[9] > before);
    }
}

/* A cable that carries all units comes back: within seconds, not within ten minutes. */
static void a_whole_line_comes_back_at_once(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l, 20, 10 * S);
    memset(l.dead, true, sizeof l.dead);
    run_until(&l, 600 * S);
    assert_int_equal(l.schedule.dead_count, 20);
    memset(l.dead, false, sizeof l.dead);
    int64_t back = l.now;
    run_until(&l, back + 10 * S);
    assert_int_equal(l.schedule.dead_count, 0);
    for (unsigned i = 0; i < 20; i++)
        assert_true(l.polls[i] > 0);
}

/* While one unit's late window runs, the others have the line. */
/* A power cut of some seconds: the first to die was to be looked for in minutes, since others were
 * alive then. When nobody is, a unit is looked for every few seconds. */
static void a_whole_line_that_has_just_died_is_looked_for_soon(void **state)
{
    (void)state;
    for (unsigned count = 1; count <= 10; count++) {
        static struct line l;
        line_init(&l, count, 1 * S);
        run_until(&l, 60 * S);
        memset(l.dead, true, sizeof l.dead);
        run_until(&l, (60 + 10 * count) * S); /* 4 tries each, of a second, then its late window */
        assert_int_equal(l.schedule.dead_count, count);
        memset(l.dead, false, sizeof l.dead);
        uint32_t before[UNITS];
        memcpy(before, l.polls, sizeof before);
        int64_t back = l.now;
        run_until(&l, back + 7 * S);
        for (unsigned i = 0; i < count; i++)
            assert_true(l.polls[i] > before[i]);
    }
}

static void gives_the_line_away_while_a_unit_must_be_quiet(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l, 2, 1000);
    int64_t now = 5 * S;
    struct schedule_turn turn = schedule_next(&l.schedule, now);
    assert_int_equal(turn.unit, 0);
    assert_false(schedule_end(&l.schedule, 0, SCHEDULE_SILENT, now, TIMEOUT, now + LATE_US));
    turn = schedule_next(&l.schedule, now);
    assert_int_equal(turn.unit, 1);
    assert_true(schedule_end(&l.schedule, 1, SCHEDULE_ANSWERED, now, POLL_US, now));
    turn = schedule_next(&l.schedule, now + LATE_US);
    assert_int_equal(turn.unit, 0);
}

static void a_noisy_unit_survives_noise(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l, 2, 1 * S);
    for (unsigned i = 0; i < 100; i++) {
        for (unsigned k = 0; k < 7; k++)
            (void)schedule_end(&l.schedule, 0, SCHEDULE_NOISE, (int64_t)i * S, POLL_US, 0);
        assert_false(l.units[0].dead);
        (void)schedule_end(&l.schedule, 0, SCHEDULE_ANSWERED, (int64_t)i * S, POLL_US, 0);
    }
}

static void counts_dues_that_passed(void **state)
{
    (void)state;
    static struct line l;
    line_init(&l, 1, 2 * S);
    assert_int_equal(schedule_skip(&l.schedule, 0, 0), 1);
    assert_int_equal(schedule_skip(&l.schedule, 0, 1 * S), 0);
    assert_int_equal(schedule_skip(&l.schedule, 0, 9 * S), 4);
    assert_true(l.units[0].due_us == 10 * S);
}

static void a_line_without_units_is_looked_at_now_and_then(void **state)
{
    (void)state;
    struct line l;
    line_init(&l, 0, S);
    struct schedule_turn turn = schedule_next(&l.schedule, 5 * S);
    assert_int_equal(turn.unit, -1);
    assert_true(turn.wake_us > 5 * S && turn.wake_us <= 10 * S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_every_cadence),
        cmocka_unit_test(spreads_phases),
        cmocka_unit_test(shares_an_overloaded_line_evenly),
        cmocka_unit_test(dead_units_cost_one_percent_and_are_tried_every_ten_minutes),
        cmocka_unit_test(tries_a_poll_three_times_at_most),
        cmocka_unit_test(a_unit_heard_too_late_gets_all_its_time),
        cmocka_unit_test(one_dead_of_ten_leaves_98_percent_after_30_s),
        cmocka_unit_test(a_unit_is_normal_after_its_first_good_answer),
        cmocka_unit_test(one_that_was_away_is_asked_within_two_seconds_or_a_tenth),
        cmocka_unit_test(a_whole_line_comes_back_at_once),
        cmocka_unit_test(a_whole_line_that_has_just_died_is_looked_for_soon),
        cmocka_unit_test(gives_the_line_away_while_a_unit_must_be_quiet),
        cmocka_unit_test(a_noisy_unit_survives_noise),
        cmocka_unit_test(counts_dues_that_passed),
        cmocka_unit_test(a_line_without_units_is_looked_at_now_and_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
