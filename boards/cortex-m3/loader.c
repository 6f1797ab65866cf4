/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/cortex-m3/loader.h"

#include "boards/cortex-m3/cpu.h"
#include "boards/cortex-m3/life.h"
#include "boards/cortex-m3/starts.h"
#include "firmware/boot/choose.h"
#include "firmware/boot/flash.h"

int main(void);

__attribute__((section(".vectors.irq"), used)) static const struct loader_exports exports = {
    LOADER_EXPORTS_MAGIC, boot_verify, boot_public_keys, boot_verify_head};

/* Any fault of the loader's own starts it again. */
void life_end(void)
{
    cpu_reset();
}

void life_fault(const struct exception_frame *frame)
{
    (void)frame;
    life_end();
}

/* The application's reset handler sets its own stack and vectors. */
static void start(uint32_t vectors)
{
    void (*reset)(void) = (void (*)(void))(uintptr_t)reg_read(vectors + 4);
    reset();
}

int main(void)
{
    loader_board_start();
    unsigned starts = starts_read();
    starts_write((starts + 1) % (2 * BOOT_STARTS));
    struct boot_choice choice = boot_choose_after(starts);
    if (choice.slot >= 0)
        start(flash_layout()->slot[choice.slot] + IMAGE_HEADER_SIZE);
    for (;;)
        cpu_wait(); /* nothing to start: the watchdog lets us look again; flash it by wire */
}
