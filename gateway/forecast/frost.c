/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/frost.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#define FIT_LEAST   2
#define FIT_MOST    5
#define FIT_SPAN_MS (6 * TEA_HOUR_MS)
#define YOUNG_MS    (20 * INT64_C(60000)) /* an hour younger than this is no mean of an hour */
#define DUSK_MS     (2 * TEA_HOUR_MS)
#define BELOW_DEW_K 4.0

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

/* Hours since sunset, newest first. */
struct evening {
    unsigned count;
    double root_h[FIT_MOST]; /* root of the hours from sunset to the middle of it */
    double air_c[FIT_MOST], canopy_c[FIT_MOST];
    bool canopy; /* measured in all of them: it is what freezes */
    double dew_c;
};

static double root_hours(int64_t ms)
{
    return sqrt((double)ms / (double)TEA_HOUR_MS);
}

static struct evening look_back(const struct frost_input *input)
{
    struct evening evening = {.canopy = true, .dew_c = NAN};
    for (uint32_t i = input->recent.count; i > 0 && evening.count < FIT_MOST; i--) {
        const struct tea_hour *hour = &input->recent.hours[i - 1];
        int64_t t_ms = input->recent.first_ms + (int64_t)(i - 1) * TEA_HOUR_MS;
        int64_t at_ms = middle_ms(t_ms, input->now_ms);
        if (t_ms + YOUNG_MS > input->now_ms || isnan(hour->air_c))
            continue;
        if (t_ms < input->now_ms - FIT_SPAN_MS || at_ms < input->sunset_ms)
            break;
        if (isnan(evening.dew_c))
            evening.dew_c = frost_dew_point_c(hour->air_c, hour->humidity);
        evening.root_h[evening.count] = root_hours(at_ms - input->sunset_ms);
        evening.air_c[evening.count] = hour->air_c;
        evening.canopy_c[evening.count] = hour->canopy_c;
        evening.canopy = evening.canopy && !isnan(hour->canopy_c);
        evening.count++;
    }
    return evening;
}

double frost_morning_c(const struct frost_input *input)
{
    const struct evening evening = look_back(input);
    const double *y = evening.canopy ? evening.canopy_c : evening.air_c;
    double n = evening.count, sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0;
    if (evening.count < FIT_LEAST || isnan(evening.dew_c))
        return NAN;
    for (unsigned i = 0; i < evening.count; i++) {
        double x = evening.root_h[i];
        sum_x += x;
        sum_y += y[i];
        sum_xx += x * x;
        sum_xy += x * y[i];
    }
    double slope = (n * sum_xy - sum_x * sum_y) / (n * sum_xx - sum_x * sum_x);
    if (slope >= 0) /* it does not cool: no colder than now */
        return y[0];
    double line_c =
        (sum_y - slope * sum_x) / n + slope * root_hours(input->sunrise_ms - input->sunset_ms);
    return fmin(y[0], fmax(line_c, evening.dew_c - BELOW_DEW_K));
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
    if (input->season_day > FROST_LAST_DAY || isnan(input->thermal_time)) {
        (void)snprintf(frost->why, sizeof frost->why, "no sprouting buds at this time of the year");
        (void)snprintf(frost->why_zh, sizeof frost->why_zh, "这个时节没有萌发的茶芽");
        return;
    }
    (void)snprintf(frost->why, sizeof frost->why,
                   "the buds are hardly out: %.0f of %.0f °C d, a light frost does little harm",
                   input->thermal_time, FROST_GATE_CD);
    (void)snprintf(frost->why_zh, sizeof frost->why_zh,
                   "茶芽未展：积温 %.0f，不到 %.0f °C·d，轻霜危害小", input->thermal_time,
                   FROST_GATE_CD);
}

/* Far enough into a night to see how it cools. */
static bool is_late(const struct frost_input *input)
{
    return input->now_ms >= input->sunset_ms + DUSK_MS && input->now_ms < input->sunrise_ms;
}

/* Nothing cold was measured. Nobody says that none will come before it could be reckoned. */
static void tell_none(const struct frost_input *input, struct frost *frost, double now_c,
                      double morning_c)
{
    const char *why = "no colder reckoned for the morning", *why_zh = "估计早晨不会更冷";
    if (input->sunset_ms == 0) {
        why = "the night is not reckoned: say in baiye.yaml where the garden is (location)";
        why_zh = "不知道茶园位置，估计不了夜里的温度：请在 baiye.yaml 填 location";
    } else if (!is_late(input)) {
        why = "the night is reckoned from two hours after sunset on";
        why_zh = "日落两小时后开始估计夜里的温度";
    } else if (isnan(morning_c)) {
        frost->level = FROST_UNKNOWN;
        why = "too little is known to reckon the morning";
        why_zh = "数据太少，估计不了早晨的温度";
    }
    (void)snprintf(frost->why, sizeof frost->why, "%.1f °C measured; %s", now_c, why);
    (void)snprintf(frost->why_zh, sizeof frost->why_zh, "实测 %.1f °C；%s", now_c, why_zh);
}

static void tell_level(const struct frost_input *input, struct frost *frost, double now_c,
                       double morning_c)
{
    bool unsure = isnan(input->thermal_time);
    const char *also = unsure ? "; whether buds are out is not known" : "";
    const char *also_zh = unsure ? "；不知道茶芽是否已萌动" : "";
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
        tell_none(input, frost, now_c, morning_c);
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
    bool night = is_late(input);
    double now_c = coldest(now), morning_c = night ? frost_morning_c(input) : NAN;
    frost->min_c = now_c;
    frost->at_ms = t_ms;
    if (morning_c < now_c) {
        frost->min_c = morning_c;
        frost->at_ms = input->sunrise_ms;
        frost->reckoned = true;
    }
    if (buds_stirred(input))
        tell_level(input, frost, now_c, morning_c);
    else
        tell_sleep(input, frost);
    if (frost->level == FROST_UNKNOWN || (!night && frost->level == FROST_NONE)) {
        /* noon's temperature is no frost's, this moment's not the night's */
        frost->min_c = NAN;
        frost->at_ms = 0;
    }
}
