/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/nets.h"

#include <math.h>

#include "gateway/common/chance.h"
#include "gateway/forecast/layers.h"
#include "gateway/forecast/nets_table.h"

#define MARKET_DAYS    5
#define MARKET_LOSSES  3
#define MARKET_CHANCE  0.6  /* that a farm goes to market at all: an assumption */
#define MISS_SD        0.35 /* ln, of the first rule */
#define MISS_MOST      0.8
#define RAIN_SLOPE     (-0.22) /* as trend.c has it, believed like ... */
#define RAIN_WEIGHT    3.0     /* ... so many rain days' squares */
#define SHRUNK         3.0     /* picks without a miss, before there are some */
#define LATELY         5       /* picks that are looked at one by one */
#define SEASON_KG_EACH 3.5     /* ln kg of a season to a picker, about */
#define FAR_OFF        6.0     /* spreads: what is further off is as far */

/* Of the course's features: what rain takes on this farm. */
#define USUAL_RAIN (TREND_FEATURES + 29)

static double between(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* `otherwise` for NaN. */
static double within(double x, double low, double high, double otherwise)
{
    return isnan(x) ? otherwise : between(x, low, high);
}

/* NaN where it is not known. */
static double ln(double x)
{
    return x > 0 ? chance_log(x) : NAN;
}

static double mean_miss(const struct trend *trend)
{
    double sum = 0;
    for (unsigned i = 0; i < trend->past_count; i++)
        sum += trend->past[i].trend_miss;
    return sum / (trend->past_count + SHRUNK);
}

/* How well a market on every fifth day, `phase` days after tomorrow's, with that loss explains the
 * misses: ln of the likelihood, against none. `share`: of the picks that fell on it. */
static double market_ln(const struct trend *trend, unsigned phase, double loss, double mean,
                        double *share)
{
    double days = 0, sum = 0;
    for (unsigned i = 0; i < trend->past_count; i++)
        days += (trend->days - trend->past[i].day) % MARKET_DAYS == phase;
    *share = days / trend->past_count;
    for (unsigned i = 0; i < trend->past_count; i++) {
        double miss = between(trend->past[i].trend_miss - mean, -MISS_MOST, MISS_MOST);
        bool is_market = (trend->days - trend->past[i].day) % MARKET_DAYS == phase;
        double expected = is_market ? -loss * (1 - *share) : loss * *share;
        sum += miss * miss - (miss - expected) * (miss - expected);
    }
    return sum / (2 * MISS_SD * MISS_SD);
}

/* What the market is to take from tomorrow's ln kg, over all that it may be like. */
static double market_tomorrow(const struct trend *trend)
{
    static const double losses[MARKET_LOSSES] = {0.15, 0.35, 0.6};
    double mean = mean_miss(trend), sum = 0, weights = 1 - MARKET_CHANCE;
    for (unsigned phase = 0; phase < MARKET_DAYS; phase++) {
        for (int i = 0; i < MARKET_LOSSES; i++) {
            double share;
            double likely = chance_exp(market_ln(trend, phase, losses[i], mean, &share));
            double weight = MARKET_CHANCE / (MARKET_DAYS * MARKET_LOSSES) * likely;
            sum += weight * losses[i] * (phase == 0 ? share - 1 : share);
            weights += weight;
        }
    }
    return sum / weights;
}

/* Of this farm: ln kg per picker that rain takes. */
static double rain_slope(const struct trend *trend)
{
    double miss = mean_miss(trend), rain = 0;
    double sum = RAIN_WEIGHT * RAIN_SLOPE, squares = RAIN_WEIGHT;
    for (unsigned i = 0; i < trend->past_count; i++)
        rain += trend->past[i].rain / trend->past_count;
    for (unsigned i = 0; i < trend->past_count; i++) {
        double wet = trend->past[i].rain - rain;
        sum += wet * (trend->past[i].trend_miss - miss);
        squares += wet * wet;
    }
    return between(sum / squares, -1, 0.5);
}

static double *weather_features(const struct trend *trend, const struct trend_tomorrow *tomorrow,
                                double *x)
{
    double slope = rain_slope(trend);
    *x++ = tomorrow->rain_chance;
    *x++ = slope;
    *x++ = slope * tomorrow->rain_chance;
    *x++ = market_tomorrow(trend);
    return x;
}

/* The last picks one by one, newest first; 0 where there are not so many. */
static double *lately_features(const struct trend *trend, double crew_ln, double *x)
{
    unsigned day = trend->days, count = trend->past_count;
    for (unsigned i = 0; i < LATELY; i++, x += 6) {
        const struct trend_past *past = i < count ? &trend->past[count - 1 - i] : NULL;
        x[0] = past == NULL ? 0 : between(past->each_ln - trend->each_ln, -2, 2);
        x[1] = past == NULL ? 0 : between(crew_ln - past->crew_ln, -3, 2);
        x[2] = past == NULL ? 0 : past->trend_miss;
        x[3] = past == NULL ? 0 : past->model_miss;
        x[4] = past == NULL ? 0 : past->rain;
        x[5] = past == NULL ? 0 : between(day - past->day, 0, 12) / 4;
        day = past == NULL ? day : past->day;
    }
    return x;
}

static double *miss_features(const struct trend *trend, double *x)
{
    double mean = mean_miss(trend), weight = 1, sum = 0, weights = 1, squares = 0.1 * SHRUNK;
    for (unsigned i = trend->past_count; i-- > 0;) {
        const struct trend_past *past = &trend->past[i];
        sum += weight * past->trend_miss;
        weights += weight;
        weight *= 0.8;
        squares += (past->trend_miss - mean) * (past->trend_miss - mean);
    }
    *x++ = sum / weights;
    *x++ = between(sqrt(squares / (trend->past_count + SHRUNK)), 0, 1.5);
    *x++ = between(trend->past_count, 0, 40) / 10;
    return x;
}

static double *held_features(const struct trend *trend, const struct trend_tomorrow *tomorrow,
                             double base, double *x)
{
    double left_kg = tomorrow->season_kg - trend->picked_kg, crew_ln = ln(tomorrow->pickers);
    *x++ = within(ln(left_kg) - crew_ln - SEASON_KG_EACH, -4, 3, isnan(left_kg) ? 0 : -4);
    *x++ = within(base - ln(tomorrow->season_kg) + SEASON_KG_EACH, -3, 3, 0);
    *x++ = within(tomorrow->model_ln, 0, 4, 2);
    *x++ = within(ln(tomorrow->held_share), -6, 0, -2);
    *x++ = within(ln(tomorrow->hands_kg) - trend->each_ln, -2, 3, 0);
    return x;
}

/* 0 where nothing is known of last season. */
static double *last_features(const struct trend *trend, double crew_ln, double base, double *x)
{
    const struct trend_last *last = &trend->last;
    bool known = last->kg > 0;
    double spread_cd = last->spread_cd + 10;
    *x++ = within(crew_ln - ln(last->crew_most), -3, 1, 0);
    *x++ = within(last->gap_days, 0, 8, 0) / 2;
    *x++ = known ? within((trend->warm_cd - last->middle_cd) / spread_cd, -3, 3, 0) : 0;
    *x++ = known ? within(spread_cd / 50, 0, 4, 0) : 0;
    *x++ = within(base - ln(last->kg) + SEASON_KG_EACH, -3, 3, 0);
    *x++ = within(ln(trend->picked_kg) - ln(last->kg), -4, 1.5, 0);
    return x;
}

struct nets_base nets_features(const struct trend *trend, const struct trend_tomorrow *tomorrow,
                               double x[NETS_FEATURES])
{
    double first_ln, crew_ln = ln(tomorrow->pickers);
    for (int i = 0; i < NETS_FEATURES; i++)
        x[i] = 0;
    double base = trend_features(trend, tomorrow, x, &first_ln);
    if (trend->past_count == 0)
        return (struct nets_base){base, base};
    course_features(trend, tomorrow, base, first_ln, x + TREND_FEATURES);
    double middle = base + course_middle_ln(x);
    double *own = x + TREND_FEATURES + COURSE_FEATURES;
    *own++ = between(middle - base, -2, 2);
    own = weather_features(trend, tomorrow, own);
    own = lately_features(trend, crew_ln, own);
    own = miss_features(trend, own);
    own = held_features(trend, tomorrow, base, own);
    own = last_features(trend, crew_ln, base, own);
    *own = x[USUAL_RAIN] * tomorrow->rain_chance;
    return (struct nets_base){base, middle};
}

/* Shares of what is usual with farms, by which the nets go. */
static void to_values(const double x[NETS_FEATURES], int values[NETS_FEATURES])
{
    for (int i = 0; i < NETS_FEATURES; i++) {
        double off = (x[i] * 1000 - nets_middle[i]) / nets_spread[i];
        values[i] = (int)floor(within(off, -FAR_OFF, FAR_OFF, 0) * LAYER_ONE);
    }
}

/* ln of what the nets say, all of them as much as each other. */
static double correct_ln(const double x[NETS_FEATURES])
{
    int values[NETS_FEATURES];
    double sum = 0;
    to_values(x, values);
    for (int n = 0; n < NETS; n++) {
        const struct layer layers[] = {
            {NETS_FEATURES, NETS_FIRST, nets_first[n][0], nets_first_offsets[n]},
            {NETS_FIRST, NETS_SECOND, nets_second[n][0], nets_second_offsets[n]},
            {NETS_SECOND, 1, nets_last[n], &nets_last_offsets[n]},
        };
        sum += layers_output(layers, 3, values);
    }
    return between(sum / NETS / LAYER_SUM_ONE, -1, 1);
}

void nets_predict(const struct trend *trend, const struct trend_tomorrow *tomorrow, double kg[3])
{
    static const struct trend_width width = {NETS_LOW, NETS_HIGH};
    double x[NETS_FEATURES], spread_ln = 0;
    if (trend->past_count == 0) {
        trend_predict_first(trend, tomorrow, kg);
        return;
    }
    double middle = nets_features(trend, tomorrow, x).middle + correct_ln(x);
    for (int i = 0; i < NETS_FEATURES; i++)
        spread_ln += nets_width[i] * x[i];
    trend_range(middle, spread_ln, &width, tomorrow->rain_chance, kg);
}
