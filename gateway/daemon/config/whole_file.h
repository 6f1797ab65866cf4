/* SPDX-License-Identifier: Apache-2.0 */
/* Small files read and written whole, for what the daemon keeps of its configuration. */
#ifndef BAIYE_CONFIG_WHOLE_FILE_H
#define BAIYE_CONFIG_WHOLE_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* malloc'ed, `size` bytes and a NUL; NULL: errno (EFBIG: it is over 1 MiB). */
char *whole_file_read(const char *path, size_t *size);
/* Written and on the disk; of this user alone. It does not follow a link. */
bool whole_file_write(const char *path, const char *text, size_t size);
/* The same, by a new file beside it that takes its place, owner and rights: the old or the new one
 * is there, whole. */
bool whole_file_replace(const char *path, const char *text, size_t size);
/* Names in a folder are on the disk. */
bool whole_file_sync_folder(const char *folder);

#endif
