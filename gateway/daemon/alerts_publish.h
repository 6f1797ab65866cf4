/* SPDX-License-Identifier: Apache-2.0 */
/* Ties alerts to the brokers: their topics go out through publish, and they look at its
 * connections; what stands is reported to the notifier. So none of the rooms knows another. */
#ifndef BAIYE_ALERTS_PUBLISH_H
#define BAIYE_ALERTS_PUBLISH_H

#include "gateway/daemon/alerts/alerts.h"
#include "gateway/daemon/notifier/notifier.h"
#include "gateway/daemon/publish/publish.h"

/* As alerts_start(); `publish` and `notifier` (may be NULL) must stay until alerts_stop(). */
struct alerts *alerts_start_publishing(const struct config *config, struct store *store,
                                       struct publish *publish, struct notifier *notifier);

#endif
