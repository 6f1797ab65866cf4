/* SPDX-License-Identifier: Apache-2.0 */
/* The program memory for updates: the flash chip on the SSI (RP2040 Datasheet 4.10; chip W25Q16JV),
 * sectors of 4 KiB, programmed by up to 256 bytes of one page. While it is busy nothing can be
 * fetched from it: commands run from RAM, with the interrupts that matter (uart.c), and what the
 * cache held is dropped at the end.
 *
 *   0x10000000 second stage and boot loader 32 K │ factory 4 K │ … │ 0x1000A000 state A, B 4 K each
 *   │ … │ 0x10010000 slot A 256 K │ slot B 256 K │ 0x10090000 */
#include "firmware/boot/flash.h"

#include "boards/rp2040-rs485/rp2040.h"
#include "boards/rp2040-rs485/xip.h"
#include "firmware/hal.h"

enum {
    PAGE = 4096,
    SLOT = 64 * PAGE,
    PROGRAM_PAGE = 256,
    CMD_PROGRAM = 0x02,
    CMD_STATUS = 0x05,
    CMD_WRITE_ENABLE = 0x06,
    CMD_ERASE_SECTOR = 0x20,
    CMD_UNIQUE_ID = 0x4B,
    UNIQUE_ID_SKIP = 5, /* the command and four bytes of nothing */
    STATUS_BUSY = 1,
    SERIAL_CTRLR0 = 7 << 16, /* 8-bit frames both ways */
    IN_FLIGHT = 14,          /* of 16 places in the receiver */
    SELECT_LOW = 2 << 8,     /* of IO_QSPI_SS_CTRL; the SSI lets go of it when it runs dry */
    SELECT_HIGH = 3 << 8,
    ERASE_US = 1000000, /* 400 ms at most, by the data sheet */
    PROGRAM_US = 10000, /* 3 ms */
};
#define FLASH_BASE 0x10000000U

static const struct flash_layout layout = {
    .hardware = 0x20400001, /* this board, revision 1 */
    .slot = {FLASH_BASE + 0x10000, FLASH_BASE + 0x10000 + SLOT},
    .slot_size = SLOT,
    .state = {FLASH_BASE + 0xA000, FLASH_BASE + 0xB000},
    .page_size = PAGE,
};

const struct flash_layout *flash_layout(void)
{
    return &layout;
}

const uint8_t *flash_map(uint32_t address)
{
    return (const uint8_t *)(uintptr_t)address;
}

static bool inside(uint32_t address, uint32_t size)
{
    uint32_t begin = layout.state[0], end = layout.slot[1] + SLOT;
    return address >= begin && address <= end && size <= end - address;
}

/* ---- in RAM ---- */

IN_RAM static void serial_on(void)
{
    reg_write(SSI + SSI_SSIENR, 0);
    reg_write(SSI + SSI_BAUDR, XIP_BAUD);
    reg_write(SSI + SSI_CTRLR0, SERIAL_CTRLR0);
    reg_write(SSI + SSI_SER, 1);
    reg_write(SSI + SSI_SSIENR, 1);
}

/* As boot/boot2.S has it. */
IN_RAM static void serial_off(void)
{
    reg_write(SSI + SSI_SSIENR, 0);
    reg_write(SSI + SSI_CTRLR0, XIP_CTRLR0);
    reg_write(SSI + SSI_CTRLR1, 0);
    reg_write(SSI + SSI_SPI_CTRLR0, XIP_SPI_CTRLR0);
    reg_write(SSI + SSI_SSIENR, 1);
    reg_write(IO_QSPI_SS_CTRL, 0);
    reg_write(XIP_FLUSH, 1);
    (void)reg_read(XIP_FLUSH); /* waits until it is done */
}

/* One command: `head`, then `body`, then nothing, `total` bytes in all; what comes back from `skip`
 * on goes to `read`. */
