/* SPDX-License-Identifier: Apache-2.0 */
/* Tells people of gardens that have fallen silent, and of firmware that goes no further, by the
 * ways of a gateway: the same queue, the same process with the secrets (gateway/daemon/notifier).
 * Of several baiye-county one tells. One thread. */
#ifndef BAIYE_COUNTY_DEADMAN_H
#define BAIYE_COUNTY_DEADMAN_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"

struct deadman;

/* `config`: ways, groups, store_path of what waits to be told; it must outlive the dead-man. NULL:
 * it can't be started, which the log says. */
struct deadman *deadman_start(const char *conninfo, const struct config *config, uint32_t silent_s);
void deadman_stop(struct deadman *deadman);
/* Looks when it is time. May wait for PostgreSQL, 15 s at most. */
void deadman_step(struct deadman *deadman, int64_t mono_ms);

#endif
