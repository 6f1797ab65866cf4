/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/update/signature.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <string.h>

#define DER_MAX      80
#define UNCOMPRESSED 0x04 /* what stands before X and Y */

static EVP_PKEY *key_of(const uint8_t point[IMAGE_POINT_SIZE])
{
    char curve[] = "prime256v1";
    uint8_t encoded[1 + IMAGE_POINT_SIZE] = {UNCOMPRESSED};
    memcpy(encoded + 1, point, IMAGE_POINT_SIZE);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof encoded),
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

bool signature_signed_by(const uint8_t point[IMAGE_POINT_SIZE], const uint8_t *header)
{
    uint8_t der[DER_MAX];
    int der_size = der_of(header + IMAGE_SIGNED_SIZE, der);
    EVP_PKEY *key = der_size > 0 ? key_of(point) : NULL;
    EVP_MD_CTX *context = key != NULL ? EVP_MD_CTX_new() : NULL;
    bool good = context != NULL &&
                EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(context, der, (size_t)der_size, header, IMAGE_SIGNED_SIZE) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return good;
}

static enum image_result judge(const uint8_t *image, size_t size)
{
    struct image_header header;
    uint8_t hash[IMAGE_HASH_SIZE];
    enum image_result result = image_header_read(image, size, &header);
    if (result != IMAGE_OK)
        return result;
    (void)SHA256(image + IMAGE_HEADER_SIZE, header.size, hash);
    if (memcmp(hash, header.hash, sizeof hash) != 0)
        return IMAGE_BAD_HASH;
    if (!image_placed(&header, image + IMAGE_HEADER_SIZE))
        return IMAGE_WRONG_SLOT;
    return signature_signed_by(image_point(image), image) ? IMAGE_OK : IMAGE_BAD_SIGNATURE;
}

enum image_result signature_file(const uint8_t *file, size_t size)
{
    enum image_result result = IMAGE_OK;
    if (size < sizeof IMAGE_FILE_MAGIC - 1 ||
        memcmp(file, IMAGE_FILE_MAGIC, sizeof IMAGE_FILE_MAGIC - 1) != 0)
        return IMAGE_NO_MAGIC;
    for (unsigned slot = 0; slot < IMAGE_SLOTS && result == IMAGE_OK; slot++) {
        size_t image_size;
        const uint8_t *image = image_file_slot(file, size, slot, &image_size);
        result = image != NULL ? judge(image, image_size) : IMAGE_TRUNCATED;
    }
    return result;
}
