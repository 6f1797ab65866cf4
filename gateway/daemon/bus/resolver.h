/* SPDX-License-Identifier: Apache-2.0 */
/* A host name's address, looked up on a thread of its own: a dead name server must not hold up a
 * bus, nor its end. The last good address stays in use while a newer one is looked for. */
#ifndef BAIYE_BUS_RESOLVER_H
#define BAIYE_BUS_RESOLVER_H

#include <stdbool.h>

#define RESOLVER_ADDRESS_SIZE 64

struct resolver;

/* NULL: no memory. */
struct resolver *resolver_new(const char *host);
/* A lookup still running ends by itself. */
void resolver_free(struct resolver *resolver);
/* The numeric address, as it is known now; false when there is none yet. Starts a lookup when the
 * host is a name and none runs. Never waits. */
bool resolver_get(struct resolver *resolver, char address[RESOLVER_ADDRESS_SIZE]);

#endif
