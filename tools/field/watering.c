/* SPDX-License-Identifier: Apache-2.0 */
/* What the garden's relays do to its soil. */
#include <math.h>

#include "tools/field/garden.h"
#include "tools/field/line.h"

#define NS_PER_MS    1000000
#define DRAINS_S     172800.0 /* of the garden's time, until a third is left */
#define MOISTURE_MAX 60

/* So much a second do its relays water the soil now. */
static double watering_pct_s(struct garden *garden, int64_t now_ns)
{
    double rate = 0;
    for (size_t i = 0; i < garden->line_count; i++)
        for (size_t k = 0; k < garden->lines[i]->unit_count; k++) {
            struct unit *unit = &garden->lines[i]->units[k];
            if (unit->scene->waters_pct_s > 0 && unit->powered &&
                relay_is_on(&unit->relay, 0, now_ns / NS_PER_MS))
                rate += unit->scene->waters_pct_s;
        }
    return rate;
}

static void water(struct garden *garden, int64_t now_ns)
{
    double s = garden->watered_at_ns ? (double)(now_ns - garden->watered_at_ns) * 1e-9 : 0;
    garden->watered_at_ns = now_ns;
    garden->watered_pct *= exp(-s * garden->scene->weather.speed / DRAINS_S);
    garden->watered_pct += watering_pct_s(garden, now_ns) * s;
}

void garden_weather(struct garden *garden, uint32_t spot, struct weather_now *now)
{
    int64_t now_ns = loop_now_ns();
    weather_at(&garden->weather, garden_time_s(garden, now_ns), spot, now);
    water(garden, now_ns);
    double *moisture = &now->value[WEATHER_SOIL_MOISTURE];
    *moisture = fmin(*moisture + garden->watered_pct, MOISTURE_MAX);
}
