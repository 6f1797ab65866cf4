/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/plan.h"

#include <stddef.h>

#include "protocols/modbus/pdu.h"

#define NEVER INT64_MAX

struct plan_cost plan_cost_of(const struct serial_timing *wire, int64_t silence_ns,
                              int64_t turnaround_ns)
{
    return (struct plan_cost){
        .request_ns = serial_timing_bytes_ns(wire, SERIAL_REQUEST_BYTES + SERIAL_ANSWER_BYTES) +
                      2 * silence_ns + turnaround_ns,
        .register_ns = serial_timing_bytes_ns(wire, 2),
        .byte_ns = serial_timing_bytes_ns(wire, 1),
    };
}

unsigned plan_read_words(const struct plan_read *read)
{
    return read->words > 1 ? read->count * 2u : read->count;
}

unsigned plan_read_bytes(const struct plan_read *read)
{
    return modbus_reads_bits(read->function) ? (read->count + 7u) / 8 : plan_read_words(read) * 2;
}

int64_t plan_read_ns(const struct plan_read *read, const struct plan_cost *cost)
{
    int64_t data = modbus_reads_bits(read->function) ? cost->byte_ns * ((read->count + 7) / 8)
                                                     : cost->register_ns * plan_read_words(read);
    return cost->request_ns + data;
}

static bool before(const struct plan_item *a, const struct plan_item *b)
{
    if (a->function != b->function)
        return a->function < b->function;
    if (a->group != b->group)
        return a->group < b->group;
    if (a->address != b->address)
        return a->address < b->address;
    return a->count < b->count;
}

/* Insertion sort: the items come nearly sorted from the profile. All items, so that a place in the
 * order means the same with and without bad ones. */
