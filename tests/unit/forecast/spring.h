/* SPDX-License-Identifier: Apache-2.0 */
/* A spring without surprises, to ask single questions of pick.h: 0.5 °C d a day, then 7 from day
 * WARM on; picked by ten to thirteen people from day OPEN until CLOSE, every third day in the
 * rain, 2.4 kg each (2.0 in the rain), 700 kg the year before. */
#ifndef BAIYE_TEST_SPRING_H
#define BAIYE_TEST_SPRING_H

#include "gateway/forecast/pick.h"

#define SPRING_SEED 4711
enum { WARM = 20, OPEN = 31, CLOSE = 54 };

struct pick_day spring(int d);
void spring_begin(struct pick_model *of);
void spring_feed(struct pick_model *to, int from, int until);
/* The estimate with so many booked. */
struct pick_estimate spring_ask(struct pick_model *of, double pickers);

#endif
