/* SPDX-License-Identifier: Apache-2.0 */
/* The native board: a Linux process whose wires are UNIX stream sockets and whose FRAM is a file.
 * hal.h is made of one static struct native, as a board is one piece of hardware. */
#ifndef BAIYE_BOARD_NATIVE_H
#define BAIYE_BOARD_NATIVE_H

#include <stdbool.h>
#include <stdint.h>

struct native_options {
    const char *bus, *sdi, *i2c, *rain; /* socket paths; NULL: that wire is not there */
    const char *pace;                   /* socket path; NULL: the time is always the clock's */
    const char *nv;                     /* file */
    uint32_t serial;
    const char *flash, *image; /* files; NULL: no slots, or no image for a new flash */
    const char *factory; /* file with a factory page, whose serial number then counts; or NULL */
    bool warm;           /* started by hal_reset() */
    char **argv;         /* for hal_reset() */
};

/* Connects and opens; false after a message on stderr. */
bool native_open(const struct native_options *options);

#endif
