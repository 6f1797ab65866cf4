/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/course.h"

#include <math.h>

#include "gateway/common/chance.h"
#include "gateway/forecast/course_table.h"

#define MARKET_DAYS 5    /* from market to market: who sells there picks less */
#define NEIGHBOURS  2    /* picks before and after, by which a market's day is judged */
#define SHRUNK      3.0  /* picks with no miss, before there are some */
#define SLOPE_RIDGE 20.0 /* days squared: two picks make no slope */
#define ALL         (TREND_FEATURES + COURSE_FEATURES)

static double between(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double or_else(double x, double otherwise)
{
    return isnan(x) ? otherwise : x;
}

/* Means over the season's picks, `n` of them. */
struct means {
    double each_ln, dry_ln, crew_ln, day, since_cd;
};

static struct means means_of(const struct trend *trend)
{
    struct means sum = {0};
    double n = trend->past_count;
    for (unsigned i = 0; i < trend->past_count; i++) {
        const struct trend_past *past = &trend->past[i];
        sum.each_ln += past->each_ln / n;
        sum.dry_ln += past->dry_ln / n;
        sum.crew_ln += past->crew_ln / n;
        sum.day += past->day / n;
        sum.since_cd += past->since_cd / n;
    }
    return sum;
}

/* Kg per picker without rain, newest picks first: each next one counts `kept` of it. */
static double recent_dry(const struct trend *trend, double kept)
{
    double weight = 1, sum = 0, weights = 0;
    for (unsigned i = trend->past_count; i-- > 0;) {
        sum += weight * trend->past[i].dry_ln;
        weights += weight;
        weight *= kept;
    }
    return sum / weights;
}

static void level_features(const struct trend *trend, const struct means *means, double *x)
{
    static const double kept[3] = {0.5, 0.75, 0.88};
    for (int i = 0; i < 3; i++)
        x[i] = between(recent_dry(trend, kept[i]) - trend->each_ln, -1.5, 1.5);
    x[3] = between(means->dry_ln - trend->each_ln, -1.5, 1.5);
}

/* ln pickers against those before, and who came of who was booked. */
static void crew_features(const struct trend *trend, const struct means *means, double crew_ln,
                          double *x)
{
    double came = 0, booked = 0;
    const struct trend_past *last = &trend->past[trend->past_count - 1];
    for (unsigned i = 0; i < trend->past_count; i++) {
        came += or_else(trend->past[i].came_ln, 0);
        booked += !isnan(trend->past[i].came_ln);
    }
    x[0] = between(crew_ln - last->crew_most_ln, -3, 1.5);
    x[1] = between(crew_ln - means->crew_ln, -3, 1.5);
    x[2] = between(last->crew_ln - trend->crew_ln, -2, 2);
    x[3] = between(came / (booked + 2), -0.5, 0.5) * 4;
}

/* How far off the picks of tomorrow's day of the market's round were from those around them. */
static double market_feature(const struct trend *trend)
{
    double sum = 0, count = 0;
    int n = (int)trend->past_count;
    for (int i = 0; i < n; i++) {
        double near_ln = 0, near = 0;
        if ((trend->days - trend->past[i].day) % MARKET_DAYS != 0)
            continue;
        for (int j = i - NEIGHBOURS; j <= i + NEIGHBOURS; j++) {
            bool is_past = j >= 0 && j < n;
            near_ln += is_past ? trend->past[j].dry_ln : 0;
            near += is_past;
        }
        sum += trend->past[i].dry_ln - near_ln / near;
        count++;
    }
    return between(sum / (count + 2), -1, 1) * 4;
}

/* How far off both models have been: of late, and all season. */
static void miss_features(const struct trend *trend, double *x)
{
    double model = 0, first = 0, model_sum = 0, first_sum = 0;
    for (unsigned i = 0; i < trend->past_count; i++) {
        const struct trend_past *past = &trend->past[i];
        model += (i == 0 ? 1 : TREND_ALPHA) * (past->model_miss - model);
        first += (i == 0 ? 1 : TREND_ALPHA) * (past->trend_miss - first);
        model_sum += past->model_miss;
        first_sum += past->trend_miss;
    }
    x[0] = model;
    x[1] = model_sum / (trend->past_count + SHRUNK);
    x[2] = first;
    x[3] = first_sum / (trend->past_count + SHRUNK);
}

/* Slopes over days, and spreads. */
static void shape_features(const struct trend *trend, const struct means *means, double *x)
{
    double squares = 0, dry = 0, crew = 0, each_var = 0, crew_var = 0;
    double n = trend->past_count;
    double ago = trend->days - trend->past[trend->past_count - 1].day;
    for (unsigned i = 0; i < trend->past_count; i++) {
        const struct trend_past *past = &trend->past[i];
        double day = past->day - means->day, each_ln = past->each_ln - means->each_ln;
        double crew_ln = past->crew_ln - means->crew_ln;
        squares += day * day;
        dry += day * (past->dry_ln - means->dry_ln);
        crew += day * crew_ln;
        each_var += each_ln * each_ln / n;
        crew_var += crew_ln * crew_ln / n;
    }
    x[0] = between(dry / (squares + SLOPE_RIDGE) * ago, -1, 1) * 4;
    x[1] = between(crew / (squares + SLOPE_RIDGE), -0.3, 0.3) * 4;
    x[2] = n > 1 ? between(sqrt(each_var), 0, 1.5) : 0.3;
    x[3] = n > 1 ? between(sqrt(crew_var), 0, 1.5) : 0.3;
}

static double difference_ln(double a, double b, double low, double high, double otherwise)
{
    return between(or_else(chance_log(a) - chance_log(b), otherwise), low, high);
}

/* Where in the season, how long since, and what the particles hold. */
static void season_features(const struct trend *trend, const struct means *means,
                            const struct trend_tomorrow *tomorrow, double base, double *x)
{
    double season_days = trend->last_day - trend->first_day + 1.0;
    x[0] = difference_ln(trend->since_cd + 2, means->since_cd + 2, -2, 2, 0);
    x[1] = between(trend->days - trend->first_day, 0, 60) / 20.0;
    x[2] = difference_ln(tomorrow->ready_kg, tomorrow->season_kg, -6, 0, -2) / 2 + 1;
    x[3] = difference_ln(tomorrow->ready_kg, tomorrow->pickers, -3, 4, 1);
    x[4] = trend->rest_days <= 1;
    x[5] = trend->picked_days / season_days;
    x[6] = between(chance_log(trend->last_kg) - base, -3, 3);
    x[7] = (double)trend->booked_days / trend->picked_days;
    x[8] = between(difference_ln(tomorrow->pickers, tomorrow->season_kg, -9, 9, -3.5) + 3.5, -2, 2);
    x[9] = trend->rained;
}

/* The farm's usual day, by filters. */
static void usual_features(const struct trend *trend, double *x)
{
    struct usual_pick picks[TREND_PICKS];
    for (unsigned i = 0; i < trend->past_count; i++) {
        const struct trend_past *past = &trend->past[i];
        picks[i] = (struct usual_pick){past->day, past->each_ln, past->rain};
    }
    struct usual usual =
        usual_look(picks, trend->past_count, trend->days, &trend->last.habits, NULL);
    x[0] = between(usual.each_ln - trend->each_ln, -1.5, 1.5);
    x[1] = usual.market_ln * 2;
    x[2] = usual.rain_ln * 2;
    x[3] = usual.noise_ln * 2;
    x[4] = usual.speed_ln * 4;
}

void course_features(const struct trend *trend, const struct trend_tomorrow *tomorrow, double base,
                     double first_ln, double course[COURSE_FEATURES])
{
    struct means means = means_of(trend);
    level_features(trend, &means, course);
    crew_features(trend, &means, chance_log(tomorrow->pickers), course + 4);
    miss_features(trend, course + 8);
    shape_features(trend, &means, course + 12);
    season_features(trend, &means, tomorrow, base, course + 16);
    course[26] = market_feature(trend);
    usual_features(trend, course + 27);
    course[32] = between(first_ln - base, -2, 2);
}

double course_middle_ln(const double x[TREND_FEATURES + COURSE_FEATURES])
{
    double sum = 0;
    for (int i = 0; i < ALL; i++)
        sum += course_middle[i] * x[i];
    for (int i = 0; i < COURSE_PAIRS; i++)
        sum += course_middle[ALL + i] * x[course_pairs[i][0]] * x[course_pairs[i][1]];
    return sum;
}
