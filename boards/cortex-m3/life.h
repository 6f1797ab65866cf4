/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives a reset on a Cortex-M3 board: why it came, and where the processor stood. */
#ifndef BAIYE_LIFE_H
#define BAIYE_LIFE_H

#include <stdint.h>

#include "firmware/hal.h"

/* What the processor pushes when it enters an exception. */
struct exception_frame {
    uint32_t r0, r1, r2, r3, r12, lr, pc, psr;
};

_Noreturn void life_fault(const struct exception_frame *frame);
/* The same for a watchdog that gives notice before it bites: also tells where the program hung. */
_Noreturn void life_bite(const struct exception_frame *frame);
/* Resets and remembers that it was meant. */
_Noreturn void life_end(void);
/* The part's own word on the reset, HAL_RESET_UNKNOWN when it has none; from the board's main()
 * before life_begin(). A fault or a software reset that was written down wins. */
void life_cause(enum hal_reset_cause cause);

#endif
