/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/alerts_publish.h"

#include <stdio.h>
#include <string.h>

static bool publish_alert(void *context, const char *suffix, const void *payload, size_t size,
                          bool retain, uint8_t qos)
{
    return publish_doc(context, suffix, payload, size, retain, qos);
}

static bool follow_alert(void *context, const char *suffix, const void *payload, size_t size)
{
    return publish_follow(context, suffix, payload, size);
}

static enum alerts_twin twin_of(unsigned twin)
{
    static const enum alerts_twin twins[] = {[PUBLISH_TWIN_NONE] = ALERTS_TWIN_NONE,
                                             [PUBLISH_TWIN_SESSION] = ALERTS_TWIN_SESSION,
                                             [PUBLISH_TWIN_SITE] = ALERTS_TWIN_SITE,
                                             [PUBLISH_TWIN_IDENTITY] = ALERTS_TWIN_IDENTITY};
    return twin < sizeof twins / sizeof twins[0] ? twins[twin] : ALERTS_TWIN_NONE;
}

static void look_at_broker(void *context, uint16_t index, struct alerts_broker *broker)
{
    struct publish_stats stats;
    publish_stats(context, index, &stats);
    broker->refused = strcmp(stats.state, "refused") == 0;
    (void)snprintf(broker->why, sizeof broker->why, "%s", stats.why);
    broker->twin = (uint8_t)twin_of(stats.twin);
    broker->data = stats.used_up          ? ALERTS_DATA_USED
                   : stats.budget_limited ? ALERTS_DATA_MOST_USED
                                          : ALERTS_DATA_PLENTY;
}

static void notify_people(void *people, const struct active *active, const struct active_now *now)
{
    notifier_look(people, active, now);
}

static void look_at_way(void *people, uint16_t index, char why[ALERTS_WHY_SIZE])
{
    struct notifier_way way;
    notifier_way(people, index, &way);
    (void)snprintf(why, ALERTS_WHY_SIZE, "%s", way.trouble);
}

struct alerts *alerts_start_publishing(const struct config *config, struct store *store,
                                       struct publish *publish, struct notifier *notifier)
{
    struct alerts_out out = {.context = publish,
                             .publish_doc = publish_alert,
                             .follow = follow_alert,
                             .broker = look_at_broker};
    if (notifier != NULL) {
        out.people = notifier;
        out.look = notify_people;
        out.way = look_at_way;
    }
    return alerts_start(config, store, &out);
}
