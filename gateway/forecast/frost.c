/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/frost.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "gateway/common/moist_air.h"

#define YOUNG_MS    (20 * INT64_C(60000)) /* an hour younger than this is no mean of an hour */
#define DUSK_MS     (2 * TEA_HOUR_MS)
#define SUNSET_MS   (2 * TEA_HOUR_MS) /* the temperature at sunset is known from so near to it */
#define LEARN_MS    (3 * TEA_HOUR_MS)
#define SD_ROOT_K   0.54 /* standard deviation of the rest of the fall, a root of an hour */
#define SD_LEAST_K  0.3
#define SD_UNSTEADY 1.3 /* the evening warms: wind or cloud has come */
#define FEW_NIGHTS  5.0
#define TEN_PERCENT 1.2816 /* standard deviations to 10 and 90 % */

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

static double hours_of(int64_t ms)
{
    return (double)ms / (double)TEA_HOUR_MS;
}

/* What freezes: the canopy where `canopy` says so. */
static double value_of(const struct tea_hour *hour, bool canopy)
{
    return canopy ? hour->canopy_c : hour->air_c;
}

/* At that time, on the line between the middles of the hours around it; NAN: none within
 * SUNSET_MS. */
static double value_at(const struct frost_input *input, int64_t when_ms, bool canopy)
{
    int64_t before_ms = 0, after_ms = 0;
    double before = NAN, after = NAN;
    for (uint32_t i = 0; i < input->recent.count; i++) {
        int64_t t_ms = input->recent.first_ms + (int64_t)i * TEA_HOUR_MS;
        int64_t at_ms = middle_ms(t_ms, input->now_ms);
        double value = value_of(&input->recent.hours[i], canopy);
        if (t_ms + YOUNG_MS > input->now_ms || isnan(value))
            continue;
        if (at_ms <= when_ms) {
            before_ms = at_ms;
            before = value;
        } else if (isnan(after)) {
            after_ms = at_ms;
            after = value;
        }
    }
    if (when_ms - before_ms > SUNSET_MS)
        before = NAN;
    if (after_ms - when_ms > SUNSET_MS)
        after = NAN;
    if (isnan(before) || isnan(after))
        return isnan(before) ? after : before;
    return before +
           (after - before) * (double)(when_ms - before_ms) / (double)(after_ms - before_ms);
}

/* The newest hours with air, of the last two; the canopy counts where both ends of the evening have
 * it. */
struct evening {
    double now_c, air_c, sunset_c, dew_k, change_k; /* change_k: in the last hour */
    int64_t at_ms;
};

static bool has_canopy(const struct frost_input *input)
{
    for (uint32_t i = 0; i < input->recent.count; i++) {
        int64_t t_ms = input->recent.first_ms + (int64_t)i * TEA_HOUR_MS;
        const struct tea_hour *hour = &input->recent.hours[i];
        if (t_ms + TEA_HOUR_MS > input->sunset_ms && t_ms + YOUNG_MS <= input->now_ms &&
            !isnan(hour->air_c) && isnan(hour->canopy_c))
            return false;
    }
    return !isnan(value_at(input, input->sunset_ms, true));
}

static struct evening look_back(const struct frost_input *input)
{
    struct evening evening = {NAN, NAN, NAN, NAN, NAN, 0};
    bool canopy = has_canopy(input);
    for (uint32_t i = input->recent.count; i > 0; i--) {
        const struct tea_hour *hour = &input->recent.hours[i - 1];
        int64_t t_ms = input->recent.first_ms + (int64_t)(i - 1) * TEA_HOUR_MS;
        double value = value_of(hour, canopy);
        if (t_ms + YOUNG_MS > input->now_ms || isnan(value) || isnan(hour->air_c))
            continue;
        if (t_ms < input->now_ms - FROST_FRESH_MS)
            break;
        evening.at_ms = middle_ms(t_ms, input->now_ms);
        evening.now_c = value;
        evening.air_c = hour->air_c;
        evening.dew_k = hour->air_c - moist_air_dew_point_c(hour->air_c, hour->humidity);
        if (i > 1)
            evening.change_k = value - value_of(&input->recent.hours[i - 2], canopy);
        break;
    }
    evening.sunset_c = value_at(input, input->sunset_ms, canopy);
    return evening;
}

struct frost_evening frost_evening(const struct frost_input *input)
{
    const struct evening evening = look_back(input);
    return (struct frost_evening){.now_c = evening.now_c,
                                  .air_c = evening.air_c,
                                  .drop_k = evening.sunset_c - evening.now_c,
                                  .dew_k = evening.dew_k,
                                  .change_k = evening.change_k,
                                  .since_h = hours_of(evening.at_ms - input->sunset_ms),
                                  .left_h = hours_of(input->sunrise_ms - evening.at_ms)};
}

