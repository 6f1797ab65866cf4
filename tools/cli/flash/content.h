/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a board's flash, as one piece from its begin on: boot loader, factory page, image,
 * 0xFF between. Files are judged before any chip is touched: for this board, whole, and such that
 * this boot loader will start them. Complains for people. One thread. */
#ifndef BAIYE_FLASH_CONTENT_H
#define BAIYE_FLASH_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/image/image.h"
#include "tools/cli/flash/board.h"

struct content {
    uint8_t *bytes; /* from board.chip.flash on */
    size_t size;    /* to the end of the image */
    bool has_header;
    bool test_key;                 /* the boot loader trusts the test key */
    struct image_header image;     /* with has_header */
    uint8_t hash[IMAGE_HASH_SIZE]; /* of the image's program */
};

/* `boot` and `image` are files. `test_key`: a boot loader that trusts the test key is wanted. An
 * exit code of sysexits.h. content_free() in any case. */
int content_load(const struct board *board, const char *boot, const char *image, bool test_key,
                 struct content *content);
/* Puts the factory page in. */
bool content_set_factory(const struct board *board, uint32_t serial, struct content *content);
void content_free(struct content *content);

#endif
