/* SPDX-License-Identifier: Apache-2.0 */
/* Scaling. A glyph of at most 32x32 bits is enlarged by Scale2x/Scale3x (each source pixel looks
 * at its four neighbours and cuts or fills corners), repeated for 4, 6 and 8; other factors repeat
 * pixels. Cost: a glyph at scale 4 is about 16,000 byte operations, a full screen well under a
 * millisecond. Decoded glyphs are kept in a direct-mapped cache; its size bounds the memory. */
#include "gateway/led/font.h"

#include <ft2build.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include FT_FREETYPE_H

#define GLYPH_SIDE_MAX 32
#define CACHE_SIZE     512 /* x about 150 bytes */
#define SCALED_MAX     (GLYPH_SIDE_MAX * FONT_SCALE_MAX)
#define REPLACEMENT    0xFFFD

struct glyph {
    uint32_t code; /* 0: empty place of the cache */
    uint8_t face;
    int8_t left, top; /* of the bitmap, from pen and baseline */
    uint8_t width, height, advance;
    uint32_t rows[GLYPH_SIDE_MAX]; /* bit x is column x */
};

struct bitmap {
    int width, height;
    uint8_t lit[SCALED_MAX * SCALED_MAX];
};

struct face_info {
    const char *file, *package;
    int ascent, descent;
    bool number;
};

static const struct face_info face_infos[FACE_COUNT] = {
    [FACE_TEXT12] = {"wenquanyi_9pt.pcf", "xfonts-wqy", 10, 2, false},
    [FACE_TEXT16] = {"wenquanyi_12pt.pcf", "xfonts-wqy", 14, 2, false},
    [FACE_NUMBER9] = {"6x13B-ISO8859-1.pcf.gz", "xfonts-base", 9, 0, true},
    [FACE_NUMBER10] = {"7x14B-ISO8859-1.pcf.gz", "xfonts-base", 10, 0, true},
    [FACE_NUMBER13] = {"10x20-ISO8859-1.pcf.gz", "xfonts-base", 13, 0, true},
};

struct font_set {
    FT_Library library;
    FT_Face faces[FACE_COUNT];
    struct glyph cache[CACHE_SIZE];
    struct bitmap work[2];
};

static bool open_face(struct font_set *set, enum font_face face, const char *directory)
{
    char path[512];
    int length = snprintf(path, sizeof path, "%s/%s", directory, face_infos[face].file);
    if (length < 0 || (size_t)length >= sizeof path)
        return false;
    if (FT_New_Face(set->library, path, 0, &set->faces[face]) != 0) {
        set->faces[face] = NULL;
        return false;
    }
    return FT_Select_Size(set->faces[face], 0) == 0 &&
           FT_Select_Charmap(set->faces[face], FT_ENCODING_UNICODE) == 0;
}

struct font_set *font_open(const char *directory, char *error, size_t error_size)
{
    struct font_set *set = calloc(1, sizeof *set);
    if (set == NULL || FT_Init_FreeType(&set->library) != 0) {
        (void)snprintf(error, error_size, "no memory for fonts");
        free(set);
        return NULL;
    }
    for (int face = 0; face < FACE_COUNT; face++) {
        if (open_face(set, (enum font_face)face, directory))
            continue;
        (void)snprintf(error, error_size, "cannot read the font %s/%s; package %s has it",
                       directory, face_infos[face].file, face_infos[face].package);
        font_close(set);
        return NULL;
    }
    return set;
}

void font_close(struct font_set *set)
{
    if (set == NULL)
        return;
    for (int face = 0; face < FACE_COUNT; face++) {
        if (set->faces[face])
            (void)FT_Done_Face(set->faces[face]);
    }
    (void)FT_Done_FreeType(set->library);
    free(set);
}

/* An empty frame of the size of a hanzi or letter: honest about what could not be drawn. */
static void box_glyph(struct glyph *glyph, const struct face_info *info, uint32_t code)
{
    int height = info->ascent;
    int width = code < 0x2E80 ? height / 2 + 1 : height;
    glyph->left = 1;
    glyph->top = (int8_t)height;
    glyph->width = (uint8_t)width;
    glyph->height = (uint8_t)height;
    glyph->advance = (uint8_t)(width + 2);
    uint32_t line = (1u << width) - 1;
    for (int y = 0; y < height; y++)
        glyph->rows[y] = y == 0 || y == height - 1 ? line : 1u | 1u << (width - 1);
}