struct frost_night frost_night(const struct frost_input *input)
{
    struct frost_night night = {NAN, NAN};
    const struct frost_evening e = frost_evening(input);
    if (isnan(e.now_c) || isnan(e.drop_k) || isnan(e.dew_k) || e.since_h < 0.5 || e.left_h < 0)
        return night;
    double root = sqrt(e.left_h);
    double change =
        root * (0.533 - 0.0248 * e.air_c - 0.0570 * e.dew_k - 0.156 * e.drop_k / sqrt(e.since_h)) -
        0.198 * e.left_h;
    double share = fmin(1, e.left_h / 9); /* of the night is the plot's own error, too */
    night.min_c = e.now_c + fmin(0, change - input->bias_k * share);
    night.sd_k = fmax(SD_LEAST_K, SD_ROOT_K * root);
    if (e.change_k > 0.5)
        night.sd_k *= SD_UNSTEADY;
    return night;
}

double frost_chance(const struct frost_night *night, double to_c)
{
    if (isnan(night->min_c))
        return NAN;
    return 0.5 * erfc((night->min_c - to_c) / (night->sd_k * sqrt(2)));
}

double frost_bias_k(const double *errors_k, int count)
{
    double sum = 0, known = 0;
    for (int i = count - 1; i >= 0 && known < FROST_NIGHTS; i--) {
        if (isnan(errors_k[i]))
            continue;
        sum += errors_k[i];
        known++;
    }
    return known > 0 ? sum / (known + FEW_NIGHTS) : 0;
}

double frost_error_k(const struct frost_input *of)
{
    struct frost_input evening = *of;
    double least_c = NAN;
    unsigned known = 0;
    evening.now_ms = of->sunset_ms + LEARN_MS;
    evening.bias_k = 0;
    bool canopy = has_canopy(&evening);
    for (uint32_t i = 0; i < of->recent.count; i++) {
        int64_t t_ms = of->recent.first_ms + (int64_t)i * TEA_HOUR_MS;
        double value = value_of(&of->recent.hours[i], canopy);
        if (t_ms < evening.now_ms || t_ms > of->sunrise_ms || isnan(value))
            continue;
        least_c = fmin(least_c, value);
        known++;
    }
    int64_t hours = (of->sunrise_ms - evening.now_ms) / TEA_HOUR_MS;
    if (of->sunset_ms == 0 || (int64_t)known + 2 < hours)
        return NAN;
    return frost_night(&evening).min_c - least_c;
}

static double gate_of(const struct frost_input *input)
{
    return input->gate_cd > 0 ? input->gate_cd : FROST_GATE_CD;
}

static bool buds_stirred(const struct frost_input *input)
{
    if (input->season_day > FROST_LAST_DAY)
        return false;
    if (isnan(input->thermal_time))
        return input->season_day >= FROST_FIRST_DAY;
    return input->thermal_time >= gate_of(input);
}

static void note_dormancy(const struct frost_input *input, struct frost *frost)
{
    frost->level = FROST_NONE;
    if (input->season_day > FROST_LAST_DAY || isnan(input->thermal_time)) {
        (void)snprintf(frost->why, sizeof frost->why, "no sprouting buds at this time of the year");
        (void)snprintf(frost->why_zh, sizeof frost->why_zh, "这个时节没有萌发的茶芽");
        return;
    }
    (void)snprintf(frost->why, sizeof frost->why,
                   "the buds are hardly out: %.0f of %.0f °C d, a light frost does little harm",
                   input->thermal_time, gate_of(input));
    (void)snprintf(frost->why_zh, sizeof frost->why_zh,
                   "茶芽未展：积温 %.0f，不到 %.0f °C·d，轻霜危害小", input->thermal_time,
                   gate_of(input));
}

/* Far enough into a night to see how it cools. */
static bool is_late(const struct frost_input *input)
{
    return input->now_ms >= input->sunset_ms + DUSK_MS && input->now_ms < input->sunrise_ms;
}

/* Nothing cold was measured. Nobody says that none will come before it could be computed. */
static void explain_none(const struct frost_input *input, struct frost *frost, double now_c,
                         double morning_c)
{
    const char *why = "no colder computed for the morning", *why_zh = "估计早晨不会更冷";
    if (input->sunset_ms == 0) {
        why = "the night is not computed: say in baiye.yaml where the garden is (location)";
        why_zh = "不知道茶园位置，估计不了夜里的温度：请在 baiye.yaml 填 location";
    } else if (!is_late(input)) {
        why = "the night is computed from two hours after sunset on";
        why_zh = "日落两小时后开始估计夜里的温度";
    } else if (isnan(morning_c)) {
        frost->level = FROST_UNKNOWN;
        why = "too little is known to compute the morning";
        why_zh = "数据太少，估计不了早晨的温度";
    }
    (void)snprintf(frost->why, sizeof frost->why, "%.1f °C measured; %s", now_c, why);
    (void)snprintf(frost->why_zh, sizeof frost->why_zh, "实测 %.1f °C；%s", now_c, why_zh);
}

