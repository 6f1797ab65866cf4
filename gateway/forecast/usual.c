/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/usual.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "gateway/common/chance.h"

#define MARKET_DAYS   5
#define MARKET_CHANCE 0.6 /* that a farm goes to market at all: an assumption */
#define FIRST_LN      0.5 /* how far the first pick is off the level, beside its noise */
#define MISS_MOST_LN  0.9 /* more teaches no more: slips, a machine */
#define KEPT_SHARE    0.8 /* of last season's habits; the others are as anybody's */

#define RAINS  3
#define NOISES 3
#define SPEEDS 2
#define LOSSES 4 /* the first one: no market */
_Static_assert(USUAL_HABITS == RAINS * NOISES * SPEEDS * LOSSES, "a habit is all four");

struct habit {
    double noise_ln, speed_ln, rain_ln, loss_ln;
    double chance; /* with anybody */
};

/* Those of one noise and speed stand together. */
static struct habit habit_of(int number)
{
    static const double rains_ln[RAINS] = {-0.08, -0.25, -0.5};
    static const double noises_ln[NOISES] = {0.18, 0.27, 0.38};
    static const double speeds_ln[SPEEDS] = {0.06, 0.18};
    static const double losses_ln[LOSSES] = {0, 0.15, 0.35, 0.6};
    int loss = number % LOSSES, rest = number / LOSSES;
    double market = loss == 0 ? 1 - MARKET_CHANCE : MARKET_CHANCE / (LOSSES - 1);
    return (struct habit){.noise_ln = noises_ln[rest / RAINS / SPEEDS],
                          .speed_ln = speeds_ln[rest / RAINS % SPEEDS],
                          .rain_ln = rains_ln[rest % RAINS],
                          .loss_ln = losses_ln[loss],
                          .chance = market / (RAINS * NOISES * SPEEDS)};
}

/* How much of a miss goes into the level, and 1 / (2 variance) of the miss: the same for all
 * guesses of one noise and speed. */
struct gains {
    double level[USUAL_PICKS_MOST], half_inverse[USUAL_PICKS_MOST];
    double fixed_ln; /* of the likelihood */
};

static void find_gains(double noise_ln, double speed_ln, unsigned count, struct gains *gains)
{
    double noise = noise_ln * noise_ln, variance = FIRST_LN * FIRST_LN, product = 1;
    gains->fixed_ln = 0;
    for (unsigned i = 0; i < count; i++) {
        double all = variance + noise;
        gains->level[i] = i == 0 ? 1 : variance / all;
        gains->half_inverse[i] = i == 0 ? 0 : 0.5 / all;
        product *= i == 0 ? 1 : all;
        if (i % 32 == 31) { /* before it gets too small */
            gains->fixed_ln -= 0.5 * chance_log(product);
            product = 1;
        }
        variance = (i == 0 ? noise : variance * (1 - gains->level[i])) + speed_ln * speed_ln;
    }
    gains->fixed_ln -= 0.5 * chance_log(product);
}

static double limited(double x)
{
    return x < -MISS_MOST_LN ? -MISS_MOST_LN : x > MISS_MOST_LN ? MISS_MOST_LN : x;
}

struct seen {
    const struct usual_pick *picks;
    unsigned count, tomorrow;
};

/* Returns the likelihood's ln; the market is `phase` days after tomorrow's. */
static double filter(const struct seen *seen, const struct habit *habit, unsigned phase,
                     const struct gains *gains, double *level_ln)
{
    double level = 0, likely_ln = gains->fixed_ln;
    for (unsigned i = 0; i < seen->count; i++) {
        const struct usual_pick *pick = &seen->picks[i];
        bool market = (seen->tomorrow - pick->day) % MARKET_DAYS == phase;
        double each_ln =
            pick->each_ln - habit->rain_ln * pick->rain + (market ? habit->loss_ln : 0);
        double miss = i == 0 ? each_ln : limited(each_ln - level);
        likely_ln -= miss * miss * gains->half_inverse[i];
        level += gains->level[i] * miss;
    }
    *level_ln = level;
    return likely_ln;
}

static double sum_of(const struct usual_habits *habits)
{
    double sum = 0;
    for (int i = 0; i < USUAL_HABITS; i++)
        sum += habits->chance[i];
    return sum;
}

/* Adds what is expected by that habit, weighed; returns the weight. `scale_ln`: of the first one,
 * so that weights are no absurd numbers. */
static double add_habit(const struct seen *seen, const struct habit *habit,
                        const struct gains *gains, double *scale_ln, struct usual *sum)
{
    unsigned phases = habit->loss_ln > 0 ? MARKET_DAYS : 1;
    double weights = 0;
    for (unsigned phase = 0; phase < phases; phase++) {
        double level_ln, likely_ln = filter(seen, habit, phase, gains, &level_ln);
        if (isnan(*scale_ln))
            *scale_ln = likely_ln;
        double weight = habit->chance / phases * chance_exp(likely_ln - *scale_ln);
        weights += weight;
        sum->each_ln += weight * level_ln;
        sum->market_ln -= weight * (phase == 0 ? habit->loss_ln : 0);
    }
    sum->rain_ln += weights * habit->rain_ln;
    sum->noise_ln += weights * habit->noise_ln;
    sum->speed_ln += weights * habit->speed_ln;
    return weights;
}

struct usual usual_look(const struct usual_pick *picks, unsigned count, unsigned tomorrow,
                        const struct usual_habits *before, struct usual_habits *learned)
{
    const struct seen seen = {picks, count, tomorrow};
    struct usual sum = {0};
    struct usual_habits habits;
    struct gains gains = {0};
    double kept = sum_of(before) > 0.5 ? KEPT_SHARE : 0, weights = 0, scale_ln = NAN;
    for (int i = 0; i < USUAL_HABITS; i++) {
        struct habit habit = habit_of(i);
        if (kept > 0)
            habit.chance += kept * (before->chance[i] - habit.chance);
        if (i % (RAINS * LOSSES) == 0)
            find_gains(habit.noise_ln, habit.speed_ln, count, &gains);
        habits.chance[i] = add_habit(&seen, &habit, &gains, &scale_ln, &sum);
        weights += habits.chance[i];
    }
    for (int i = 0; i < USUAL_HABITS; i++)
        habits.chance[i] /= weights;
    if (learned != NULL)
        *learned = habits;
    return (struct usual){sum.each_ln / weights, sum.market_ln / weights, sum.rain_ln / weights,
                          sum.noise_ln / weights, sum.speed_ln / weights};
}
