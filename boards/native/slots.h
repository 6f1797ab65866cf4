/* SPDX-License-Identifier: Apache-2.0 */
/* Two slots for firmware images in a file, and the boot loader's part of a start: so that updates
 * can be tried without a board. Everything is real but one thing: the program that an image carries
 * is kept and checked, and not run. Whatever the slot, this process goes on, and calls itself what
 * the image in it is called. */
#ifndef BAIYE_NATIVE_SLOTS_H
#define BAIYE_NATIVE_SLOTS_H

#include "firmware/node/update.h"

/* Opens the flash in `path`. One that is not there yet is made, with the image for slot 0 of the
 * file `image` in it, as from the bench. Then starts from a slot as a boot loader does. NULL after
 * a message on stderr: nothing that may be started. */
const struct node_update *slots_open(const char *path, const char *image);

#endif
