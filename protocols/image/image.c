/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/image/image.h"

#include <string.h>

#include "protocols/bytes/bytes.h"

#define IMAGE_MAGIC    0x42594931u /* "BYI1" */
#define IMAGE_FORMAT   1u
#define IMAGE_SIZE_MAX (16u << 20)
#define POINT_OFFSET   IMAGE_HEAD_SIZE

enum image_result image_head_read(const void *data, struct image_header *header)
{
    struct byte_reader r = byte_reader_init(data, IMAGE_HEAD_SIZE);
    if (byte_read_u32(&r) != IMAGE_MAGIC)
        return IMAGE_NO_MAGIC;
    uint8_t format = byte_read_u8(&r);
    header->key = byte_read_u8(&r);
    header->slot = byte_read_u16(&r);
    header->hardware = byte_read_u32(&r);
    header->version = byte_read_u32(&r);
    header->counter = byte_read_u32(&r);
    header->size = byte_read_u32(&r);
    header->address = byte_read_u32(&r);
    header->least_key = byte_read_u8(&r);
    uint8_t reserved = byte_read_u8(&r);
    uint16_t reserved_too = byte_read_u16(&r);
    memcpy(header->hash, byte_read_span(&r, IMAGE_HASH_SIZE), IMAGE_HASH_SIZE);
    memcpy(header->signature, byte_read_span(&r, IMAGE_SIGNATURE_SIZE), IMAGE_SIGNATURE_SIZE);
    if (format != IMAGE_FORMAT || header->slot >= IMAGE_SLOTS || reserved != 0 ||
        reserved_too != 0 || header->key < header->least_key || header->size == 0 ||
        header->size % 4 != 0 || header->size > IMAGE_SIZE_MAX)
        return IMAGE_BAD_HEADER;
    return IMAGE_OK;
}

enum image_result image_header_read(const void *data, size_t size, struct image_header *header)
{
    return size < IMAGE_HEADER_SIZE ? IMAGE_TRUNCATED : image_head_read(data, header);
}

bool image_is_newer(const struct image_header *header, const struct image_header *other)
{
    return header->counter != other->counter ? header->counter > other->counter
                                             : header->version > other->version;
}

void image_header_write(const struct image_header *header, uint8_t data[IMAGE_HEADER_SIZE])
{
    memset(data, 0xFF, IMAGE_HEADER_SIZE);
    struct byte_writer w = byte_writer_init(data, IMAGE_HEADER_SIZE);
    byte_write_u32(&w, IMAGE_MAGIC);
    byte_write_u8(&w, IMAGE_FORMAT);
    byte_write_u8(&w, header->key);
    byte_write_u16(&w, header->slot);
    byte_write_u32(&w, header->hardware);
    byte_write_u32(&w, header->version);
    byte_write_u32(&w, header->counter);
    byte_write_u32(&w, header->size);
    byte_write_u32(&w, header->address);
    byte_write_u8(&w, header->least_key);
    byte_write_u8(&w, 0);
    byte_write_u16(&w, 0);
    byte_write_span(&w, header->hash, sizeof header->hash);
    byte_write_span(&w, header->signature, sizeof header->signature);
}

bool image_placed(const struct image_header *header, const uint8_t *program)
{
    enum { RAM = 0x20000000, RAM_MOST = 0x00100000 }; /* where every Cortex-M's begins */
    if (header->size < 8)
        return false;
    uint32_t stack = byte_u32_little(program), reset = byte_u32_little(program + 4);
    bool vectors = stack - RAM <= RAM_MOST && stack % 4 == 0 && (reset & 1) != 0;
    uint32_t begin = header->address + IMAGE_HEADER_SIZE;
    return !vectors || (reset >= begin && reset - begin < header->size);
}

const uint8_t *image_point(const uint8_t *header)
{
    return header + POINT_OFFSET;
}

void image_point_write(const uint8_t point[IMAGE_POINT_SIZE], uint8_t header[IMAGE_HEADER_SIZE])
{
    memcpy(header + POINT_OFFSET, point, IMAGE_POINT_SIZE);
}

uint32_t image_key_id(const uint8_t point[IMAGE_POINT_SIZE])
{
    static const uint8_t none[IMAGE_POINT_SIZE];
    return memcmp(point, none, sizeof none) == 0 ? 0 : byte_crc32(0, point, IMAGE_POINT_SIZE);
}

const uint8_t *image_id(const uint8_t *header)
{
    return header + IMAGE_SIGNED_SIZE;
}

const uint8_t *image_file_slot(const void *data, size_t size, unsigned slot, size_t *image_size)
{
    struct byte_reader r = byte_reader_init(data, size);
    const uint8_t *magic = byte_read_span(&r, sizeof IMAGE_FILE_MAGIC - 1);
    if (r.failed || memcmp(magic, IMAGE_FILE_MAGIC, sizeof IMAGE_FILE_MAGIC - 1) != 0)
        return NULL;
    uint32_t count = byte_read_u32(&r);
    for (uint32_t i = 0; i < count && i < IMAGE_SLOTS && !r.failed; i++) {
        uint32_t offset = byte_read_u32(&r), length = byte_read_u32(&r);
        struct image_header header;
        if (r.failed || offset > size || length > size - offset)
            return NULL;
        const uint8_t *image = (const uint8_t *)data + offset;
        if (image_header_read(image, length, &header) == IMAGE_OK && header.slot == slot &&
            header.size <= length - IMAGE_HEADER_SIZE) {
            *image_size = IMAGE_HEADER_SIZE + header.size;
            return image;
        }
    }
    return NULL;
}

const char *image_result_text(enum image_result result)
{
    switch (result) {
    case IMAGE_OK:
        return "its signature is good and it is whole";
    case IMAGE_NO_MAGIC:
        return "not a firmware image; give the .img that `baiye sign` wrote";
    case IMAGE_BAD_HEADER:
        return "image header is damaged or of a newer format; build it with this version's tools";
    case IMAGE_WRONG_HARDWARE:
        return "image is for another board; take the one named after this board";
    case IMAGE_WRONG_SLOT:
        return "image is linked for the other slot; send the variant for the free slot";
    case IMAGE_TOO_LARGE:
        return "image does not fit the slot; build it smaller or use a larger part";
    case IMAGE_OLD_COUNTER:
        return "image is older than what may run (security counter); use a newer release";
    case IMAGE_UNKNOWN_KEY:
        return "image is signed with a key that the board does not know; sign it with the one that "
               "its "
               "boot loader was built with";
    case IMAGE_BAD_SIGNATURE:
        return "signature is wrong; the image was changed or signed with another key";
    case IMAGE_BAD_HASH:
        return "program does not match its header; transfer it again";
    case IMAGE_NOT_NEWER:
        return "image is no newer than the one that runs; to go back on purpose, sign the older "
               "program with the next security counter";
    case IMAGE_OLD_KEY:
        return "image is signed with a key that the running one has ended, or trusts older keys "
               "than "
               "it does; sign it with the newer key and the same --least-key";
    case IMAGE_TRUNCATED:
        return "image is cut off; transfer it again";
    }
    return "unknown result";
}
