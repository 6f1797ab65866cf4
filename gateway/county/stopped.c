/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/stopped.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/county/reason.h"

#define PREFIX "firmware-"

static void name_id(char id[ALERT_ID_SIZE], int64_t number)
{
    (void)snprintf(id, ALERT_ID_SIZE, PREFIX "%" PRId64, number);
}

static struct alert_text describe(const struct stopped *stopped)
{
    struct alert_text text = {.level = ALERT_ALARM};
    char why[200];
    struct alert_words *en = &text.words[METRIC_EN], *zh = &text.words[METRIC_ZH];
    name_id(text.id, stopped->id);
    (void)snprintf(en->what, sizeof en->what, "the firmware %s goes no further: %s",
                   stopped->version, stopped->why);
    language_here(true);
    reason_say(stopped->why, why, sizeof why);
    language_here(false);
    (void)snprintf(zh->what, sizeof zh->what, "节点固件 %s 停止推送：%s", stopped->version, why);
    (void)snprintf(en->todo, sizeof en->todo,
                   "look at it (firmware show %" PRId64 "), then let it go on or abort it",
                   stopped->id);
    (void)snprintf(zh->todo, sizeof zh->todo,
                   "查看（firmware show %" PRId64 "），再继续（go）或中止（abort）", stopped->id);
    return text;
}

static bool is_among(const char *id, const struct stopped *stopped, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char one[ALERT_ID_SIZE];
        name_id(one, stopped[i].id);
        if (strcmp(id, one) == 0)
            return true;
    }
    return false;
}

void stopped_look(struct active *active, const struct stopped *stopped, uint32_t count,
                  const struct active_now *now)
{
    for (struct alert *alert = active_first(active); alert != NULL; alert = alert->next) {
        if (strncmp(alert->text.id, PREFIX, strlen(PREFIX)) == 0 &&
            !is_among(alert->text.id, stopped, count))
            active_end(active, alert->text.id, now);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct alert_text text = describe(&stopped[i]);
        (void)active_set(active, &text, 0, stopped[i].since_ms, now);
    }
}
