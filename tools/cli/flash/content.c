/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/flash/content.h"

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "gateway/common/language.h"
#include "protocols/bytes/bytes.h"
#include "protocols/image/factory.h"
#include "tools/cli/cli.h"
#include "tools/cli/flash/keys.h"
#include "tools/cli/flash/second_stage.h"
#include "tools/cli/image.h"

#define VECTOR_STACK 0x20000000u /* every Cortex-M's RAM begins there */
#define VECTOR_RAM   0x00100000u

/* First vectors: a stack in RAM, a reset handler within the program. A program linked for another
 * place or part shows here. */
static bool starts_here(const uint8_t *program, size_t size, uint32_t at)
{
    if (size < 8)
        return false;
    uint32_t stack = byte_u32_little(program), reset = byte_u32_little(program + 4);
    return stack - VECTOR_STACK <= VECTOR_RAM && (reset & 1) != 0 && reset > at &&
           reset < at + size;
}

static bool put(struct content *content, const struct board *board, const struct board_area *area,
                const void *data, size_t size)
{
    size_t offset = area->at - board->chip.flash;
    memcpy(content->bytes + offset, data, size);
    if (content->size < offset + size)
        content->size = offset + size;
    return true;
}

/* A program that stands by itself at the begin of its area: the boot loader, or all there is. */
static int load_program(const struct board *board, const struct board_area *area, const char *path,
                        const char *what, struct content *content)
{
    struct cli_image_file file = cli_file_load(path);
    int code = EX_NOINPUT;
    if (file.data == NULL)
        return code;
    code = EX_DATAERR;
    if (file.size > area->size)
        cli_complain("%s: %zu bytes, and %s has room for a %s of %llu; it is another board's, or "
                     "grew too large",
                     path, file.size, board->name, what, (unsigned long long)area->size);
    else if (area->vectors != 0 && !second_stage_good(file.data, file.size))
        cli_complain("%s: its first 256 bytes are no second stage that the chip's ROM would start: "
                     "their check sum is wrong; build it anew",
                     path);
    else if (area->vectors > file.size ||
             !starts_here(file.data + area->vectors, file.size - area->vectors,
                          area->at + area->vectors))
        cli_complain("%s: not a %s for %s: its vectors do not point to 0x%08X; take the .bin of "
                     "this board's build",
                     path, what, board->name, area->at + area->vectors);
    else if (put(content, board, area, file.data, file.size))
        code = EX_OK;
    if (code == EX_OK)
        (void)SHA256(file.data, file.size, content->hash);
    free(file.data);
    return code;
}

static int refuse_keys(enum keys_verdict verdict, const char *boot, const char *image)
{
    switch (verdict) {
    case KEYS_TEST_KEY:
        cli_complain("%s is signed with the test key, which everybody has, and the release boot "
                     "loader %s does not take it; sign it with the release key (baiye sign --key)",
                     image, boot);
        return EX_NOPERM;
    case KEYS_UNKNOWN:
        cli_complain("%s is signed with a key that the boot loader %s does not know: it would "
                     "never start; take image and boot loader of one release, or sign it anew",
                     image, boot);
        return EX_NOPERM;
    case KEYS_BAD_HASH:
        cli_complain("%s: %s", image, gettext(image_result_text(IMAGE_BAD_HASH)));
        return EX_DATAERR;
    case KEYS_GOOD:
        break;
    }
    return EX_OK;
}

static int check_header(const struct board *board, const struct image_header *header, size_t size,
                        const char *path)
{
    if (header->hardware != board->hardware) {
        cli_complain("%s: for hardware 0x%08X, and %s is 0x%08X; %s", path, header->hardware,
                     board->name, board->hardware,
                     gettext(image_result_text(IMAGE_WRONG_HARDWARE)));
        return EX_DATAERR;
    }
    if (header->address != board->image.at) {
        cli_complain("%s: slot %u is linked for 0x%08X, and %s has it at 0x%08X; sign it with the "
                     "right addresses",
                     path, board->image.slot, header->address, board->name, board->image.at);
        return EX_DATAERR;
    }
    if (size > board->image.size) {
        cli_complain("%s: %s", path, gettext(image_result_text(IMAGE_TOO_LARGE)));
        return EX_DATAERR;
    }
    return EX_OK;
}

static int load_image(const struct board *board, const char *boot, const char *path,
                      const struct trusted_keys *keys, struct content *content)
{
    struct cli_image_file file;
    size_t size;
    if (!cli_image_load(path, &file))
        return EX_DATAERR;
    const uint8_t *image = image_file_slot(file.data, file.size, board->image.slot, &size);
    int code = EX_DATAERR;
    if (image != NULL && image_header_read(image, size, &content->image) == IMAGE_OK)
        code = check_header(board, &content->image, size, path);
    if (code == EX_OK)
        code = refuse_keys(keys_judge(keys, image, size), boot, path);
    if (code == EX_OK) {
        (void)put(content, board, &board->image, image, size);
        memcpy(content->hash, content->image.hash, sizeof content->hash);
        content->has_header = true;
    }
    free(file.data);
    return code;
}

static int find_keys(const struct board *board, const char *boot, bool test_key,
                     struct content *content, struct trusted_keys *keys)
{
    const uint8_t *loader = content->bytes + (board->boot.at - board->chip.flash);
    if (!keys_find(loader, (size_t)board->boot.size, board->boot.at, board->boot.exports, keys)) {
        cli_complain("%s: does not say which keys it trusts; it is no boot loader of this "
                     "version, build it anew",
                     boot);
        return EX_DATAERR;
    }
    content->test_key = keys_have_test_key(keys);
    if (content->test_key && !test_key) {
        cli_complain("%s starts what is signed with the test key, which everybody has: a board "
                     "with it takes anybody's firmware. Build it with -DBAIYE_RELEASE=ON and keys "
                     "of your own; for a board that stays on the bench add --test-key",
                     boot);
        return EX_NOPERM;
    }
    return EX_OK;
}

int content_load(const struct board *board, const char *boot, const char *image, bool test_key,
                 struct content *content)
{
    struct trusted_keys keys;
    *content = (struct content){0};
    content->bytes = malloc((size_t)board->chip.flash_size);
    if (content->bytes == NULL)
        return EX_OSERR;
    memset(content->bytes, 0xFF, (size_t)board->chip.flash_size);
    if (board->boot.size == 0)
        return load_program(board, &board->image, image, "program", content);
    int code = load_program(board, &board->boot, boot, "boot loader", content);
    if (code == EX_OK)
        code = find_keys(board, boot, test_key, content, &keys);
    return code == EX_OK ? load_image(board, boot, image, &keys, content) : code;
}

bool content_set_factory(const struct board *board, uint32_t serial, struct content *content)
{
    uint8_t tables[CALIBRATION_SIZE];
    uint8_t page[CALIBRATION_SIZE + FACTORY_OVERHEAD];
    struct byte_writer w = byte_writer_init(tables, sizeof tables);
    for (unsigned i = 0; i < CHANNEL_COUNT; i++)
        calibration_table_write(&board->calibration[i], &w);
    const struct factory factory = {board->hardware, serial, tables, (uint16_t)w.at};
    size_t size = factory_write(&factory, page, sizeof page);
    if (w.failed || size == 0 || size > board->factory.size) {
        cli_complain("the factory page of %s is too small for its calibration; give it more pages",
                     board->name);
        return false;
    }
    return put(content, board, &board->factory, page, size);
}

void content_free(struct content *content)
{
    free(content->bytes);
    content->bytes = NULL;
}
