/* SPDX-License-Identifier: Apache-2.0 */
/* baiye keys: the C file with the public keys that a boot loader is built with (BAIYE_KEYS). */
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "gateway/common/hex.h"
#include "gateway/common/language.h"
#include "tools/cli/cli.h"
#include "tools/cli/image.h"
#include "tools/cli/outcome.h"

#define PLACES     2
#define POINT_SIZE 65u /* 0x04, X, Y */

static const char usage[] = N_(
    "Usage: baiye keys KEY.pem [NEW-KEY.pem] [--json] > FILE.c\n"
    "Prints the public keys as the C file that the firmware build takes (-DBAIYE_KEYS=FILE.c).\n"
    "Images signed with the first have key number 0, those signed with the second 1. To replace a\n"
    "key: build and flash boot loaders with both, sign with the new one from then on, and when no\n"
    "board with the old key alone is left, give its place to the next. A PEM file may hold the\n"
    "private or only the public key.\n");

/* Private or public half. */
static EVP_PKEY *read_half(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        cli_cant_read(path, errno);
        return NULL;
    }
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    if (key == NULL) {
        rewind(file);
        key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
    }
    (void)fclose(file);
    if (key == NULL)
        cli_complain("%s: not a key in PEM", path);
    return key;
}

static bool read_point(const char *path, uint8_t point[POINT_SIZE])
{
    size_t size = 0;
    EVP_PKEY *key = read_half(path);
    if (key == NULL)
        return false;
    bool good = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_bits(key) == 256 &&
                EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, POINT_SIZE,
                                                &size) == 1 &&
                size == POINT_SIZE && point[0] == 0x04;
    EVP_PKEY_free(key);
    if (!good)
        cli_complain("%s: not a P-256 key; make one with\n"
                     "  openssl ecparam -name prime256v1 -genkey -noout -out %s",
                     path, path);
    return good;
}

/* X and Y, for programs. */
static void note_point(const uint8_t point[POINT_SIZE], int number)
{
    char hex[2 * POINT_SIZE + 1] = "";
    hex_write(point + 1, POINT_SIZE - 1, hex);
    outcome_append("keys", json_pack("{s:i,s:s}", "number", number, "point", hex));
}

static void print_point(const uint8_t point[POINT_SIZE])
{
    for (unsigned i = 0; i < POINT_SIZE; i++)
        (void)printf("%s0x%02X", i == 0 ? "    {" : i % 13 == 0 ? ",\n     " : ", ", point[i]);
    (void)puts("},");
}

int cli_keys(int argc, char **argv)
{
    uint8_t points[PLACES][POINT_SIZE];
    if (argc < 2 || argc > 1 + PLACES || argv[1][0] == '-')
        return cli_usage(usage);
    for (int i = 1; i < argc; i++) {
        if (!read_point(argv[i], points[i - 1]))
            return EX_DATAERR;
    }
    (void)puts("#include \"firmware/boot/verify.h\"\n\n"
               "const uint8_t boot_public_keys[BOOT_KEYS][65] = {");
    for (int i = 1; i < argc; i++) {
        print_point(points[i - 1]);
        note_point(points[i - 1], i - 1);
    }
    (void)puts("};");
    return EX_OK;
}
