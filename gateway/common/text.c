/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool text_add(char *out, size_t size, const char *format, ...)
{
    size_t at = strlen(out);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(out + at, size - at, format, args);
    va_end(args);
    if (more >= 0 && (size_t)more < size - at)
        return true;
    out[at] = '\0';
    return false;
}
