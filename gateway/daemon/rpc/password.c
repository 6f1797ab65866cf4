/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/rpc/password.h"

#include <crack.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SALT_SIZE                12 /* what mosquitto's file has */
#define HASH_SIZE                64
#define PASSWORD_ITERATIONS_MOST 10000000 /* of a line that others wrote: some seconds */
#define LONG                     20
#define BASE64(n)                (((n) + 2) / 3 * 4 + 1)

/* How long the UTF-8 character at `text` is; 0: it is none, or a control character. */
static size_t character(const uint8_t *text)
{
    if (text[0] < 0x80)
        return text[0] >= 0x20 && text[0] != 0x7F;
    size_t size = text[0] >= 0xF0 && text[0] < 0xF5   ? 4
                  : text[0] >= 0xE0 && text[0] < 0xF0 ? 3
                  : text[0] >= 0xC2 && text[0] < 0xE0 ? 2
                                                      : 0;
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    }
    bool c1 = text[0] == 0xC2 && text[1] < 0xA0;
    return c1 ? 0 : size;
}

/* Counts characters, and how many of them are distinct, up to 32. */
static bool count(const char *password, size_t *all, size_t *distinct)
{
    const char *seen[32];
    *all = *distinct = 0;
    for (const char *at = password; *at != '\0';) {
        size_t size = character((const uint8_t *)at), i = 0;
        if (size == 0)
            return false;
        while (i < *distinct && strncmp(seen[i], at, size) != 0)
            i++;
        if (i == *distinct && *distinct < sizeof seen / sizeof seen[0])
            seen[(*distinct)++] = at;
        (*all)++;
        at += size;
    }
    return true;
}

/* cracklib counts steps from a character to its neighbour, however long the password is: of those
 * of 24 random digits that a phone makes up it takes three in a hundred for a row of keys. So one
 * of LONG bytes is common when each of its pieces is. */
static bool is_long_common(const char *user, const char *password, size_t size,
                           const char *dictionary)
{
    char piece[LONG];
    size_t count = size / (LONG / 2), at = 0;
    bool common = true;
    for (size_t i = 1; common && i <= count; i++) {
        size_t end = size * i / count;
        memcpy(piece, password + at, end - at);
        piece[end - at] = '\0';
        common = FascistCheckUser(piece, dictionary, user, NULL) != NULL;
        at = end;
    }
    OPENSSL_cleanse(piece, sizeof piece);
    return common;
}

/* cracklib ends the process when it finds no dictionary; Debian's package makes one. */
static bool is_common(const char *user, const char *password)
{
    char file[256];
    const char *dictionary = GetDefaultCracklibDict();
    size_t length = strlen(password);
    int size = snprintf(file, sizeof file, "%s.pwd", dictionary);
    return size > 0 && (size_t)size < sizeof file && access(file, R_OK) == 0 &&
           FascistCheckUser(password, dictionary, user, NULL) != NULL &&
           (length < LONG || is_long_common(user, password, length, dictionary));
}

const char *password_problem(const char *user, const char *password)
{
    size_t all, distinct, size = strlen(password);
    if (size > PASSWORD_MOST)
        return "it is longer than 128 bytes";
    if (!count(password, &all, &distinct))
        return "it holds a control character or is no UTF-8";
    if (all < PASSWORD_LEAST)
        return "it has fewer than 8 characters";
    if (distinct < PASSWORD_DISTINCT)
        return "it has fewer than 3 distinct characters";
    if (password[0] == ' ' || password[size - 1] == ' ')
        return "it begins or ends with a blank";
    if (strlen(user) >= 3 && strcasestr(password, user) != NULL)
        return "it holds the user's name";
    return is_common(user, password)
               ? "it is among the first that are tried: a common word, name or row of keys"
               : NULL;
}

bool password_line(const char *user, const char *password, int iterations, char *line, size_t size)
{
    uint8_t salt[SALT_SIZE], hash[HASH_SIZE], salt_text[BASE64(SALT_SIZE)],
        hash_text[BASE64(HASH_SIZE)];
    if (RAND_bytes(salt, sizeof salt) != 1 ||
        PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, sizeof salt, iterations,
                          EVP_sha512(), sizeof hash, hash) != 1)
        return false;
    (void)EVP_EncodeBlock(salt_text, salt, sizeof salt);
    (void)EVP_EncodeBlock(hash_text, hash, sizeof hash);
    int length = snprintf(line, size, "%s:$7$%d$%s$%s\n", user, iterations, (const char *)salt_text,
                          (const char *)hash_text);
    return length > 0 && (size_t)length < size;
}

/* Decodes the base64 text before `end` (its first character) into at most `size` bytes; how many
 * they are, 0: it is no such text. Steps `text` behind `end`. */
static size_t decode(const char **text, char end, uint8_t *out, size_t size)
{
    uint8_t block[BASE64(HASH_SIZE) + 3];
    const char *stop = strchr(*text, end);
    size_t length = stop != NULL ? (size_t)(stop - *text) : 0, padding = 0;
    if (length == 0 || length % 4 != 0 || length / 4 * 3 > sizeof block)
        return 0;
    int got = EVP_DecodeBlock(block, (const uint8_t *)*text, (int)length);
    while (padding < 2 && (*text)[length - 1 - padding] == '=')
        padding++;
    if (got < 3 || (size_t)got - padding > size)
        return 0;
    memcpy(out, block, (size_t)got - padding);
    *text = stop + 1;
    return (size_t)got - padding;
}

bool password_fits(const char *line, const char *password)
{
    uint8_t salt[HASH_SIZE], hash[HASH_SIZE], made[HASH_SIZE];
    const char *text = strchr(line, ':');
    char *end;
    if (text == NULL || strncmp(text, ":$7$", 4) != 0)
        return false;
    long iterations = strtol(text + 4, &end, 10);
    if (iterations < 1 || iterations > PASSWORD_ITERATIONS_MOST || *end != '$')
        return false;
    text = end + 1;
    size_t salt_size = decode(&text, '$', salt, sizeof salt);
    return salt_size > 0 && decode(&text, '\n', hash, sizeof hash) == sizeof hash &&
           PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, (int)salt_size, (int)iterations,
                             EVP_sha512(), sizeof made, made) == 1 &&
           CRYPTO_memcmp(made, hash, sizeof hash) == 0;
}
