/* SPDX-License-Identifier: Apache-2.0 */
/* What a pseudo-terminal takes to pass bytes on, measured on one that nobody else uses. */
#ifndef BAIYE_FIELD_HOP_H
#define BAIYE_FIELD_HOP_H

#include <stdbool.h>

#include "tools/field/wire.h"

/* The least of some hundred round trips, each way: takes half a second. `link` is a name in the
 * run directory, free before and afterwards. False: errno says why. */
bool hop_measure(const char *link, struct wire_hop *least);

#endif
