/* SPDX-License-Identifier: Apache-2.0 */
/* The processor, its exceptions, its resets, and the order of events. libunicorn runs basic blocks;
 * before each one the model looks whether something is due. A block costs two cycles an
 * instruction. */
#include "tests/silicon/part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXCEPTION_NMI = 2,
    EXCEPTION_FAULT = 3,
    EXCEPTION_SYSTICK = 15,
    EXCEPTION_IRQ = 16,
    WFI = 0xBF30,
    ENTRY_CYCLES = 12,
    INSTRUCTION_CYCLES = 2,
    ROUNDS_MOST = 10000,
};
#define RETURN_AT   0xFFFFFFF0u
#define SYSTEM_AT   0x1FFFF000u
#define SYSTEM_SIZE 0x1000u
#define PSR_THUMB   (1u << 24)
#define PSR_ALIGNED (1u << 9)
#define PSR_KEPT    0xFE0FFC00u /* flags, IT, T: what a return takes from the frame */
#define PSR_IT      0x0600FC00u

void part_complain(struct part *p, const char *what)
{
    if (!p->wrong[0])
        (void)snprintf(p->wrong, sizeof p->wrong, "at %.6f s: %s", (double)p->now / TICKS_S, what);
}

static uint32_t get(struct part *p, int id)
{
    uint32_t value = 0;
    (void)uc_reg_read(p->uc, id, &value);
    return value;
}

static void put(struct part *p, int id, uint32_t value)
{
    (void)uc_reg_write(p->uc, id, &value);
}

static enum part_event next_event(const struct part *p)
{
    enum part_event next = EVENT_SYSTICK;
    for (unsigned i = 1; i < EVENT_COUNT; i++)
        if (p->due[i] < p->due[next])
            next = (enum part_event)i;
    return next;
}

void part_look(struct part *p)
{
    uint64_t due = p->due[next_event(p)];
    p->irq = p->systick_pending || p->nmi_pending || (part_irqs(p) & p->nvic) != 0;
    p->limit = due < p->until ? due : p->until;
}

void part_event(struct part *p, enum part_event event, uint64_t at)
{
    p->due[event] = at;
}

uint64_t part_irqs(const struct part *p)
{
    uint64_t irqs = 0;
    if (p->exti_pr & p->exti_imr & 1u << 1)
        irqs |= UINT64_C(1) << 7;
    if (p->dma_isr >> 17 & 1 && p->dma[4].ccr & 2)
        irqs |= UINT64_C(1) << 15;
    if (p->tim_sr & p->tim_dier & 1)
        irqs |= UINT64_C(1) << 29;
    for (unsigned n = 0; n < 3; n++) {
        const struct usart *u = &p->usart[n];
        uint32_t wanted = u->cr1 & 0xF0;          /* IDLE, RXNE, TC, TXE have the same places */
        wanted |= u->cr1 >> 8 & 1;                /* parity */
        wanted |= u->cr1 & 1u << 5 ? 1u << 3 : 0; /* overrun */
        wanted |= u->cr3 & 1 && u->cr3 & 1u << 6 ? 0xE : 0; /* errors */
        if (u->sr & wanted)
            irqs |= UINT64_C(1) << (37 + n);
    }
    return irqs;
}

/* The most urgent one that may come in now; 0: none. All but the NMI have the same priority here.
 * This alone says so: a block that ends for an exception that then does not come in would begin
 * again for ever. */
static unsigned next_exception(struct part *p)
{
    if (p->nmi_pending)
        return EXCEPTION_NMI;
    if (p->handling > 0 || get(p, UC_ARM_REG_PRIMASK))
        return 0;
    if (p->systick_pending)
        return EXCEPTION_SYSTICK;
    uint64_t irqs = part_irqs(p) & p->nvic;
    return irqs ? EXCEPTION_IRQ + (unsigned)__builtin_ctzll(irqs) : 0;
}

/* ---- memory and registers ---- */

static uint32_t core_read(struct part *p, uint32_t address)
{
    switch (address) {
    case 0xE000ED04:
        return p->systick_pending ? 1u << 26 : 0;
    case 0xE000ED08:
        return p->vtor;
    case 0xE000ED28:
        return p->cfsr;
    default:
        return timer_read(p, address);
    }
}

