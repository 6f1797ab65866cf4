/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/owed.h"

#include <string.h>

#include "protocols/modbus/request.h"
#include "protocols/modbus/rtu.h"

#define REGISTERS_MOST 125u
#define BITS_MOST      2000u

static struct owed_type *find(struct owed *owed, uint8_t function, uint16_t answer_size)
{
    for (unsigned i = 0; i < owed->used; i++) {
        if (owed->types[i].function == function && owed->types[i].answer_size == answer_size)
            return &owed->types[i];
    }
    return NULL;
}

void owed_add(struct owed *owed, uint8_t function, uint16_t answer_size, bool probe,
              int64_t sent_ns)
{
    struct owed_type *type = find(owed, function, answer_size);
    if (probe)
        owed->probe_ns = sent_ns;
    else
        owed->last_ns = sent_ns;
    if (probe && owed->probes < UINT8_MAX)
        owed->probes++;
    if (type == NULL && owed->used < OWED_TYPES) {
        type = &owed->types[owed->used++];
        *type =
            (struct owed_type){.function = function, .answer_size = answer_size, .probe = probe};
    }
    if (type == NULL) /* more kinds than can be distinguished: it is one with the last */
        type = &owed->types[OWED_TYPES - 1];
    if (type->count < UINT8_MAX)
        type->count++;
    type->asked_ns = sent_ns;
    type->probe = type->probe && probe;
}

static void take_out(struct owed *owed, unsigned at)
{
    memmove(&owed->types[at], &owed->types[at + 1],
            (size_t)(owed->used - at - 1u) * sizeof owed->types[0]);
    owed->used--;
}

/* Long after the last of them nothing comes any more. */
static void forget(struct owed *owed, int64_t now_ns)
{
    for (unsigned i = owed->used; i-- > 0;) {
        int64_t asked_ns = owed->types[i].probe ? owed->probe_ns : owed->last_ns;
        if (now_ns - asked_ns >= OWED_FORGET_NS)
            take_out(owed, i);
    }
    if (owed->used == 0)
        owed->probes = 0;
}

bool owed_blocks(struct owed *owed, uint8_t function, uint16_t answer_size, int64_t now_ns)
{
    forget(owed, now_ns);
    return owed->used == OWED_TYPES || find(owed, function, answer_size) != NULL;
}

void owed_answered(struct owed *owed, uint8_t function, uint16_t answer_size, int64_t sent_ns)
{
    const struct owed before = *owed;
    *owed = (struct owed){.last_ns = owed->last_ns, .probe_ns = owed->probe_ns};
    for (unsigned i = 0; i < before.used; i++) {
        const struct owed_type *type = &before.types[i];
        /* Of several that are alike one was answered, and it is not known which. */
        bool alike =
            type->function == function && type->answer_size == answer_size && type->count > 0;
        if (alike || type->asked_ns > sent_ns)
            owed->types[owed->used++] = *type;
    }
}

bool owed_past_single(struct owed *owed, uint8_t function, uint16_t probe_size, int64_t sent_ns)
{
    unsigned before = 0;
    for (unsigned i = 0; i < owed->used; i++)
        before += owed->types[i].probe ? 0u : owed->types[i].count;
    if (before != 1)
        return false;
    *owed = (struct owed){.last_ns = owed->last_ns};
    owed_add(owed, function, probe_size, true, sent_ns);
    owed->probes = 0;
    return true;
}

void owed_overheard(struct owed *owed, uint8_t function, uint16_t answer_size)
{
    struct owed_type *type = find(owed, function, answer_size);
    if (type == NULL)
        return;
    if (--type->count == 0)
        take_out(owed, (unsigned)(type - owed->types));
}

bool owed_function(const struct owed *owed, uint8_t function)
{
    for (unsigned i = 0; i < owed->used; i++) {
        if (owed->types[i].function == function)
            return true;
    }
    return false;
}

/* May P have that answer? Another P's is no harm: of neither a value comes. */
static bool is_unambiguous(const struct owed *owed, uint8_t function, uint16_t answer_size)
{
    for (unsigned i = 0; i < owed->used; i++) {
        const struct owed_type *type = &owed->types[i];
        if (type->function == function && type->answer_size == answer_size && !type->probe)
            return false;
    }
    return true;
}

uint16_t owed_probe(const struct owed *owed, const uint8_t *pdu, size_t pdu_size,
                    uint8_t probe[OWED_PDU_SIZE])
{
    uint8_t function = pdu[0];
    bool bits = modbus_reads_bits(function);
    bool reads = bits || function == MODBUS_READ_HOLDING || function == MODBUS_READ_INPUT;
    unsigned address = pdu_size >= 3 ? (unsigned)(pdu[1] << 8 | pdu[2]) : 0;
    unsigned count = reads && pdu_size >= 5 ? (unsigned)(pdu[3] << 8 | pdu[4]) : 1;
    uint16_t own = reads ? rtu_answer_size(pdu, pdu_size) : 0;
    unsigned most = bits ? BITS_MOST : REGISTERS_MOST, step = bits ? 8 : 1;
    if (!reads)
        function = MODBUS_READ_HOLDING;
    /* Fewer are there for sure; then more. */
    for (unsigned tried = 0; tried < 2 * (OWED_TYPES + 2); tried++) {
        bool fewer = tried < OWED_TYPES + 2;
        unsigned many = fewer ? 1 + tried * step : count + (tried - OWED_TYPES - 1) * step;
        unsigned from = address + many > 0x10000u ? 0x10000u - many : address;
        if ((fewer && many >= count && reads) || many > most)
            continue;
        size_t made = modbus_read(probe, function, (uint16_t)from, (uint16_t)many);
        uint16_t size = rtu_answer_size(probe, made);
        if (size != own && is_unambiguous(owed, function, size))
            return size;
    }
    return 0;
}
