/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/strings.h"

#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const struct metric_words metrics[] = {
    {"air_temperature", {{"气温", "Temp"}}, 0.5},
    {"air_humidity", {{"湿度", "Humidity"}}, 3},
    {"soil_moisture", {{"墒情", "Soil"}}, 1},
    {"soil_temperature", {{"地温", "Soil T"}}, 0.3},
    {"soil_conductivity", {{"电导", "EC"}}, 20},
    {"soil_ph", {{"土酸", "Soil pH"}}, 0.1},
    {"illuminance", {{"光照", "Light"}}, 5000},
    {"rainfall", {{"雨量", "Rain"}}, 0.5},
    {"wind_speed", {{"风速", "Wind"}}, 1},
    {"wind_direction", {{"风向", "Wind"}}, 400},
    {"leaf_wetness", {{"叶湿", "Leaf"}}, 5},
    {"battery_voltage", {{"电池", "Batt"}}, 0.1},
    {"signal_strength", {{"信号", "Signal"}}, 6},
    {"vapour_pressure_deficit", {{"水汽", "VPD"}}, 0.1},
    {"dew_point", {{"露点", "Dew"}}, 0.5},
    {"thermal_time", {{"积温", "Heat"}}, 400},
    {"soil_wetness", {{"土湿", "Wet"}}, 2},
    {"canopy_temperature", {{"冠温", "Canopy"}}, 0.5},
    {"air_pressure", {{"气压", "Press"}}, 0.1},
    {"solar_radiation", {{"辐射", "Sun"}}, 50},
    {"soil_nitrogen", {{"土氮", "N"}}, 5},
    {"soil_phosphorus", {{"土磷", "P"}}, 5},
    {"soil_potassium", {{"土钾", "K"}}, 5},
    {"soil_salinity", {{"盐分", "Salt"}}, 20},
    {"carbon_dioxide", {{"碳氧", "CO2"}}, 50},
    {"leaf_temperature", {{"叶温", "Leaf T"}}, 0.5},
    {"noise", {{"噪声", "Noise"}}, 5},
    {"pm2_5", {{"微尘", "PM2.5"}}, 10},
    {"pm10", {{"粉尘", "PM10"}}, 10},
    {"ultraviolet_index", {{"紫外", "UV"}}, 1},
    /* of the forecast */
    {"ready_kg", {{"可采", "Ready"}}, 0},
    {"pick_kg", {{"明采", "Pick"}}, 0},
    {"pickers", {{"人手", "Pickers"}}, 0},
    {"share_ready", {{"成熟", "Ripe"}}, 0},
    {"min_c", {{"最低", "Low"}}, 0},
};

static const struct words texts[WORD_COUNT] = {
    [WORD_WAITING] = {{"等待", "waiting"}},
    [WORD_NO_BROKER] = {{"断网", "No link"}},
    [WORD_GATEWAY_OFFLINE] = {{"网关离线", "Gateway off"}},
    [WORD_GATEWAY_SHORT] = {{"网关断", "GW off"}},
    [WORD_NO_ALERTS] = {{"无告警", "No alerts"}},
    [WORD_ALERT] = {{"告警", "Alert"}},
    [WORD_SINCE] = {{"始于", "since"}},
    [WORD_FROST_NONE] = {{"无霜冻", "no frost"}},
    [WORD_LEARNING] = {{"学习中", "learning"}},
};

static const struct words flags[METRIC_FLAG_COUNT] = {
    [METRIC_GOOD] = {{"", ""}},           [METRIC_STALE] = {{"过期", "old"}},
    [METRIC_RANGE] = {{"超限", "range"}}, [METRIC_STUCK] = {{"卡滞", "stuck"}},
    [METRIC_ABSENT] = {{"缺失", "none"}}, [METRIC_UNCALIBRATED] = {{"未校", "uncal"}},
    [METRIC_FAULT] = {{"故障", "fault"}}, [METRIC_CLOCK] = {{"时钟", "clock"}},
};

struct named_words {
    const char *name;
    struct words text;
};

static const struct named_words levels[] = {
    {"none", {{"无", "none"}}},         {"low", {{"低", "low"}}},
    {"medium", {{"中", "medium"}}},     {"high", {{"高", "high"}}},
    {"info", {{"提示", "info"}}},       {"watch", {{"注意", "watch"}}},
    {"alarm", {{"警报", "alarm"}}},     {"severe", {{"严重", "severe"}}},
    {"unknown", {{"不明", "unknown"}}},
};

static const struct named_words diseases[] = {
    {"blister_blight", {{"茶饼病", "blister blight"}}},
    {"white_star", {{"茶白星病", "white star"}}},
    {"anthracnose", {{"炭疽病", "anthracnose"}}},
};

const char *word_text(enum word word, enum language language)
{
    return texts[word].in[language];
}

const struct metric_words *word_metric(const char *metric)
{
    for (size_t i = 0; i < COUNT_OF(metrics); i++) {
        if (strcmp(metrics[i].metric, metric) == 0)
            return &metrics[i];
    }
    return NULL;
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
