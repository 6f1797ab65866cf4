/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/water.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#define M3_PER_MU_MM (2.0 / 3.0) /* one millimetre on 1 mu, 666.7 m² */

static const struct texture {
    double field_capacity, wilting_point;
} textures[] = {
    [WATER_SAND] = {12, 4.5},
    [WATER_LOAMY_SAND] = {15, 6.5},
    [WATER_SANDY_LOAM] = {23, 11},
    [WATER_LOAM] = {25, 12},
    [WATER_SILT_LOAM] = {29, 15},
    [WATER_SILT] = {32, 17},
    [WATER_SILTY_CLAY_LOAM] = {33.5, 20.5},
    [WATER_SILTY_CLAY] = {36, 23},
    [WATER_CLAY] = {36, 22},
};

const char *water_level_name(enum water_level level)
{
    static const char *const names[] = {"none", "low", "medium", "high"};
    return level >= WATER_NONE && level <= WATER_HIGH ? names[level] : NULL;
}

bool water_soil_limits(enum water_soil soil, double *field_capacity, double *wilting_point)
{
    if (soil <= WATER_SOIL_UNKNOWN || soil > WATER_CLAY)
        return false;
    *field_capacity = textures[soil].field_capacity;
    *wilting_point = textures[soil].wilting_point;
    return true;
}

double water_left(const struct water_input *input)
{
    double full = 0, dry = 0;
    if (isnan(input->moisture) || !water_soil_limits(input->soil, &full, &dry))
        return NAN;
    return fmax(0, fmin(1, (input->moisture - dry) / (full - dry)));
}

static enum water_level level_of(double left)
{
    if (left < 1 - WATER_STRESS)
        return WATER_HIGH;
    if (left < 1 - WATER_DEPLETION)
        return WATER_MEDIUM;
    return left < 1 - WATER_DEPLETION / 2 ? WATER_LOW : WATER_NONE;
}

void water_judge(const struct water_input *input, struct water *water)
{
    double full = 0, dry = 0;
    *water =
        (struct water){.level = WATER_UNKNOWN, .deficit_mm = NAN, .available_mm = NAN, .left = NAN};
    if (!water_soil_limits(input->soil, &full, &dry)) {
        (void)snprintf(water->why, sizeof water->why,
                       "what soil it is is not known; write the plot's soil:, such as loam");
        (void)snprintf(water->why_zh, sizeof water->why_zh,
                       "不知道是什么土；请在配置里写 soil:，如 loam");
        return;
    }
    water->available_mm = 10 * (full - dry) * input->root_m;
    if (isnan(input->moisture)) {
        (void)snprintf(water->why, sizeof water->why, "not enough soil moisture data yet to judge");
        (void)snprintf(water->why_zh, sizeof water->why_zh, "土壤水分数据还不够，暂不判断");
        return;
    }
    water->left = water_left(input);
    water->deficit_mm = fmax(0, 10 * (full - input->moisture) * input->root_m);
    water->level = level_of(water->left);
    water->irrigate = water->level >= WATER_MEDIUM;
    (void)snprintf(water->why, sizeof water->why,
                   "soil moisture %.0f %%, %.0f mm short (about %.0f m³ per mu)", input->moisture,
                   water->deficit_mm, water->deficit_mm * M3_PER_MU_MM);
    (void)snprintf(water->why_zh, sizeof water->why_zh,
                   "土壤水分 %.0f %%，缺水 %.0f 毫米（每亩约 %.0f 方）", input->moisture,
                   water->deficit_mm, water->deficit_mm * M3_PER_MU_MM);
}
