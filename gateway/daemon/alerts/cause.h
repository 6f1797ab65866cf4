/* SPDX-License-Identifier: Apache-2.0 */
/* A cause of the rules becomes an alert, changes one, or ends it. Pure. */
#ifndef BAIYE_ALERTS_CAUSE_H
#define BAIYE_ALERTS_CAUSE_H

#include "gateway/daemon/alerts/active.h"
#include "gateway/daemon/alerts/rules.h"

/* true: people are to be told at once, it begins or ends. */
bool cause_take(const struct config *config, const struct rules *rules, struct active *active,
                const struct rules_cause *cause, const struct active_now *now);

#endif
