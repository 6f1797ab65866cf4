/* SPDX-License-Identifier: Apache-2.0 */
/* JSON messages into the state; the part of state.c that reads what others wrote. Hostile bytes
 * are refused whole or cut to the state's bounds. Pure; one thread. */
#ifndef BAIYE_LED_INGEST_H
#define BAIYE_LED_INGEST_H

#include "gateway/led/state.h"

/* False when the message could not be understood; the state is then as it was. */
bool ingest(struct state *state, const char *topic, const void *payload, size_t size, bool retained,
            const struct led_now *now);

/* A slot got a new value from a message whose source had ts `before_ts_ms` until now (0: none):
 * its trend and its day's range move on. */
void state_slot_taken(struct state *state, struct state_slot *slot, int64_t before_ts_ms,
                      const struct led_now *now);

#endif
