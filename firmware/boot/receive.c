/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/boot/receive.h"

#include <string.h>

#include "firmware/boot/verify.h"

static unsigned target_slot(const struct receive *receive)
{
    return 1 - receive->running;
}

void receive_init(struct receive *receive, unsigned running)
{
    struct slot_state own = state_read(running);
    *receive = (struct receive){.running = running};
    receive->on_trial = own.session && !own.confirmed;
    receive->target = state_read(target_slot(receive));
}

static bool same_session(const struct slot_state *state, const struct window_session *session)
{
    return state->session && !state->ready && !state->rejected &&
           state->blocks == session->blocks && state->block_size == session->block_size &&
           memcmp(state->image_id, session->image_id, sizeof state->image_id) == 0;
}

bool receive_is_open(const struct receive *receive, const struct window_session *session)
{
    return same_session(&receive->target, session);
}

/* What runs was verified when it was started. Without a header of its own, as when it was started
 * by wire, it is older than anything. */
static struct image_header running_header(const struct receive *receive)
{
    struct image_header header;
    const uint8_t *image = flash_map(flash_layout()->slot[receive->running]);
    if (image_header_read(image, IMAGE_HEADER_SIZE, &header) != IMAGE_OK)
        header = (struct image_header){0};
    return header;
}

/* May what has this header take the place of what runs? */
static int compare(const struct image_header *header, const struct image_header *running)
{
    if (header->counter < running->counter)
        return IMAGE_OLD_COUNTER;
    if (header->key < running->least_key || header->least_key < running->least_key)
        return IMAGE_OLD_KEY;
    return image_is_newer(header, running) ? WINDOW_RESULT_OK : IMAGE_NOT_NEWER;
}

VERIFY_NO_FRAME static int compare_to_running(const struct receive *receive,
                                              const struct image_header *header)
{
    struct image_header running = running_header(receive);
    return compare(header, &running);
}

/* Form and age, at once; the signature later, since it takes long. */
static int look_at_head(const struct receive *receive, const uint8_t *head)
{
    struct image_header header;
    enum image_result result = image_head_read(head, &header);
    if (result == IMAGE_OK && header.hardware != flash_layout()->hardware)
        result = IMAGE_WRONG_HARDWARE;
    return result == IMAGE_OK ? compare_to_running(receive, &header) : (int)result;
}

int receive_open(struct receive *receive, const struct window_session *session)
{
    const struct flash_layout *layout = flash_layout();
    if (session->hardware != layout->hardware)
        return WINDOW_RESULT_WRONG_HARDWARE;
    if (session->slot != target_slot(receive))
        return WINDOW_RESULT_RUNNING_SLOT;
    if (session->blocks == 0 || session->blocks > state_blocks_max() || session->block_size == 0 ||
        session->block_size % 2 != 0 ||
        (uint32_t)session->blocks * session->block_size > layout->slot_size)
        return WINDOW_RESULT_BAD_SIZE;
    if (same_session(&receive->target, session))
        return receive->erasing ? WINDOW_RESULT_BUSY : WINDOW_RESULT_OK;
    if (receive->on_trial)
        return WINDOW_RESULT_UNPROVEN;
    int result = look_at_head(receive, session->head);
    if (result != WINDOW_RESULT_OK)
        return result;
    memcpy(receive->room.head, session->head, sizeof receive->room.head);
    receive->target = (struct slot_state){
        .session = true,
        .generation = (uint16_t)(state_read(receive->running).generation + 1),
        .blocks = session->blocks,
        .block_size = session->block_size,
    };
    memcpy(receive->target.image_id, session->image_id, sizeof receive->target.image_id);
    receive->checking = receive->erasing = true;
    receive->page = 0;
    return WINDOW_RESULT_BUSY;
}

/* Its signature is wrong: what stands in the slot stays. */
static int check_head(struct receive *receive)
{
    enum image_result result = boot_verify_head(target_slot(receive), receive->room.head);
    receive->checking = false;
    if (result == IMAGE_OK)
        return WINDOW_RESULT_BUSY;
    receive->erasing = false;
    receive->target = state_read(target_slot(receive));
    return result;
}

int receive_step(struct receive *receive)
{
    if (!receive->erasing)
        return WINDOW_RESULT_OK;
    if (receive->checking)
        return check_head(receive);
    bool done = false;
    if (state_begin(target_slot(receive), &receive->target, &receive->page, &done) != FLASH_OK) {
        receive->erasing = false;
        receive->target.session = false;
        return WINDOW_RESULT_FLASH;
    }
    receive->erasing = !done;
    return done ? WINDOW_RESULT_OK : WINDOW_RESULT_BUSY;
}

static bool stands(uint32_t address, const uint8_t *data)
{
    return memcmp(flash_map(address), data, 2) == 0;
}

/* What a cut left of a block: blank, or half of it. Programming the same bytes again is only legal
 * on half-words that are blank; those that hold the right value already are passed over. What lies
 * between goes in one piece: a chip that is programmed by pages takes as long for two bytes. */
