/* SPDX-License-Identifier: Apache-2.0 */
/* What an STM32F103's flash, read into a file, would do at power-up: the boot loader's own choice
 * and signature check, with the board's own map, on the bytes at their own addresses. Prints the
 * slot, whether on trial, and the serial number that the node would have. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boards/cortex-m3/reg.h"
#include "firmware/boot/choose.h"
#include "protocols/image/factory.h"

#define FLASH_BASE   0x08000000u
#define FLASH_BYTES  0x20000u
#define FACTORY_PAGE 0x08003C00u

/* The chooser marks slots only when one is on trial: from the bench none is. */
uint32_t reg_read(uint32_t address)
{
    (void)fprintf(stderr, "register 0x%08X was read\n", address);
    abort();
}

uint8_t reg_read8(uint32_t address)
{
    return (uint8_t)reg_read(address);
}

void reg_write(uint32_t address, uint32_t value)
{
    (void)value;
    (void)reg_read(address);
}

void reg_write16(uint32_t address, uint16_t value)
{
    reg_write(address, value);
}

int main(int argc, char **argv)
{
    struct factory factory;
    int file = argc == 2 ? open(argv[1], O_RDONLY) : -1;
    void *flash = mmap((void *)(uintptr_t)FLASH_BASE, FLASH_BYTES, PROT_READ,
                       MAP_PRIVATE | MAP_FIXED_NOREPLACE, file, 0);
    if (flash == MAP_FAILED) {
        perror("flash-boots FILE");
        return 1;
    }
    struct boot_choice choice = boot_choose();
    bool known = factory_read((const void *)(uintptr_t)FACTORY_PAGE, 1024, &factory);
    (void)printf("slot %d trial %d serial %08X\n", choice.slot, choice.trial,
                 known ? factory.serial : 0);
    return 0;
}
