/* SPDX-License-Identifier: Apache-2.0 */
/* Whose firmware this gateway hands on when it comes from afar: the public keys in
 * `firmware-keys.pem` beside the configuration file, or where there is none, those of the package.
 * Whoever sends an image is no reason to believe it. With OpenSSL; any thread. */
#ifndef BAIYE_UPDATE_TRUST_H
#define BAIYE_UPDATE_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRUST_FILE    "firmware-keys.pem"
#define TRUST_PACKAGE "/usr/share/baiye/boards/" TRUST_FILE

/* Which file that is; false: there is none, and nobody is trusted. */
bool trust_path(const char *config_file, char *path, size_t size);
/* Is every variant of this image file, which signature_file() finds good, signed by a key of the
 * PEM file at `path`? */
bool trust_signed(const char *path, const uint8_t *file, size_t size);
/* Is the head of an image (IMAGE_HEAD_SIZE bytes) signed by one of these? Of the image it says
 * nothing but what stands in the head. */
bool trust_head(const char *path, const uint8_t *head);
/* Is one of these the test key, whose private half everybody has? */
bool trust_has_test_key(const char *path);

#endif
