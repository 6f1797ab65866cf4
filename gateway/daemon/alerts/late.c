/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/alerts/late.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct late_stretch *find(struct late *late, const char *id, int64_t at_ms)
{
    for (uint32_t i = 0; i < late->count; i++) {
        struct late_stretch *one = &late->list[i];
        if (strcmp(one->id, id) == 0 && at_ms >= one->from_ms - LATE_GAP_MS &&
            at_ms <= one->to_ms + LATE_GAP_MS)
            return one;
    }
    return NULL;
}

static struct late_stretch *begin(struct late *late, const char *id, bool above, int64_t at_ms,
                                  double value)
{
    struct late_stretch *one =
        &late->list[late->count < LATE_MOST ? late->count++ : late->oldest++ % LATE_MOST];
    *one = (struct late_stretch){
        .above = above, .from_ms = at_ms, .to_ms = at_ms, .extreme = value, .due = true};
    (void)snprintf(one->id, sizeof one->id, "%s", id);
    return one;
}

void late_add(struct late *late, const char *id, bool above, int64_t at_ms, double value)
{
    struct late_stretch *one = find(late, id, at_ms);
    if (one == NULL) {
        (void)begin(late, id, above, at_ms, value);
        return;
    }
    double worst = above ? fmax(value, one->extreme) : fmin(value, one->extreme);
    one->due = one->due || at_ms < one->from_ms || at_ms > one->to_ms || worst != one->extreme;
    one->from_ms = at_ms < one->from_ms ? at_ms : one->from_ms;
    one->to_ms = at_ms > one->to_ms ? at_ms : one->to_ms;
    one->extreme = worst;
}

bool late_next(struct late *late, struct late_stretch *stretch)
{
    for (uint32_t i = 0; i < late->count; i++) {
        if (!late->list[i].due)
            continue;
        late->list[i].due = false;
        *stretch = late->list[i];
        return true;
    }
    return false;
}

void late_again(struct late *late, const char *id)
{
    for (uint32_t i = 0; i < late->count; i++)
        late->list[i].due |= strcmp(late->list[i].id, id) == 0;
}
