/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/ready.h"

#include <math.h>

#include "gateway/common/chance.h"
#include "gateway/forecast/ready_table.h"

#define BUSHES       0.75  /* of the ground; paths are the rest: an assumption */
#define AREA_KG_M2   0.072 /* 48 kg a mu in a season */
#define LEAST_M2     2.0   /* shoots: none in three frames are fewer than so many */
#define MOST_M2      5000.0
#define OUTGROWN_CD  100.0
#define LEFT_LEAST   0.1 /* of what was counted and has come since */
#define LEAST_KG     1e-3
#define SPREAD_LEAST 0.15 /* ln */
#define SPREAD_MOST  1.5

static double between(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

static double ln_kg(double kg)
{
    return chance_log(fmax(kg, LEAST_KG));
}

struct ready ready_begin(void)
{
    return (struct ready){.last = {NAN, 0}, .before = {NAN, 0}};
}

void ready_add(struct ready *ready, double shoots_m2, double shoot_kg, double area_m2,
               const struct ready_held *eve)
{
    if (!(shoots_m2 >= 0.0) || !(area_m2 > 0.0))
        return;
    double kg = between(shoots_m2, LEAST_M2, MOST_M2) * area_m2 * BUSHES * shoot_kg;
    ready->before = ready->last;
    ready->last = (struct ready_count){.kg = kg};
    ready->held = *eve;
    ready->days = 0;
}

void ready_day(struct ready *ready, double kg)
{
    ready->last.taken_kg += kg;
    ready->days++;
}

bool ready_is_counted(const struct ready *ready)
{
    return !isnan(ready->last.kg) && ready->days <= READY_DAYS;
}

double ready_features(const struct ready *ready, const struct ready_tomorrow *tomorrow,
                      double x[READY_FEATURES])
{
    const struct ready_count *last = &ready->last, *before = &ready->before;
    double base = ln_kg(tomorrow->model_kg[1]);
    double weeks = (ready->days > 0 ? ready->days - 1 : 0) / 7.0;
    double counted = between(ln_kg(last->kg) - base, -3, 3);
    double share = tomorrow->held.share - 0.5;
    double grown_cd = fmax(0, tomorrow->held.thermal_time - ready->held.thermal_time);
    /* What has come since, by the curve, and how much of all that has outgrown the standard. */
    double come_kg =
        last->kg + tomorrow->season_kg * fmax(0, tomorrow->held.share - ready->held.share);
    double left_kg = come_kg * chance_exp(-grown_cd / OUTGROWN_CD) - last->taken_kg;
    x[0] = 1;
    x[1] = counted;
    x[2] = counted * weeks;
    x[3] = weeks;
    x[4] = between(ln_kg(fmax(left_kg, LEFT_LEAST * come_kg)) - base, -3, 3);
    x[5] = share;
    x[6] = share * share;
    x[7] = between(ln_kg(tomorrow->season_kg) - ln_kg(tomorrow->area_m2 * AREA_KG_M2), -3, 3);
    x[8] = last->taken_kg / (last->kg + last->taken_kg);
    x[9] = between(ln_kg(tomorrow->held.stock_kg) - ln_kg(ready->held.stock_kg), -3, 3);
    x[10] = last->kg / come_kg;
    x[11] = between(base - ln_kg(tomorrow->area_m2 * AREA_KG_M2), -6, 2);
    x[12] = between(grown_cd / 50, 0, 3);
    x[13] = between(ln_kg(tomorrow->model_kg[2]) - ln_kg(tomorrow->model_kg[0]) - 1.5, -1.5, 3);
    bool twice = !isnan(before->kg);
    x[14] = twice ? between(ln_kg(before->kg) - ln_kg(last->kg), -3, 3) : 0;
    x[15] = twice;
    x[16] = twice ? before->taken_kg / (before->kg + before->taken_kg) : 0;
    x[17] = counted * share;
    return base;
}

void ready_predict(const struct ready *ready, const struct ready_tomorrow *tomorrow, double kg[3])
{
    kg[0] = kg[1] = kg[2] = NAN;
    if (!ready_is_counted(ready))
        return;
    double x[READY_FEATURES], spread_ln = 0;
    double middle = ready_features(ready, tomorrow, x);
    for (int i = 0; i < READY_FEATURES; i++) {
        middle += ready_middle[i] * x[i];
        spread_ln += ready_spread[i] * x[i];
    }
    double spread = between(chance_exp(between(spread_ln, -3, 1)), SPREAD_LEAST, SPREAD_MOST);
    kg[0] = chance_exp(middle - READY_LOW * spread);
    kg[1] = chance_exp(middle);
    kg[2] = chance_exp(middle + READY_HIGH * spread);
}
