/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/own_silence.h"

#define BAD_LOST    2u /* of a level that is looked at */
#define ENOUGH_LOST 8u /* before one is looked for; fewer may be chance, */
#define FEW_LOST    3u /* but not when half of all are lost */
#define STANDS      8u /* times as many tries as gave one loss */
#define LEAST_TRIES 6u
#define LONG_TRIES  2u /* after a loss */

static int64_t level_ns(unsigned level, int64_t silence_ns)
{
    return silence_ns * level / OWN_SILENCE_STEPS;
}

int64_t own_silence_more_ns(const struct own_silence *own, int64_t silence_ns)
{
    return level_ns(own->long_tries ? OWN_SILENCE_MOST : own->level, silence_ns);
}

void own_silence_forget_try(struct own_silence *own)
{
    own->long_tries = 0;
}

static void go_to(struct own_silence *own, enum own_silence_phase phase, unsigned level)
{
    own->phase = (uint8_t)phase;
    own->level = (uint8_t)level;
    own->tries = own->lost = 0;
}

static void halve(struct own_silence *own)
{
    if (own->high - own->low <= 1)
        go_to(own, OWN_SILENCE_SETTLED, own->high);
    else
        go_to(own, OWN_SILENCE_HALVES, (own->low + own->high) / 2u);
}

/* More is lost than is put up with. */
static bool loses(const struct own_silence *own)
{
    return own->lost >= (own->lost * 2u >= own->tries ? FEW_LOST : ENOUGH_LOST) &&
           (own->put_up_tries == 0 || (uint32_t)own->lost * own->put_up_tries > own->tries);
}

static void begin_search(struct own_silence *own)
{
    uint32_t wanted = STANDS * own->tries / own->lost;
    if (wanted < LEAST_TRIES)
        wanted = LEAST_TRIES;
    own->wanted = (uint16_t)(wanted < 2 * OWN_SILENCE_WINDOW ? wanted : 2 * OWN_SILENCE_WINDOW);
    own->taken = own->level;
    go_to(own, OWN_SILENCE_LONGEST, OWN_SILENCE_MOST);
}

static void settled(struct own_silence *own)
{
    if (loses(own) && own->level < OWN_SILENCE_MOST) {
        begin_search(own);
    } else if (own->tries >= OWN_SILENCE_WINDOW) {
        own->tries /= 2;
        own->lost /= 2;
        if (own->put_up_tries > 0)
            own->put_up_tries = (uint16_t)(own->put_up_tries * 9u / 8u + 1u);
        if (own->put_up_tries > OWN_SILENCE_WINDOW)
            own->put_up_tries = 0;
    }
}

/* The longest silence is no better. */
static void no_help(struct own_silence *own)
{
    own->put_up_tries = own->wanted / (2 * STANDS) > 1 ? own->wanted / (2 * STANDS) : 1;
    if (own->taken > 0)
        go_to(own, OWN_SILENCE_NONE, 0);
    else
        go_to(own, OWN_SILENCE_SETTLED, 0);
}

static void searching(struct own_silence *own)
{
    bool none = own->phase == OWN_SILENCE_NONE;
    bool bad = none ? loses(own) : own->lost >= BAD_LOST;
    if (!bad && own->tries < own->wanted)
        return;
    switch (own->phase) {
    case OWN_SILENCE_LONGEST:
        own->low = own->taken;
        own->high = OWN_SILENCE_MOST;
        if (bad)
            no_help(own);
        else
            halve(own);
        break;
    case OWN_SILENCE_HALVES:
        if (bad)
            own->low = own->level;
        else
            own->high = own->level;
        halve(own);
        break;
    default:
        go_to(own, OWN_SILENCE_SETTLED, bad ? own->taken : 0);
        break;
    }
}

void own_silence_try(struct own_silence *own, int64_t silence_ns, int64_t gap_ns, bool answered)
{
    bool had_missed = own->long_tries == LONG_TRIES, repeated = own->long_tries > 0;
    /* A guard and a late timer belong to the shortest. */
    bool shortest = gap_ns < silence_ns + level_ns(own->level + 2u, silence_ns) && !repeated;
    own->long_tries = shortest && !answered  ? LONG_TRIES
                      : repeated && answered ? (uint8_t)(own->long_tries - 1)
                                             : 0;
    if (had_missed && answered && own->lost < UINT16_MAX) {
        own->lost++;
        own->tries++;
    } else if (shortest && answered && own->tries < UINT16_MAX) {
        own->tries++;
    } else {
        return; /* shows nothing of the silence */
    }
    if (own->phase == OWN_SILENCE_SETTLED)
        settled(own);
    else
        searching(own);
}
