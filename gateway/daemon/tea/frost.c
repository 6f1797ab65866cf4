/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/tea/frost.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#define FIT_HOURS   3
#define FIT_SPAN_MS (4 * TEA_HOUR_MS)     /* those three lie within the last four */
#define YOUNG_MS    (20 * INT64_C(60000)) /* an hour younger than this is no mean of an hour */

const char *frost_level_name(enum frost_level level)
{
    static const char *const names[] = {"none", "watch", "alarm", "severe"};
    return level >= FROST_NONE && level <= FROST_SEVERE ? names[level] : NULL;
}

enum frost_level frost_level_of(double temp_c)
{
    if (isnan(temp_c))
        return FROST_UNKNOWN;
    if (temp_c <= FROST_SEVERE_C)
        return FROST_SEVERE;
    if (temp_c <= FROST_ALARM_C)
        return FROST_ALARM;
    return temp_c <= FROST_WATCH_C ? FROST_WATCH : FROST_NONE;
}

double frost_dew_point_c(double temp_c, double humidity)
{
    if (!(humidity > 0 && humidity <= 100))
        return NAN;
    double g = log(humidity / 100) + 17.27 * temp_c / (temp_c + 237.3);
    return 237.3 * g / (17.27 - g);
}

/* fminf() leaves NAN out. */
static double coldest(const struct tea_hour *hour)
{
    return fminf(hour->air_min_c, hour->canopy_min_c);
}

/* The canopy's mean where it is measured: it is what freezes. */
static double shoots_c(const struct tea_hour *hour)
{
    return isnan(hour->canopy_c) ? hour->air_c : hour->canopy_c;
}

/* The newest hour in which `of` gives a number and that is still now; NULL: there is none. */
static const struct tea_hour *newest(const struct tea_hours *recent, int64_t now_ms,
                                     double (*of)(const struct tea_hour *), int64_t *t_ms)
{
    for (uint32_t i = recent->count; i > 0; i--) {
        *t_ms = recent->first_ms + (int64_t)(i - 1) * TEA_HOUR_MS;
        if (*t_ms < now_ms - FROST_FRESH_MS)
            return NULL;
        if (*t_ms < now_ms && !isnan(of(&recent->hours[i - 1])))
            return &recent->hours[i - 1];
    }
    return NULL;
}

/* In the middle of what of the hour is over. */
static int64_t middle_ms(int64_t t_ms, int64_t now_ms)
{
    int64_t end_ms = t_ms + TEA_HOUR_MS < now_ms ? t_ms + TEA_HOUR_MS : now_ms;
    return t_ms + (end_ms - t_ms) / 2;
}

double frost_morning_c(const struct tea_hours *recent, int64_t now_ms, int64_t morning_ms)
{
    unsigned n = 0;
    double sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0, dew_c = NAN, last_c = NAN;
    for (uint32_t i = recent->count; i > 0 && n < FIT_HOURS; i--) {
        const struct tea_hour *hour = &recent->hours[i - 1];
        int64_t t_ms = recent->first_ms + (int64_t)(i - 1) * TEA_HOUR_MS;
        if (t_ms < now_ms - FIT_SPAN_MS)
            break;
        double y = shoots_c(hour);
        if (t_ms + YOUNG_MS > now_ms || isnan(y))
            continue;
        double x = (double)(middle_ms(t_ms, now_ms) - morning_ms) / (double)TEA_HOUR_MS;
        if (isnan(dew_c))
            dew_c = frost_dew_point_c(hour->air_c, hour->humidity);
        last_c = n > 0 ? last_c : y;
        n++;
        sum_x += x;
        sum_y += y;
        sum_xx += x * x;
        sum_xy += x * y;
    }
    if (n < FIT_HOURS || isnan(dew_c))
        return NAN;
    double slope = (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x * sum_x);
    if (slope >= 0) /* it does not cool: no colder than now */
        return last_c;
    double line_c = (sum_y - slope * sum_x) / n; /* x is 0 in the morning */
    return fmin(last_c, fmax(line_c, dew_c));
}

