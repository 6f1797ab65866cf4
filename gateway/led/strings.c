/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/strings.h"

#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

struct shared_word {
    const char *group, *name;
    struct words text;
};

static const struct shared_word shared[WORD_COUNT] = {
#define WORD(group, name, en, zh, led_en, led_zh) {#group, #name, {{led_zh, led_en}}},
#include "protocols/metric/words.def"
#undef WORD
};

/* Numbers of the forecast, which are no metrics of a device. */
static const struct {
    const char *metric;
    enum word word;
} forecast_numbers[] = {
    {"ready_jin", WORD_grow_ready},    {"ready_kg", WORD_grow_ready},
    {"pick_jin", WORD_tomorrow_title}, {"pick_kg", WORD_tomorrow_title},
    {"pickers", WORD_pick_pickers},    {"share_ready", WORD_grow_share},
    {"min_c", WORD_frost_min},
};

const char *word_text(enum word word, enum language language)
{
    return shared[word].text.in[language];
}

bool word_metric(const char *metric, struct metric_words *words)
{
    const struct metric_info *info = metric_find(metric);
    if (info != NULL) {
        *words = (struct metric_words){
            info->name,
            {{[LANGUAGE_ZH] = info->led_text[METRIC_ZH],
              [LANGUAGE_EN] = info->led_text[METRIC_EN]}},
            info->trend,
        };
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(forecast_numbers); i++) {
        if (strcmp(forecast_numbers[i].metric, metric) == 0) {
            *words = (struct metric_words){metric, shared[forecast_numbers[i].word].text, 0};
            return true;
        }
    }
    return false;
}

static const char *find(const char *group, const char *name, enum language language)
{
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (strcmp(shared[i].group, group) == 0 && strcmp(shared[i].name, name) == 0)
            return shared[i].text.in[language];
    }
    return name;
}

const char *word_flag(enum metric_flag flag, enum language language)
{
    return flag == METRIC_GOOD ? "" : find("flag", metric_flag_name(flag), language);
}

const char *word_level(const char *level, enum language language)
{
    return find("level", level, language);
}

const char *word_frost(const char *level, enum language language)
{
    return find("frost", level, language);
}

const char *word_disease(const char *name, enum language language)
{
    return find("disease", name, language);
}

void word_age(char *out, size_t size, int64_t age_ms, enum language language)
{
    static const struct {
        int64_t unit_s, limit_s;
        enum word unit;
    } steps[] = {
        {1, 60, WORD_dev_sec},
        {60, 3600, WORD_age_min},
        {3600, 172800, WORD_age_hour},
        {86400, 999 * 86400LL, WORD_age_day},
    };
    int64_t age_s = age_ms > 0 ? age_ms / 1000 : 0;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        if (age_s < steps[i].limit_s) {
            (void)snprintf(out, size, "%d%s", (int)(age_s / steps[i].unit_s),
                           word_text(steps[i].unit, language));
            return;
        }
    }
    (void)snprintf(out, size, ">999%s", word_text(WORD_age_day, language));
}

const char *word_weekday(int day, enum language language)
{
    static const struct words days[7] = {
        {{"周日", "Sun"}}, {{"周一", "Mon"}}, {{"周二", "Tue"}}, {{"周三", "Wed"}},
        {{"周四", "Thu"}}, {{"周五", "Fri"}}, {{"周六", "Sat"}},
    };
    return days[(unsigned)day % 7].in[language];
}

void word_date(char *out, size_t size, int month, int day, enum language language)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    if (language == LANGUAGE_ZH)
        (void)snprintf(out, size, "%d月%d日", month + 1, day);
    else
        (void)snprintf(out, size, "%d %s", day, months[(unsigned)month % 12]);
}
