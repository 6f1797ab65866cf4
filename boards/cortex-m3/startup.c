/* SPDX-License-Identifier: Apache-2.0 */
/* From reset to main(), and the first 16 vectors; the board's own follow in section .vectors.irq.
 * A fault is written down in RAM that survives the reset it then causes. */
#include <stdint.h>
#include <string.h>

#include "boards/cortex-m3/cpu.h"
#include "boards/cortex-m3/life.h"

/* From the linker script. */
extern uint32_t ld_stack_top, ld_data_load, ld_data_start, ld_data_end, ld_bss_start, ld_bss_end;

int main(void);
void reset_handler(void);
void fault_handler(void);

/* The fault's frame lies on the stack in use (main's: nothing here uses the process stack). */
__attribute__((naked)) void fault_handler(void)
{
    __asm__ volatile("mov r0, sp\n\tbl life_fault");
}

/* A board whose watchdog warns by NMI has its own. */
void nmi_handler(void) __attribute__((weak, alias("fault_handler")));
/* For a board with a timer of its own. */
void time_wrapped(void) __attribute__((weak, alias("fault_handler")));

_Noreturn void reset_start(void);

_Noreturn void reset_start(void)
{
    memcpy(&ld_data_start, &ld_data_load, (uint32_t)&ld_data_end - (uint32_t)&ld_data_start);
    memset(&ld_bss_start, 0, (uint32_t)&ld_bss_end - (uint32_t)&ld_bss_start);
    main();
    life_end(); /* main() has no end */
}

/* A boot loader comes here with its own vectors and stack pointer still in force. */
__attribute__((naked)) void reset_handler(void)
{
    __asm__ volatile("ldr r0, =ld_stack_top\n\t"
                     "mov sp, r0\n\t"
                     "ldr r0, =ld_vectors\n\t"
                     "ldr r1, =0xE000ED08\n\t" /* VTOR */
                     "str r0, [r1]\n\t"
                     "bl reset_start");
}

typedef void (*const handler)(void);

__attribute__((section(".vectors.core"), used)) static const struct {
    uint32_t *stack;
    handler core[15];
} vectors = {
    .stack = &ld_stack_top,
    .core = {reset_handler, nmi_handler, fault_handler, fault_handler, fault_handler, fault_handler,
             0, 0, 0, 0, fault_handler, fault_handler, 0, fault_handler, time_wrapped},
};
