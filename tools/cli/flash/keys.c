/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/flash/keys.h"

#include <openssl/sha.h>
#include <string.h>

#include "firmware/boot/verify.h"
#include "gateway/daemon/update/signature.h"
#include "protocols/bytes/bytes.h"
#include "protocols/image/image.h"

/* As boards/cortex-m3/loader.h has them; what is looked at stands at the same place in both. */
#define EXPORTS_MAGIC   0x42594C32u
#define EXPORTS_MAGIC_1 0x42594C31u
#define EXPORTS_SIZE    12u

_Static_assert(KEYS_PLACES == BOOT_KEYS && sizeof boot_public_keys[0] == KEYS_KEY_SIZE,
               "the boot loader's keys are of another form");

bool keys_find(const uint8_t *loader, size_t size, uint32_t base, uint32_t offset,
               struct trusted_keys *keys)
{
    if (size < EXPORTS_SIZE || offset > size - EXPORTS_SIZE)
        return false;
    uint32_t magic = byte_u32_little(loader + offset);
    if (magic != EXPORTS_MAGIC && magic != EXPORTS_MAGIC_1)
        return false;
    uint32_t at = byte_u32_little(loader + offset + 8) - base;
    if (at > size || sizeof keys->key > size - at)
        return false;
    memcpy(keys->key, loader + at, sizeof keys->key);
    return keys->key[0][0] == 0x04 && (keys->key[1][0] == 0x04 || keys->key[1][0] == 0);
}

bool keys_have_test_key(const struct trusted_keys *keys)
{
    for (unsigned i = 0; i < KEYS_PLACES; i++) {
        if (memcmp(keys->key[i], boot_public_keys[0], KEYS_KEY_SIZE) == 0)
            return true;
    }
    return false;
}

static bool signed_by(const uint8_t point[KEYS_KEY_SIZE], const uint8_t *image)
{
    return point[0] == 0x04 && signature_signed_by(point + 1, image);
}

enum keys_verdict keys_judge(const struct trusted_keys *keys, const uint8_t *image, size_t size)
{
    struct image_header header;
    uint8_t hash[IMAGE_HASH_SIZE];
    if (image_header_read(image, size, &header) != IMAGE_OK ||
        header.size > size - IMAGE_HEADER_SIZE)
        return KEYS_BAD_HASH;
    if (header.key >= KEYS_PLACES || !signed_by(keys->key[header.key], image))
        return signed_by(boot_public_keys[0], image) ? KEYS_TEST_KEY : KEYS_UNKNOWN;
    (void)SHA256(image + IMAGE_HEADER_SIZE, header.size, hash);
    return memcmp(hash, header.hash, sizeof hash) == 0 ? KEYS_GOOD : KEYS_BAD_HASH;
}
