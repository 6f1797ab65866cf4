/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/angle.h"

#include <math.h>

#define DEGREE    (3.14159265358979323846 / 180)
#define CANCELLED 1e-6 /* of a sum's length: below it, its direction is what rounding left */
#define TURN      360.0

void angle_add(struct angle_sum *sum, double degrees, double weight)
{
    sum->x += cos(degrees * DEGREE) * weight;
    sum->y += sin(degrees * DEGREE) * weight;
}

double angle_mean(const struct angle_sum *sum, double n)
{
    if (!(hypot(sum->x, sum->y) > CANCELLED * n))
        return NAN;
    double degrees = fmod(atan2(sum->y, sum->x) / DEGREE + TURN, TURN);
    return degrees < TURN - CANCELLED ? degrees : 0;
}
