/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/brightness.h"

#include <math.h>

#include "gateway/common/sun.h"

#define DAY_MINUTES 1440
#define LUX_NIGHT   10.0 /* from here down it is night */

static int local_minutes(const struct light *light)
{
    int64_t seconds = light->utc_ms / 1000 + light->utc_offset_s;
    return (int)(((seconds / 60) % DAY_MINUTES + DAY_MINUTES) % DAY_MINUTES);
}

static bool is_off(const struct brightness_config *config, int minutes)
{
    int from = config->off_from, to = config->off_to;
    if (from < 0 || to < 0 || from == to)
        return false;
    return from < to ? minutes >= from && minutes < to : minutes >= from || minutes < to;
}

/* 0 at night, 1 in full day. */
static double daylight(const struct brightness_config *config, const struct light *light)
{
    double share = 0;
    if (light->lux >= 0) {
        share = log(fmax(light->lux, LUX_NIGHT) / LUX_NIGHT) / log(config->lux_full / LUX_NIGHT);
    } else if (light->located) {
        share = (sun_elevation(light->utc_ms, light->latitude, light->longitude) + 6) / 16;
    } else {
        int minutes = local_minutes(light);
        share = minutes >= 6 * 60 && minutes < 18 * 60 ? 1 : 0;
    }
    share = fmax(0, fmin(1, share));
    return share * share * (3 - 2 * share); /* no kinks for the eye */
}

unsigned brightness_level(const struct brightness_config *config, const struct light *light)
{
    if (is_off(config, local_minutes(light)) && !light->alert)
        return 0;
    double percent = config->night + (config->day - config->night) * daylight(config, light);
    unsigned level = (unsigned)lround(percent * 255 / 100);
    return light->alert && level < 20 ? 20 : level;
}

void brightness_apply(const struct canvas *picture, unsigned level, int power_limit,
                      struct canvas *out)
{
    size_t size = canvas_size(picture);
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += picture->pixels[i];
    /* level / 255 x mean must not be above limit / 100 x 255. */
    uint64_t allowed = (uint64_t)size * 255 * 255 * (uint64_t)power_limit / 100;
    if (sum * level > allowed)
        level = (unsigned)(allowed / sum);
    for (size_t i = 0; i < size; i++)
        out->pixels[i] = (uint8_t)((picture->pixels[i] * level + 127) / 255);
}
