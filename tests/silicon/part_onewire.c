/* SPDX-License-Identifier: Apache-2.0 */
/* A DS18B20 on PB0, alone on its wire, by its data sheet's slots: what it takes for a 0, a 1 or a
 * reset is how long the master holds the wire down; it answers by holding it itself. */
#include "tests/silicon/part.h"

enum { PIN = 0, RAIL = 13, SKIP_ROM = 0xCC, CONVERT = 0x44, READ_SCRATCHPAD = 0xBE };
#define RESET_LEAST (480 * TICKS_US)
#define ONE_MOST    (15 * TICKS_US)
#define ZERO_LEAST  (60 * TICKS_US)
#define HOLDS_ZERO  (30 * TICKS_US)

static bool has_power(const struct part *p)
{
    return p->onewire.mounted && pin_is_output(p, 1, RAIL) && pin_is_high(p, 1, RAIL);
}

static void fill_scratchpad(struct onewire *w)
{
    uint8_t crc = 0;
    const uint16_t count = w->converted ? w->count : 0x0550;
    const uint8_t data[8] = {(uint8_t)count, (uint8_t)(count >> 8), 0x4B, 0x46, 0x7F, 0xFF, 12, 16};
    for (unsigned i = 0; i < 8; i++) {
        w->out[i] = data[i];
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (uint8_t)(crc & 1 ? crc >> 1 ^ 0x8C : crc >> 1);
    }
    w->out[8] = crc;
    w->out_bit = 0;
}

static void take_byte(struct onewire *w)
{
    enum onewire_state before = w->state;
    w->state = ONEWIRE_IDLE;
    if (before == ONEWIRE_ROM && w->in == SKIP_ROM)
        w->state = ONEWIRE_COMMAND;
    if (before == ONEWIRE_COMMAND && w->in == CONVERT)
        w->converted = true;
    if (before == ONEWIRE_COMMAND && w->in == READ_SCRATCHPAD) {
        fill_scratchpad(w);
        w->state = ONEWIRE_READING;
    }
    w->bits = w->in = 0;
}

static void falls(struct part *p, struct onewire *w)
{
    w->fell = p->now;
    if (w->state != ONEWIRE_READING || w->out_bit >= 72)
        return;
    if (!(w->out[w->out_bit / 8] >> w->out_bit % 8 & 1)) {
        w->pull_from = p->now;
        w->pull_to = p->now + HOLDS_ZERO;
    }
    w->out_bit++;
}

static void rises(struct part *p, struct onewire *w)
{
    uint64_t low = p->now - w->fell;
    if (low >= RESET_LEAST) {
        w->state = ONEWIRE_ROM;
        w->bits = w->in = 0;
        w->pull_from = p->now + 20 * TICKS_US; /* presence */
        w->pull_to = p->now + 140 * TICKS_US;
    } else if (w->state == ONEWIRE_ROM || w->state == ONEWIRE_COMMAND) {
        if (low > ONE_MOST && low < ZERO_LEAST)
            part_complain(p, "a slot of the 1-Wire that is neither 0 nor 1");
        w->in |= (uint8_t)((low <= ONE_MOST) << w->bits);
        if (++w->bits == 8)
            take_byte(w);
    }
}

void onewire_step(struct part *p)
{
    struct onewire *w = &p->onewire;
    bool low = pin_is_output(p, 1, PIN) && !pin_is_high(p, 1, PIN);
    if (!has_power(p)) {
        *w = (struct onewire){.mounted = w->mounted, .count = w->count};
    } else if (low && !w->low) {
        falls(p, w);
    } else if (!low && w->low) {
        rises(p, w);
    }
    w->low = low;
}

bool onewire_pulls(const struct part *p)
{
    const struct onewire *w = &p->onewire;
    return has_power(p) && p->now >= w->pull_from && p->now < w->pull_to;
}
