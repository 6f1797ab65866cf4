/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/boot/verify.h"

#include <bearssl.h>
#include <string.h>

#include "firmware/boot/flash.h"

#ifndef BOOT_CURVE
#define BOOT_CURVE br_ec_p256_m31
#define BOOT_ECDSA br_ecdsa_i31_vrfy_raw
#endif

VERIFY_NO_FRAME static void sha256(const void *data, size_t size, uint8_t hash[IMAGE_HASH_SIZE])
{
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, data, size);
    br_sha256_out(&context, hash);
}

static enum image_result check_place(unsigned slot, const struct image_header *header)
{
    const struct flash_layout *layout = flash_layout();
    if (header->hardware != layout->hardware)
        return IMAGE_WRONG_HARDWARE;
    if (header->slot != slot || header->address != layout->slot[slot])
        return IMAGE_WRONG_SLOT;
    if (header->size > layout->slot_size - IMAGE_HEADER_SIZE)
        return IMAGE_TOO_LARGE;
    return IMAGE_OK;
}

static enum image_result check_signature(const uint8_t *head, unsigned number)
{
    if (number >= BOOT_KEYS || boot_public_keys[number][0] != 0x04)
        return IMAGE_UNKNOWN_KEY;
    uint8_t hash[IMAGE_HASH_SIZE];
    br_ec_public_key key = {.curve = BR_EC_secp256r1,
                            .q = (unsigned char *)(uintptr_t)boot_public_keys[number], /* is read */
                            .qlen = sizeof boot_public_keys[number]};
    sha256(head, IMAGE_SIGNED_SIZE, hash);
    return BOOT_ECDSA(&BOOT_CURVE, hash, sizeof hash, &key, head + IMAGE_SIGNED_SIZE,
                      IMAGE_SIGNATURE_SIZE) == 1
               ? IMAGE_OK
               : IMAGE_BAD_SIGNATURE;
}

const uint8_t (*boot_keys(void))[65]
{
    return boot_public_keys;
}

/* Form and place; which key it names. */
VERIFY_NO_FRAME static enum image_result check_form(unsigned slot, const uint8_t *head,
                                                    unsigned *key)
{
    struct image_header header;
    enum image_result result = image_head_read(head, &header);
    if (result != IMAGE_OK)
        return result;
    *key = header.key;
    return check_place(slot, &header);
}

enum image_result boot_verify_head(unsigned slot, const uint8_t *head)
{
    unsigned key = BOOT_KEYS;
    enum image_result result = check_form(slot, head, &key);
    return result == IMAGE_OK ? check_signature(head, key) : result;
}

VERIFY_NO_FRAME static enum image_result check_program(const uint8_t *image,
                                                       const struct image_header *header)
{
    uint8_t hash[IMAGE_HASH_SIZE];
    sha256(image + IMAGE_HEADER_SIZE, header->size, hash);
    return memcmp(hash, header->hash, sizeof hash) == 0 ? IMAGE_OK : IMAGE_BAD_HASH;
}

enum image_result boot_verify(unsigned slot, struct image_header *header)
{
    const uint8_t *image = flash_map(flash_layout()->slot[slot]);
    enum image_result result = image_header_read(image, IMAGE_HEADER_SIZE, header);
    if (result == IMAGE_OK)
        result = boot_verify_head(slot, image);
    return result == IMAGE_OK ? check_program(image, header) : result;
}
