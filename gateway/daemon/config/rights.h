/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever may replace the configuration by a county's broker is not the farm: what comes from there
 * may make nobody one who may command, and switch nothing that is not switched already. Pure. */
#ifndef BAIYE_CONFIG_RIGHTS_H
#define BAIYE_CONFIG_RIGHTS_H

#include "gateway/daemon/config/config.h"

/* Would `next` in the place of `now` give more? Then `why`, with the line. A broker counts by its
 * name, where it is, and who vouches for it; an output by its action, its device and all that
 * decides when it is on. */
bool rights_grow(const struct config *now, const struct config *next, char *why, size_t size);

#endif
