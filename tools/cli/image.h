/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware images as files: `baiye sign` makes one of two linked programs, `baiye image` says what
 * is in one, `baiye keys` makes what the boot loader checks them with. They print what went wrong
 * and return an exit code of sysexits.h. */
#ifndef BAIYE_CLI_IMAGE_H
#define BAIYE_CLI_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int cli_sign(int argc, char **argv);
int cli_image(int argc, char **argv);
int cli_keys(int argc, char **argv);

/* An image file in memory, for cli_update(); free(data). false and a complaint: not one. */
struct cli_image_file {
    uint8_t *data;
    size_t size;
};
/* Any file, padded with 0xFF to a multiple of 4; NULL data and a complaint: none, or over 16
 * MiB. */
struct cli_image_file cli_file_load(const char *path);
bool cli_image_load(const char *path, struct cli_image_file *file);

#endif
