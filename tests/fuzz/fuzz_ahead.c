/* SPDX-License-Identifier: Apache-2.0 */
/* A weather forecast out of a file that any script may have written. Whatever it holds, the hours
 * that are taken are weather, and what is not taken leaves nothing behind. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/forecast/ahead_file.h"

static void check_range(float value, float low, float high)
{
    if (!isnan(value) && !(value >= low && value <= high))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ahead ahead;
    char why[160] = "", *text = malloc(size + 1);
    int64_t at_ms = 0;
    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    bool good = ahead_parse(text, &ahead, why, sizeof why);
    free(text);
    if (good != (ahead.count > 0) || ahead.count > AHEAD_HOURS || (!good && why[0] == '\0'))
        abort();
    for (uint32_t i = 0; i < ahead.count; i++) {
        check_range(ahead.air_c[i], -60, 60);
        check_range(ahead.rain_mm[i], 0, 500);
        check_range(ahead.rain_chance[i], 0, 1);
    }
    double chance = ahead_rain_chance(&ahead, ahead.first_ms, ahead.first_ms + TEA_DAY_MS);
    if (!isnan(chance) && !(chance >= 0 && chance <= 1))
        abort();
    (void)ahead_least_c(&ahead, ahead.first_ms, ahead.first_ms + TEA_DAY_MS, &at_ms);
    return 0;
}
