/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/plain.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/hex.h"

/* The bytes of the character at `text`, and which it is; 0: not UTF-8 (RFC 3629). */
static size_t decode(const char *text, size_t size, uint32_t *code)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xC2 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    if (length == 0 || length > size || at[0] > 0xF4)
        return 0;
    *code = length == 1 ? at[0] : at[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80)
            return 0;
        *code = *code << 6 | (at[i] & 0x3Fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    bool good = *code >= least[length] && *code <= 0x10FFFF && (*code < 0xD800 || *code > 0xDFFF);
    return good ? length : 0;
}

static bool is_plain(uint32_t code)
{
    static const uint32_t bad[][2] = {
        {0x00, 0x1F},       {0x7F, 0x9F},     /* C0, DEL, C1 */
        {0xAD, 0xAD},                         /* soft hyphen */
        {0x61C, 0x61C},     {0x200B, 0x200F}, /* marks of direction, zero width */
        {0x2028, 0x202E},   {0x2060, 0x206F}, /* separators, embeddings, isolates */
        {0xFEFF, 0xFEFF},   {0xFFF9, 0xFFFB}, /* byte order, annotations */
        {0xE0000, 0xE007F},                   /* tags */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (code >= bad[i][0] && code <= bad[i][1])
            return false;
    }
    return true;
}

size_t plain_text(char *text, size_t size)
{
    size_t out = 0;
    for (size_t at = 0; at < size;) {
        uint32_t code = 0;
        size_t length = decode(text + at, size - at, &code);
        if (length > 0 && is_plain(code)) {
            memmove(text + out, text + at, length);
            out += length;
        } else {
            text[out++] = '?';
        }
        at += length > 0 ? length : 1;
    }
    return out;
}

/* The zero byte after it has room: see plain_json(). */
static size_t escape(char *out, uint32_t unit)
{
    const uint8_t bytes[] = {(uint8_t)(unit >> 8), (uint8_t)unit};
    memcpy(out, "\\u", 2);
    hex_write(bytes, sizeof bytes, out + 2);
    return 6;
}

char *plain_json(const char *text)
{
    size_t size = strlen(text), out = 0;
    char *plain = malloc(6 * size + 1); /* the shortest that becomes \uXXXX has one byte */
    for (size_t at = 0; plain != NULL && at < size;) {
        uint32_t code = 0;
        size_t length = decode(text + at, size - at, &code);
        if (length == 0 || code <= 0x7E || is_plain(code))
            code = 0; /* stays as it is; jansson has escaped what is below */
        length += length == 0;
        if (code > 0xFFFF)
            out += escape(plain + out, 0xD7C0 + (code >> 10));
        if (code != 0)
            out += escape(plain + out, code > 0xFFFF ? 0xDC00 | (code & 0x3FF) : code);
        for (size_t i = 0; code == 0 && i < length; i++)
            plain[out++] = text[at + i];
        at += length;
    }
    if (plain != NULL)
        plain[out] = '\0';
    return plain;
}
