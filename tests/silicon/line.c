/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/silicon/line.h"

#include <string.h>

#include "tests/silicon/part.h"

static const struct line_frame *frame_at(const struct line *l, uint64_t number)
{
    return &l->frame[number % LINE_FRAMES];
}

static uint64_t oldest(const struct line *l)
{
    return l->in > LINE_FRAMES ? l->in - LINE_FRAMES : 0;
}

static uint64_t frame_end(const struct line_frame *f)
{
    return f->start + f->bits * f->bit;
}

static bool level_at(const struct line *l, const struct part *self, uint64_t at)
{
    for (uint64_t i = l->in; i > oldest(l); i--) {
        const struct line_frame *f = frame_at(l, i - 1);
        if (f->by == self)
            continue;
        if (at >= f->start && at < frame_end(f) && !(f->levels >> (at - f->start) / f->bit & 1))
            return false;
        if (f->start + l->longest < at)
            break;
    }
    return true;
}

bool line_next(const struct line *l, const struct part *self, uint64_t free_at, uint64_t bit,
               unsigned data_bits, struct line_byte *byte)
{
    uint64_t start = NEVER;
    for (uint64_t i = l->in; i > oldest(l); i--) {
        const struct line_frame *f = frame_at(l, i - 1);
        if (f->start < free_at)
            break; /* as all before it */
        if (f->by != self && f->start < start)
            start = f->start;
    }
    if (start == NEVER)
        return false;
    byte->start = start;
    byte->value = 0;
    for (unsigned i = 0; i < data_bits; i++)
        byte->value |= (uint16_t)(level_at(l, self, start + bit * (i + 1) + bit / 2) << i);
    byte->stop = level_at(l, self, start + bit * (data_bits + 1) + bit / 2);
    byte->end = start + bit * (data_bits + 2);
    return true;
}

void line_put(struct line *l, const struct part *by, uint64_t start, uint64_t bit, uint16_t data,
              unsigned data_bits)
{
    struct line_frame new = {.start = start,
                             .bit = bit,
                             .levels = (uint32_t)data << 1 | 1u << (data_bits + 1),
                             .bits = (uint8_t)(data_bits + 2),
                             .by = by};
    if (new.bits * bit > l->longest)
        l->longest = new.bits *bit;
    uint64_t at = l->in++;
    for (; at > oldest(l) && frame_at(l, at - 1)->start > start; at--)
        l->frame[at % LINE_FRAMES] = *frame_at(l, at - 1);
    l->frame[at % LINE_FRAMES] = new;
    for (unsigned i = 0; i < l->parts; i++) {
        struct part *p = l->part[i];
        if (p != by && p->due[EVENT_RECEIVE] == NEVER && p->powered)
            p->due[EVENT_RECEIVE] = start > p->now ? start : p->now;
    }
}

void line_add(struct line *l, struct part *p)
{
    p->line = l;
    l->part[l->parts++] = p;
}

void line_run(struct line *l, uint64_t until)
{
    uint64_t step = l->parts > 1 ? TICKS_S / 230400 * 8 : NEVER;
    if (l->parts > 1 && l->baud < 115200)
        step = TICKS_S / l->baud * 8;
    while (l->now < until) {
        uint64_t next = until - l->now > step ? l->now + step : until;
        for (unsigned i = 0; i < l->parts; i++) {
            part_run(l->part[i], next);
            if (!l->part[i]->powered && l->part[i]->now < next)
                l->part[i]->now = next;
        }
        l->now = next;
    }
}

static unsigned data_bits(const struct line *l)
{
    return l->parity == 'N' ? 8 : 9;
}

uint64_t line_send(struct line *l, uint64_t at, const uint8_t *data, size_t size)
{
    uint64_t bit = TICKS_S / l->baud;
    for (size_t i = 0; i < size; i++) {
        uint16_t value = data[i];
        if (l->parity != 'N')
            value |= (uint16_t)((__builtin_parity(data[i]) ^ (l->parity == 'O')) << 8);
        line_put(l, NULL, at, bit, value, data_bits(l));
        at += bit * (data_bits(l) + 2);
    }
    return at;
}

int line_receive(struct line *l, uint8_t *data, size_t size, uint64_t silence, uint64_t until)
{
    uint64_t bit = TICKS_S / l->baud, step = 8 * bit, last = 0;
    struct line_byte byte;
    int count = 0;
    bool good = true;
    for (;;) {
        while (line_next(l, NULL, l->heard_to, bit, data_bits(l), &byte) && byte.end <= l->now) {
            unsigned parity = l->parity == 'N' ? 0 : (unsigned)byte.value >> 8;
            unsigned wanted =
                l->parity == 'N'
                    ? 0
                    : (unsigned)(__builtin_parity(byte.value & 0xFF) ^ (l->parity == 'O'));
            good = good && byte.stop && parity == wanted;
            if ((size_t)count < size)
                data[count++] = (uint8_t)byte.value;
            l->heard_to = byte.end - bit / 2;
            last = byte.end;
        }
        if ((count > 0 && l->now >= last + silence) || l->now >= until)
            break;
        line_run(l, l->now + step < until ? l->now + step : until);
    }
    return good ? count : -count;
}
