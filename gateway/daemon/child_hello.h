/* SPDX-License-Identifier: Apache-2.0 */
/* The first message to a child, with descriptors: where it logs to, then each file that is
 * `given`. Its answer is one byte. Both ends are one program image. */
#ifndef BAIYE_CHILD_HELLO_H
#define BAIYE_CHILD_HELLO_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/child_role.h"

#define CHILD_ENVIRONMENT_SIZE 2048

struct child_hello {
    uint8_t role; /* enum child_role */
    uint8_t file_count;
    bool given[CHILD_FILES_MAX];
    char files[CHILD_FILES_MAX][CHILD_PATH_SIZE];
    char environment[CHILD_ENVIRONMENT_SIZE]; /* "NAME=value", each with its zero; "" ends */
};

#endif
