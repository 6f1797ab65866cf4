/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tools/field/line.h"
#include "tools/field/node.h"

#define SETTLE_US  5000u                /* by then whoever takes part has begun */
#define GIVE_UP_NS INT64_C(20000000000) /* a node that reports no more has ended */
#define LOOK_NS    20000000
#define NEVER_US   UINT32_MAX

static struct node_pace *held(const struct line *line, size_t i)
{
    struct unit *unit = &line->units[i];
    struct node_pace *pace = unit->node != NULL ? node_pace(unit->node) : NULL;
    return pace != NULL && pace->held ? pace : NULL;
}

static void order(struct line *line, size_t i, const struct pace_order *what)
{
    struct pace_order numbered = *what;
    numbered.number = ++line->arbitration.number;
    node_order(line->units[i].node, &numbered);
}

bool line_arbitration_take(struct line *line, struct unit *unit)
{
    const struct pace_order hold = {.what = PACE_HOLD};
    if (node_pace(unit->node) == NULL)
        return false;
    order(line, (size_t)(unit - line->units), &hold);
    line->arbitration.on = true;
    return true;
}

void line_arbitration_begin(struct line *line)
{
    struct arbitration *a = &line->arbitration;
    if (!a->on)
        return;
    a->delivered = false;
    a->at_us = a->ends_us = 0;
    a->began_ns = 0;
    memcpy(a->request, line->sent, ARBITRATION_REQUEST);
    a->byte_us = (uint32_t)(wire_bytes_ns(&line->sent_rate, 1) / 1000);
    a->give_up_ns = loop_now_ns() + GIVE_UP_NS;
    line_arbitration_step(line);
}

void line_arbitration_end(struct line *line)
{
    static const struct pace_order over = {.what = PACE_FREE};
    for (size_t i = 0; i < line->unit_count; i++)
        if (held(line, i) != NULL)
            order(line, i, &over);
    line->arbitration.on = false;
    loop_disarm(&line->garden->loop, &line->arbitration.timer);
}

/* The request, when the line was silent as long as it has to be. */
static void tell(struct line *line, uint32_t at_us)
{
    const struct pace_order go = {.what = PACE_GO, .at_us = at_us, .until_us = at_us};
    line->arbitration.delivered = true;
    for (size_t i = 0; i < line->unit_count; i++) {
        if (held(line, i) == NULL)
            continue;
        node_hear(line->units[i].node, line->arbitration.request, ARBITRATION_REQUEST);
        order(line, i, &go);
    }
}

/* Who else is there has heard the byte of an arbitration; all have time until `until_us`. */
static void hear(struct line *line, uint32_t until_us)
{
    struct arbitration *a = &line->arbitration;
    for (size_t i = 0; i < line->unit_count; i++) {
        struct node_pace *pace = held(line, i);
        if (pace == NULL)
            continue;
        struct pace_order go = {.what = PACE_GO, .at_us = a->ends_us, .until_us = until_us};
        go.heard = a->speakers > pace->spoke;
        pace->spoke = 0;
        if (!go.heard)
            go.at_us = until_us;
        if (go.heard || pace->report.until_us <= until_us)
            order(line, i, &go);
    }
    a->ends_us = 0;
    a->speakers = 0;
}

static void wake(struct line *line, uint32_t at_us)
{
    const struct pace_order go = {.what = PACE_GO, .at_us = at_us, .until_us = at_us};
    for (size_t i = 0; i < line->unit_count; i++) {
        const struct node_pace *pace = held(line, i);
        if (pace != NULL && pace->report.until_us <= at_us)
            order(line, i, &go);
    }
}

/* What the nodes said in the turn that is over; the moment of whoever comes first. */
static uint32_t take_reports(struct line *line, bool *watched)
{
    struct arbitration *a = &line->arbitration;
    uint32_t first_us = NEVER_US;
    *watched = false;
    for (size_t i = 0; i < line->unit_count; i++) {
        struct node_pace *pace = held(line, i);
        if (pace == NULL)
            continue;
        if (pace->report.said) {
            a->ends_us = a->at_us + a->byte_us;
            a->speakers++;
            pace->spoke = 1;
            pace->report.said = 0;
        }
        *watched = *watched || pace->report.watching;
        if (pace->report.until_us < first_us)
            first_us = pace->report.until_us;
    }
    return first_us;
}

static bool all_reported(const struct line *line)
{
    for (size_t i = 0; i < line->unit_count; i++) {
        const struct node_pace *pace = held(line, i);
        if (pace != NULL && !pace->reported)
            return false;
    }
    return true;
}

static uint32_t earlier(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What comes next, and until when the nodes then go on by themselves. */
static void turn(struct line *line, uint32_t first_us, uint32_t deliver_us)
{
    struct arbitration *a = &line->arbitration;
    bool delivers = !a->delivered && deliver_us <= first_us;
    bool hears = a->ends_us != 0 && a->ends_us <= first_us;
    uint32_t until_us = delivers ? deliver_us : first_us;
    if (hears)
        until_us = earlier(until_us, a->ends_us + a->byte_us);
    int64_t due_ns = a->began_ns + (int64_t)until_us * 1000;
    if (loop_now_ns() < due_ns) {
        loop_arm(&line->garden->loop, &a->timer, due_ns);
        return;
    }
    a->at_us = until_us;
    if (delivers)
        tell(line, until_us);
    else if (hears)
        hear(line, until_us);
    else
        wake(line, until_us);
}

void line_arbitration_step(struct line *line)
{
    struct arbitration *a = &line->arbitration;
    int64_t now_ns = loop_now_ns();
    bool watched;
    if (!a->on)
        return;
    loop_arm(&line->garden->loop, &a->timer, now_ns + LOOK_NS);
    if (!all_reported(line)) {
        if (now_ns < a->give_up_ns)
            return;
        garden_log("line %s: a node does not report in an arbitration", line->scene->name);
        line_arbitration_end(line);
        return;
    }
    uint32_t first_us = take_reports(line, &watched);
    uint32_t deliver_us = (uint32_t)(wire_silence_ns(&line->sent_rate) / 1000);
    if (a->began_ns == 0)
        a->began_ns = now_ns;
    if (a->delivered && !watched && earlier(first_us, a->ends_us - 1) >= deliver_us + SETTLE_US)
        line_arbitration_end(line);
    else
        turn(line, first_us, deliver_us);
}

static void look(void *context, int64_t now_ns)
{
    (void)now_ns;
    line_arbitration_step(context);
}

void line_arbitration_init(struct line *line)
{
    line->arbitration.timer = (struct loop_timer){.fire = look, .context = line};
}