static void core_write(struct part *p, uint32_t address, uint32_t value)
{
    if (address == 0xE000E100 || address == 0xE000E104)
        p->nvic |= (uint64_t)value << (address - 0xE000E100) * 8;
    else if (address == 0xE000ED08)
        p->vtor = value;
    else if (address == 0xE000ED0C && value >> 16 == 0x05FA && value & 4)
        p->leave = p->reset_wanted = true;
    else
        timer_write(p, address, value);
    part_look(p);
}

static uint64_t on_read(uc_engine *uc, uint64_t offset, unsigned size, void *context)
{
    struct part *p = context;
    uint32_t address = 0x40000000u + (uint32_t)offset;
    (void)uc, (void)size;
    if (address >= 0x40010800 && address < 0x40011400)
        return pins_read(p, address);
    if (address >= 0x40013800 && address < 0x40013C00)
        return usart_read(p, 0, address & 0x3FF);
    if (address >= 0x40004400 && address < 0x40004C00)
        return usart_read(p, address < 0x40004800 ? 1 : 2, address & 0x3FF);
    if (address >= 0x40020000 && address < 0x40020400)
        return dma_read(p, address);
    if (address >= 0x40022000 && address < 0x40022400)
        return flash_read(p, address);
    if ((address >= 0x40000400 && address < 0x40000800) ||
        (address >= 0x40003000 && address < 0x40003400))
        return timer_read(p, address);
    if ((address >= 0x40002800 && address < 0x40002C00) || address >= 0x40021000 ||
        (address >= 0x40006C00 && address < 0x40007400))
        return clock_read(p, address);
    return pins_read(p, address); /* AFIO, EXTI, ADC */
}

static void on_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value64, void *context)
{
    struct part *p = context;
    uint32_t address = 0x40000000u + (uint32_t)offset, value = (uint32_t)value64;
    (void)uc, (void)size;
    if (address >= 0x40010800 && address < 0x40011400) {
        pins_write(p, address, value);
        return; /* they cause no event, and there are many of them */
    }
    if (address >= 0x40013800 && address < 0x40013C00)
        usart_write(p, 0, address & 0x3FF, value);
    else if (address >= 0x40004400 && address < 0x40004C00)
        usart_write(p, address < 0x40004800 ? 1 : 2, address & 0x3FF, value);
    else if (address >= 0x40020000 && address < 0x40020400)
        dma_write(p, address, value);
    else if (address >= 0x40022000 && address < 0x40022400)
        flash_write(p, address, value);
    else if ((address >= 0x40000400 && address < 0x40000800) ||
             (address >= 0x40003000 && address < 0x40003400))
        timer_write(p, address, value);
    else if ((address >= 0x40002800 && address < 0x40002C00) || address >= 0x40021000 ||
             (address >= 0x40006C00 && address < 0x40007400))
        clock_write(p, address, value);
    else
        pins_write(p, address, value);
    part_look(p);
}

static uint64_t on_core_read(uc_engine *uc, uint64_t offset, unsigned size, void *context)
{
    (void)uc, (void)size;
    return core_read(context, 0xE000E000u + (uint32_t)offset);
}

static void on_core_write(uc_engine *uc, uint64_t offset, unsigned size, uint64_t value,
                          void *context)
{
    (void)uc, (void)size;
    core_write(context, 0xE000E000u + (uint32_t)offset, (uint32_t)value);
}

static void on_store(uc_engine *uc, uc_mem_type type, uint64_t address, int size, int64_t value,
                     void *context)
{
    (void)uc, (void)type;
    flash_store(context, (uint32_t)address, (unsigned)size, (uint32_t)value);
}

/* Instructions of a block: 32 bits when the first half-word begins with 11101, 11110 or 11111. */
static unsigned count_instructions(const struct part *p, uint32_t offset, uint32_t size)
{
    unsigned count = 0;
    for (uint32_t at = offset; at < offset + size && at + 1 < FLASH_END; count++) {
        unsigned top = p->flash[at + 1] >> 3;
        at += top >= 0x1D ? 4 : 2;
    }
    return count;
}

static void on_block(uc_engine *uc, uint64_t address, uint32_t size, void *context)
{
    struct part *p = context;
    if (p->leave || p->now >= p->limit || (p->irq && next_exception(p) != 0)) {
        (void)uc_emu_stop(uc);
        return;
    }
    if (p->known != NULL && known_block(p, (uint32_t)address)) {
        (void)uc_emu_stop(uc);
        return;
    }
    uint32_t offset = (uint32_t)address - FLASH_AT;
    p->block_end = (uint32_t)address + size;
    if (offset >= FLASH_END)
        return;
    uint16_t *known = &p->counts[offset / 2];
    if (*known == 0)
        *known = (uint16_t)count_instructions(p, offset, size);
    p->instructions += *known;
    p->now += (uint64_t)*known * INSTRUCTION_CYCLES * p->ticks_a_cycle;
}

