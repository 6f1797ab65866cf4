/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/alerts/calibration.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/daemon/alerts/text.h"
#include "protocols/metric/metric.h"

#define PREFIX "calibration-"

/* Days since 1970 of YYYYMMDD. */
static int64_t days_of(int32_t day)
{
    struct tm tm = {
        .tm_year = day / 10000 - 1900, .tm_mon = day / 100 % 100 - 1, .tm_mday = day % 100};
    return (int64_t)timegm(&tm) / 86400;
}

static void add_metric(const char *metric, struct alert_text *text)
{
    static const char *const between[METRIC_LANGUAGES] = {"、", ", "};
    const struct metric_info *info = metric_find(metric);
    for (unsigned l = 0; l < METRIC_LANGUAGES; l++) {
        char *what = text->words[l].what;
        size_t at = strlen(what);
        const char *name = info != NULL ? info->text[l] : metric;
        if (at + strlen(name) + 80 < ALERT_WHAT_SIZE) /* room for the rest of the sentence */
            (void)snprintf(what + at, ALERT_WHAT_SIZE - at, "%s%s", at > 0 ? between[l] : "", name);
    }
}

static void finish_words(struct alert_text *text, int32_t due, bool past)
{
    char day[32];
    struct alert_words *en = &text->words[METRIC_EN], *zh = &text->words[METRIC_ZH];
    (void)snprintf(day, sizeof day, "%04d-%02d-%02d", (int)(due / 10000), (int)(due / 100 % 100),
                   (int)(due % 100));
    size_t at = strlen(en->what);
    (void)snprintf(en->what + at, sizeof en->what - at,
                   past ? ": calibration has been due since %s" : ": calibration is due on %s",
                   day);
    at = strlen(zh->what);
    (void)snprintf(zh->what + at, sizeof zh->what - at,
                   past ? "：%s 就该校准了" : "：%s 之前要校准", day);
    (void)snprintf(en->todo, sizeof en->todo,
                   "compare it with a reference, then set calibration_due to the next day");
    (void)snprintf(zh->todo, sizeof zh->todo, "与标准对比校准，再把 calibration_due 改成下次日期");
}

static void look_at_device(const struct config *config, const struct device_config *device,
                           int32_t today, struct active *active, const struct active_now *now)
{
    struct alert_text text = {.level = ALERT_WATCH};
    int32_t first = 0;
    (void)snprintf(text.id, sizeof text.id, PREFIX "%s", device->name);
    for (unsigned m = 0; m < device->metric_count; m++) {
        int32_t due = device->due[m];
        if (due == 0 || days_of(due) - days_of(today) > CALIBRATION_AHEAD_DAYS)
            continue;
        first = first == 0 || due < first ? due : first;
        add_metric(device->metrics[m]->metric, &text);
    }
    if (first == 0) {
        active_end(active, text.id, now);
        return;
    }
    finish_words(&text, first, today >= first);
    (void)snprintf(text.where, sizeof text.where, "%s", device->name);
    (void)snprintf(text.devices, sizeof text.devices, "%s", device->name);
    for (unsigned l = 0; l < METRIC_LANGUAGES; l++)
        text_device_place(config, device, text.words[l].place, sizeof text.words[l].place);
    (void)active_set(active, &text, now->mono_ms, 0, now);
}

void calibration_look(const struct config *config, struct active *active,
                      const struct active_now *now)
{
    int32_t today = now->wall.trust == TIME_TRUSTED ? clock_day(now->wall.ms) : 0;
    for (uint16_t i = 0; today != 0 && i < config->device_count; i++)
        look_at_device(config, &config->devices[i], today, active, now);
}

bool calibration_is_ours(const struct config *config, const char *id)
{
    return strncmp(id, PREFIX, strlen(PREFIX)) == 0 &&
           config_device(config, id + strlen(PREFIX)) != NULL;
}
