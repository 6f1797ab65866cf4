/* SPDX-License-Identifier: Apache-2.0 */
/* A look at a flashed board over its bus: is it who it should be, does it run what was written, do
 * memory, supply and sensors work. Every check is reported as it is made. One thread. */
#ifndef BAIYE_FLASH_SELF_TEST_H
#define BAIYE_FLASH_SELF_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/cli/flash/board.h"
#include "tools/cli/flash/content.h"

struct self_test {
    const char *port;
    uint8_t unit;
    uint32_t baud;   /* 8N1 */
    unsigned wait_s; /* for the first answer */
    bool no_sensors; /* they are not connected on this bench */
    const struct board *board;
    const struct content *content;
    uint32_t serial;
};

/* "passed", or in a word what failed first, as the register notes it. */
const char *self_test_run(const struct self_test *test);

#endif
