/* SPDX-License-Identifier: Apache-2.0 */
/* A UNIX stream socket that one process connects to: the newest connection counts. What is sent
 * while no one is connected, or does not read, is lost, as on a wire. */
#ifndef BAIYE_FIELD_ENDPOINT_H
#define BAIYE_FIELD_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/field/loop.h"

struct endpoint {
    struct loop *loop;
    struct loop_watch listen, peer;
    char path[108];
    void (*bytes)(void *context, const uint8_t *bytes, size_t size);
    void *context;
};

/* False: errno says why. A zeroed endpoint must be set up with endpoint_init() first. */
void endpoint_init(struct endpoint *endpoint, struct loop *loop,
                   void (*bytes)(void *context, const uint8_t *bytes, size_t size), void *context);
bool endpoint_open(struct endpoint *endpoint, const char *path);
void endpoint_close(struct endpoint *endpoint);
void endpoint_send(struct endpoint *endpoint, const void *bytes, size_t size);
bool endpoint_connected(const struct endpoint *endpoint);

#endif
