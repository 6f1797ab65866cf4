/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/strings.h"

#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

/* Numbers of the forecast, which are no metrics of a device. */
static const struct metric_words forecast_numbers[] = {
    {"ready_kg", {{"能采", "Ready"}}, 0},  {"pick_kg", {{"明采", "Pick"}}, 0},
    {"pickers", {{"人数", "Pickers"}}, 0}, {"share_ready", {{"可采", "Ripe"}}, 0},
    {"min_c", {{"最低", "Low"}}, 0},
};

static const struct words texts[WORD_COUNT] = {
    [WORD_WAITING] = {{"等待", "waiting"}},
    [WORD_NO_BROKER] = {{"断网", "No link"}},
    [WORD_GATEWAY_OFFLINE] = {{"主机离线", "Gateway off"}},
    [WORD_GATEWAY_SHORT] = {{"主机断", "GW off"}},
    [WORD_NO_ALERTS] = {{"无告警", "No alerts"}},
    [WORD_ALERT] = {{"告警", "Alert"}},
    [WORD_SINCE] = {{"始于", "since"}},
    [WORD_FROST_NONE] = {{"无霜冻", "no frost"}},
    [WORD_LEARNING] = {{"学习中", "learning"}},
};

static const struct words flags[METRIC_FLAG_COUNT] = {
    [METRIC_GOOD] = {{"", ""}},           [METRIC_STALE] = {{"旧", "old"}},
    [METRIC_RANGE] = {{"超出", "range"}}, [METRIC_STUCK] = {{"不变", "stuck"}},
    [METRIC_ABSENT] = {{"缺失", "none"}}, [METRIC_UNCALIBRATED] = {{"未校", "uncal"}},
    [METRIC_FAULT] = {{"故障", "fault"}}, [METRIC_CLOCK] = {{"时间", "clock"}},
};

struct named_words {
    const char *name;
    struct words text;
};

static const struct named_words levels[] = {
    {"none", {{"无", "none"}}},         {"low", {{"低", "low"}}},
    {"medium", {{"中", "medium"}}},     {"high", {{"高", "high"}}},
    {"info", {{"提示", "info"}}},       {"watch", {{"留意", "watch"}}},
    {"alarm", {{"警报", "alarm"}}},     {"severe", {{"严重", "severe"}}},
    {"unknown", {{"不明", "unknown"}}},
};

static const struct named_words diseases[] = {
    {"blister_blight", {{"茶饼病", "blister blight"}}},
    {"white_star", {{"茶白星病", "white star"}}},
    {"anthracnose", {{"茶炭疽病", "anthracnose"}}},
};

const char *word_text(enum word word, enum language language)
{
    return texts[word].in[language];
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
            *words = forecast_numbers[i];
            return true;
        }
    }
    return false;
}

const char *word_flag(enum metric_flag flag, enum language language)
{
    return flags[(unsigned)flag < METRIC_FLAG_COUNT ? flag : METRIC_FAULT].in[language];
}

static const char *find_named(const struct named_words *table, size_t count, const char *name,
                              enum language language)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].name, name) == 0)
            return table[i].text.in[language];
    }
    return name;
}

const char *word_level(const char *level, enum language language)
{
    return find_named(levels, COUNT_OF(levels), level, language);
}

const char *word_disease(const char *name, enum language language)
{
    return find_named(diseases, COUNT_OF(diseases), name, language);
}

void word_age(char *out, size_t size, int64_t age_ms, enum language language)
{
    static const struct {
        int64_t unit_s, limit_s;
        struct words text;
    } steps[] = {
        {1, 60, {{"秒", "s"}}},
        {60, 3600, {{"分", "min"}}},
        {3600, 172800, {{"时", "h"}}},
        {86400, 999 * 86400LL, {{"天", "d"}}},
    };
    int64_t age_s = age_ms > 0 ? age_ms / 1000 : 0;
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        if (age_s < steps[i].limit_s) {
            (void)snprintf(out, size, "%d%s", (int)(age_s / steps[i].unit_s),
                           steps[i].text.in[language]);
            return;
        }
    }
    (void)snprintf(out, size, ">999%s", steps[3].text.in[language]);
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
