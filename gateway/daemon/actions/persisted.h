/* SPDX-License-Identifier: Apache-2.0 */
/* What of the outputs outlives the process, as one document of the store:
 *   {"v":1,
 *    "ran":[[action, minute of the day, wall ms],…]               times that were taken
 *    "on":[[device, write, off, bus, unit],…]                      outputs that may be on
 *    "people":[[device, write, user, wall ms, seconds left],…]}    whose it is, and until when
 * Outputs of the file are switched off at each start; "on" is for those that the file has not any
 * more: an action that was taken out or a device that was renamed while on. Such a device is found
 * by its name, and by its place on the bus. Pure. */
#ifndef BAIYE_ACTIONS_PERSISTED_H
#define BAIYE_ACTIONS_PERSISTED_H

#include "gateway/daemon/actions/switching.h"

/* Its length; 0: does not fit. */
size_t persisted_write(const struct config *config, const struct switching *switching,
                       const struct switching_now *now, char *doc, size_t size);
/* `lost` is called for what may be on and can't be reached any more: the file has neither its
 * device nor its place. */
void persisted_read(const struct config *config, struct switching *switching,
                    const struct switching_now *now, const char *doc, size_t size,
                    void (*lost)(const char *device, const char *write));

#endif