struct part *part_new(void)
{
    struct part *p = calloc(1, sizeof *p);
    if (p == NULL)
        abort();
    p->flash = aligned_alloc(4096, FLASH_END);
    p->ram = aligned_alloc(4096, RAM_SIZE);
    p->counts = calloc(FLASH_END / 2, sizeof *p->counts);
    p->translated = calloc(1, FLASH_END);
    if (p->flash == NULL || p->ram == NULL || p->counts == NULL || p->translated == NULL)
        abort();
    memset(p->flash, 0xFF, FLASH_END);
    memcpy(p->unique, "SILICON-TEST", sizeof p->unique);
    p->crystal_takes = 2 * TICKS_MS;
    p->crystal_fails = NEVER;
    p->supply_mv = 3300;
    p->flash_cut = NEVER;
    uc_hook hook;
    uint8_t system[SYSTEM_SIZE];
    memset(system, 0xFF, sizeof system);
    memcpy(system + 0x7E8, p->unique, sizeof p->unique);
    uc_err e = uc_open(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS, &p->uc);
    if (e == UC_ERR_OK)
        e = uc_ctl_set_cpu_model(p->uc, UC_CPU_ARM_CORTEX_M3);
    if (e == UC_ERR_OK)
        e = uc_mem_map_ptr(p->uc, FLASH_AT, FLASH_END, UC_PROT_ALL, p->flash);
    if (e == UC_ERR_OK)
        e = uc_mem_map_ptr(p->uc, RAM_AT, RAM_SIZE, UC_PROT_READ | UC_PROT_WRITE, p->ram);
    if (e == UC_ERR_OK)
        e = uc_mem_map(p->uc, SYSTEM_AT, SYSTEM_SIZE, UC_PROT_READ);
    if (e == UC_ERR_OK)
        e = uc_mem_write(p->uc, SYSTEM_AT, system, sizeof system);
    if (e == UC_ERR_OK)
        e = uc_mmio_map(p->uc, 0x40000000, 0x24000, on_read, p, on_write, p);
    if (e == UC_ERR_OK)
        e = uc_mmio_map(p->uc, 0xE000E000, 0x1000, on_core_read, p, on_core_write, p);
    if (e == UC_ERR_OK)
        e = uc_hook_add(p->uc, &hook, UC_HOOK_BLOCK, (void *)(uintptr_t)on_block, p, 1, 0);
    if (e == UC_ERR_OK)
        e = uc_hook_add(p->uc, &hook, UC_HOOK_MEM_WRITE, (void *)(uintptr_t)on_store, p, FLASH_AT,
                        FLASH_AT + FLASH_END - 1);
    if (e != UC_ERR_OK) {
        (void)fprintf(stderr, "libunicorn: %s\n", uc_strerror(e));
        abort();
    }
    return p;
}

void part_free(struct part *p)
{
    (void)uc_close(p->uc);
    free(p->flash);
    free(p->ram);
    free(p->counts);
    free(p->translated);
    free(p->known);
    free(p);
}

/* ---- resets and exceptions ---- */

/* What stands in the flash by now, by whomever it was put there, is what runs. */
static void translate_anew(struct part *p)
{
    enum { PAGE = 1024 };
    for (uint32_t at = 0; at < FLASH_END; at += PAGE) {
        if (memcmp(p->flash + at, p->translated + at, PAGE) == 0)
            continue;
        memcpy(p->translated + at, p->flash + at, PAGE);
        memset(p->counts + at / 2, 0, PAGE / 2 * sizeof *p->counts);
        (void)uc_ctl_remove_cache(p->uc, FLASH_AT + at, FLASH_AT + at + PAGE);
    }
}

