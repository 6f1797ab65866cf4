/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/boot/state.h"

#include <string.h>

#include "protocols/bytes/bytes.h"
#include "protocols/modbus/crc16.h"

#define SESSION_SIZE     16u
#define MARK_SIZE        8u
#define READY_OFFSET     16u
#define TRIAL_OFFSET     24u
#define CONFIRMED_OFFSET 48u
#define REJECTED_OFFSET  56u

static const uint8_t zeros[MARK_SIZE];

static const uint8_t *page_of(unsigned slot)
{
    return flash_map(flash_layout()->state[slot]);
}

static bool all_are(const uint8_t *data, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != value)
            return false;
    }
    return true;
}

static bool whole(const uint8_t *page, uint32_t offset)
{
    return all_are(page + offset, MARK_SIZE, 0x00);
}

static bool touched(const uint8_t *page, uint32_t offset)
{
    return !all_are(page + offset, MARK_SIZE, 0xFF);
}

struct slot_state state_read(unsigned slot)
{
    const uint8_t *page = page_of(slot);
    struct slot_state state = {.bench = all_are(page, SESSION_SIZE, 0xFF)};
    struct byte_reader r = byte_reader_init(page, SESSION_SIZE);
    state.generation = byte_read_u16(&r);
    state.blocks = byte_read_u16(&r);
    state.block_size = byte_read_u16(&r);
    memcpy(state.image_id, byte_read_span(&r, sizeof state.image_id), sizeof state.image_id);
    state.session = byte_read_u16(&r) == crc16_modbus(CRC16_INITIAL, page, SESSION_SIZE - 2);
    if (!state.session)
        state.generation = state.blocks = state.block_size = 0;
    state.ready = whole(page, READY_OFFSET);
    state.confirmed = whole(page, CONFIRMED_OFFSET);
    state.rejected = touched(page, REJECTED_OFFSET);
    while (state.trials < STATE_TRIALS && touched(page, TRIAL_OFFSET + state.trials * MARK_SIZE))
        state.trials++;
    return state;
}

bool state_is_confirmed(const struct slot_state *state)
{
    return !state->rejected && (state->bench || (state->session && state->confirmed));
}

enum flash_result state_mark(unsigned slot, enum state_mark mark)
{
    static const uint32_t offsets[] = {READY_OFFSET, TRIAL_OFFSET, CONFIRMED_OFFSET,
                                       REJECTED_OFFSET};
    uint32_t offset = offsets[mark];
    if (mark == STATE_TRIAL) {
        unsigned trials = state_read(slot).trials;
        if (trials >= STATE_TRIALS)
            return FLASH_RANGE;
        offset += trials * MARK_SIZE;
    }
    return flash_program(flash_layout()->state[slot] + offset, zeros, MARK_SIZE);
}

static enum flash_result write_session(unsigned slot, const struct slot_state *session)
{
    uint8_t bytes[SESSION_SIZE];
    struct byte_writer w = byte_writer_init(bytes, sizeof bytes);
    byte_write_u16(&w, session->generation);
    byte_write_u16(&w, session->blocks);
    byte_write_u16(&w, session->block_size);
    byte_write_span(&w, session->image_id, sizeof session->image_id);
    byte_write_u16(&w, crc16_modbus(CRC16_INITIAL, bytes, SESSION_SIZE - 2));
    return flash_program(flash_layout()->state[slot], bytes, sizeof bytes);
}

enum flash_result state_begin(unsigned slot, const struct slot_state *session, uint32_t *page,
                              bool *done)
{
    const struct flash_layout *layout = flash_layout();
    uint32_t slot_pages = layout->slot_size / layout->page_size;
    enum flash_result result = FLASH_OK;
    *done = false;
    if (session->blocks > state_blocks_max())
        return FLASH_RANGE;
    if (*page == 0) { /* the magic goes first: from here on nothing boots from this slot */
        static const uint8_t dead[4];
        result = flash_program(layout->slot[slot], dead, sizeof dead);
    } else if (*page == 1) {
        result = flash_erase_page(layout->state[slot]);
    } else if (*page < slot_pages + 2) {
        result = flash_erase_page(layout->slot[slot] + (*page - 2) * layout->page_size);
    } else {
        result = write_session(slot, session);
        *done = result == FLASH_OK;
    }
    if (result == FLASH_OK)
        *page += 1;
    return result;
}

bool state_received(unsigned slot, uint16_t block)
{
    const uint8_t *mark = page_of(slot) + STATE_RECEIVED_OFFSET + 2u * block;
    return block < state_blocks_max() && mark[0] == 0 && mark[1] == 0;
}

enum flash_result state_mark_received(unsigned slot, uint16_t block)
{
    if (block >= state_blocks_max())
        return FLASH_RANGE;
    return flash_program(flash_layout()->state[slot] + STATE_RECEIVED_OFFSET + 2u * block, zeros,
                         2);
}

uint16_t state_blocks_max(void)
{
    return (uint16_t)((flash_layout()->page_size - STATE_RECEIVED_OFFSET) / 2);
}
