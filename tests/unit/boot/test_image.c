/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/boot/test_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <bearssl.h>
#include <cmocka.h>

#include "firmware/boot/flash.h"
#include "firmware/boot/verify.h"
#include "tests/unit/boot/flash_sim.h"

/* The private halves of firmware/boot/keys/test.pem, and of the second key in test_keys.c. */
static uint8_t private_bytes[2][32] = {
    {0xC8, 0x42, 0xCD, 0xCF, 0x56, 0xBB, 0xBE, 0x20, 0x90, 0x82, 0x59,
     0x14, 0xDE, 0x8F, 0xC8, 0xDD, 0x49, 0x87, 0x6C, 0x3A, 0xB7, 0x67,
     0x54, 0x24, 0xDC, 0xEB, 0x60, 0x2D, 0x46, 0x1D, 0x7E, 0x04},
    {0xD8, 0x9A, 0xED, 0x4F, 0xC2, 0x93, 0x54, 0x67, 0x16, 0x1D, 0x88,
     0x65, 0xA1, 0x86, 0x72, 0x00, 0x73, 0x51, 0x79, 0xD6, 0x63, 0x95,
     0xFE, 0x5A, 0xF3, 0xBF, 0xAA, 0xF3, 0xB1, 0x2A, 0x1D, 0xA2}};

void test_image_sign(struct test_image *image)
{
    br_ec_private_key private_key = {BR_EC_secp256r1, private_bytes[image->header.key & 1u], 32};
    br_sha256_context sha;
    uint8_t hash[IMAGE_HASH_SIZE];
    br_sha256_init(&sha);
    br_sha256_update(&sha, image->bytes + IMAGE_HEADER_SIZE, TEST_BODY_SIZE);
    br_sha256_out(&sha, image->header.hash);
    image_header_write(&image->header, image->bytes);
    br_sha256_init(&sha);
    br_sha256_update(&sha, image->bytes, IMAGE_SIGNED_SIZE);
    br_sha256_out(&sha, hash);
    assert_int_equal(br_ecdsa_i31_sign_raw(&br_ec_p256_m31, &br_sha256_vtable, hash, &private_key,
                                           image->header.signature),
                     64);
    image_header_write(&image->header, image->bytes);
    image_point_write(boot_public_keys[image->header.key & 1u] + 1, image->bytes);
}

struct test_image test_image_make(unsigned slot, uint32_t version, uint32_t counter)
{
    struct test_image image = {.header = {.slot = (uint16_t)slot,
                                          .hardware = FLASH_SIM_HARDWARE,
                                          .version = version,
                                          .counter = counter,
                                          .size = TEST_BODY_SIZE,
                                          .address = flash_layout()->slot[slot]}};
    memset(image.bytes, 0xFF, sizeof image.bytes);
    for (size_t i = 0; i < TEST_BODY_SIZE; i++)
        image.bytes[IMAGE_HEADER_SIZE + i] = (uint8_t)(i * 31 + version);
    test_image_sign(&image);
    return image;
}
