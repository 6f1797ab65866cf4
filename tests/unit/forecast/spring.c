/* SPDX-License-Identifier: Apache-2.0 */
#include "spring.h"

struct pick_day spring(int d)
{
    struct pick_day day = PICK_DAY_UNKNOWN;
    day.growth_cd = d < WARM ? 0.5 : 7.0;
    day.mean_c = d < WARM ? 7.0 : 16.0;
    day.missing_hours = 0;
    day.rain_mm = d % 3 == 0 ? 6.0 : 0.0;
    day.kg = 0.0;
    if (d >= OPEN && d < CLOSE) {
        day.pickers = day.booked = 10.0 + d % 4;
        day.kg = day.pickers * (d % 3 == 0 ? 2.0 : 2.4);
    }
    return day;
}

void spring_begin(struct pick_model *of)
{
    struct pick_prior prior = pick_prior_first(PICK_ONE_LEAF, 700.0, NAN);
    pick_begin(of, &prior, SPRING_SEED);
}

void spring_feed(struct pick_model *to, int from, int until)
{
    for (int d = from; d < until; d++) {
        struct pick_day day = spring(d);
        pick_learn(to, &day);
    }
}

struct pick_estimate spring_ask(struct pick_model *of, double pickers)
{
    struct pick_tomorrow tomorrow = PICK_TOMORROW_UNKNOWN;
    struct pick_estimate estimate;
    tomorrow.pickers = pickers;
    pick_estimate(of, &tomorrow, &estimate);
    return estimate;
}