IN_RAM static void transfer(const uint8_t *head, uint32_t head_size, const uint8_t *body,
                            uint32_t body_size, uint32_t total, uint8_t *read, uint32_t skip)
{
    uint32_t sent = 0, received = 0;
    reg_write(IO_QSPI_SS_CTRL, SELECT_LOW);
    while (received < total) {
        if (sent < total && sent - received < IN_FLIGHT) {
            uint32_t byte = 0;
            if (sent < head_size)
                byte = head[sent];
            else if (sent - head_size < body_size)
                byte = body[sent - head_size];
            reg_write(SSI + SSI_DR0, byte);
            sent++;
        }
        if (reg_read(SSI + SSI_RXFLR)) {
            uint8_t byte = (uint8_t)reg_read(SSI + SSI_DR0);
            if (received >= skip)
                read[received - skip] = byte;
            received++;
        }
    }
    reg_write(IO_QSPI_SS_CTRL, SELECT_HIGH);
}

IN_RAM static bool wait_done(uint32_t most_us)
{
    uint32_t begin = reg_read(TIMER_RAW_L);
    uint8_t command = CMD_STATUS, status;
    do {
        transfer(&command, 1, 0, 0, 2, &status, 1);
    } while (status & STATUS_BUSY && reg_read(TIMER_RAW_L) - begin < most_us);
    return !(status & STATUS_BUSY);
}

/* The erase of a sector, or the programming of a part of one page. `data` is in RAM. */
IN_RAM static bool change(uint8_t command, uint32_t offset, const uint8_t *data, uint32_t size,
                          uint32_t most_us)
{
    uint8_t enable = CMD_WRITE_ENABLE;
    uint8_t head[4];
    head[0] = command;
    head[1] = (uint8_t)(offset >> 16);
    head[2] = (uint8_t)(offset >> 8);
    head[3] = (uint8_t)offset;
    serial_on();
    transfer(&enable, 1, 0, 0, 1, 0, 1);
    transfer(head, sizeof head, data, size, sizeof head + size, 0, sizeof head + size);
    bool done = wait_done(most_us);
    serial_off();
    return done;
}

IN_RAM static void read_id(uint8_t id[8])
{
    uint8_t command = CMD_UNIQUE_ID;
    serial_on();
    transfer(&command, 1, 0, 0, UNIQUE_ID_SKIP + 8, id, UNIQUE_ID_SKIP);
    serial_off();
}

/* ---- in flash again ---- */

void flash_unique_id(uint8_t id[8])
{
    read_id(id);
}

enum flash_result flash_erase_page(uint32_t address)
{
    if (address % PAGE || !inside(address, PAGE))
        return FLASH_RANGE;
    if (!change(CMD_ERASE_SECTOR, address - FLASH_BASE, 0, 0, ERASE_US))
        return FLASH_FAILED;
    for (uint32_t at = 0; at < PAGE; at += 4)
        if (reg_read(address + at) != UINT32_MAX)
            return FLASH_FAILED;
    return FLASH_OK;
}

static enum flash_result program_piece(uint32_t address, const uint8_t *from, uint32_t size)
{
    uint8_t piece[PROGRAM_PAGE]; /* what is to be programmed may lie in the flash */
    for (uint32_t i = 0; i < size; i++)
        piece[i] = from[i];
    if (!change(CMD_PROGRAM, address - FLASH_BASE, piece, size, PROGRAM_US))
        return FLASH_FAILED;
    for (uint32_t i = 0; i < size; i++)
        if (reg_read8(address + i) != piece[i])
            return FLASH_FAILED;
    return FLASH_OK;
}

enum flash_result flash_program(uint32_t address, const void *data, size_t size)
{
    const uint8_t *from = data;
    enum flash_result result = FLASH_OK;
    if (address % 2 || size % 2 || size > SLOT || !inside(address, (uint32_t)size))
        return FLASH_RANGE;
    for (uint32_t done = 0; done < size && result == FLASH_OK;) {
        uint32_t piece = PROGRAM_PAGE - (address + done) % PROGRAM_PAGE;
        if (piece > size - done)
            piece = (uint32_t)size - done;
        result = program_piece(address + done, from + done, piece);
        done += piece;
    }
    return result;
}