static enum flash_result program_block(uint32_t address, const uint8_t *data, size_t size)
{
    enum flash_result result = FLASH_OK;
    for (size_t i = 0; i < size && result == FLASH_OK;) {
        size_t end = i;
        while (end < size && !stands(address + (uint32_t)end, data + end))
            end += 2;
        if (end > i)
            result = flash_program(address + (uint32_t)i, data + i, end - i);
        i = end > i ? end : i + 2;
    }
    return result;
}

enum window_result receive_block(struct receive *receive, uint16_t number, const void *data,
                                 size_t size, uint32_t crc)
{
    if (receive->erasing)
        return WINDOW_RESULT_BUSY;
    const struct slot_state *target = &receive->target;
    if (!target->session || target->ready || target->rejected)
        return WINDOW_RESULT_NOT_OPEN;
    if (number >= target->blocks || size != target->block_size)
        return WINDOW_RESULT_BAD_BLOCK;
    if (crc != window_block_crc(target->image_id, number, data, size))
        return WINDOW_RESULT_FOREIGN_BLOCK;
    unsigned slot = target_slot(receive);
    if (state_received(slot, number))
        return WINDOW_RESULT_OK;
    uint32_t address = flash_layout()->slot[slot] + (uint32_t)number * target->block_size;
    if (program_block(address, data, size) != FLASH_OK ||
        state_mark_received(slot, number) != FLASH_OK) {
        /* A torn half-word cannot be mended in place: forget the session, so that the gateway
         * opens it anew and everything is erased. */
        receive->target.session = false;
        return WINDOW_RESULT_FLASH;
    }
    return WINDOW_RESULT_OK;
}

static bool missing(const struct receive *receive, uint32_t number)
{
    return number < receive->target.blocks && receive->target.session && !receive->erasing &&
           !state_received(target_slot(receive), (uint16_t)number);
}

void receive_missing(const struct receive *receive, uint16_t first, uint8_t *bits, size_t size)
{
    memset(bits, 0, size);
    for (size_t i = 0; i < size * 8; i++) {
        if (missing(receive, (uint32_t)first + (uint32_t)i))
            bits[i / 8] = (uint8_t)(bits[i / 8] | 0x80u >> i % 8);
    }
}

/* From the end, since blocks come in order: asked for at each turn of the main loop, it must not
 * look at all of them. */
bool receive_is_whole(const struct receive *receive)
{
    for (uint32_t i = receive->target.blocks; i > 0; i--) {
        if (missing(receive, i - 1))
            return false;
    }
    return true;
}

uint16_t receive_missing_count(const struct receive *receive)
{
    uint16_t count = 0;
    for (uint32_t i = 0; i < receive->target.blocks; i++)
        count = (uint16_t)(count + missing(receive, i));
    return count;
}

/* The whole of it, and its age once more: what came need not be what the session said. */
static int judge(struct receive *receive)
{
    unsigned slot = target_slot(receive);
    int result = boot_verify(slot, &receive->room.header);
    if (result == IMAGE_OK)
        result = compare_to_running(receive, &receive->room.header);
    if (result != WINDOW_RESULT_OK)
        return result;
    return state_mark(slot, STATE_READY) == FLASH_OK ? WINDOW_RESULT_OK : WINDOW_RESULT_FLASH;
}

int receive_finish(struct receive *receive)
{
    struct slot_state *target = &receive->target;
    if (receive->erasing)
        return WINDOW_RESULT_BUSY;
    if (!target->session || target->rejected)
        return WINDOW_RESULT_NOT_OPEN;
    if (target->ready)
        return WINDOW_RESULT_OK;
    if (receive_missing_count(receive) > 0)
        return WINDOW_RESULT_INCOMPLETE;
    int result = judge(receive);
    target->ready = result == WINDOW_RESULT_OK;
    target->session = target->ready; /* refused: the next session starts from blank */
    return result;
}

enum window_result receive_confirm(struct receive *receive)
{
    struct slot_state own = state_read(receive->running);
    if (own.confirmed && !receive->on_trial)
        return WINDOW_RESULT_OK;
    if (!own.session || own.rejected)
        return WINDOW_RESULT_NOT_ON_TRIAL;
    if (state_mark(receive->running, STATE_CONFIRMED) != FLASH_OK)
        return WINDOW_RESULT_FLASH;
    receive->on_trial = false;
    return WINDOW_RESULT_OK;
}

enum window_result receive_revert(struct receive *receive)
{
    unsigned other = target_slot(receive);
    struct slot_state state = state_read(other);
    if (!receive->on_trial)
        return WINDOW_RESULT_NOT_ON_TRIAL;
    if (!state_is_confirmed(&state) || boot_verify(other, &receive->room.header) != IMAGE_OK)
        return WINDOW_RESULT_NO_OTHER;
    return state_mark(receive->running, STATE_REJECTED) == FLASH_OK ? WINDOW_RESULT_OK
                                                                    : WINDOW_RESULT_FLASH;
}

enum window_result receive_abandon(struct receive *receive)
{
    if (receive->erasing || !receive->target.session || receive->target.confirmed)
        return WINDOW_RESULT_NOT_OPEN;
    if (state_mark(target_slot(receive), STATE_REJECTED) != FLASH_OK)
        return WINDOW_RESULT_FLASH;
    receive->target.rejected = true;
    return WINDOW_RESULT_OK;
}
