/* SPDX-License-Identifier: Apache-2.0 */
/* Images for tests, signed with the key that everybody has. */
#ifndef BAIYE_TEST_IMAGE_H
#define BAIYE_TEST_IMAGE_H

#include "protocols/image/image.h"

#ifndef TEST_BODY_SIZE
#define TEST_BODY_SIZE 1500u
#endif
#ifndef TEST_BLOCK_SIZE
#define TEST_BLOCK_SIZE 128u
#endif
#define TEST_IMAGE_SIZE (IMAGE_HEADER_SIZE + TEST_BODY_SIZE)
#define TEST_BLOCKS     ((TEST_IMAGE_SIZE + TEST_BLOCK_SIZE - 1) / TEST_BLOCK_SIZE)

struct test_image {
    uint8_t bytes[TEST_BLOCKS * TEST_BLOCK_SIZE];
    struct image_header header;
};

struct test_image test_image_make(unsigned slot, uint32_t version, uint32_t counter);
/* Again, after the header or the program was changed; header.key says which of two keys signs. */
void test_image_sign(struct test_image *image);

#endif
