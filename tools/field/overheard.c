/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/field/overheard.h"

#include <string.h>

static size_t begin_of(const struct overheard *o, size_t frame)
{
    return frame ? o->frames[frame - 1].end : 0;
}

bool overheard_add(struct overheard *o, const uint8_t *bytes, size_t size,
                   const struct wire_rate *rate, const void *except)
{
    size_t begin = begin_of(o, o->count);
    if (o->count == OVERHEARD_FRAMES || size > sizeof(o->bytes) - begin)
        return false;
    memcpy(o->bytes + begin, bytes, size);
    o->frames[o->count].end = (uint16_t)(begin + size);
    o->frames[o->count].rate = *rate;
    o->frames[o->count].except = except;
    o->count++;
    return true;
}

size_t overheard_take(const struct overheard *o, const void *who, const struct wire_rate *rate,
                      size_t *taken, uint8_t *out)
{
    size_t size = 0;
    for (; *taken < o->count; ++*taken) {
        size_t begin = begin_of(o, *taken), length = o->frames[*taken].end - begin;
        if (o->frames[*taken].except == who || !wire_same(&o->frames[*taken].rate, rate))
            continue;
        memcpy(out + size, o->bytes + begin, length);
        size += length;
    }
    return size;
}
