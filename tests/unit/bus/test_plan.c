/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/daemon/bus/plan.h"

static const struct serial_timing wire_9600 = {9600, 'N', 1};

static uint32_t seed = 12345;

static unsigned pick(unsigned below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void knows_the_wire(void **state)
{
    (void)state;
    static const struct serial_timing even = {9600, 'E', 1}, fast = {115200, 'N', 1},
                                      odd = {19200, 'N', 2};
    assert_int_equal(serial_timing_bytes_ns(&wire_9600, 96), 100000000);
    assert_int_equal(serial_timing_bytes_ns(&even, 96), 110000000);
    assert_int_equal(serial_timing_silence_ns(&wire_9600), 3645834);
    assert_int_equal(serial_timing_silence_ns(&odd), 2005209);
    assert_int_equal(serial_timing_silence_ns(&fast), 1750000);
}

#define ITEM(f, n, at)                                                                             \
    {                                                                                              \
        .function = (f), .count = (n), .address = (at)                                             \
    }

/* The rules of one request, told independently of the planner. */
static int64_t cost_of_set(const struct plan_item *items, unsigned count, unsigned set,
                           const struct plan_limits *limits, const struct plan_cost *cost,
                           uint64_t bad)
{
    unsigned function = 0, from = 65536, to = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!(set >> i & 1))
            continue;
        if (function && items[i].function != function)
            return -1;
        function = items[i].function;
        from = items[i].address < from ? items[i].address : from;
        unsigned end = items[i].address + items[i].count;
        to = end > to ? end : to;
    }
    if (to - from > limits->max_registers * (function <= 2 ? 16u : 1u))
        return -1;
    unsigned run = 0;
    for (unsigned r = from; r < to; r++) {
        bool named = false, broken = false;
        for (unsigned i = 0; i < count; i++) {
            bool here = items[i].function == function && r >= items[i].address &&
                        r < items[i].address + (unsigned)items[i].count;
            named = named || (here && (set >> i & 1));
            broken = broken || (here && (bad >> i & 1));
        }
        run = named ? 0 : run + 1;
        if (run > limits->gap || (broken && !named))
            return -1;
    }
    struct plan_read read = {
        .function = (uint8_t)function, .address = (uint16_t)from, .count = (uint16_t)(to - from)};
    return plan_read_ns(&read, cost);
}

struct brute {
    const struct plan_item *items;
    unsigned count;
    const struct plan_limits *limits;
    const struct plan_cost *cost;
    uint64_t bad;
    int64_t best;
};

/* All ways to put the items into requests. */
static void try_all(struct brute *b, unsigned item, unsigned *sets, unsigned set_count)
{
    if (item == b->count) {
        int64_t sum = 0;
        for (unsigned i = 0; i < set_count; i++) {
            int64_t one = cost_of_set(b->items, b->count, sets[i], b->limits, b->cost, b->bad);
            if (one < 0)
                return;
            sum += one;
        }
        if (sum < b->best)
            b->best = sum;
        return;
    }
    if (b->bad >> item & 1) {
        try_all(b, item + 1, sets, set_count);
        return;
    }
    for (unsigned i = 0; i <= set_count; i++) {
        unsigned old = i < set_count ? sets[i] : 0;
        sets[i] = old | 1u << item;
        try_all(b, item + 1, sets, i < set_count ? set_count : set_count + 1);
        sets[i] = old;
    }
}

static void check_consistent(const struct plan_item *items, unsigned count, const struct plan *plan,
                             const struct plan_cost *cost, uint64_t bad)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < plan->read_count; i++)
        sum += plan_read_ns(&plan->reads[i], cost);
    assert_int_equal(sum, plan->cost_ns);
    for (unsigned i = 0; i < count; i++) {
        if (bad >> i & 1) {
            assert_int_equal(plan->item_read[i], PLAN_NONE);
            continue;
        }
        assert_true(plan->item_read[i] < plan->read_count);
        const struct plan_read *read = &plan->reads[plan->item_read[i]];
        assert_int_equal(read->function, items[i].function);
        assert_int_equal(read->address + plan->item_offset[i], items[i].address);
        assert_true(plan->item_offset[i] + items[i].count <= read->count);
    }
}

static void check_words(const struct plan_item *items, unsigned count,
                        const struct plan_limits *limits, const struct plan *plan)
{
    unsigned words = 0;
    for (unsigned i = 0; i < plan->read_count; i++)
        words += plan_read_words(&plan->reads[i]);
    assert_true(words <= plan_words_most(items, count, limits));
}

/* 4,000 random maps of up to 7 fields: no partition of the fields costs less than the plan. */
static void no_partition_is_cheaper(void **state)
{
    (void)state;
    static const struct serial_timing wires[] = {{9600, 'N', 1}, {115200, 'E', 1}, {1200, 'N', 2}};
    for (unsigned map = 0; map < 4000; map++) {
        struct plan_item items[7];
        unsigned count = 1 + pick(7), spread = 4 + pick(60), functions = 1 + pick(4);
        for (unsigned i = 0; i < count; i++) {
            uint8_t function = (uint8_t)(4 - pick(functions));
            items[i] = (struct plan_item)ITEM(function, (uint8_t)(function > 2 ? 1 + pick(2) : 1),
                                              (uint16_t)pick(spread));
        }
        struct plan_limits limits = {(uint8_t)(2 + pick(30)), (uint8_t)(pick(2) * pick(12))};
        struct plan_lessons lessons = {.bad = pick(3) ? 0 : pick(1u << count)};
        struct plan_lessons cut = {lessons.bad, pick(1u << count)};
        const struct serial_timing *wire = &wires[pick(3)];
        struct plan_cost cost =
            plan_cost_of(wire, serial_timing_silence_ns(wire), (int64_t)pick(50) * 1000000);
        struct plan plan;
        plan_make(items, count, &limits, &cost, &cut, &plan);
        check_words(items, count, &limits, &plan);
        plan_make(items, count, &limits, &cost, &lessons, &plan);
        check_words(items, count, &limits, &plan);
        check_consistent(items, count, &plan, &cost, lessons.bad);
        struct brute brute = {items, count, &limits, &cost, lessons.bad, INT64_MAX};
        unsigned sets[8] = {0};
        try_all(&brute, 0, sets, 0);
        if (brute.best != plan.cost_ns)
            fail_msg("map %u: plan %lld ns, cheapest %lld ns", map, (long long)plan.cost_ns,
                     (long long)brute.best);
    }
}

