/* SPDX-License-Identifier: Apache-2.0 */
/* The sensor node: everything it knows is in one struct, everything it does happens in node_poll(),
 * which never waits. A board's main() fills a node_config and calls node_run(); tests call
 * node_init() and node_poll() in virtual time.
 *
 *   hal ── link ──── modbus server ──── registers ──┬── settings, calibration (two copies)
 *    │                                              ├── sampler ── sensor drivers ── hal
 *    └── watchdog, black box                        └── log (ring), statistics, clock */
#ifndef BAIYE_NODE_H
#define BAIYE_NODE_H

#include <stdint.h>

#include "firmware/node/state.h"

void node_init(struct node *node, const struct node_config *config);
/* Does all that is due; when it wants to be called again at the latest. */
uint64_t node_poll(struct node *node);
/* node_poll(), and hal_sleep() until there is more to do. */
void node_turn(struct node *node);
/* node_turn() for ever. */
_Noreturn void node_run(struct node *node);

#endif
