/* SPDX-License-Identifier: Apache-2.0 */
/* How bright the LEDs are: the sun's height, a light sensor where there is one, hours off, and
 * what the power supply can give. Pure. */
#ifndef BAIYE_LED_BRIGHTNESS_H
#define BAIYE_LED_BRIGHTNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/led/canvas.h"
#include "gateway/led/config.h"

struct light {
    int64_t utc_ms;
    int32_t utc_offset_s;
    bool located; /* latitude and longitude are known; else 06:00 to 18:00 is day */
    double latitude, longitude;
    double lux; /* negative: no sensor, or its value is not to be believed */
    bool alert; /* something must be seen: hours off do not count */
};

/* 0 (dark) to 255 (full). Rises smoothly from the night's to the day's level between 6 degrees
 * below and 10 above the horizon, or with the logarithm of the lux. */
unsigned brightness_level(const struct brightness_config *config, const struct light *light);
/* `out` is `picture` at that level, and darker still when its average would be above the limit
 * (percent of all LEDs at full white). */
void brightness_apply(const struct canvas *picture, unsigned level, int power_limit,
                      struct canvas *out);

#endif
