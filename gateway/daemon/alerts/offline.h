/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that do not answer, or whose sensors have not moved for hours: no one who grows tea looks
 * at a list of devices every morning. One alert a device; where all devices of a line are silent it
 * is the line's, and only that. A device is given five of its periods, since a battery node may
 * miss one. Pure: health, flags and time are arguments. One thread at a time. */
#ifndef BAIYE_ALERTS_OFFLINE_H
#define BAIYE_ALERTS_OFFLINE_H

#include "gateway/daemon/alerts/active.h"

struct offline;

/* `config` must outlive it. NULL: no memory. */
struct offline *offline_create(const struct config *config);
void offline_destroy(struct offline *offline);
void offline_health(struct offline *offline, const struct device_health *health);
/* Looks at the flags of a reading that is not late. */
void offline_reading(struct offline *offline, const struct reading *reading);
/* Raises and ends. */
void offline_second(struct offline *offline, struct active *active, const struct active_now *now);
/* Is it the id of an alert that may be raised here? */
bool offline_is_ours(const struct offline *offline, const char *id);

#endif
