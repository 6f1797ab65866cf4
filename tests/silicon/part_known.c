/* SPDX-License-Identifier: Apache-2.0 */
/* Half of a start is the check of signatures, and a test that starts the same images thousands of
 * times checks the same ones. What a function made of its arguments is kept when the program has
 * run it; the next call with equal ones waits as long and has the same result, interrupts come in
 * meanwhile. Only for functions of what they are given, and only where a test asks for it. */
#include <stdlib.h>
#include <string.h>

#include "tests/silicon/part.h"

enum {
    FUNCTIONS = 2,
    CALLS = 64,
    CONTEXT = 112, /* BearSSL's of a hash: class, block, count, value */
    CONTEXT_BLOCK = 4,
    CONTEXT_COUNT = 72,
    CONTEXT_VALUE = 80,
    HASH_LEAST = 1024, /* bytes; shorter ones are not worth it */
    KEY_AT = 4,        /* of a public key: where it is, its size */
};

struct known_call {
    uint64_t key, takes;
    uint32_t result;
    uint8_t context[CONTEXT];
};

struct known {
    struct {
        uint32_t at;
        enum known_function what;
    } function[FUNCTIONS];
    unsigned functions;
    struct known_call call[CALLS];
    unsigned calls;
    /* the call under way */
    const struct known_call *now; /* its result is known: the time that it takes goes by */
    uint64_t until;
    uint32_t context_at;
    bool hashes, stopped, passes, learns;
    struct known_call learned;
    uint32_t back, sp;
    uint64_t since;
};

static uint32_t reg(struct part *p, int id)
{
    uint32_t value = 0;
    (void)uc_reg_read(p->uc, id, &value);
    return value;
}

static void set_reg(struct part *p, int id, uint32_t value)
{
    (void)uc_reg_write(p->uc, id, &value);
}

/* NULL: it is in neither memory. */
static uint8_t *memory(struct part *p, uint32_t address, uint32_t size)
{
    if (address >= RAM_AT && address - RAM_AT <= RAM_SIZE && RAM_SIZE - (address - RAM_AT) >= size)
        return p->ram + (address - RAM_AT);
    uint32_t offset = address - FLASH_AT;
    return offset <= FLASH_END && FLASH_END - offset >= size ? p->flash + offset : NULL;
}

static uint32_t word(struct part *p, uint32_t address)
{
    uint32_t value = 0;
    const uint8_t *at = memory(p, address, sizeof value);
    if (at != NULL)
        memcpy(&value, at, sizeof value);
    return value;
}

uint64_t known_digest(uint64_t digest, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        digest = (digest ^ bytes[i]) * UINT64_C(0x100000001B3);
    return digest;
}

static uint64_t add(struct part *p, uint64_t key, uint32_t address, uint32_t size)
{
    const uint8_t *data = memory(p, address, size);
    return data != NULL ? known_digest(key, data, size) : 0;
}

/* (curves, hash, its size, public key, signature on the stack) */
static uint64_t signature_key(struct part *p)
{
    uint32_t key_at = reg(p, UC_ARM_REG_R3), sp = reg(p, UC_ARM_REG_SP);
    uint64_t key = add(p, KNOWN_SIGNATURE + 1, reg(p, UC_ARM_REG_R1), reg(p, UC_ARM_REG_R2));
    key = add(p, key, word(p, key_at + KEY_AT), word(p, key_at + KEY_AT + 4));
    return add(p, key, word(p, sp), word(p, sp + 4));
}

/* (context, data, size). What is left of an earlier block is no argument. */
static uint64_t hash_key(struct part *p)
{
    uint32_t context = reg(p, UC_ARM_REG_R0), size = reg(p, UC_ARM_REG_R2);
    if (size < HASH_LEAST)
        return 0;
    uint64_t key = add(p, KNOWN_HASH + 1, context + CONTEXT_COUNT, CONTEXT - CONTEXT_COUNT);
    key = add(p, key, context + CONTEXT_BLOCK, word(p, context + CONTEXT_COUNT) % 64);
    key = add(p, key, context, 4); /* the class, which is another in each program */
    return add(p, key, reg(p, UC_ARM_REG_R1), size);
}

void known_add(struct part *p, uint32_t address, enum known_function what)
{
    if (p->known == NULL)
        p->known = calloc(1, sizeof *p->known);
    if (p->known == NULL || p->known->functions == FUNCTIONS)
        abort();
    p->known->function[p->known->functions].at = address & ~1u;
    p->known->function[p->known->functions++].what = what;
}

void known_forget_call(struct part *p)
{
    struct known *k = p->known;
    if (k != NULL) {
        k->now = NULL;
        k->stopped = k->passes = k->learns = false;
    }
}

static int function_at(const struct known *k, uint32_t address)
{
    for (unsigned i = 0; i < k->functions; i++)
        if (k->function[i].at == address)
            return (int)i;
    return -1;
}

static void learn(struct part *p, struct known *k)
{
    k->learns = false;
    k->learned.takes = p->now - k->since;
    k->learned.result = reg(p, UC_ARM_REG_R0);
    const uint8_t *context = k->hashes ? memory(p, k->context_at, CONTEXT) : NULL;
    if (context != NULL)
        memcpy(k->learned.context, context, CONTEXT);
    k->call[k->calls++ % CALLS] = k->learned;
}

bool known_block(struct part *p, uint32_t address)
{
    struct known *k = p->known;
    if (k->learns && address == k->back && reg(p, UC_ARM_REG_SP) == k->sp)
        learn(p, k);
    if (k->now != NULL || k->learns || function_at(k, address) < 0)
        return false;
    if (k->passes)
        k->passes = false;
    else
        k->stopped = true;
    return k->stopped;
}

bool known_begins(struct part *p)
{
    struct known *k = p->known;
    if (k == NULL || !k->stopped)
        return false;
    k->stopped = false;
    int function = function_at(k, reg(p, UC_ARM_REG_PC) & ~1u);
    if (function < 0)
        return false;
    k->hashes = k->function[function].what == KNOWN_HASH;
    k->context_at = reg(p, UC_ARM_REG_R0);
    uint64_t key = k->hashes ? hash_key(p) : signature_key(p);
    unsigned known = k->calls < CALLS ? k->calls : CALLS;
    for (unsigned i = 0; i < known && k->now == NULL && key != 0; i++)
        if (k->call[i].key == key)
            k->now = &k->call[i];
    if (k->now != NULL) {
        k->until = p->now + k->now->takes;
        return true;
    }
    k->learns = key != 0;
    k->passes = !k->learns; /* while one is learned, none is looked for */
    k->learned = (struct known_call){.key = key};
    k->back = reg(p, UC_ARM_REG_LR) & ~1u;
    k->sp = reg(p, UC_ARM_REG_SP);
    k->since = p->now;
    return true;
}

uint64_t known_waits_until(const struct part *p)
{
    const struct known *k = p->known;
    return k != NULL && k->now != NULL && p->handling == 0 ? k->until : 0;
}

void known_ends(struct part *p)
{
    struct known *k = p->known;
    uint8_t *context = k->hashes ? memory(p, k->context_at, CONTEXT) : NULL;
    if (context != NULL)
        memcpy(context, k->now->context, CONTEXT);
    set_reg(p, UC_ARM_REG_R0, k->now->result);
    set_reg(p, UC_ARM_REG_PC, reg(p, UC_ARM_REG_LR) | 1);
    k->now = NULL;
}
