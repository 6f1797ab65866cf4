/* SPDX-License-Identifier: Apache-2.0 */
/* The second stage. The boot ROM copies the first 256 bytes of the flash to the end of RAM, looks
 * whether the last word is the CRC-32 of the others (2.8.1.3.1), and starts them. They switch on the
 * flash in place and start what lies behind them: the boot loader.
 *
 * The CRC is of polynomial 0x04C11DB7, begins with all ones, takes the high bit first and is not
 * inverted. It is a constant, since so are the bytes; `baiye flash` refuses a loader in which they
 * do not match. */
#include "boards/rp2040-rs485/xip.h"

    .syntax unified
    .cpu cortex-m0plus
    .thumb
    .section .boot2, "ax"
    .global boot2
    .type boot2, %function
    .thumb_func
boot2:
    ldr  r3, =SSI
    movs r0, #0
    movs r1, #1
    str  r0, [r3, #SSI_SSIENR]
    movs r2, #XIP_BAUD
    str  r2, [r3, #SSI_BAUDR]
    ldr  r2, =XIP_CTRLR0
    str  r2, [r3, #SSI_CTRLR0]
    str  r0, [r3, #SSI_CTRLR1]
    ldr  r2, =XIP_SPI_CTRLR0
    movs r4, #SSI_SPI_CTRLR0
    str  r2, [r3, r4]
    str  r1, [r3, #SSI_SER]
    str  r1, [r3, #SSI_SSIENR]

    ldr  r0, =ld_vectors
    ldr  r1, =0xE000ED08 /* VTOR */
    str  r0, [r1]
    ldr  r1, [r0]
    msr  msp, r1
    ldr  r1, [r0, #4]
    bx   r1

    .pool
    .org 252, 0xFF
    .word 0x46F512D1
