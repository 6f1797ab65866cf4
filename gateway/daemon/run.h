/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon itself: starts the parts in order, waits for signals, ends them in reverse. */
#ifndef BAIYE_RUN_H
#define BAIYE_RUN_H

#include "gateway/daemon/config/config.h"

/* Why run_daemon() came back. */
enum run_end { RUN_STOPPED, RUN_RELOAD, RUN_FAILED };

/* Signals of the daemon are taken by one thread only: blocked here, before any other starts. */
void run_block_signals(void);
/* Until SIGTERM or SIGINT (RUN_STOPPED), or SIGHUP with a good new configuration (RUN_RELOAD);
 * with a bad one it says why and goes on. `profiles` as for config_load(). */
enum run_end run_daemon(const struct config *config, const char *profiles);

#endif
