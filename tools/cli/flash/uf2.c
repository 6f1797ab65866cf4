/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/flash/uf2.h"
#include "gateway/common/language.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "tools/cli/cli.h"
#include "tools/cli/flash/content.h"
#include "tools/cli/outcome.h"

#define MAGIC_BEGIN  0x0A324655u /* "UF2\n" */
#define MAGIC_SECOND 0x9E5D5157u
#define MAGIC_END    0x0AB16F30u
#define HAS_FAMILY   0x00002000u
#define BLOCK        512u
#define PAYLOAD      256u

struct uf2_file {
    uint8_t *data;
    const uint8_t *bytes; /* of the flash */
    size_t size;
    uint32_t flash, family, count, done;
};

static void put_u32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static void put_block(struct uf2_file *file, uint32_t address)
{
    uint8_t *block = file->data + (size_t)BLOCK * file->done;
    const uint32_t head[] = {MAGIC_BEGIN, MAGIC_SECOND, HAS_FAMILY,  address,
                             PAYLOAD,     file->done,   file->count, file->family};
    size_t offset = address - file->flash;
    memset(block, 0, BLOCK);
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        put_u32(block + 4 * i, head[i]);
    memset(block + sizeof head, 0xFF, PAYLOAD);
    if (offset < file->size)
        memcpy(block + sizeof head, file->bytes + offset,
               file->size - offset < PAYLOAD ? file->size - offset : PAYLOAD);
    put_u32(block + BLOCK - 4, MAGIC_END);
    file->done++;
}

/* From the begin of the flash to the end of what is to be there, around the factory page or not,
 * and the page at which the other slot's image would have its header. */
static unsigned choose_parts(const struct board *board, const struct board_probe *probe,
                             size_t size, bool factory, struct uf2_part parts[UF2_PARTS_MAX])
{
    uint32_t page = board->chip.page, begin = board->chip.flash;
    uint32_t end = begin + (uint32_t)((size + page - 1) / page * page);
    unsigned count = 0;
    if (!factory && board->factory.size > 0 && board->factory.at < end) {
        parts[count++] = (struct uf2_part){begin, board->factory.at - begin};
        begin = board->factory.at + (uint32_t)board->factory.size;
    }
    parts[count++] = (struct uf2_part){begin, end - begin};
    if (probe->clear != 0)
        parts[count++] = (struct uf2_part){probe->clear, page};
    return count;
}

bool uf2_write(const struct board *board, const struct board_probe *probe, const uint8_t *bytes,
               size_t size, bool factory, const char *path)
{
    struct uf2_part parts[UF2_PARTS_MAX];
    unsigned count = choose_parts(board, probe, size, factory, parts);
    struct uf2_file file = {
        .bytes = bytes, .size = size, .flash = board->chip.flash, .family = probe->family};
    for (unsigned i = 0; i < count; i++)
        file.count += (uint32_t)(parts[i].size / PAYLOAD);
    file.data = malloc((size_t)file.count * BLOCK);
    if (file.data == NULL)
        return false;
    for (unsigned i = 0; i < count; i++)
        for (uint32_t at = 0; at < parts[i].size; at += PAYLOAD)
            put_block(&file, parts[i].at + at);
    bool good = cli_write_file(path, (const char *)file.data, (size_t)file.count * BLOCK, 0644);
    free(file.data);
    return good;
}

/* ---- baiye uf2 ---- */

static const char usage[] = N_(
    "Usage: baiye uf2 BOARD --output FILE [OPTIONS]\n"
    "Makes a UF2 file of boot loader and image, to be dragged onto the drive that the board shows\n"
    "when it is plugged in with its button held. A board keeps its serial number and calibration.\n"
    "  --output FILE       where it goes\n"
    "  --firmware DIR      folder of the boot loader and the image (the board's own)\n"
    "  --boot FILE, --image FILE  one of them from elsewhere\n"
    "  --test-key          take a boot loader that trusts the test key: for the bench only\n"
    "  --boards DIR        folder of the boards' data files\n"
    "  --json              what was made, for programs\n");

struct options {
    const char *board, *boards, *firmware, *boot, *image, *output;
    bool test_key;
};

static bool read_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {{"output", required_argument, NULL, 'o'},
                                          {"firmware", required_argument, NULL, 'f'},
                                          {"boot", required_argument, NULL, 'b'},
                                          {"image", required_argument, NULL, 'i'},
                                          {"boards", required_argument, NULL, 'd'},
                                          {"test-key", no_argument, NULL, 'T'},
                                          {NULL, 0, NULL, 0}};
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        const char **const to = letter == 'o'   ? &options->output
                                : letter == 'f' ? &options->firmware
                                : letter == 'b' ? &options->boot
                                : letter == 'i' ? &options->image
                                : letter == 'd' ? &options->boards
                                                : NULL;
        if (to != NULL)
            *to = optarg;
        else if (letter == 'T')
            options->test_key = true;
        else
            return false;
    }
    if (optind + 1 != argc || options->output == NULL)
        return false;
    options->board = argv[optind];
    return true;
}

static const struct board_probe *drive_of(const struct board *board)
{
    for (unsigned i = 0; i < board->probe_count; i++) {
        if (board->probes[i].kind == PROBE_UF2)
            return &board->probes[i];
    }
    cli_complain("%s is not written by a UF2 file; see its flash.yaml, and baiye flash",
                 board->name);
    return NULL;
}

static int make(const struct options *options, struct board *board, struct content *content)
{
    struct config_error error = {""};
    char folder[CLI_PATH], boot[CLI_PATH], image[CLI_PATH];
    if (!board_load(options->boards, options->board, board, &error)) {
        cli_complain("%s", error.text);
        return EX_CONFIG;
    }
    const struct board_probe *probe = drive_of(board);
    if (probe == NULL)
        return EX_USAGE;
    if (!cli_format(folder, sizeof folder, "%s/%s", options->boards, options->board))
        return EX_CONFIG;
    const char *from = options->firmware != NULL ? options->firmware : folder;
    if (!cli_format(boot, sizeof boot, "%s/%s", from, board->boot.file) ||
        !cli_format(image, sizeof image, "%s/%s", from, board->image.file))
        return EX_CONFIG;
    int code =
        content_load(board, options->boot != NULL ? options->boot : boot,
                     options->image != NULL ? options->image : image, options->test_key, content);
    if (code != EX_OK)
        return code;
    return uf2_write(board, probe, content->bytes, content->size, false, options->output)
               ? EX_OK
               : EX_CANTCREAT;
}

static void tell(const struct options *options, const struct board *board)
{
    (void)printf(_("%s: for %s\nHold its button while you plug it in, and drag the file onto the "
                   "drive that appears.\n"),
                 options->output, board->name);
    outcome_add("file", json_string(options->output));
    outcome_add("board", json_string(board->name));
}

int cli_uf2(int argc, char **argv)
{
    struct options options = {.boards = BAIYE_BOARD_DIR};
    struct content content = {0};
    if (!read_options(argc, argv, &options))
        return cli_usage(usage);
    struct board *board = calloc(1, sizeof *board);
    if (board == NULL)
        return EX_OSERR;
    int code = make(&options, board, &content);
    if (code == EX_OK)
        tell(&options, board);
    content_free(&content);
    free(board);
    return code;
}
