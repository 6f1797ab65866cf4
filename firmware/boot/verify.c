/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/boot/verify.h"

#include <bearssl.h>
#include <string.h>

#include "firmware/boot/flash.h"

static void sha256(const void *data, size_t size, uint8_t hash[IMAGE_HASH_SIZE])
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

static enum image_result check_signature(const uint8_t *image, const struct image_header *header)
{
    if (header->key >= BOOT_KEYS || boot_public_keys[header->key][0] != 0x04)
        return IMAGE_UNKNOWN_KEY;
    uint8_t point[65], hash[IMAGE_HASH_SIZE];
    memcpy(point, boot_public_keys[header->key], sizeof point);
    br_ec_public_key key = {.curve = BR_EC_secp256r1, .q = point, .qlen = sizeof point};
    sha256(image, IMAGE_SIGNED_SIZE, hash);
    return br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, hash, sizeof hash, &key, header->signature,
                                 sizeof header->signature) == 1
               ? IMAGE_OK
               : IMAGE_BAD_SIGNATURE;
}

const uint8_t (*boot_keys(void))[65]
{
    return boot_public_keys;
}

enum image_result boot_verify(unsigned slot, struct image_header *header)
{
    const uint8_t *image = flash_map(flash_layout()->slot[slot]);
    enum image_result result = image_header_read(image, IMAGE_HEADER_SIZE, header);
    if (result == IMAGE_OK)
        result = check_place(slot, header);
    if (result == IMAGE_OK)
        result = check_signature(image, header);
    if (result == IMAGE_OK) {
        uint8_t hash[IMAGE_HASH_SIZE];
        sha256(image + IMAGE_HEADER_SIZE, header->size, hash);
        if (memcmp(hash, header->hash, sizeof hash) != 0)
            result = IMAGE_BAD_HASH;
    }
    return result;
}