/* A device that lacks some registers, or takes at most n at once: after some refusals everything
 * that exists is read, and nothing that doesn't. */
static void learns_what_a_device_refuses(void **state)
{
    (void)state;
    for (unsigned map = 0; map < 500; map++) {
        struct plan_item items[16];
        for (unsigned i = 0; i < 16; i++)
            items[i] = (struct plan_item)ITEM(3, 1, (uint16_t)(i + i / 5));
        uint64_t missing = pick(2) ? 1ull << pick(16) | 1ull << pick(16) : 0;
        unsigned most = 1 + pick(20);
        bool holes = pick(2); /* the unnamed registers between don't exist */
        struct plan_limits limits = {125, 4};
        struct plan_cost cost = plan_cost_of(&wire_9600, serial_timing_silence_ns(&wire_9600), 0);
        struct plan_lessons lessons = {0};
        struct plan plan;
        bool refused = true;
        unsigned tries = 0;
        while (refused) {
            assert_true(++tries < 64);
            plan_make(items, 16, &limits, &cost, &lessons, &plan);
            refused = false;
            for (unsigned r = 0; r < plan.read_count && !refused; r++) {
                unsigned named = 0;
                refused = plan.reads[r].count > most;
                for (unsigned i = 0; i < 16; i++) {
                    bool inside = items[i].address >= plan.reads[r].address &&
                                  items[i].address < plan.reads[r].address + plan.reads[r].count;
                    named += inside;
                    refused = refused || (inside && (missing >> i & 1));
                }
                refused = refused || (holes && named < plan.reads[r].count);
                if (refused)
                    plan_refuse(items, 16, &plan, r, &lessons);
            }
        }
        assert_int_equal(lessons.bad, missing);
        check_consistent(items, 16, &plan, &cost, missing);
    }
}

static void reads_a_small_gap_through_when_cheaper(void **state)
{
    (void)state;
    static const struct plan_item items[] = {ITEM(3, 1, 0), ITEM(3, 1, 5)};
    struct plan_cost cost = plan_cost_of(&wire_9600, serial_timing_silence_ns(&wire_9600), 0);
    struct plan_lessons none = {0};
    struct plan plan;
    plan_make(items, 2, &(struct plan_limits){125, 4}, &cost, &none, &plan);
    assert_int_equal(plan.read_count, 1);
    assert_int_equal(plan.reads[0].count, 6);
    plan_make(items, 2, &(struct plan_limits){125, 3}, &cost, &none, &plan);
    assert_int_equal(plan.read_count, 2);
    static const struct plan_item far[] = {ITEM(3, 1, 0), ITEM(3, 1, 40)};
    plan_make(far, 2, &(struct plan_limits){125, 100}, &cost, &none, &plan);
    assert_int_equal(plan.read_count, 2);
}

/* What has a period of its own, and what must be asked for exactly so, is in no other request. */
static void groups_are_asked_for_apart(void **state)
{
    (void)state;
    static const struct plan_item items[] = {
        {.function = 3, .count = 1, .address = 0},
        {.function = 3, .count = 1, .address = 1, .group = 1, .every_ms = 60000},
        {.function = 3, .count = 1, .address = 2},
        {.function = 3, .count = 20, .address = 0, .group = 2},
        {.function = 3, .count = 1, .address = 3, .group = 3, .words = 2},
        {.function = 3, .count = 2, .address = 4, .group = 3, .words = 2},
    };
    static const struct plan_limits limits = {125, 4};
    static const struct plan_cost cost = {10000000, 1000000, 500000};
    static const struct plan_lessons none;
    struct plan plan;
    plan_make(items, 6, &limits, &cost, &none, &plan);
    assert_int_equal(plan.read_count, 4);
    assert_int_equal(plan.item_read[0], plan.item_read[2]); /* read through the one between */
    const struct plan_read *slow = &plan.reads[plan.item_read[1]];
    assert_int_equal(slow->every_ms, 60000);
    assert_int_equal(slow->count, 1);
    assert_int_equal(plan.reads[plan.item_read[3]].count, 20);
    const struct plan_read *wide = &plan.reads[plan.item_read[4]];
    assert_int_equal(wide->count, 3);
    assert_int_equal(plan_read_bytes(wide), 12);
    assert_int_equal(plan.item_offset[5], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_asked_for_apart),
        cmocka_unit_test(knows_the_wire),
        cmocka_unit_test(no_partition_is_cheaper),
        cmocka_unit_test(learns_what_a_device_refuses),
        cmocka_unit_test(reads_a_small_gap_through_when_cheaper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
