/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/flash/label.h"
#include "gateway/common/language.h"
#include "gateway/common/serial.h"

#include <ctype.h>
#include <png.h>
#include <qrencode.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/cli/cli.h"
#include "tools/cli/qr.h"

#define TEXT_MAX    128
#define MODULE      8 /* pixels */
#define QUIET       4 /* modules of white round the code, as the standard wants */
#define DOT         4 /* pixels of a dot of the letters */
#define LETTER_W    6 /* dots, with the gap */
#define LETTER_H    10
#define LABEL_LINES 3

/* 5 x 7 dots, a row a byte, highest of five bits left: what a label needs. */
static const struct {
    char letter;
    uint8_t rows[7];
} letters[] = {
    {'0', {14, 17, 19, 21, 25, 17, 14}}, {'1', {4, 12, 4, 4, 4, 4, 14}},
    {'2', {14, 17, 1, 2, 4, 8, 31}},     {'3', {31, 2, 4, 2, 1, 17, 14}},
    {'4', {2, 6, 10, 18, 31, 2, 2}},     {'5', {31, 16, 30, 1, 1, 17, 14}},
    {'6', {6, 8, 16, 30, 17, 17, 14}},   {'7', {31, 1, 2, 4, 8, 8, 8}},
    {'8', {14, 17, 17, 14, 17, 17, 14}}, {'9', {14, 17, 17, 15, 1, 2, 12}},
    {'A', {14, 17, 17, 31, 17, 17, 17}}, {'B', {30, 17, 17, 30, 17, 17, 30}},
    {'C', {14, 17, 16, 16, 16, 17, 14}}, {'D', {28, 18, 17, 17, 17, 18, 28}},
    {'E', {31, 16, 16, 30, 16, 16, 31}}, {'F', {31, 16, 16, 30, 16, 16, 16}},
    {'G', {14, 17, 16, 23, 17, 17, 15}}, {'H', {17, 17, 17, 31, 17, 17, 17}},
    {'I', {14, 4, 4, 4, 4, 4, 14}},      {'J', {7, 2, 2, 2, 2, 18, 12}},
    {'K', {17, 18, 20, 24, 20, 18, 17}}, {'L', {16, 16, 16, 16, 16, 16, 31}},
    {'M', {17, 27, 21, 21, 17, 17, 17}}, {'N', {17, 17, 25, 21, 19, 17, 17}},
    {'O', {14, 17, 17, 17, 17, 17, 14}}, {'P', {30, 17, 17, 30, 16, 16, 16}},
    {'Q', {14, 17, 17, 17, 21, 18, 13}}, {'R', {30, 17, 17, 30, 20, 18, 17}},
    {'S', {15, 16, 16, 14, 1, 1, 30}},   {'T', {31, 4, 4, 4, 4, 4, 4}},
    {'U', {17, 17, 17, 17, 17, 17, 14}}, {'V', {17, 17, 17, 17, 17, 10, 4}},
    {'W', {17, 17, 17, 21, 21, 21, 10}}, {'X', {17, 17, 10, 4, 10, 17, 17}},
    {'Y', {17, 17, 17, 10, 4, 4, 4}},    {'Z', {31, 1, 2, 4, 8, 16, 31}},
    {'-', {0, 0, 0, 31, 0, 0, 0}},       {'.', {0, 0, 0, 0, 0, 12, 12}},
    {',', {0, 0, 0, 0, 12, 4, 8}},
};

struct picture {
    uint8_t *pixels; /* one byte each, 0 black */
    int width, height;
};

static bool make_texts(const struct label *label, char code[TEXT_MAX],
                       char lines[LABEL_LINES][TEXT_MAX])
{
    char serial[SERIAL_TEXT_SIZE];
    serial_print(label->serial, serial);
    return cli_format(code, TEXT_MAX, "baiye:%08X:%s:%s", label->serial, label->board,
                      label->chip) &&
           cli_format(lines[0], TEXT_MAX, "%s", serial) &&
           cli_format(lines[1], TEXT_MAX, "Baiye %s", label->board) &&
           cli_format(lines[2], TEXT_MAX, "unit 247, 9600 8N1");
}

void label_print(const struct label *label)
{
    char code[TEXT_MAX], lines[LABEL_LINES][TEXT_MAX];
    if (!make_texts(label, code, lines))
        return;
    (void)putchar('\n');
    qr_print(code);
    (void)printf(_("  No. %s\n  %s\n  firmware %s\n  %s\n\n"), lines[0], lines[1], label->version,
                 lines[2]);
}

static void fill(struct picture *picture, int x, int y, int side)
{
    for (int row = y; row < y + side && row < picture->height; row++) {
        for (int column = x; column < x + side && column < picture->width; column++)
            picture->pixels[row * picture->width + column] = 0;
    }
}

static void draw_text(struct picture *picture, int y, const char *text)
{
    int x = (picture->width - (int)strlen(text) * LETTER_W * DOT) / 2;
    for (; *text != '\0'; text++, x += LETTER_W * DOT) {
        for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
            if (letters[i].letter != toupper((unsigned char)*text))
                continue;
            for (int dot = 0; dot < 35; dot++) {
                if ((letters[i].rows[dot / 5] >> (4 - dot % 5) & 1) != 0)
                    fill(picture, x + dot % 5 * DOT, y + dot / 5 * DOT, DOT);
            }
        }
    }
}

static void draw_code(struct picture *picture, const QRcode *code, int x, int y)
{
    for (int i = 0; i < code->width * code->width; i++) {
        if ((code->data[i] & 1) != 0)
            fill(picture, x + i % code->width * MODULE, y + i / code->width * MODULE, MODULE);
    }
}

static bool draw(struct picture *picture, const QRcode *code, char lines[LABEL_LINES][TEXT_MAX])
{
    int side = (code->width + 2 * QUIET) * MODULE;
    picture->width = side;
    for (int i = 0; i < LABEL_LINES; i++) {
        int width = ((int)strlen(lines[i]) + 2) * LETTER_W * DOT;
        if (width > picture->width)
            picture->width = width;
    }
    picture->height = side + LABEL_LINES * LETTER_H * DOT;
    size_t size = (size_t)picture->width * (size_t)picture->height;
    picture->pixels = malloc(size);
    if (picture->pixels == NULL)
        return false;
    memset(picture->pixels, 0xFF, size);
    draw_code(picture, code, (picture->width - code->width * MODULE) / 2, QUIET * MODULE);
    for (int i = 0; i < LABEL_LINES; i++)
        draw_text(picture, side + i * LETTER_H * DOT, lines[i]);
    return true;
}

bool label_write(const struct label *label, const char *path)
{
    char text[TEXT_MAX], lines[LABEL_LINES][TEXT_MAX];
    struct picture picture = {0};
    png_image image = {.version = PNG_IMAGE_VERSION, .format = PNG_FORMAT_GRAY};
    QRcode *code = NULL;
    if (make_texts(label, text, lines))
        code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    bool good = code != NULL && draw(&picture, code, lines);
    if (good) {
        image.width = (png_uint_32)picture.width;
        image.height = (png_uint_32)picture.height;
        good = png_image_write_to_file(&image, path, 0, picture.pixels, 0, NULL) != 0;
    }
    if (!good)
        cli_complain("the label %s could not be written%s%s", path,
                     image.message[0] != '\0' ? ": " : "", image.message);
    free(picture.pixels);
    QRcode_free(code);
    return good;
}
