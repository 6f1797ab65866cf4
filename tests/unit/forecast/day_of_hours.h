/* SPDX-License-Identifier: Apache-2.0 */
/* Hours for the tests of the rules, in the caller's array. */
#ifndef BAIYE_DAY_OF_HOURS_H
#define BAIYE_DAY_OF_HOURS_H

#include <math.h>
#include <stddef.h>

#include "gateway/forecast/hours.h"

/* Nothing of them is known. */
static inline void hours_unknown(struct tea_hour *hours, size_t count)
{
    for (size_t i = 0; i < count; i++)
        hours[i] = (struct tea_hour){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
}

#endif
