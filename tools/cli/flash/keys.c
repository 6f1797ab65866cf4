/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/flash/keys.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <string.h>

#include "firmware/boot/verify.h"
#include "protocols/image/image.h"

#define EXPORTS_MAGIC 0x42594C31u /* as boards/cortex-m3/loader.h has it */
#define EXPORTS_SIZE  12u
#define DER_MAX       80

_Static_assert(KEYS_PLACES == BOOT_KEYS && sizeof boot_public_keys[0] == KEYS_KEY_SIZE,
               "the boot loader's keys are of another form");

static uint32_t little_u32(const uint8_t *data)
{
    return data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

bool keys_find(const uint8_t *loader, size_t size, uint32_t base, uint32_t offset,
               struct trusted_keys *keys)
{
    if (size < EXPORTS_SIZE || offset > size - EXPORTS_SIZE ||
        little_u32(loader + offset) != EXPORTS_MAGIC)
        return false;
    uint32_t at = little_u32(loader + offset + 8) - base;
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

static EVP_PKEY *key_of(const uint8_t point[KEYS_KEY_SIZE])
{
    char curve[] = "prime256v1";
    uint8_t copy[KEYS_KEY_SIZE];
    memcpy(copy, point, sizeof copy);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof copy),
        OSSL_PARAM_construct_end()};
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    return key;
}

/* r and s as DER; the length, 0 when that can't be. */
static int der_of(const uint8_t signature[IMAGE_SIGNATURE_SIZE], uint8_t der[DER_MAX])
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, 32, NULL), *s = BN_bin2bn(signature + 32, 32, NULL);
    int size = 0;
    if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL; /* taken over */
        uint8_t *at = der;
        if (i2d_ECDSA_SIG(pair, NULL) <= DER_MAX)
            size = i2d_ECDSA_SIG(pair, &at);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return size;
}

static bool signed_by(const uint8_t point[KEYS_KEY_SIZE], const uint8_t *image)
{
    uint8_t der[DER_MAX];
    int der_size = der_of(image + IMAGE_SIGNED_SIZE, der);
    EVP_PKEY *key = point[0] == 0x04 && der_size > 0 ? key_of(point) : NULL;
    EVP_MD_CTX *context = key != NULL ? EVP_MD_CTX_new() : NULL;
    bool good = context != NULL &&
                EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(context, der, (size_t)der_size, image, IMAGE_SIGNED_SIZE) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return good;
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
