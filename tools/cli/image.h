/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware images as files: `baiye sign` makes one of two linked programs, `baiye image` says what
 * is in one. Both print what went wrong and return an exit code of sysexits.h. */
#ifndef BAIYE_CLI_IMAGE_H
#define BAIYE_CLI_IMAGE_H

int cli_sign(int argc, char **argv);
int cli_image(int argc, char **argv);

#endif
