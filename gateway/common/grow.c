/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/grow.h"

#include <stdlib.h>

#define ROOM_FIRST 16

void *grow_array(void *array, size_t *room, size_t wanted, size_t size)
{
    size_t more = *room > 0 ? *room : ROOM_FIRST, bytes;
    if (array != NULL && wanted <= *room)
        return array;
    if (*room > 0 && __builtin_add_overflow(*room, *room, &more))
        return NULL;
    if (more < wanted)
        more = wanted;
    if (__builtin_mul_overflow(more, size, &bytes))
        return NULL;
    void *grown = realloc(array, bytes);
    if (grown != NULL)
        *room = more;
    return grown;
}
