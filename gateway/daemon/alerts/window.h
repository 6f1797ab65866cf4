/* SPDX-License-Identifier: Apache-2.0 */
/* How far a value has moved within the last hour, or how much has come together: twelve parts of
 * the time, of each its least, its greatest and its sum. So the time looked back is 11/12 to 12/12
 * of what is asked for, and never more. Pure. */
#ifndef BAIYE_ALERTS_WINDOW_H
#define BAIYE_ALERTS_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct window;

/* NULL: no memory. free() takes it back. */
struct window *window_create(uint32_t per_s);
/* Adds a value at a time that never goes back; gives the sum of all (`sums`), or the rise from the
 * lowest (`rise`), or the fall (negative) from the highest. */
double window_add(struct window *window, int64_t now_ms, double value, bool sums, bool rise);

#endif