void part_reset(struct part *p, enum part_reset why)
{
    flash_settle(p);
    p->resets++;
    p->resets_by[why]++;
    p->asleep = p->systick_pending = p->nmi_pending = false;
    p->handling = 0;
    p->vtor = FLASH_AT;
    p->cfsr = 0;
    p->nvic = 0;
    for (unsigned i = 0; i < EVENT_COUNT; i++)
        p->due[i] = NEVER;
    clock_reset(p, why);
    p->st_csr = p->st_rvr = 0;
    p->tim_cr1 = p->tim_dier = p->tim_sr = p->tim_psc = 0;
    p->tim_arr = 0xFFFF;
    p->watchdog_on = p->watchdog_open = false;
    p->iwdg_pr = 0;
    p->iwdg_rlr = 0xFFF;
    p->acr = 0x30;
    p->flash_sr = 0;
    p->flash_cr = 0x80;
    p->flash_keys = 0;
    memset(p->usart, 0, sizeof p->usart);
    for (unsigned n = 0; n < 3; n++)
        p->usart[n].sr = 0xC0;
    memset(p->dma, 0, sizeof p->dma);
    p->dma_isr = 0;
    p->receiver_free = p->now;
    pins_reset(p);
    translate_anew(p);
    known_forget_call(p);
    uint32_t vectors[2];
    memcpy(vectors, p->flash, sizeof vectors);
    put(p, UC_ARM_REG_PRIMASK, 0);
    put(p, UC_ARM_REG_MSP, vectors[0]);
    put(p, UC_ARM_REG_SP, vectors[0]);
    put(p, UC_ARM_REG_LR, 0xFFFFFFFF);
    put(p, UC_ARM_REG_PC, vectors[1]);
    p->reset_at = p->now;
    p->reset_wanted = false;
}

void part_power(struct part *p, bool on)
{
    p->powered = on;
    if (!on) {
        for (unsigned i = 0; i < EVENT_COUNT; i++)
            p->due[i] = NEVER;
        pins_reset(p);
        return;
    }
    uint32_t random = 0x2545F491;
    for (unsigned i = 0; i < RAM_SIZE; i++) {
        random = random * 1664525 + 1013904223;
        p->ram[i] = (uint8_t)(random >> 24);
    }
    part_reset(p, RESET_POWER);
}

static void ram_put(struct part *p, uint32_t address, uint32_t value)
{
    if (address < RAM_AT || address > RAM_AT + RAM_SIZE - 4) {
        part_complain(p, "an exception's frame lies outside of the RAM");
        part_reset(p, RESET_SOFTWARE); /* a real one locks up; the watchdog would end it */
        return;
    }
    memcpy(p->ram + (address - RAM_AT), &value, 4);
}

static const int frame_registers[7] = {UC_ARM_REG_R0,  UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3,
                                       UC_ARM_REG_R12, UC_ARM_REG_LR, UC_ARM_REG_PC};

static void enter(struct part *p, unsigned exception)
{
    uint32_t sp = get(p, UC_ARM_REG_SP), psr = (get(p, UC_ARM_REG_XPSR) & ~PSR_ALIGNED) | PSR_THUMB;
    if (sp & 4) {
        sp -= 4;
        psr |= PSR_ALIGNED;
    }
    sp -= 32;
    for (unsigned i = 0; i < 7; i++)
        ram_put(p, sp + 4 * i, get(p, frame_registers[i]));
    ram_put(p, sp + 28, psr);
    uint32_t handler;
    memcpy(&handler, p->flash + (p->vtor - FLASH_AT) % FLASH_END + 4 * exception, 4);
    put(p, UC_ARM_REG_SP, sp);
    put(p, UC_ARM_REG_XPSR, psr & ~PSR_IT); /* a handler begins outside of any IT block */
    put(p, UC_ARM_REG_LR, p->handling > 0 ? 0xFFFFFFF1 : 0xFFFFFFF9);
    put(p, UC_ARM_REG_PC, handler);
    p->handling++;
    p->now += ENTRY_CYCLES * (uint64_t)p->ticks_a_cycle;
}

static void leave(struct part *p)
{
    uint32_t sp = get(p, UC_ARM_REG_SP), words[8];
    if (p->handling == 0 || sp < RAM_AT || sp > RAM_AT + RAM_SIZE - 32) {
        part_complain(p, "a return from no exception");
        part_reset(p, RESET_SOFTWARE);
        return;
    }
    memcpy(words, p->ram + (sp - RAM_AT), sizeof words);
    sp += 32;
    if (words[7] & PSR_ALIGNED)
        sp += 4;
    for (unsigned i = 0; i < 6; i++)
        put(p, frame_registers[i], words[i]);
    put(p, UC_ARM_REG_SP, sp);
    put(p, UC_ARM_REG_PC, words[6] | 1);
    put(p, UC_ARM_REG_XPSR, (words[7] & PSR_KEPT) | PSR_THUMB);
    p->handling--;
    p->now += ENTRY_CYCLES * (uint64_t)p->ticks_a_cycle;
}

