/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/publish/worker/twins.h"

#include <stdio.h>
#include <string.h>

#define FORGET_MS       180000 /* not heard for so long: gone */
#define SOON_MS         3000   /* between the first words, so that the other is sure of us */
#define SOON_MOST       4u
#define LATER_MS        60000
#define TAKEN_FORGET_MS 900000 /* three times the longest wait of the other */
#define TAKEN_WAIT_MS   2000u
#define TAKEN_MOST_MS   300000u

static bool is_there(const struct twin *twin, int64_t now_ms)
{
    return twin->heard > 0 && now_ms - twin->heard_ms < FORGET_MS;
}

/* Its place, or that of who was heard longest ago. */
static struct twin *place_of(struct twins *twins, const char *mark)
{
    struct twin *oldest = &twins->known[0];
    for (unsigned i = 0; i < TWINS_MOST; i++) {
        struct twin *twin = &twins->known[i];
        if (twin->heard > 0 && strcmp(twin->mark, mark) == 0)
            return twin;
        if (oldest->heard > 0 && (twin->heard == 0 || twin->heard_ms < oldest->heard_ms))
            oldest = twin;
    }
    oldest->heard = 0;
    return oldest;
}

static bool anyone(const struct twins *twins, int64_t now_ms)
{
    bool any = false;
    for (unsigned i = 0; i < TWINS_MOST; i++)
        any = any || is_there(&twins->known[i], now_ms);
    return any;
}

void twins_hear(struct twins *twins, const char *mark, const char *own, int64_t now_ms)
{
    if (strcmp(mark, own) == 0 || strlen(mark) != TWINS_MARK_SIZE - 1)
        return;
    if (!anyone(twins, now_ms))
        twins->spoken = 0;
    struct twin *twin = place_of(twins, mark);
    twin->heard = is_there(twin, now_ms) ? twin->heard + 1 : 1;
    twin->heard_ms = now_ms;
    (void)snprintf(twin->mark, sizeof twin->mark, "%s", mark);
}

uint32_t twins_taken_over(struct twins *twins, int64_t now_ms)
{
    bool again = twins->taken > 0 && now_ms - twins->taken_ms < TAKEN_FORGET_MS;
    twins->taken = again ? twins->taken + 1 : 1;
    twins->taken_ms = now_ms;
    unsigned doublings = twins->taken - 1 < 8 ? twins->taken - 1 : 8;
    uint32_t wait = again ? TAKEN_WAIT_MS << doublings : 0;
    return wait < TAKEN_MOST_MS ? wait : TAKEN_MOST_MS;
}

int64_t twins_speak_ms(const struct twins *twins, int64_t now_ms)
{
    if (!anyone(twins, now_ms))
        return INT64_MAX;
    if (twins->spoken == 0)
        return now_ms;
    return twins->spoken_ms + (twins->spoken < SOON_MOST ? SOON_MS : LATER_MS);
}

void twins_spoke(struct twins *twins, int64_t now_ms)
{
    twins->spoken++;
    twins->spoken_ms = now_ms;
}

enum publish_twin twins_now(const struct twins *twins, const char *own, int64_t now_ms)
{
    enum publish_twin now = PUBLISH_TWIN_NONE;
    if (twins->taken > 1 && now_ms - twins->taken_ms < TAKEN_FORGET_MS)
        now = PUBLISH_TWIN_SESSION;
    for (unsigned i = 0; i < TWINS_MOST; i++) {
        const struct twin *twin = &twins->known[i];
        if (twin->heard < 2 || !is_there(twin, now_ms))
            continue;
        if (strncmp(twin->mark, own, TWINS_UUID_SIZE) == 0)
            return PUBLISH_TWIN_IDENTITY;
        now = PUBLISH_TWIN_SITE;
    }
    return now;
}
