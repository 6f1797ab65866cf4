/* SPDX-License-Identifier: Apache-2.0 */
/* Why something of the gateway does not work, in Chinese: services, modem, broker and store give
 * their reason in English, for the log too; a farmer reads it behind a Chinese sentence. Pure. */
#ifndef BAIYE_REASON_H
#define BAIYE_REASON_H

#include <stddef.h>

#define REASON_SIZE 192

/* What is not known, such as a system's own word for an error, stays as it is. `size`: REASON_SIZE
 * is enough for what there is. */
void reason_chinese(const char *why, char *out, size_t size);

#endif
