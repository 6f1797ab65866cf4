/* SPDX-License-Identifier: Apache-2.0 */
/* A device's photo for the sheet: DIR/DEVICE.jpg, .jpeg, .png or .webp. */
#ifndef BAIYE_CLI_REPORT_PHOTO_H
#define BAIYE_CLI_REPORT_PHOTO_H

#include <stddef.h>

#define PHOTO_MAX (4u << 20)  /* bytes of one; a phone's photo of a label, not its archive */
#define PHOTO_ALL (48u << 20) /* of all of a sheet: what a browser still opens and prints */

/* "data:image/…", malloc'd, and the file's name in `name`; NULL: none, or a complaint. `left`: what
 * the others have left of PHOTO_ALL. */
char *photo_data(const char *folder, const char *device, size_t *left, char *name, size_t size);

#endif
