/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said of an image file before a byte of it is sent: is it whole, and does its
 * signature belong to what it holds? Checked against the public key that the image carries: whether
 * a node knows that key, the node says (update.h), and it judges by its own keys in any case. With
 * OpenSSL; any thread. */
#ifndef BAIYE_UPDATE_SIGNATURE_H
#define BAIYE_UPDATE_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/image/image.h"

/* `header`: its first IMAGE_HEAD_SIZE bytes at least. */
bool signature_signed_by(const uint8_t point[IMAGE_POINT_SIZE], const uint8_t *header);
/* An image file with a variant for each slot. IMAGE_OK, or what is wrong with it. */
enum image_result signature_file(const uint8_t *file, size_t size);

#endif
