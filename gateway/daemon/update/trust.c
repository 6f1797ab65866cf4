/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/update/trust.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/daemon/update/signature.h"

bool trust_path(const char *config_file, char *path, size_t size)
{
    const char *slash = strrchr(config_file, '/');
    int folder = slash != NULL ? (int)(slash - config_file) + 1 : 0;
    int length = snprintf(path, size, "%.*s" TRUST_FILE, folder, config_file);
    if (length > 0 && (size_t)length < size && access(path, F_OK) == 0)
        return true;
    length = snprintf(path, size, "%s", TRUST_PACKAGE);
    return (size_t)length < size && access(path, F_OK) == 0;
}

/* false: no key of the kind that images are signed with. */
static bool point_of(EVP_PKEY *key, uint8_t point[IMAGE_POINT_SIZE])
{
    uint8_t encoded[1 + IMAGE_POINT_SIZE];
    size_t size = 0;
    bool good = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_bits(key) == 256 &&
                EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, encoded,
                                                sizeof encoded, &size) == 1 &&
                size == sizeof encoded && encoded[0] == 0x04;
    if (good)
        memcpy(point, encoded + 1, IMAGE_POINT_SIZE);
    return good;
}

static bool signed_by_one_of(FILE *keys, const uint8_t *header)
{
    EVP_PKEY *key = NULL;
    bool found = false;
    while (!found && (key = PEM_read_PUBKEY(keys, NULL, NULL, NULL)) != NULL) {
        uint8_t point[IMAGE_POINT_SIZE];
        found = point_of(key, point) && signature_signed_by(point, header);
        EVP_PKEY_free(key);
    }
    return found;
}

bool trust_head(const char *path, const uint8_t *head)
{
    FILE *keys = fopen(path, "re");
    bool good = keys != NULL && signed_by_one_of(keys, head);
    if (keys != NULL)
        (void)fclose(keys);
    return good;
}

bool trust_signed(const char *path, const uint8_t *file, size_t size)
{
    bool good = true;
    for (unsigned slot = 0; good && slot < IMAGE_SLOTS; slot++) {
        size_t image_size = 0;
        const uint8_t *image = image_file_slot(file, size, slot, &image_size);
        good = image != NULL && trust_head(path, image);
    }
    return good;
}
