/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/schedule.h"

#define PROBE_SHARE        110         /* dead units get 1/110 of a line: 0.91 % */
#define IDLE_SHARE         5           /* a fifth when no unit lives */
#define PROBE_EVERY_US     540000000LL /* each at least this often: 9 of the 10 minutes promised */
#define PROBE_LEAST_US     1600000LL   /* each at most this often, */
#define JUST_GONE_US       20000000LL  /* and with three times the share at first, */
#define GONE_US            30000000LL  /* and then twice */
#define PROBE_AWAY_PERCENT 8
#define NO_UNITS_US        1000000LL  /* without units: looked at so often */
#define REVIVE_GAP_US      30000000LL /* between two rounds of trying all dead units at once */

void schedule_init(struct schedule *s, struct schedule_unit *units, uint16_t unit_count,
                   int64_t now_us)
{
    *s = (struct schedule){
        .units = units, .unit_count = unit_count, .revived_us = now_us - REVIVE_GAP_US};
    for (unsigned i = 0; i < unit_count; i++) {
        units[i].due_us = now_us + units[i].period_us * i / unit_count;
        /* Everybody is seen within the first seconds, whatever the period. */
        if (units[i].due_us > now_us + 2000000)
            units[i].due_us = now_us + 2000000LL * i / unit_count;
        units[i].quiet_us = units[i].good_us = now_us;
        units[i].tries = units[i].weakness = 0;
        units[i].dead = units[i].seen = false;
    }
}

static int64_t probe_share(const struct schedule *s, const struct schedule_unit *unit)
{
    if (s->dead_count == s->unit_count)
        return IDLE_SHARE;
    int64_t away_us = unit->probed_us - unit->good_us;
    if (unit->seen && away_us < GONE_US) /* else its probe takes all of its longest time */
        return away_us < JUST_GONE_US ? PROBE_SHARE / 3 : PROBE_SHARE / 2;
    return PROBE_SHARE;
}

/* When it should be probed again. */
static int64_t probe_due_us(const struct schedule *s, const struct schedule_unit *unit)
{
    int64_t wait_us = (unit->probed_us - unit->good_us) * PROBE_AWAY_PERCENT / 100;
    if (s->dead_count == s->unit_count)
        wait_us = 0;
    if (wait_us < PROBE_LEAST_US)
        wait_us = PROBE_LEAST_US;
    return unit->probed_us + (wait_us < PROBE_EVERY_US ? wait_us : PROBE_EVERY_US);
}

/* The dead unit whose turn comes next. */
static int next_dead(const struct schedule *s)
{
    int found = -1;
    for (unsigned i = 0; i < s->unit_count; i++) {
        if (s->units[i].dead &&
            (found < 0 || probe_due_us(s, &s->units[i]) < probe_due_us(s, &s->units[found])))
            found = (int)i;
    }
    return found;
}

static struct schedule_turn probe(const struct schedule *s, int64_t now_us)
{
    struct schedule_turn turn = {.unit = -1, .wake_us = INT64_MAX};
    int unit = s->dead_count ? next_dead(s) : -1;
    if (unit < 0)
        return turn;
    int64_t at = s->next_probe_us;
    if (s->units[unit].quiet_us > at)
        at = s->units[unit].quiet_us;
    if (probe_due_us(s, &s->units[unit]) > at)
        at = probe_due_us(s, &s->units[unit]);
    turn.wake_us = at;
    if (at > now_us)
        return turn;
    turn.unit = unit;
    turn.cost_max_us =
        PROBE_EVERY_US / (s->dead_count < s->unit_count ? PROBE_SHARE : IDLE_SHARE) / s->dead_count;
    return turn;
}

struct schedule_turn schedule_next(const struct schedule *s, int64_t now_us)
{
    struct schedule_turn turn = probe(s, now_us);
    if (s->unit_count == 0) /* a line that is still to be commissioned */
        turn.wake_us = now_us + NO_UNITS_US;
    if (turn.unit >= 0)
        return turn;
    int64_t earliest = INT64_MAX;
    for (unsigned i = 0; i < s->unit_count; i++) {
        const struct schedule_unit *unit = &s->units[i];
        if (unit->dead)
            continue;
        int64_t ready = unit->due_us > unit->quiet_us ? unit->due_us : unit->quiet_us;
        if (ready <= now_us && unit->due_us < earliest) {
            earliest = unit->due_us;
            turn.unit = (int)i;
        }
        if (ready < turn.wake_us)
            turn.wake_us = ready;
    }
    return turn;
}