static void fault(struct part *p, uc_err why)
{
    p->faults++;
    p->cfsr = why == UC_ERR_INSN_INVALID ? 1u << 16 : 1u << 9;
    if (p->vtor == FLASH_AT && p->flash[0x0F] == 0xFF) {
        p->powered = p->powered && p->watchdog_on; /* nothing to run: it stands */
        p->asleep = true;
        return;
    }
    enter(p, EXCEPTION_FAULT);
}

void part_crash(struct part *p, uint32_t pc)
{
    p->asleep = false;
    known_forget_call(p);
    put(p, UC_ARM_REG_PC, pc | 1);
}

/* ---- time ---- */

static void do_events(struct part *p)
{
    for (enum part_event e = next_event(p); p->powered && p->due[e] <= p->now; e = next_event(p)) {
        uint64_t at = p->due[e];
        p->due[e] = NEVER;
        if (e == EVENT_SYSTICK || e == EVENT_TIMER || e == EVENT_WATCHDOG)
            timer_event(p, e, at);
        else if (e == EVENT_CRYSTAL || e == EVENT_PLL)
            clock_event(p, e, at);
        else
            usart_event(p, e, at);
        part_look(p);
    }
}

static void run_cpu(struct part *p, uint64_t until)
{
    p->until = until;
    p->leave = false;
    p->block_end = 0;
    part_look(p);
    uint32_t pc = get(p, UC_ARM_REG_PC);
    uc_err e = uc_emu_start(p->uc, pc | 1, RETURN_AT | 0xE, 0, 0);
    flash_settle(p);
    if (p->reset_wanted)
        part_reset(p, RESET_SOFTWARE);
    if (p->leave || known_begins(p))
        return;
    pc = get(p, UC_ARM_REG_PC);
    if ((pc & RETURN_AT) == RETURN_AT) {
        leave(p);
        return;
    }
    if (e != UC_ERR_OK) {
        fault(p, e);
        return;
    }
    uint16_t before = 0;
    if (pc >= FLASH_AT + 2 && pc < FLASH_AT + FLASH_END)
        memcpy(&before, p->flash + (pc - 2 - FLASH_AT), 2);
    if (before == WFI && p->block_end == pc) {
        part_look(p);
        p->asleep = !p->irq;
        if (!(p->ahbenr >> 4 & 1))
            part_complain(p, "sleeps with the flash's clock off (ES0340)");
    }
}

/* Nothing takes so many rounds at one moment: the model itself is wrong, and says so. */
static bool stands_still(struct part *p)
{
    p->rounds = p->now == p->round_at ? p->rounds + 1 : 0;
    p->round_at = p->now;
    if (p->rounds < ROUNDS_MOST)
        return false;
    p->rounds = 0;
    part_complain(p, "the model's clock stands still");
    return true;
}

/* Nothing is run up to `to`, or to what is due before. */
static void let_pass(struct part *p, uint64_t to, uint64_t until)
{
    uint64_t due = p->due[next_event(p)];
    to = to < due ? to : due;
    to = to < until ? to : until;
    p->now = to > p->now ? to : p->now;
}

void part_run(struct part *p, uint64_t until)
{
    while (p->powered && p->now < until) {
        if (stands_still(p))
            p->now = until;
        do_events(p);
        if (!p->powered)
            break;
        if (p->now < p->stall_until) { /* the core waits for the flash, or has no clock */
            let_pass(p, p->stall_until, until);
            continue;
        }
        if (p->asleep && !p->irq) {
            let_pass(p, until, until);
            continue;
        }
        p->asleep = false;
        unsigned exception = p->irq ? next_exception(p) : 0;
        if (exception) {
            if (exception == EXCEPTION_SYSTICK)
                p->systick_pending = false;
            if (exception == EXCEPTION_NMI)
                p->nmi_pending = false;
            enter(p, exception);
            part_look(p);
        }
        uint64_t returns = known_waits_until(p);
        if (returns > p->now) {
            let_pass(p, returns, until);
            continue;
        }
        if (returns != 0)
            known_ends(p);
        run_cpu(p, until);
    }
}
