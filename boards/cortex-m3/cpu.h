/* SPDX-License-Identifier: Apache-2.0 */
/* The processor: interrupts, sleep, its system timer. What only compiles for the part is in
 * here. */
#ifndef BAIYE_CPU_H
#define BAIYE_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "boards/cortex-m3/reg.h"

#define SYSTICK_CSR 0xE000E010U
#define SYSTICK_RVR 0xE000E014U
#define SYSTICK_CVR 0xE000E018U
#define NVIC_ISER   0xE000E100U
#define SCB_ICSR    0xE000ED04U
#define SCB_AIRCR   0xE000ED0CU
#define SCB_CFSR    0xE000ED28U

#ifdef BAIYE_REGISTER_MODEL

void cpu_irq_off(void);
void cpu_irq_on(void);
void cpu_wait(void);

#else

static inline void cpu_irq_off(void)
{
    __asm__ volatile("cpsid i" ::: "memory");
}

static inline void cpu_irq_on(void)
{
    __asm__ volatile("cpsie i\n\tisb" ::: "memory");
}

/* Until an interrupt is pending, also while they are off. */
static inline void cpu_wait(void)
{
    __asm__ volatile("dsb\n\twfi" ::: "memory");
}

/* The stack pointer. */
static inline uint32_t cpu_stack(void)
{
    uint32_t sp;
    __asm__ volatile("mov %0, sp" : "=r"(sp));
    return sp;
}

#endif

/* So many turns of a few cycles each. */
static inline void cpu_spin(unsigned turns)
{
    for (; turns; turns--)
        __asm__ volatile("nop");
}

static inline void cpu_irq_enable(unsigned irq)
{
    reg_write(NVIC_ISER + irq / 32 * 4, 1U << irq % 32);
}

/* Why the processor faulted. */
static inline uint32_t cpu_fault_status(void)
{
#ifdef __ARM_ARCH_6M__
    return 0; /* it does not say */
#else
    return reg_read(SCB_CFSR);
#endif
}

/* ---- startup.c ---- */

/* The whole part. */
_Noreturn void cpu_reset(void);

/* ---- time.c: the system timer as clock ---- */

/* Starts it. `hz`: its clock; `core_clock`: the processor's own, else the part's slower one. */
void time_start(uint32_t hz, bool core_clock);
/* The interrupt that counts the wraps, a second or less apart. */
void time_wrapped(void);

/* ---- life.c: start, faults, resets ---- */

/* First thing in main(): what the last run left behind, and a pattern over the unused stack. */
void life_begin(void);

#endif
