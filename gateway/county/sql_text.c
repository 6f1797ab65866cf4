/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/sql_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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
    if (!text->failed && text->used + (size_t)size + 1 > text->room) {
        size_t room = (text->used + (size_t)size + 1) * 2;
        char *grown = realloc(text->data, room);
        text->failed = grown == NULL;
        if (grown != NULL) {
            text->data = grown;
            text->room = room;
        }
    }
    if (!text->failed) {
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
