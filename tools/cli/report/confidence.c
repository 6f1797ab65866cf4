/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/report/confidence.h"

#include <math.h>

#define CHANCE 0.05
#define LEAST  1e-12 /* far below what any number of polls shows */
#define HALVES 50    /* of the interval: finer than a double tells near 1 */

/* P(X <= errors) for 0 < rate < 1, summed term by term in logarithms: single ones may be too small
 * for a double. */
static double at_most(unsigned errors, unsigned polls, double rate)
{
    double odds = log(rate) - log1p(-rate), term = polls * log1p(-rate), sum = exp(term);
    for (unsigned i = 0; i < errors; i++) {
        term += log((double)(polls - i) / (i + 1.0)) + odds;
        sum += exp(term);
    }
    return sum;
}

double confidence_most(unsigned errors, unsigned polls)
{
    double low = LEAST, high = 1;
    if (errors >= polls)
        return 1;
    for (unsigned i = 0; i < HALVES; i++) {
        double rate = (low + high) / 2;
        if (at_most(errors, polls, rate) > CHANCE)
            low = rate;
        else
            high = rate;
    }
    return high;
}

unsigned confidence_polls(double rate)
{
    return (unsigned)ceil(log(CHANCE) / log1p(-rate));
}
