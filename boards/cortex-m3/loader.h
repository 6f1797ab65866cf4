/* SPDX-License-Identifier: Apache-2.0 */
/* The boot loader of a Cortex-M3 board, and what it lends to the application that it starts.
 * A board gives it a folder boot/ with the function below, a boot.ld, and its flash.c. */
#ifndef BAIYE_LOADER_H
#define BAIYE_LOADER_H

#include "firmware/boot/verify.h"

/* Starts the watchdog, which nothing can stop any more: it bites within 4..16 s. An image on trial
 * that hangs is thus started again, and given up when its trials are used. Then the clocks, as
 * fast as the part can: two signatures take a second or two. */
void loader_board_start(void);

/* Right after the loader's first sixteen vectors, so that the application finds it: there is one
 * copy of the signature check in the flash. It uses the caller's stack, no RAM of its own. */
struct loader_exports {
    uint32_t magic;
    enum image_result (*verify)(unsigned slot, struct image_header *header);
    const uint8_t (*keys)[65]; /* boot_public_keys: the bench looks what this loader trusts */
    enum image_result (*verify_head)(unsigned slot, const uint8_t *head);
};
#define LOADER_EXPORTS_MAGIC   0x42594C32u /* "BYL2" */
#define LOADER_EXPORTS_MAGIC_1 0x42594C31u /* an earlier one, without verify_head */
/* From the slot's linker script. */
extern const struct loader_exports ld_loader_exports;

#endif
