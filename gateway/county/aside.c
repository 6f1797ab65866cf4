/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/aside.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "aside-"

static struct alert_text describe(const char *site)
{
    struct alert_text text = {.level = ALERT_WATCH};
    struct alert_words *en = &text.words[METRIC_EN], *zh = &text.words[METRIC_ZH];
    (void)snprintf(text.id, sizeof text.id, PREFIX "%s", site);
    (void)snprintf(text.where, sizeof text.where, "%s", site);
    (void)snprintf(en->what, sizeof en->what,
                   "messages of the garden %s do not fit and are set aside", site);
    (void)snprintf(zh->what, sizeof zh->what, "茶园 %s 有消息不合格式或超出限额，已另存", site);
    (void)snprintf(en->todo, sizeof en->todo,
                   "look why: SELECT reason, times FROM dead WHERE site = '%s'", site);
    (void)snprintf(zh->todo, sizeof zh->todo,
                   "查看原因：SELECT reason, times FROM dead WHERE site = '%s'", site);
    return text;
}

static bool is_among(const char *id, const struct aside *asides, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(id + strlen(PREFIX), asides[i].site) == 0)
            return true;
    }
    return false;
}

void aside_look(struct active *active, const struct aside *asides, uint32_t count,
                const struct active_now *now)
{
    for (struct alert *alert = active_first(active); alert != NULL; alert = alert->next) {
        if (strncmp(alert->text.id, PREFIX, strlen(PREFIX)) == 0 &&
            !is_among(alert->text.id, asides, count))
            active_end(active, alert->text.id, now);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct alert_text text = describe(asides[i].site);
        (void)active_set(active, &text, 0, asides[i].since_ms, now);
    }
}