/* The worst level whose chance is worth the work. */
static enum frost_level level_by_chance(const struct frost_input *input,
                                        const struct frost_night *night)
{
    static const struct {
        enum frost_level level;
        double to_c;
    } levels[] = {
        {FROST_SEVERE, FROST_SEVERE_C}, {FROST_ALARM, FROST_ALARM_C}, {FROST_WATCH, FROST_WATCH_C}};
    double worth = input->alarm_chance > 0 ? input->alarm_chance : FROST_ALARM_CHANCE;
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (frost_chance(night, levels[i].to_c) >= worth)
            return levels[i].level;
    return FROST_NONE;
}

/* Of the morning that is yet to come. */
static void explain_morning(const struct frost_input *input, struct frost *frost, double now_c)
{
    bool unsure = isnan(input->thermal_time);
    int percent = (int)lround(frost->chance_alarm * 100);
    (void)snprintf(frost->why, sizeof frost->why,
                   "%.1f °C now, %.1f °C computed for the morning (%.1f to %.1f): %.0f °C or less "
                   "by %d %%%s",
                   now_c, frost->min_c, frost->range_c[0], frost->range_c[1], FROST_ALARM_C,
                   percent, unsure ? "; whether buds are out is not known" : "");
    (void)snprintf(frost->why_zh, sizeof frost->why_zh,
                   "现在 %.1f °C，估计早晨 %.1f °C（%.1f 到 %.1f），低于 %.0f °C 的可能 %d%%%s",
                   now_c, frost->min_c, frost->range_c[0], frost->range_c[1], FROST_ALARM_C,
                   percent, unsure ? "；不知道茶芽是否已萌动" : "");
}

/* `frost->min_c` is what was measured unless it is `expected`. */
static void explain_level(const struct frost_input *input, struct frost *frost, double now_c,
                          const struct frost_night *night)
{
    bool unsure = isnan(input->thermal_time);
    enum frost_level measured = frost_level_of(now_c), comes = level_by_chance(input, night);
    frost->level = comes > measured ? comes : measured;
    if (frost->expected) {
        explain_morning(input, frost, now_c);
    } else if (frost->level != FROST_NONE) {
        (void)snprintf(frost->why, sizeof frost->why, "%.1f °C measured%s", frost->min_c,
                       unsure ? "; whether buds are out is not known" : "");
        (void)snprintf(frost->why_zh, sizeof frost->why_zh, "实测 %.1f °C%s", frost->min_c,
                       unsure ? "；不知道茶芽是否已萌动" : "");
    } else {
        explain_none(input, frost, now_c, night->min_c);
    }
}

void frost_judge(const struct frost_input *input, struct frost *frost)
{
    int64_t t_ms = 0;
    struct frost_night coming = {NAN, NAN};
    *frost = (struct frost){
        .level = FROST_UNKNOWN, .min_c = NAN, .range_c = {NAN, NAN}, .chance_alarm = NAN};
    const struct tea_hour *now = newest(&input->recent, input->now_ms, coldest, &t_ms);
    if (now == NULL && input->season_day > FROST_LAST_DAY) {
        note_dormancy(input, frost);
        return;
    }
    if (now == NULL) {
        (void)snprintf(frost->why, sizeof frost->why, "no air temperature in the last two hours");
        (void)snprintf(frost->why_zh, sizeof frost->why_zh, "最近两小时没有气温");
        return;
    }
    bool night = is_late(input);
    double now_c = coldest(now);
    if (night)
        coming = frost_night(input);
    frost->min_c = now_c;
    frost->at_ms = t_ms;
    if (!isnan(coming.min_c)) {
        frost->range_c[0] = fmin(now_c, coming.min_c - TEN_PERCENT * coming.sd_k);
        frost->range_c[1] = fmin(now_c, coming.min_c + TEN_PERCENT * coming.sd_k);
        frost->chance_alarm = now_c <= FROST_ALARM_C ? 1 : frost_chance(&coming, FROST_ALARM_C);
    }
    if (coming.min_c < now_c) {
        frost->min_c = coming.min_c;
        frost->at_ms = input->sunrise_ms;
        frost->expected = true;
    }
    if (buds_stirred(input))
        explain_level(input, frost, now_c, &coming);
    else
        note_dormancy(input, frost);
    if (frost->level == FROST_UNKNOWN || (!night && frost->level == FROST_NONE)) {
        /* noon's temperature is no frost's, this moment's not the night's */
        frost->min_c = NAN;
        frost->at_ms = 0;
    }
}
