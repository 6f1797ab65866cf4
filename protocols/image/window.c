/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/image/window.h"

#include <string.h>

#include "protocols/bytes/bytes.h"
#include "protocols/image/image.h"

size_t window_session_write(const struct window_session *session, void *data, size_t size)
{
    struct byte_writer w = byte_writer_init(data, size);
    byte_write_u32(&w, session->hardware);
    byte_write_u16(&w, session->slot);
    byte_write_u16(&w, session->blocks);
    byte_write_u16(&w, session->block_size);
    byte_write_span(&w, session->image_id, sizeof session->image_id);
    byte_write_span(&w, session->head, sizeof session->head);
    return w.failed ? 0 : w.at;
}

bool window_session_read(const void *data, size_t size, struct window_session *session)
{
    if (size != WINDOW_SESSION_REGISTERS * 2)
        return false;
    struct byte_reader r = byte_reader_init(data, size);
    session->hardware = byte_read_u32(&r);
    session->slot = byte_read_u16(&r);
    session->blocks = byte_read_u16(&r);
    session->block_size = byte_read_u16(&r);
    memcpy(session->image_id, byte_read_span(&r, 8), sizeof session->image_id);
    memcpy(session->head, byte_read_span(&r, sizeof session->head), sizeof session->head);
    return !r.failed;
}

size_t window_block_write(const struct window_block *block, void *data, size_t size)
{
    struct byte_writer w = byte_writer_init(data, size);
    byte_write_u16(&w, block->number);
    byte_write_u32(&w, block->crc);
    byte_write_span(&w, block->data, block->size);
    return w.failed ? 0 : w.at;
}

bool window_block_read(const void *data, size_t size, struct window_block *block)
{
    struct byte_reader r = byte_reader_init(data, size);
    block->number = byte_read_u16(&r);
    block->crc = byte_read_u32(&r);
    block->size = byte_reader_left(&r);
    block->data = byte_read_span(&r, block->size);
    return !r.failed && block->size > 0 && block->size <= WINDOW_BLOCK_DATA_MAX;
}

size_t window_status_write(const struct window_status *status, void *data, size_t size)
{
    struct byte_writer w = byte_writer_init(data, size);
    byte_write_u32(&w, status->hardware);
    byte_write_u32(&w, status->version);
    byte_write_u32(&w, status->counter);
    byte_write_span(&w, status->image_id, sizeof status->image_id);
    byte_write_u16(&w, status->missing);
    byte_write_u16(&w, (uint16_t)status->result);
    byte_write_u16(&w, status->bits);
    return w.failed ? 0 : w.at;
}

bool window_status_read(const void *data, size_t size, struct window_status *status)
{
    if (size != WINDOW_STATUS_REGISTERS * 2)
        return false;
    struct byte_reader r = byte_reader_init(data, size);
    status->hardware = byte_read_u32(&r);
    status->version = byte_read_u32(&r);
    status->counter = byte_read_u32(&r);
    memcpy(status->image_id, byte_read_span(&r, WINDOW_ID_SIZE), WINDOW_ID_SIZE);
    status->missing = byte_read_u16(&r);
    status->result = (int16_t)byte_read_u16(&r);
    status->bits = byte_read_u16(&r);
    return !r.failed;
}

uint32_t window_block_crc(const uint8_t image_id[8], uint16_t number, const void *data, size_t size)
{
    const uint8_t place[2] = {(uint8_t)(number >> 8), (uint8_t)number};
    uint32_t crc = byte_crc32(0, image_id, 8);
    crc = byte_crc32(crc, place, sizeof place);
    return byte_crc32(crc, data, size);
}

const char *window_result_text(int result)
{
    if (result <= IMAGE_OK && result > WINDOW_RESULT_BUSY)
        return image_result_text((enum image_result)result);
    switch (result) {
    case WINDOW_RESULT_BUSY:
        return "still erasing; ask again";
    case WINDOW_RESULT_NOT_OPEN:
        return "the node waits for no image; update again";
    case WINDOW_RESULT_RUNNING_SLOT:
        return "the node runs from the slot that was to be written; update again";
    case WINDOW_RESULT_WRONG_HARDWARE:
        return image_result_text(IMAGE_WRONG_HARDWARE);
    case WINDOW_RESULT_BAD_SIZE:
        return image_result_text(IMAGE_TOO_LARGE);
    case WINDOW_RESULT_BAD_BLOCK:
        return "a block does not fit the transfer; update again";
    case WINDOW_RESULT_INCOMPLETE:
        return "blocks are missing; update again";
    case WINDOW_RESULT_FLASH:
        return "its flash takes no data; update again, and replace the board if that fails too";
    case WINDOW_RESULT_NOT_ON_TRIAL:
        return "its image is not on trial any more; update again";
    case WINDOW_RESULT_UNPROVEN:
        return "the image it runs is on trial itself; wait an hour or cut its power three times";
    case WINDOW_RESULT_UNKNOWN:
        return "its firmware does not know this command; flash it by wire";
    case WINDOW_RESULT_FOREIGN_BLOCK:
        return "a block is of another image or damaged; does somebody else update this line?";
    case WINDOW_RESULT_LOCKED:
        return "the node was not unlocked for the session, or a minute ago; try again";
    case WINDOW_RESULT_NO_OTHER:
        return "it has no other image to go back to, and keeps this one";
    case WINDOW_RESULT_REVERTED:
        return "the new image did not run; the node went back to its old one";
    case WINDOW_RESULT_HELD_BACK:
        return "not restarted, since the first node did not do well with this image";
    case WINDOW_RESULT_NO_SLOTS:
        return "this device takes no update over the bus; flash it by wire";
    case WINDOW_RESULT_SELF_TEST:
        return "its self-test failed; the node went back to its old image";
    case WINDOW_RESULT_NO_SAMPLE:
        return "it took no sample in a minute; the node went back to its old image";
    default:
        return "unknown result; the node is newer than this gateway";
    }
}
