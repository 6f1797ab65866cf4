/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/chance.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

struct chance chance_begin(uint64_t seed)
{
    return (struct chance){.state = seed};
}

uint64_t chance_bits(struct chance *chance)
{
    chance->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = chance->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

double chance_uniform(struct chance *chance)
{
    return (double)(chance_bits(chance) >> 11) * 0x1p-53;
}

double chance_normal(struct chance *chance)
{
    if (chance->has_spare) {
        chance->has_spare = false;
        return chance->spare;
    }
    double u;
    double v;
    double square;
    do {
        u = 2.0 * chance_uniform(chance) - 1.0;
        v = 2.0 * chance_uniform(chance) - 1.0;
        square = u * u + v * v;
    } while (square >= 1.0 || square <= 0.0); /* leaves at once with a chance of pi/4 */
    double scale = sqrt(-2.0 * chance_log(square) / square);
    chance->spare = v * scale;
    chance->has_spare = true;
    return u * scale;
}

#define LN2_HIGH 0x1.62e42fee00000p-1 /* ends in zeros: k * LN2_HIGH is exact for |k| < 2^20 */
#define LN2_LOW  0x1.a39ef35793c76p-33

/* 2^k, -1022 <= k <= 1023: its bits. */
static double power_of_two(int k)
{
    uint64_t bits = (uint64_t)(k + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

double chance_exp(double x)
{
    static const double terms[] = {/* 1 / n!, from 13 down */
                                   1.0 / 6227020800.0,
                                   1.0 / 479001600.0,
                                   1.0 / 39916800.0,
                                   1.0 / 3628800.0,
                                   1.0 / 362880.0,
                                   1.0 / 40320.0,
                                   1.0 / 5040.0,
                                   1.0 / 720.0,
                                   1.0 / 120.0,
                                   1.0 / 24.0,
                                   1.0 / 6.0,
                                   1.0 / 2.0,
                                   1.0,
                                   1.0};
    if (isnan(x))
        return x;
    x = fmin(fmax(x, -700.0), 700.0);
    double k = floor(x * 0x1.71547652b82fep+0 + 0.5);
    double r = (x - k * LN2_HIGH) - k * LN2_LOW; /* |r| <= ln 2 / 2: the 14th term is < 1e-17 */
    double sum = 0.0;
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++)
        sum = sum * r + terms[i];
    return sum * power_of_two((int)k); /* |k| <= 1010 */
}

double chance_log(double x)
{
    static const double terms[] = {/* 1 / n, odd n from 21 down */
                                   1.0 / 21, 1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11,
                                   1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3,  1.0};
    if (isnan(x))
        return x;
    int exponent;
    double m = frexp(fmin(fmax(x, 1e-300), 1e300), &exponent);
    if (m < 0x1.6a09e667f3bcdp-1) { /* sqrt(1/2): m in sqrt(1/2)..sqrt(2), so |t| < 0.1716 */
        m *= 2.0;
        exponent--;
    }
    double t = (m - 1.0) / (m + 1.0); /* ln m = 2 (t + t^3/3 + t^5/5 + ...) */
    double square = t * t;
    double sum = 0.0;
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++)
        sum = sum * square + terms[i];
    return 2.0 * t * sum + exponent * LN2_LOW + exponent * LN2_HIGH;
}
