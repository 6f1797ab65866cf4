/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/utf8.h"

#include <stdbool.h>
#include <string.h>

#define REPLACEMENT 0xFFFD

uint32_t utf8_next(const char *text, size_t size, size_t *at)
{
    static const uint32_t smallest[4] = {0, 0x80, 0x800, 0x10000};
    if (*at >= size || text[*at] == '\0')
        return 0;
    uint8_t lead = (uint8_t)text[(*at)++];
    if (lead < 0x80)
        return lead;
    unsigned more = lead >= 0xF0 && lead < 0xF8 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC0 || lead >= 0xF8)
        return REPLACEMENT;
    uint32_t code = lead & (0x3Fu >> more);
    for (unsigned i = 0; i < more; i++) {
        if (*at + i >= size || ((uint8_t)text[*at + i] & 0xC0) != 0x80)
            return REPLACEMENT;
        code = code << 6 | ((uint8_t)text[*at + i] & 0x3F);
    }
    *at += more;
    bool surrogate = code >= 0xD800 && code < 0xE000;
    return code < smallest[more] || code > 0x10FFFF || surrogate ? REPLACEMENT : code;
}

void utf8_copy(char *out, size_t size, const char *text)
{
    static const char ellipsis[] = "\xE2\x80\xA6";
    size_t length = strlen(text);
    size_t used = 0, safe = 0; /* safe: the last place where the mark still fits */
    for (size_t at = 0, from = 0; utf8_next(text, length, &at) != 0; from = at) {
        if (used + (at - from) >= size) {
            used = safe;
            if (used + sizeof ellipsis <= size) {
                memcpy(out + used, ellipsis, sizeof ellipsis - 1);
                used += sizeof ellipsis - 1;
            }
            break;
        }
        memcpy(out + used, text + from, at - from);
        if (at - from == 1 && ((uint8_t)out[used] < ' ' || out[used] == 0x7F))
            out[used] = ' ';
        used += at - from;
        if (used + sizeof ellipsis <= size)
            safe = used;
    }
    if (size > 0)
        out[used] = '\0';
}
