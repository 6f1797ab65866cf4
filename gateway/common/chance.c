/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/chance.h"

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

/* ---- exp and log ---- */

/* Without a branch and without a call, so that a compiler may compute several at once: what they
 * give is fixed operation by operation, and does not depend on that. */

#define LN2_HIGH 0x1.62e42fee00000p-1 /* ends in zeros: k * LN2_HIGH is exact for |k| < 2^20 */
#define LN2_LOW  0x1.a39ef35793c76p-33
#define ROUNDS   0x1.8p52 /* added and taken away again: the nearest whole number */
#define TWO_52   0x1p52   /* its last bits hold a whole number from 0 on that is added */

static inline uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline double exp_of(double x)
{
    x = x < -700.0 ? -700.0 : x;
    x = x > 700.0 ? 700.0 : x;
    double near = x * 0x1.71547652b82fep+0 + 0.5;
    double k = (near + ROUNDS) - ROUNDS;
    k = k > near ? k - 1.0 : k;                  /* floor(near) */
    double r = (x - k * LN2_HIGH) - k * LN2_LOW; /* |r| <= ln 2 / 2: the 14th term is < 1e-17 */
    double sum = 1.0 / 6227020800.0;             /* 1 / n!, from 13 down */
    sum = sum * r + 1.0 / 479001600.0;
    sum = sum * r + 1.0 / 39916800.0;
    sum = sum * r + 1.0 / 3628800.0;
    sum = sum * r + 1.0 / 362880.0;
    sum = sum * r + 1.0 / 40320.0;
    sum = sum * r + 1.0 / 5040.0;
    sum = sum * r + 1.0 / 720.0;
    sum = sum * r + 1.0 / 120.0;
    sum = sum * r + 1.0 / 24.0;
    sum = sum * r + 1.0 / 6.0;
    sum = sum * r + 1.0 / 2.0;
    sum = sum * r + 1.0;
    sum = sum * r + 1.0;
    /* 2^k: its exponent is in the last bits of k + ROUNDS; |k| <= 1010. */
    return sum * double_of((bits_of(k + ROUNDS) + 1023) << 52);
}

static inline double log_of(double x)
{
    double y = x < 1e-300 ? 1e-300 : x;
    y = y > 1e300 ? 1e300 : y;
    /* m in 1/2..1, and the exponent as a number, from the bits of both. */
    double m = double_of((bits_of(y) & UINT64_C(0x000FFFFFFFFFFFFF)) | UINT64_C(1022) << 52);
    double exponent = double_of(bits_of(y) >> 52 | bits_of(TWO_52)) - (TWO_52 + 1022.0);
    bool small = m < 0x1.6a09e667f3bcdp-1; /* sqrt(1/2) */
    m = small ? m * 2.0 : m;               /* in sqrt(1/2)..sqrt(2), so |t| < 0.1716 */
    exponent = small ? exponent - 1.0 : exponent;
    double t = (m - 1.0) / (m + 1.0); /* ln m = 2 (t + t^3/3 + t^5/5 + ...) */
    double square = t * t;
    double sum = 1.0 / 21; /* 1 / n, odd n from 21 down */
    sum = sum * square + 1.0 / 19;
    sum = sum * square + 1.0 / 17;
    sum = sum * square + 1.0 / 15;
    sum = sum * square + 1.0 / 13;
    sum = sum * square + 1.0 / 11;
    sum = sum * square + 1.0 / 9;
    sum = sum * square + 1.0 / 7;
    sum = sum * square + 1.0 / 5;
    sum = sum * square + 1.0 / 3;
    sum = sum * square + 1.0;
    double ln = 2.0 * t * sum + exponent * LN2_LOW + exponent * LN2_HIGH;
    return isnan(x) ? x : ln;
}

double chance_exp(double x)
{
    return exp_of(x);
}

double chance_log(double x)
{
    return log_of(x);
}

void chance_exp_each(double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = exp_of(values[i]);
}

void chance_log_each(double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = log_of(values[i]);
}

/* ---- Normal numbers ---- */

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
    double scale = sqrt(-2.0 * log_of(square) / square);
    chance->spare = v * scale;
    chance->has_spare = true;
    return u * scale;
}
