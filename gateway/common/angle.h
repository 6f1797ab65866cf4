/* SPDX-License-Identifier: Apache-2.0 */
/* The mean of directions: of 350 and 10 degrees it is 0, not 180. Each is a vector of length one;
 * they are added. Pure. */
#ifndef BAIYE_COMMON_ANGLE_H
#define BAIYE_COMMON_ANGLE_H

struct angle_sum {
    double x, y;
};

/* Adds a direction in degrees, `weight` times. */
void angle_add(struct angle_sum *sum, double degrees, double weight);
/* The direction of a sum of `n` vectors, 0 <= degrees < 360; NAN: they cancel each other out. */
double angle_mean(const struct angle_sum *sum, double n);

#endif
