/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/sql_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/grow.h"

/* Room for so many characters and a NUL. */
static bool room_for(struct sql_text *text, size_t size)
{
    if (text->failed || text->used + size + 1 <= text->room)
        return !text->failed;
    char *grown = grow_array(text->data, &text->room, text->used + size + 1, 1);
    text->failed = grown == NULL;
    if (grown != NULL)
        text->data = grown;
    return !text->failed;
}

void sql_text_add(struct sql_text *text, const char *piece)
{
    size_t size = strlen(piece);
    if (!room_for(text, size))
        return;
    memcpy(text->data + text->used, piece, size + 1);
    text->used += size;
}

void sql_text_put(struct sql_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0)
        text->failed = true;
    if (!text->failed && room_for(text, (size_t)size)) {
        (void)vsnprintf(text->data + text->used, (size_t)size + 1, format, again);
        text->used += (size_t)size;
    }
    va_end(again);
}

void sql_text_begin(struct sql_text *text)
{
    text->used = 0;
    text->failed = false;
}

void sql_text_free(struct sql_text *text)
{
    free(text->data);
    *text = (struct sql_text){.used = 0};
}
