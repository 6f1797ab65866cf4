/* SPDX-License-Identifier: Apache-2.0 */
/* The second stage of the RP2040's start, in front of its boot loader. Pure. */
#ifndef BAIYE_FLASH_SECOND_STAGE_H
#define BAIYE_FLASH_SECOND_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The boot ROM starts a flash whose first 252 bytes have the CRC that follows. */
bool second_stage_good(const uint8_t *bytes, size_t size);

#endif