static void copy_bitmap(struct glyph *glyph, FT_GlyphSlot slot)
{
    const FT_Bitmap *bitmap = &slot->bitmap;
    glyph->left = (int8_t)slot->bitmap_left;
    glyph->top = (int8_t)slot->bitmap_top;
    glyph->width = (uint8_t)bitmap->width;
    glyph->height = (uint8_t)bitmap->rows;
    glyph->advance = (uint8_t)(slot->advance.x >> 6);
    for (unsigned y = 0; y < bitmap->rows; y++) {
        const uint8_t *row = bitmap->buffer + (ptrdiff_t)y * bitmap->pitch;
        for (unsigned x = 0; x < bitmap->width; x++) {
            if (row[x / 8] & 0x80 >> x % 8)
                glyph->rows[y] |= 1u << x;
        }
    }
}

/* Number faces are monospaced; a point or colon as wide as a digit would tear numbers apart. */
static void tighten_punctuation(struct glyph *glyph)
{
    uint32_t ink = 0;
    for (int y = 0; y < glyph->height; y++)
        ink |= glyph->rows[y];
    if (ink == 0)
        return;
    int first = __builtin_ctz(ink);
    int width = 32 - __builtin_clz(ink) - first;
    for (int y = 0; y < glyph->height; y++)
        glyph->rows[y] >>= first;
    glyph->left = 1;
    glyph->width = (uint8_t)width;
    glyph->advance = (uint8_t)(width + 2);
}

static bool load_glyph(FT_Face face, uint32_t code, struct glyph *glyph)
{
    FT_UInt index = FT_Get_Char_Index(face, code);
    if (index == 0 || FT_Load_Glyph(face, index, FT_LOAD_RENDER | FT_LOAD_MONOCHROME) != 0)
        return false;
    const FT_Bitmap *bitmap = &face->glyph->bitmap;
    if (bitmap->width > GLYPH_SIDE_MAX || bitmap->rows > GLYPH_SIDE_MAX ||
        (bitmap->width > 0 && bitmap->pixel_mode != FT_PIXEL_MODE_MONO))
        return false;
    copy_bitmap(glyph, face->glyph);
    return true;
}

static const struct glyph *find_glyph(struct font_set *set, enum font_face face, uint32_t code)
{
    struct glyph *glyph = &set->cache[(code * 2654435761u + (unsigned)face * 97) % CACHE_SIZE];
    if (glyph->code == code && glyph->face == face)
        return glyph;
    *glyph = (struct glyph){.code = code, .face = (uint8_t)face};
    if (!load_glyph(set->faces[face], code, glyph))
        box_glyph(glyph, &face_infos[face], code);
    else if (face_infos[face].number && (code == '.' || code == ':' || code == ','))
        tighten_punctuation(glyph);
    else if (face_infos[face].number && code == '-' && glyph->width == glyph->advance)
        glyph->width--; /* two of them must not grow together */
    return glyph;
}

static void unpack(const struct glyph *glyph, struct bitmap *out)
{
    out->width = glyph->width;
    out->height = glyph->height;
    for (int y = 0; y < out->height; y++) {
        for (int x = 0; x < out->width; x++)
            out->lit[y * out->width + x] = glyph->rows[y] >> x & 1;
    }
}

static bool lit_at(const struct bitmap *in, int x, int y)
{
    return x >= 0 && y >= 0 && x < in->width && y < in->height && in->lit[y * in->width + x];
}

/* Scale2x (A. Mazzoleni): a corner takes its two neighbours' value when they agree and the
 * opposite neighbours do not. */
static void enlarge_2(const struct bitmap *in, struct bitmap *out)
{
    out->width = in->width * 2;
    out->height = in->height * 2;
    for (int y = 0; y < in->height; y++) {
        for (int x = 0; x < in->width; x++) {
            bool p = lit_at(in, x, y);
            bool up = lit_at(in, x, y - 1), down = lit_at(in, x, y + 1);
            bool left = lit_at(in, x - 1, y), right = lit_at(in, x + 1, y);
            bool cut = up != down && left != right;
            uint8_t *to = &out->lit[2 * y * out->width + 2 * x];
            to[0] = cut && left == up ? left : p;
            to[1] = cut && up == right ? right : p;
            to[out->width] = cut && left == down ? left : p;
            to[out->width + 1] = cut && down == right ? right : p;
        }
    }
}

