/* SPDX-License-Identifier: Apache-2.0 */
/* One wire of the native board: a client of a UNIX stream socket, with a ring of what came in. */
#ifndef BAIYE_BOARD_NATIVE_WIRE_H
#define BAIYE_BOARD_NATIVE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_RING 1024u /* a power of two */

struct wire {
    int fd; /* -1: not there */
    bool overrun;
    size_t head, tail; /* counted up for ever */
    uint64_t time_us[WIRE_RING];
    uint8_t byte[WIRE_RING];
};

/* Waits up to five seconds for somebody to listen at `path`; NULL: no such wire. False: a message
 * is on stderr. */
bool wire_open(struct wire *wire, const char *path);
/* Takes what is there now, without waiting. False: the other end is gone. */
bool wire_take(struct wire *wire, uint64_t now_us);
bool wire_get(struct wire *wire, uint8_t *byte, uint64_t *time_us, bool *overrun);
/* A byte that came by another way. */
void wire_heard(struct wire *wire, uint8_t byte, uint64_t time_us);
/* Bytes that the other end does not take are lost, as on a wire. */
void wire_put(const struct wire *wire, const void *data, size_t size);

#endif
