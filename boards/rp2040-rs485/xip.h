/* SPDX-License-Identifier: Apache-2.0 */
/* The flash in place, for the assembler of boot/boot2.S and for flash.c: the serial read command
 * 0x03, which each SPI flash has, one wire, a 32-bit word a transfer. The chip is never in a mode
 * that it had to be brought out of. RP2040 Datasheet 4.10.13. */
#ifndef BAIYE_RP2040_XIP_H
#define BAIYE_RP2040_XIP_H

#define SSI            0x18000000
#define SSI_CTRLR0     0x00
#define SSI_CTRLR1     0x04
#define SSI_SSIENR     0x08
#define SSI_SER        0x10
#define SSI_BAUDR      0x14
#define SSI_TXFLR      0x20
#define SSI_RXFLR      0x24
#define SSI_DR0        0x60
#define SSI_SPI_CTRLR0 0xF4

#define XIP_BAUD   4          /* 96 MHz / 4 = 24 MHz; 0x03 is good to 50 MHz */
#define XIP_CTRLR0 0x001F0300 /* 32-bit frames, "EEPROM read" */
/* command 0x03 of 8 bits, 24 bits of address, all on one wire */
#define XIP_SPI_CTRLR0 0x03000218

#endif
