/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/update/trust.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/daemon/update/signature.h"

/* Of firmware/boot/keys/test.pem, for the tests, the demo and the bench. */
static const uint8_t test_point[IMAGE_POINT_SIZE] = {
    0xC0, 0xAC, 0x15, 0x1A, 0x59, 0x54, 0xB8, 0x64, 0x15, 0xFF, 0xA8, 0x06, 0xB7, 0xE9, 0x41, 0x0D,
    0x30, 0x27, 0xFC, 0x54, 0x9F, 0xD1, 0xC8, 0x5C, 0xFC, 0x65, 0x22, 0x9A, 0x97, 0x2E, 0xDA, 0x9D,
    0xF0, 0xB0, 0x34, 0x2E, 0x9F, 0x7B, 0xA5, 0xA9, 0x90, 0x8F, 0x0B, 0x86, 0xAF, 0x50, 0x95, 0x76,
    0x26, 0x09, 0x57, 0x19, 0x78, 0xE4, 0x66, 0x37, 0x2E, 0x57, 0xCA, 0x5E, 0x68, 0xB9, 0x34, 0xCC};

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

/* Of the next key that images are signed with; false: there is none any more. */
static bool next_point(FILE *keys, uint8_t point[IMAGE_POINT_SIZE])
{
    EVP_PKEY *key = NULL;
    bool found = false;
    while (!found && (key = PEM_read_PUBKEY(keys, NULL, NULL, NULL)) != NULL) {
        found = point_of(key, point);
        EVP_PKEY_free(key);
    }
    return found;
}

bool trust_head(const char *path, const uint8_t *head)
{
    FILE *keys = fopen(path, "re");
    uint8_t point[IMAGE_POINT_SIZE];
    bool found = false;
    while (keys != NULL && !found && next_point(keys, point))
        found = signature_signed_by(point, head);
    if (keys != NULL)
        (void)fclose(keys);
    return found;
}

bool trust_has_test_key(const char *path)
{
    FILE *keys = fopen(path, "re");
    uint8_t point[IMAGE_POINT_SIZE];
    bool found = false;
    while (keys != NULL && !found && next_point(keys, point))
        found = memcmp(point, test_point, sizeof point) == 0;
    if (keys != NULL)
        (void)fclose(keys);
    return found;
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
