/* SPDX-License-Identifier: Apache-2.0 */
#include "boards/cortex-m3/life.h"

#include "boards/cortex-m3/cpu.h"

/* From the linker script. */
extern uint32_t ld_stack_bottom, ld_image_start, ld_image_end;

enum {
    NOTE_MAGIC = 0x42594E54,
    PAINT_MARGIN = 64, /* below the stack pointer, that the painter itself may use */
};

#define PAINT 0xA5C3A5C3U /* on stack never used */

/* Not cleared at start. After power-up it holds anything, hence the magic and its complement. */
static struct note {
    uint32_t magic, inverse;
    enum hal_reset_cause cause; /* of the reset that is to come */
    struct hal_fault fault;     /* the last one since power-up */
} note __attribute__((section(".noinit")));

static uint64_t retained[HAL_RETAINED_SIZE / 8] __attribute__((section(".noinit")));

static enum hal_reset_cause cause_now;

void life_cause(enum hal_reset_cause cause)
{
    cause_now = cause;
}

void life_begin(void)
{
    if (note.magic == NOTE_MAGIC && note.inverse == ~(uint32_t)NOTE_MAGIC &&
        cause_now != HAL_RESET_POWER && cause_now != HAL_RESET_BROWN_OUT) {
        if (note.cause != HAL_RESET_UNKNOWN)
            cause_now = note.cause;
    } else {
        note = (struct note){.magic = NOTE_MAGIC, .inverse = ~(uint32_t)NOTE_MAGIC};
    }
    note.cause = HAL_RESET_UNKNOWN;
    uint32_t end = cpu_stack() - PAINT_MARGIN;
    for (uint32_t word = (uint32_t)&ld_stack_bottom; word < end; word += 4)
        reg_write(word, PAINT);
}

_Noreturn static void note_and_reset(enum hal_reset_cause cause, const struct exception_frame *at)
{
    note.cause = cause;
    note.fault = (struct hal_fault){.pc = at->pc, .lr = at->lr, .status = cpu_fault_status()};
    cpu_reset();
}

_Noreturn void life_fault(const struct exception_frame *frame)
{
    note_and_reset(HAL_RESET_FAULT, frame);
}

_Noreturn void life_bite(const struct exception_frame *frame)
{
    note_and_reset(HAL_RESET_WATCHDOG, frame);
}

_Noreturn void life_end(void)
{
    note.cause = HAL_RESET_SOFTWARE;
    cpu_reset();
}

_Noreturn void hal_reset(void)
{
    life_end();
}

enum hal_reset_cause hal_reset_cause(void)
{
    return cause_now;
}

struct hal_fault hal_fault(void)
{
    return note.fault;
}

void *hal_retained(void)
{
    return retained;
}

uint32_t hal_stack_free(void)
{
    uint32_t word = (uint32_t)&ld_stack_bottom;
    while (word < cpu_stack() && reg_read(word) == PAINT)
        word += 4;
    return word - (uint32_t)&ld_stack_bottom;
}

/* CRC-32 as of zip, four bits a step. */
uint32_t hal_firmware_crc(void)
{
    static const uint32_t table[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC,
                                       0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
                                       0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
                                       0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    static uint32_t crc;
    if (crc)
        return crc;
    uint32_t c = 0xFFFFFFFF;
    uint32_t end = (uint32_t)&ld_image_end;
    for (uint32_t at = (uint32_t)&ld_image_start; at < end; at++) {
        c ^= reg_read8(at);
        c = c >> 4 ^ table[c & 15];
        c = c >> 4 ^ table[c & 15];
    }
    crc = ~c;
    return crc;
}
