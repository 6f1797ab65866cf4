/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/silence.h"

#include <stdio.h>
#include <string.h>

#define SILENT     "silent-"
#define DEAF_ID    "county-deaf"
#define DEAF_LEAST 5u /* gardens: of fewer each is told by itself */

/* Half of them or more, at once. */
static bool is_deaf(uint32_t count, uint32_t gardens)
{
    return count >= DEAF_LEAST && count * 2 >= gardens;
}

static struct alert_text describe(const struct silence *silence)
{
    struct alert_text text = {.level = ALERT_ALARM};
    const char *label = silence->label[0] != '\0' ? silence->label : silence->site;
    struct alert_words *en = &text.words[METRIC_EN], *zh = &text.words[METRIC_ZH];
    (void)snprintf(text.id, sizeof text.id, SILENT "%s", silence->site);
    (void)snprintf(text.where, sizeof text.where, "%s", silence->site);
    (void)snprintf(en->what, sizeof en->what, "nothing is heard of the garden %s", label);
    (void)snprintf(zh->what, sizeof zh->what, "茶园 %s 没有消息了", label);
    (void)snprintf(en->place, sizeof en->place, "%s", silence->region);
    (void)snprintf(zh->place, sizeof zh->place, "%s", silence->region);
    (void)snprintf(en->todo, sizeof en->todo,
                   "call somebody there: has the gateway power, and is there a network?");
    (void)snprintf(zh->todo, sizeof zh->todo, "打电话问那里的人：主机有没有电，网络通不通？");
    return text;
}

static struct alert_text describe_deaf(uint32_t count, uint32_t gardens)
{
    struct alert_text text = {.id = DEAF_ID, .level = ALERT_ALARM};
    struct alert_words *en = &text.words[METRIC_EN], *zh = &text.words[METRIC_ZH];
    (void)snprintf(en->what, sizeof en->what, "nothing is heard of %u of %u gardens", count,
                   gardens);
    (void)snprintf(zh->what, sizeof zh->what, "%u 个茶园没有消息了，一共 %u 个", count, gardens);
    (void)snprintf(en->todo, sizeof en->todo,
                   "look at the county first: do its brokers and baiye-ingest run?");
    (void)snprintf(zh->todo, sizeof zh->todo,
                   "先看县里的服务器：消息服务器和 baiye-ingest 在运行吗？");
    return text;
}

static bool is_among(const char *id, const struct silence *silences, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(id + strlen(SILENT), silences[i].site) == 0)
            return true;
    }
    return false;
}

static void end_others(struct active *active, const struct silence *silences, uint32_t count,
                       bool deaf, const struct active_now *now)
{
    for (struct alert *alert = active_first(active); alert != NULL; alert = alert->next) {
        bool is_deaf_one = strcmp(alert->text.id, DEAF_ID) == 0;
        if (!is_deaf_one && strncmp(alert->text.id, SILENT, strlen(SILENT)) != 0)
            continue; /* of something else */
        if (is_deaf_one ? !deaf : !is_among(alert->text.id, silences, count))
            active_end(active, alert->text.id, now);
    }
}

/* Nothing of it goes to a topic or a row: the table `silence` is what is kept. */
static void keep_nothing(struct active *active)
{
    for (struct alert *alert = active_first(active); alert != NULL; alert = alert->next)
        alert->publish = alert->publish_now = alert->follow = alert->save = alert->save_now = false;
    active_sweep(active);
}

void silence_look(struct active *active, const struct silence *silences, uint32_t count,
                  uint32_t gardens, const struct active_now *now)
{
    bool deaf = is_deaf(count, gardens);
    keep_nothing(active); /* what has ended was looked at since */
    end_others(active, silences, count, deaf, now);
    if (deaf) {
        struct alert_text text = describe_deaf(count, gardens);
        (void)active_set(active, &text, 0, now->wall.ms, now);
    }
    for (uint32_t i = 0; i < count && i < SILENCE_MOST; i++) {
        struct alert_text text = describe(&silences[i]);
        if (deaf && active_find(active, text.id) == NULL)
            continue; /* told before it stays told */
        (void)active_set(active, &text, 0, silences[i].since_ms, now);
        if (silences[i].seen_by[0] != '\0')
            (void)active_acknowledge(active, text.id, silences[i].seen_by, silences[i].seen_ms);
    }
}