static void sort(const struct plan_item *items, unsigned count, uint8_t *order)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned at = i;
        for (; at > 0 && before(&items[i], &items[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = (uint8_t)i;
    }
}

unsigned plan_words_most(const struct plan_item *items, unsigned item_count,
                         const struct plan_limits *limits)
{
    uint8_t order[PLAN_ITEMS_MAX];
    unsigned words = 0;
    const struct plan_item *last = NULL;
    sort(items, item_count, order);
    for (unsigned i = 0; i < item_count; i++) { /* each by itself, and what may be read before it */
        const struct plan_item *item = &items[order[i]];
        bool after = last != NULL && last->function == item->function && last->group == item->group;
        unsigned end = after ? (unsigned)last->address + last->count : item->address;
        unsigned gap = item->address > end ? item->address - end : 0;
        if (gap > limits->gap)
            gap = limits->gap;
        words += (item->count + gap) * (item->words > 1 ? 2u : 1u);
        last = item;
    }
    return words;
}

/* Does a bad item lie (partly) in [from, to) of the function? */
static bool crosses_bad(const struct plan_item *items, unsigned count, uint64_t bad,
                        uint8_t function, uint32_t from, uint32_t to)
{
    for (unsigned i = 0; bad && i < count; i++) {
        if ((bad >> i & 1) && items[i].function == function && items[i].address < to &&
            (uint32_t)items[i].address + items[i].count > from)
            return true;
    }
    return false;
}

struct search {
    const struct plan_item *items;
    const struct plan_limits *limits;
    const struct plan_lessons *lessons;
    unsigned count;
    uint8_t order[PLAN_ITEMS_MAX];
};

/* Extends `read` by the item at sorted place `at`; false when one request can't have both. */
static bool extend(const struct search *s, unsigned at, struct plan_read *read)
{
    const struct plan_item *item = &s->items[s->order[at]];
    uint32_t end = (uint32_t)read->address + read->count;
    uint32_t item_end = (uint32_t)item->address + item->count;
    unsigned limit = s->limits->max_registers * (modbus_reads_bits(read->function) ? 16u : 1u);
    if (item->function != read->function || item->group != read->group ||
        (s->lessons->cut >> at & 1) || item->address > end + s->limits->gap)
        return false;
    if (item->address > end &&
        crosses_bad(s->items, s->count, s->lessons->bad, item->function, end, item->address))
        return false;
    if (item_end > end)
        read->count = (uint16_t)(item_end - read->address);
    return plan_read_words(read) <= limit;
}

void plan_make(const struct plan_item *items, unsigned item_count, const struct plan_limits *limits,
               const struct plan_cost *cost, const struct plan_lessons *lessons, struct plan *plan)
{
    struct search s = {items, limits, lessons, item_count, {0}};
    int64_t best[PLAN_ITEMS_MAX + 1] = {0};
    uint8_t from[PLAN_ITEMS_MAX + 1] = {0}; /* where the last request of best[j] begins */
    struct plan_read last[PLAN_ITEMS_MAX + 1] = {0};
    sort(items, item_count, s.order);
    for (unsigned j = 1; j <= item_count; j++)
        best[j] = NEVER;
    for (unsigned i = 0; i < item_count; i++) {
        const struct plan_item *first = &items[s.order[i]];
        if (lessons->bad >> s.order[i] & 1) { /* nothing to read: passes for free */
            if (best[i] < best[i + 1]) {
                best[i + 1] = best[i];
                from[i + 1] = (uint8_t)i;
                last[i + 1] = (struct plan_read){0};
            }
            continue;
        }
        struct plan_read read = {first->function, first->address, first->count,
                                 first->group,    first->words,   first->every_ms};
        for (unsigned j = i; j < item_count; j++) {
            bool bad = lessons->bad >> s.order[j] & 1;
            if (j > i && (lessons->cut >> j & 1))
                break;
            if (bad)
                continue;
            if (j > i && !extend(&s, j, &read))
                break;
            int64_t sum = best[i] + plan_read_ns(&read, cost);
            if (sum < best[j + 1]) {
                best[j + 1] = sum;
                from[j + 1] = (uint8_t)i;
                last[j + 1] = read;
            }
        }
    }
    *plan = (struct plan){.cost_ns = best[item_count]};
    for (unsigned i = 0; i < item_count; i++)
        plan->item_read[i] = PLAN_NONE;
    /* Requests come out backwards; count them first, so that they stand in ascending order. */
    unsigned total = 0;
    for (unsigned j = item_count; j > 0; j = from[j])
        total += last[j].count > 0;
    plan->read_count = (uint8_t)total;
    for (unsigned j = item_count; j > 0; j = from[j]) {
        if (last[j].count == 0)
            continue;
        plan->reads[--total] = last[j];
        for (unsigned k = from[j]; k < j; k++) {
            unsigned item = s.order[k];
            if (lessons->bad >> item & 1)
                continue;
            plan->item_read[item] = (uint8_t)total;
            plan->item_offset[item] = (uint16_t)((items[item].address - last[j].address) *
                                                 (items[item].words > 1 ? 2u : 1u));
        }
    }
}

void plan_refuse(const struct plan_item *items, unsigned item_count, const struct plan *plan,
                 unsigned read_index, struct plan_lessons *lessons)
{
    uint8_t order[PLAN_ITEMS_MAX];
    unsigned first = item_count, inside = 0;
    sort(items, item_count, order);
    for (unsigned i = 0; i < item_count; i++) {
        if (plan->item_read[order[i]] != read_index)
            continue;
        if (first == item_count)
            first = i;
        inside++;
    }
    if (inside == 0)
        return;
    const struct plan_read *read = &plan->reads[read_index];
    bool whole = true; /* all its items are the same registers: it can't be split */
    for (unsigned i = 0; i < item_count; i++)
        whole = whole && (plan->item_read[i] != read_index ||
                          (items[i].address == read->address && items[i].count == read->count));
    if (whole) {
        for (unsigned i = 0; i < item_count; i++)
            lessons->bad |= plan->item_read[i] == read_index ? 1ull << i : 0;
        lessons->cut = 0;
        return;
    }
    /* A gap that was read through is the likeliest cause: cut there; else in the middle. */
    unsigned seen = 0, middle = 0;
    uint32_t end = 0, widest = 0;
    for (unsigned i = first; i < item_count; i++) {
        const struct plan_item *item = &items[order[i]];
        if (plan->item_read[order[i]] != read_index)
            continue;
        bool gap = seen > 0 && item->address > end && item->address - end > widest;
        if (gap)
            widest = item->address - end;
        if (gap || (widest == 0 && seen == inside / 2))
            middle = i;
        if ((uint32_t)item->address + item->count > end)
            end = (uint32_t)item->address + item->count;
        seen++;
    }
    lessons->cut |= 1ull << middle;
}

void plan_retry(const struct plan_item *items, unsigned item_count, unsigned item,
                struct plan_lessons *lessons)
{
    uint8_t order[PLAN_ITEMS_MAX];
    sort(items, item_count, order);
    lessons->bad &= ~(1ull << item);
    for (unsigned i = 0; i < item_count; i++) {
        if (order[i] != item)
            continue;
        lessons->cut |= 1ull << i;
        if (i + 1 < item_count)
            lessons->cut |= 1ull << (i + 1);
    }
}
