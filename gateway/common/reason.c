/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/reason.h"

#include <stdint.h>
#include <string.h>

/* How much of `text` stands before the words `next`, which end it where they end the pattern;
 * SIZE_MAX: they are not there. */
static size_t size_before(const char *text, const char *next, size_t size, bool ends)
{
    size_t left = strlen(text);
    if (ends)
        return left >= size && strcmp(text + left - size, next) == 0 ? left - size : SIZE_MAX;
    for (size_t at = 0; at + size <= left; at++) {
        if (strncmp(text + at, next, size) == 0)
            return at;
    }
    return SIZE_MAX;
}

bool reason_fits(const char *pattern, const char *hole, const char *text, struct reason_part *parts,
                 unsigned most)
{
    const char *next = strstr(pattern, hole);
    size_t words = next != NULL ? (size_t)(next - pattern) : strlen(pattern);
    if (strncmp(text, pattern, words) != 0)
        return false;
    text += words;
    for (unsigned count = 0; next != NULL; count++) {
        pattern = next + strlen(hole);
        next = strstr(pattern, hole);
        words = next != NULL ? (size_t)(next - pattern) : strlen(pattern);
        size_t size = size_before(text, pattern, words, next == NULL);
        if (count == most || size == SIZE_MAX)
            return false;
        parts[count] = (struct reason_part){.text = text, .size = size};
        text += size + words;
    }
    return *text == '\0';
}
