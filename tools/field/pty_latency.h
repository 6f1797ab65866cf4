/* SPDX-License-Identifier: Apache-2.0 */
/* What a pseudo-terminal takes to pass bytes on, measured on one that no one else uses. */
#ifndef BAIYE_TOOLS_FIELD_PTY_LATENCY_H
#define BAIYE_TOOLS_FIELD_PTY_LATENCY_H

#include <stdbool.h>

#include "tools/field/wire.h"

/* The least of some hundred round trips, each way: takes half a second. `link` is a name in the
 * run directory, free before and afterwards. False: errno says why. */
bool pty_latency_measure(const char *link, struct pty_latency *least);

#endif
