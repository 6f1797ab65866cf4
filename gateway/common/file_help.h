/* SPDX-License-Identifier: Apache-2.0 */
/* What to do about a file that can't be read: another thing for each reason, and for a person
 * another than for a service. Any thread. */
#ifndef BAIYE_COMMON_FILE_HELP_H
#define BAIYE_COMMON_FILE_HELP_H

#include <stdbool.h>
#include <stddef.h>

#define FILE_HELP_SIZE 320

/* Who reads. */
struct file_reader {
    char user[33], group[33];
    bool person; /* may use sudo; a service's files are given to its group instead */
};

/* The effective user and group of this process. */
struct file_reader file_reader_self(void);

/* `error` is errno of the attempt. Looks at the file and its folders, so that owner and mode can be
 * said; `text` has no end of sentence and stands behind strerror() and "; ". */
void file_help(const struct file_reader *reader, const char *path, int error, bool chinese,
               char text[FILE_HELP_SIZE]);

#endif
