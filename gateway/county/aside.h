/* SPDX-License-Identifier: Apache-2.0 */
/* Gardens of which many messages were set aside (table dead), as alerts: one each, told once, and
 * over when a day has passed without. Pure. */
#ifndef BAIYE_COUNTY_ASIDE_H
#define BAIYE_COUNTY_ASIDE_H

#include <stdint.h>

#include "gateway/county/message.h"
#include "gateway/daemon/alerts/active.h"

#define ASIDE_LEAST "10" /* messages in a day: of fewer the page says it. As text, for SQL */
#define ASIDE_MOST  10u  /* gardens told one by one */

struct aside {
    char site[MESSAGE_NAME_SIZE];
    int64_t since_ms;
};

/* What stands in `active` of messages set aside is then these. */
void aside_look(struct active *active, const struct aside *asides, uint32_t count,
                const struct active_now *now);

#endif
