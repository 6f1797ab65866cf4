/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/trend.h"

#include <math.h>
#include <string.h>

#include "gateway/common/chance.h"
#include "gateway/forecast/trend_table.h"

#define SLOW_ALPHA 0.25
/* Of ln kg per picker over ln crew: pickers get in each other's way. */
#define SLOPE_PRIOR  (-0.35)
#define SLOPE_WEIGHT 0.5
#define LEAST_LN     (-2.0)
#define MOST_LN      1.5 /* of ln: a crew of more than 4.5 times the usual one picks no more */
#define FEWEST_LN    (-6.0)
#define RAIN_USUAL   0.33    /* of days in spring: where nobody knows of tomorrow's */
#define RAIN_LN      (-0.22) /* of kg per picker on a rain day: an assumption */
#define REST_LN      1.6     /* ln of five days: longer rests tell no more */

static double between(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double or_else(double x, double otherwise)
{
    return isnan(x) ? otherwise : x;
}

struct trend trend_begin(double area_m2, const struct trend_last *last)
{
    return (struct trend){.area_m2 = area_m2,
                          .last = *last,
                          .last_each_ln = last->each_kg > 0 ? chance_log(last->each_kg) : NAN,
                          .rain = 0.33,
                          .gap = 2.0,
                          .noise = 0.3};
}

void trend_day(struct trend *trend, double growth_cd, double rain)
{
    double growth = or_else(growth_cd, 0);
    trend->days++;
    trend->rained = rain >= 0.5;
    if (!trend->started)
        return;
    trend->warm_cd += growth;
    trend->since_cd += growth;
    trend->rest_days++;
}

static void smooth(double *value, double next, double alpha)
{
    *value += alpha * (next - *value);
}

static void learn_crew(struct trend *trend, double each_ln, double crew_ln)
{
    if (trend->picks == 0) {
        trend->each_ln = trend->fast_ln = each_ln;
        trend->crew_ln = crew_ln;
    } else {
        double change = each_ln - trend->each_ln, crew = crew_ln - trend->crew_ln;
        smooth(&trend->noise, fabs(change), 0.3);
        trend->cov = 0.9 * trend->cov + change * crew;
        trend->var = 0.9 * trend->var + crew * crew;
        smooth(&trend->each_ln, each_ln, TREND_ALPHA);
        smooth(&trend->fast_ln, each_ln, SLOW_ALPHA);
        smooth(&trend->crew_ln, crew_ln, TREND_ALPHA);
    }
    trend->last_each_ln_kg = each_ln;
    trend->picks++;
}

static double miss(double each_ln, double said_each_kg)
{
    if (!(said_each_kg > 0))
        return 0;
    return between(each_ln - chance_log(said_each_kg), -MOST_LN, MOST_LN);
}

static void remember(struct trend *trend, const struct trend_pick *pick)
{
    struct trend_past past = {.day = trend->days,
                              .each_ln = chance_log(pick->kg / pick->pickers),
                              .crew_ln = chance_log(pick->pickers),
                              .came_ln = NAN,
                              .since_cd = trend->since_cd,
                              .rain = pick->rain};
    past.dry_ln = past.each_ln - RAIN_LN * pick->rain;
    past.crew_most_ln = past.crew_ln;
    if (pick->booked > 0) {
        past.came_ln = past.crew_ln - chance_log(pick->booked);
        past.crew_most_ln = fmax(past.crew_ln, chance_log(pick->booked));
    }
    past.model_miss = miss(past.each_ln, pick->model_each_kg);
    past.trend_miss = miss(past.each_ln, pick->first_each_kg);
    if (trend->past_count == TREND_PICKS) {
        memmove(trend->past, trend->past + 1, (TREND_PICKS - 1) * sizeof past);
        trend->past_count--;
    }
    if (trend->past_count > 0)
        past.crew_most_ln =
            fmax(past.crew_most_ln, trend->past[trend->past_count - 1].crew_most_ln);
    trend->past[trend->past_count++] = past;
}

void trend_pick(struct trend *trend, const struct trend_pick *pick)
{
    if (trend->started)
        smooth(&trend->gap, trend->rest_days, TREND_ALPHA);
    else
        trend->first_day = trend->days;
    if (pick->pickers > 0) {
        remember(trend, pick);
        learn_crew(trend, chance_log(pick->kg / pick->pickers), chance_log(pick->pickers));
    }
    smooth(&trend->rain, pick->rain, TREND_ALPHA);
    trend->picked_kg += pick->kg;
    trend->last_kg = pick->kg;
    trend->last_day = trend->days;
    trend->picked_days++;
    trend->booked_days += pick->booked > 0;
    trend->started = true;
    trend->rest_days = 0;
    trend->since_cd = 0;
}

/* Nothing noted yet: the norm, and how dense the crew stands on the plot. */
static double start_features(const struct trend *trend, const struct trend_tomorrow *tomorrow,
                             double x[TREND_FEATURES])
{
    double crew_ln = chance_log(tomorrow->pickers), area = chance_log(trend->area_m2);
    double season = chance_log(tomorrow->season_kg);
    double model = chance_log(tomorrow->model_kg / tomorrow->pickers / TREND_NORM_KG);
    bool last = !isnan(trend->last_each_ln);
    x[0] = 1;
    x[1] = last;
    x[2] = last ? trend->last_each_ln - chance_log(TREND_NORM_KG) : 0;
    x[3] = isnan(area) ? 0 : between(crew_ln - area + 6.5, -2, 2);
    x[4] = isnan(season) ? 0 : between(crew_ln - season + 3.5, -2, 2);
    x[5] = RAIN_USUAL;
    x[6] = isnan(model) ? 0 : between(model, LEAST_LN, MOST_LN);
    x[7] = isnan(model) ? 0 : between(tomorrow->growth_cd / 6 - 1, -1, 2);
    return crew_ln + chance_log(TREND_NORM_KG);
}

static double season_features(const struct trend *trend, const struct trend_tomorrow *tomorrow,
                              double x[TREND_FEATURES])
{
    double crew_ln = chance_log(tomorrow->pickers);
    double crew = crew_ln - trend->crew_ln;
    double base = trend->each_ln + trend->crew_ln + between(crew, FEWEST_LN, MOST_LN);
    crew = between(crew, LEAST_LN, MOST_LN);
    double slope = (trend->cov + SLOPE_WEIGHT * SLOPE_PRIOR) / (trend->var + SLOPE_WEIGHT);
    double rest = chance_log(fmax(1, trend->rest_days + 1.0));
    double gap = between(rest, 0, REST_LN) - chance_log(fmax(1, trend->gap));
    double share = or_else(trend->picked_kg / tomorrow->season_kg, 0.3);
    double warm = between(trend->warm_cd / 100, 0, 3);
    double model = chance_log(tomorrow->model_kg) - base;
    double area = chance_log(trend->area_m2);
    model = isnan(model) ? 0 : between(model, LEAST_LN, MOST_LN);
    x[0] = 1;
    x[1] = trend->last_each_ln_kg - trend->each_ln;
    x[2] = trend->fast_ln - trend->each_ln;
    x[3] = crew;
    x[4] = crew * between(slope, -1.5, 0.5);
    x[5] = crew * fabs(crew);
    x[6] = RAIN_USUAL - trend->rain;
    x[7] = gap;
    x[8] = between(tomorrow->growth_cd / 6 - 1, -1, 2);
    x[9] = between((trend->since_cd + tomorrow->growth_cd) / 15 - 1, -1, 3);
    x[10] = between(share, 0, 1.5);
    x[11] = x[10] * x[10];
    x[12] = warm;
    x[13] = warm * warm;
    x[14] = model;
    x[15] = model * fabs(model);
    x[16] = between(trend->each_ln - chance_log(TREND_NORM_KG), -1.5, 1.0);
    x[17] = isnan(trend->last_each_ln)
                ? 0
                : between(trend->last_each_ln - trend->each_ln, LEAST_LN, MOST_LN);
    x[18] = 1.0 / trend->picks;
    x[19] = isnan(area) ? 0 : between(crew_ln - area + 6.5, -2, 2);
    x[20] = between(trend->noise, 0, 1);
    double supply = chance_log(tomorrow->ready_kg) - base;
    x[22] = isnan(supply) ? 0 : between(supply - 1, -2, 3);
    x[23] = between(or_else(tomorrow->share_ready, 0.5), 0, 1);
    x[21] = tomorrow->booked ? 0 : 1;
    return base;
}

static double weigh(const double *weights, const double *x, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += weights[i] * x[i];
    return sum;
}

/* The features' weights, then those of products of two. */
static double weigh_pairs(const double x[TREND_FEATURES])
{
    double sum = weigh(trend_middle, x, TREND_FEATURES);
    for (int i = 0; i < TREND_PAIRS; i++)
        sum += trend_middle[TREND_FEATURES + i] * x[trend_pairs[i][0]] * x[trend_pairs[i][1]];
    return sum;
}

double trend_features(const struct trend *trend, const struct trend_tomorrow *tomorrow,
                      double x[TREND_FEATURES], double *first_ln)
{
    for (int i = 0; i < TREND_FEATURES; i++)
        x[i] = 0;
    bool start = trend->picks == 0;
    double base = start ? start_features(trend, tomorrow, x) : season_features(trend, tomorrow, x);
    *first_ln = base + (start ? weigh(trend_start_middle, x, TREND_START) : weigh_pairs(x));
    return base;
}

double trend_first_kg(const struct trend *trend, const struct trend_tomorrow *tomorrow)
{
    double x[TREND_FEATURES], first_ln;
    (void)trend_features(trend, tomorrow, x, &first_ln);
    return chance_exp(first_ln);
}

void trend_range(double middle_ln, double spread_ln, const struct trend_width *width,
                 double rain_chance, double kg[3])
{
    double middle = middle_ln + RAIN_LN * (rain_chance - RAIN_USUAL);
    double spread = between(chance_exp(between(spread_ln, -3, 1)), 0.08, 1.5);
    kg[0] = chance_exp(middle - width->low * spread);
    kg[1] = chance_exp(middle);
    kg[2] = chance_exp(middle + width->high * spread);
}

void trend_predict_first(const struct trend *trend, const struct trend_tomorrow *tomorrow,
                         double kg[3])
{
    static const struct trend_width width = {TREND_START_LOW, TREND_START_HIGH};
    double x[TREND_FEATURES], middle;
    (void)trend_features(trend, tomorrow, x, &middle);
    trend_range(middle, weigh(trend_start_spread, x, TREND_START), &width, tomorrow->rain_chance,
                kg);
}