static bool buds_stirred(const struct frost_input *input)
{
    if (input->season_day > FROST_LAST_DAY)
        return false;
    if (isnan(input->thermal_time))
        return input->season_day >= FROST_FIRST_DAY;
    return input->thermal_time >= FROST_GATE_CD;
}

static void tell_sleep(const struct frost_input *input, struct frost *frost)
{
    frost->level = FROST_NONE;
    if (isnan(input->thermal_time) || input->thermal_time >= FROST_GATE_CD) {
        (void)snprintf(frost->why, sizeof frost->why, "no sprouting buds at this time of the year");
        (void)snprintf(frost->why_zh, sizeof frost->why_zh, "这个时节没有萌发的茶芽");
        return;
    }
    (void)snprintf(frost->why, sizeof frost->why,
                   "the buds still sleep: %.0f of %.0f °C d, frost does them no harm",
                   input->thermal_time, FROST_GATE_CD);
    (void)snprintf(frost->why_zh, sizeof frost->why_zh,
                   "茶芽还没萌动：积温 %.0f，到 %.0f °C·d 才怕霜", input->thermal_time,
                   FROST_GATE_CD);
}

static void tell_level(const struct frost_input *input, struct frost *frost, double now_c)
{
    bool unsure = isnan(input->thermal_time);
    const char *also = unsure ? "; whether buds are out is not known" : "";
    const char *also_zh = unsure ? "；不知道茶芽是否已萌动" : "";
    bool by_day = input->now_ms < input->night_ms || input->now_ms >= input->morning_ms;
    frost->level = frost_level_of(frost->min_c);
    if (frost->reckoned) {
        (void)snprintf(frost->why, sizeof frost->why,
                       "%.1f °C now, %.1f °C reckoned for the morning%s", now_c, frost->min_c,
                       also);
        (void)snprintf(frost->why_zh, sizeof frost->why_zh, "现在 %.1f °C，估计早晨 %.1f °C%s",
                       now_c, frost->min_c, also_zh);
    } else if (frost->level != FROST_NONE) {
        (void)snprintf(frost->why, sizeof frost->why, "%.1f °C measured%s", frost->min_c, also);
        (void)snprintf(frost->why_zh, sizeof frost->why_zh, "实测 %.1f °C%s", frost->min_c,
                       also_zh);
    } else {
        (void)snprintf(frost->why, sizeof frost->why, "%.1f °C measured; %s", now_c,
                       by_day ? "the night is reckoned from 20:00 on"
                              : "too little is known to reckon the morning");
        (void)snprintf(frost->why_zh, sizeof frost->why_zh, "实测 %.1f °C；%s", now_c,
                       by_day ? "20:00 起估计夜里的温度" : "数据太少，估计不了早晨的温度");
    }
}

void frost_judge(const struct frost_input *input, struct frost *frost)
{
    int64_t t_ms = 0;
    *frost = (struct frost){.level = FROST_UNKNOWN, .min_c = NAN};
    const struct tea_hour *now = newest(&input->recent, input->now_ms, coldest, &t_ms);
    if (now == NULL && input->season_day > FROST_LAST_DAY) {
        tell_sleep(input, frost);
        return;
    }
    if (now == NULL) {
        (void)snprintf(frost->why, sizeof frost->why, "no air temperature in the last two hours");
        (void)snprintf(frost->why_zh, sizeof frost->why_zh, "最近两小时没有气温");
        return;
    }
    bool night = input->now_ms >= input->night_ms && input->now_ms < input->morning_ms;
    double now_c = coldest(now);
    double morning_c =
        night ? frost_morning_c(&input->recent, input->now_ms, input->morning_ms) : NAN;
    frost->min_c = now_c;
    frost->at_ms = t_ms;
    if (morning_c < now_c) {
        frost->min_c = morning_c;
        frost->at_ms = input->morning_ms;
        frost->reckoned = true;
    }
    if (buds_stirred(input))
        tell_level(input, frost, now_c);
    else
        tell_sleep(input, frost);
    if (!night && frost->level == FROST_NONE) { /* noon's temperature is no frost's */
        frost->min_c = NAN;
        frost->at_ms = 0;
    }
}