/* Scale3x: as Scale2x for the corners, and edges where a corner would leave a step. */
static void enlarge_3(const struct bitmap *in, struct bitmap *out)
{
    out->width = in->width * 3;
    out->height = in->height * 3;
    for (int y = 0; y < in->height; y++) {
        for (int x = 0; x < in->width; x++) {
            bool a = lit_at(in, x - 1, y - 1), b = lit_at(in, x, y - 1),
                 c = lit_at(in, x + 1, y - 1);
            bool d = lit_at(in, x - 1, y), e = lit_at(in, x, y), f = lit_at(in, x + 1, y);
            bool g = lit_at(in, x - 1, y + 1), h = lit_at(in, x, y + 1),
                 i = lit_at(in, x + 1, y + 1);
            bool cut = b != h && d != f;
            bool nw = cut && d == b, ne = cut && b == f, sw = cut && d == h, se = cut && h == f;
            uint8_t *to = &out->lit[3 * y * out->width + 3 * x];
            to[0] = nw ? d : e;
            to[1] = (nw && e != c) || (ne && e != a) ? b : e;
            to[2] = ne ? f : e;
            to += out->width;
            to[0] = (nw && e != g) || (sw && e != a) ? d : e;
            to[1] = e;
            to[2] = (ne && e != i) || (se && e != c) ? f : e;
            to += out->width;
            to[0] = sw ? d : e;
            to[1] = (sw && e != i) || (se && e != g) ? h : e;
            to[2] = se ? f : e;
        }
    }
}

static void repeat(const struct bitmap *in, struct bitmap *out, int factor)
{
    out->width = in->width * factor;
    out->height = in->height * factor;
    for (int y = 0; y < out->height; y++) {
        for (int x = 0; x < out->width; x++)
            out->lit[y * out->width + x] = in->lit[y / factor * in->width + x / factor];
    }
}

static const struct bitmap *enlarge(struct font_set *set, const struct glyph *glyph, int scale)
{
    struct bitmap *in = &set->work[0], *out = &set->work[1];
    unpack(glyph, in);
    while (scale > 1) {
        int step = scale % 2 == 0 ? 2 : scale % 3 == 0 ? 3 : scale;
        if (step == 2)
            enlarge_2(in, out);
        else if (step == 3)
            enlarge_3(in, out);
        else
            repeat(in, out, step);
        struct bitmap *swap = in;
        in = out;
        out = swap;
        scale /= step;
    }
    return in;
}

static void draw_glyph(struct font_set *set, struct canvas *canvas, const struct glyph *glyph,
                       int scale, int x, int baseline, struct color color)
{
    const struct bitmap *bitmap = enlarge(set, glyph, scale);
    int left = x + glyph->left * scale;
    int top = baseline - glyph->top * scale;
    for (int row = 0; row < bitmap->height; row++) {
        for (int column = 0; column < bitmap->width; column++) {
            if (bitmap->lit[row * bitmap->width + column])
                canvas_pixel(canvas, left + column, top + row, color);
        }
    }
}

int font_height(struct font font)
{
    return (face_infos[font.face].ascent + face_infos[font.face].descent) * font.scale;
}

int font_ascent(struct font font)
{
    return face_infos[font.face].ascent * font.scale;
}

/* Walks the text; draws when there is a canvas. The gap after the last sign does not count. */
static int walk(struct font_set *set, struct canvas *canvas, struct font font, int x, int y,
                struct color color, const char *text, size_t size)
{
    int pen = 0, gap = 0;
    size_t at = 0;
    for (uint32_t code; (code = utf8_next(text, size, &at)) != 0;) {
        if (code < ' ' || code == 0x7F)
            continue;
        const struct glyph *glyph = find_glyph(set, font.face, code);
        if (canvas != NULL)
            draw_glyph(set, canvas, glyph, font.scale, x + pen, y + font_ascent(font), color);
        pen += glyph->advance * font.scale;
        int ink = glyph->left + glyph->width;
        gap = glyph->width > 0 && ink < glyph->advance ? (glyph->advance - ink) * font.scale : 0;
    }
    return pen - gap;
}

int font_width_n(struct font_set *set, struct font font, const char *text, size_t size)
{
    return walk(set, NULL, font, 0, 0, (struct color){0, 0, 0}, text, size);
}

int font_width(struct font_set *set, struct font font, const char *text)
{
    return font_width_n(set, font, text, strlen(text));
}

int font_draw_n(struct font_set *set, struct canvas *canvas, struct font font, int x, int y,
                struct color color, const char *text, size_t size)
{
    return walk(set, canvas, font, x, y, color, text, size);
}

int font_draw(struct font_set *set, struct canvas *canvas, struct font font, int x, int y,
              struct color color, const char *text)
{
    return font_draw_n(set, canvas, font, x, y, color, text, strlen(text));
}
