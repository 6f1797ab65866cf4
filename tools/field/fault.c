/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/fault.h"

#include <string.h>

#include "protocols/modbus/crc16.h"
#include "tools/field/uart.h"

#define NS_PER_MS  1000000
#define DRAWS_MAX  100
#define DAMAGE_END (FAULT_RATE + 1) /* of the kinds from FAULT_FLIP on that damage bytes */

void fault_put(struct fault_set *set, const struct scene_fault *fault)
{
    set->of[fault->kind] = *fault;
    set->any = false;
    for (int i = 0; i < FAULT_KIND_COUNT; i++)
        set->any = set->any || set->of[i].probability > 0;
}

static bool strikes(const struct fault_set *set, struct rng *rng, enum fault_kind kind, size_t size,
                    struct fault_counts *counts)
{
    bool struck = false;
    for (size_t i = 0; !struck && i < (kind == FAULT_RINGING ? size : 1); i++)
        struck = rng_chance(rng, set->of[kind].probability);
    if (!struck)
        return false;
    counts->done[kind]++;
    return true;
}

/* The bytes as they are heard through swapped wires, or at twice the rate that they are said at. */
static void hear_wrongly(struct fault_plan *plan, bool swapped, double speed)
{
    uint8_t heard[FAULT_BYTES_SIZE];
    plan->size = uart_receive(plan->bytes, plan->size, swapped, speed, heard, sizeof(heard));
    memcpy(plan->bytes, heard, plan->size);
}

bool fault_believable(const uint8_t *bytes, size_t size, const uint8_t *frame, size_t frame_size)
{
    for (size_t at = 0; at + frame_size <= size; at++) {
        if (bytes[at] != frame[0] || bytes[at + 1] != frame[1])
            continue;
        if (memcmp(bytes + at, frame, frame_size) != 0 &&
            crc16_modbus(CRC16_INITIAL, bytes + at, frame_size) == 0)
            return true;
    }
    return false;
}

static void insert_byte(struct fault_plan *plan, size_t at, uint8_t byte)
{
    if (plan->size >= sizeof(plan->bytes))
        return;
    memmove(plan->bytes + at + 1, plan->bytes + at, plan->size - at);
    plan->bytes[at] = byte;
    plan->size++;
}

static void remove_byte(struct fault_plan *plan, size_t at)
{
    memmove(plan->bytes + at, plan->bytes + at + 1, plan->size - at - 1);
    plan->size--;
}

/* One to three times what `kind` does to bytes. */
static void damage(struct fault_plan *plan, struct rng *rng, enum fault_kind kind)
{
    uint32_t times = 1 + rng_below(rng, 3);
    if (kind == FAULT_TRUNCATE && plan->size) {
        plan->size = rng_below(rng, (uint32_t)plan->size);
        return;
    }
    if (kind == FAULT_SWAPPED || kind == FAULT_RATE) {
        hear_wrongly(plan, kind == FAULT_SWAPPED, kind == FAULT_RATE ? 2 : 1);
        return;
    }
    for (uint32_t i = 0; i < times && plan->size; i++) {
        size_t at = rng_below(rng, (uint32_t)plan->size);
        if (kind == FAULT_FLIP || kind == FAULT_RINGING)
            plan->bytes[at] ^= (uint8_t)(1u << rng_below(rng, 8));
        else if (kind == FAULT_DROP)
            remove_byte(plan, at);
        else if (kind == FAULT_INSERT)
            insert_byte(plan, at, (uint8_t)rng_next(rng));
        else if (kind == FAULT_DOUBLE)
            insert_byte(plan, at, plan->bytes[at]);
        else if (kind == FAULT_STRAY)
            insert_byte(plan, 0, 0x00);
    }
}

static void mutate(struct fault_plan *plan, struct rng *rng, const bool *active,
                   const uint8_t *frame, size_t size, struct fault_counts *counts)
{
    for (unsigned draws = 0;; draws++) {
        memcpy(plan->bytes, frame, size);
        plan->size = size;
        for (int kind = FAULT_FLIP; kind < DAMAGE_END; kind++)
            if (active[kind])
                damage(plan, rng, (enum fault_kind)kind);
        if (!fault_believable(plan->bytes, plan->size, frame, size))
            return;
        counts->undetectable++;
        if (draws == DRAWS_MAX) { /* no chance in it: nothing comes */
            plan->size = 0;
            return;
        }
    }
}

static int64_t drawn_ms(const struct scene_fault *fault, struct rng *rng)
{
    uint32_t span = fault->max_ms > fault->ms ? fault->max_ms - fault->ms : 0;
    return (int64_t)fault->ms + rng_below(rng, span + 1);
}

void fault_answer(const struct fault_set *set, struct rng *rng, const uint8_t *frame, size_t size,
                  struct fault_plan *plan, struct fault_counts *counts)
{
    plan->size = size;
    plan->delay_ns = plan->step_ns = plan->duplicate_gap_ns = 0;
    plan->foreign = plan->duplicate = false;
    memcpy(plan->bytes, frame, size);
    if (!set->any)
        return;
    if (strikes(set, rng, FAULT_DEAD, size, counts)) {
        plan->size = 0;
        return;
    }
    bool active[FAULT_KIND_COUNT] = {false};
    for (int kind = FAULT_FLIP; kind < DAMAGE_END; kind++)
        active[kind] = strikes(set, rng, (enum fault_kind)kind, size, counts);
    mutate(plan, rng, active, frame, size, counts);
    if (strikes(set, rng, FAULT_LATE, size, counts))
        plan->delay_ns = drawn_ms(&set->of[FAULT_LATE], rng) * NS_PER_MS;
    if (strikes(set, rng, FAULT_DRIP, size, counts))
        plan->step_ns = drawn_ms(&set->of[FAULT_DRIP], rng) * NS_PER_MS;
    plan->foreign = strikes(set, rng, FAULT_FOREIGN, size, counts);
    if (strikes(set, rng, FAULT_DUPLICATE, size, counts)) {
        plan->duplicate = true;
        plan->duplicate_gap_ns = drawn_ms(&set->of[FAULT_DUPLICATE], rng) * NS_PER_MS;
    }
}

void fault_foreign(struct rng *rng, const uint8_t *frame, size_t size, uint8_t *foreign)
{
    memcpy(foreign, frame, size);
    do {
        foreign[0] = (uint8_t)(1 + rng_below(rng, 247));
    } while (foreign[0] == frame[0]);
    uint16_t crc = crc16_modbus(CRC16_INITIAL, foreign, size - 2);
    foreign[size - 2] = (uint8_t)(crc & 0xff);
    foreign[size - 1] = (uint8_t)(crc >> 8);
}

void fault_garble(struct rng *rng, uint8_t *bytes, size_t size)
{
    if (size == 0)
        return;
    do {
        for (uint32_t i = 1 + rng_below(rng, 3); i > 0; i--)
            bytes[rng_below(rng, (uint32_t)size)] ^= (uint8_t)(1u << rng_below(rng, 8));
    } while (size > 2 && crc16_modbus(CRC16_INITIAL, bytes, size) == 0);
}