bool schedule_yields(const struct schedule_turn *turn, int64_t waits_us, int64_t now_us)
{
    return turn->unit < 0 || now_us - waits_us >= SCHEDULE_MAX_WAIT_US;
}

/* Back into the cadence for one try; then dead again. */
static void try_once(struct schedule *s, struct schedule_unit *unit, int64_t now_us)
{
    unit->dead = false;
    s->dead_count--;
    unit->tries = SCHEDULE_TRIES - 1;
    unit->weakness = SCHEDULE_DEAD - 1;
    unit->due_us = now_us;
}

/* All of them get their try at once. */
static void try_all(struct schedule *s, int64_t now_us)
{
    if (now_us - s->revived_us < REVIVE_GAP_US)
        return;
    s->revived_us = now_us;
    for (unsigned i = 0; i < s->unit_count; i++) {
        if (s->units[i].dead)
            try_once(s, &s->units[i], now_us);
    }
}

void schedule_heard(struct schedule *s, unsigned unit, int64_t now_us)
{
    if (s->units[unit].dead)
        try_once(s, &s->units[unit], now_us);
}

static bool good_end(struct schedule *s, struct schedule_unit *unit, int64_t now_us)
{
    bool was_dead = unit->dead, all_dead = s->dead_count == s->unit_count;
    unit->tries = unit->weakness = 0;
    unit->good_us = now_us;
    unit->seen = true;
    if (was_dead) {
        unit->dead = false;
        s->dead_count--;
        unit->due_us = now_us;
    }
    if (was_dead && all_dead)
        try_all(s, now_us);
    unit->due_us += unit->period_us;
    if (unit->due_us < now_us - unit->period_us)
        unit->due_us = now_us; /* the line can't keep up: the cadence is stretched */
    return true;
}

bool schedule_end(struct schedule *s, unsigned index, enum schedule_outcome outcome, int64_t now_us,
                  int64_t cost_us, int64_t quiet_us)
{
    struct schedule_unit *unit = &s->units[index];
    unit->quiet_us = quiet_us;
    if (unit->dead) {
        unit->probed_us = now_us;
        s->next_probe_us = now_us + cost_us * (probe_share(s, unit) - 1);
    }
    if (outcome == SCHEDULE_ANSWERED)
        return good_end(s, unit, now_us);
    if (unit->dead)
        return true;
    unit->tries++;
    unsigned weakness = unit->weakness;
    weakness += outcome == SCHEDULE_SILENT ? SCHEDULE_TIMEOUT : SCHEDULE_GARBLED;
    unit->weakness = (uint8_t)(weakness < SCHEDULE_DEAD ? weakness : SCHEDULE_DEAD);
    if (unit->weakness == SCHEDULE_DEAD) {
        unit->dead = true;
        unit->probed_us = now_us;
        s->dead_count++;
        /* What its last tries cost is no probe's. The last one brings the others' nearer. */
        int64_t probe_us = now_us + cost_us * (probe_share(s, unit) - 1);
        if (s->dead_count == 1)
            s->next_probe_us = now_us;
        else if (probe_us < s->next_probe_us)
            s->next_probe_us = probe_us;
    }
    if (!unit->dead && unit->tries < SCHEDULE_TRIES)
        return false;
    unit->tries = 0;
    unit->due_us += unit->period_us;
    if (!unit->dead && unit->due_us < now_us - unit->period_us)
        unit->due_us = now_us;
    return true;
}

void schedule_set_due(struct schedule *s, unsigned unit, int64_t due_us)
{
    s->units[unit].due_us = due_us;
}

uint32_t schedule_skip(struct schedule *s, unsigned index, int64_t now_us)
{
    struct schedule_unit *unit = &s->units[index];
    if (unit->due_us > now_us)
        return 0;
    int64_t passed = (now_us - unit->due_us) / unit->period_us + 1;
    unit->due_us += passed * unit->period_us;
    return passed > UINT32_MAX ? UINT32_MAX : (uint32_t)passed;
}

void schedule_restart(struct schedule *s, int64_t now_us)
{
    for (unsigned i = 0; i < s->unit_count; i++) {
        struct schedule_unit *unit = &s->units[i];
        unit->tries = unit->weakness = 0;
        unit->dead = false;
        unit->quiet_us = now_us;
        int64_t soon = now_us + 2000000LL * i / s->unit_count;
        if (unit->due_us > soon)
            unit->due_us = soon;
    }
    s->dead_count = 0;
}
