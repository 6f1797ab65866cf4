/* SPDX-License-Identifier: Apache-2.0 */
/* Makes text of others fit for a terminal and a log: what moves the cursor, changes colours or
 * title, or shows text in another order than it is written becomes '?': control characters (C0,
 * DEL, C1), marks of direction, separators of lines, invisible ones, and bytes that are not UTF-8.
 * Pure. */
#ifndef BAIYE_COMMON_PLAIN_H
#define BAIYE_COMMON_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

/* In place; it never becomes longer. Its new length. */
size_t plain_text(char *text, size_t size);
/* The same for JSON as it is written by jansson: such characters become \uXXXX, which means the
 * same. malloc'd; NULL: no memory. */
char *plain_json(const char *text);

#endif
