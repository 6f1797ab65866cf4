/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's own troubles: store, disk, brokers, data plan, descriptors. Pure: what
 * is looked at is an argument. */
#ifndef BAIYE_ALERTS_SYSTEM_H
#define BAIYE_ALERTS_SYSTEM_H

#include "gateway/daemon/alerts/active.h"
#include "gateway/daemon/alerts/kinds.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/store/store.h"
#include "gateway/daemon/upgrade_state.h"

struct system_seen {
    struct store_stats store;
    bool descriptors_left;
    bool disk_known;
    uint64_t disk_bytes, disk_free_bytes; /* of the store's file system */
    uint16_t broker_count;
    struct alerts_broker brokers[STORE_BROKERS_MAX];
    struct upgrade_state upgrade;
    char ways[WAYS_MAX][ALERTS_WHY_SIZE]; /* why each does not work; "": it does */
};

void system_look(const struct config *config, const struct system_seen *seen, struct active *active,
                 const struct active_now *now);
/* The web server can't be reached by anybody, for that reason; NULL: it can. */
void system_web(const char *what, struct active *active, const struct active_now *now);
/* Is it the id of an alert that is looked at here, or reported again after a start? */
bool system_is_ours(const struct config *config, const char *id);

#endif
