/* SPDX-License-Identifier: Apache-2.0 */
/* How much water the soil of a plot lacks, and whether it is time to irrigate. Pure.
 *
 * FAO-56 (Allen et al. 1998), chapter 8: available water TAW = 10 (fc - wp) z mm with fc and wp in
 * % by volume and the rooting depth z in m; tea takes p = 0.40 of it without suffering (its table
 * 22, tea, not shaded). What is missing is D = 10 (fc - theta) z, so D > p TAW is the time to
 * irrigate. Field capacity and wilting point by texture: the middle of the ranges of its table 19.
 * One probe stands for the whole depth: the reason says so by naming what it measured. */
#ifndef BAIYE_FORECAST_WATER_H
#define BAIYE_FORECAST_WATER_H

#include <stdbool.h>

#define WATER_DEPLETION 0.40
#define WATER_STRESS    0.60 /* of it is gone: growth slows (relative extractable water below 0.4) */

enum water_soil {
    WATER_SOIL_UNKNOWN = 0,
    WATER_SAND,
    WATER_LOAMY_SAND,
    WATER_SANDY_LOAM,
    WATER_LOAM,
    WATER_SILT_LOAM,
    WATER_SILT,
    WATER_SILTY_CLAY_LOAM,
    WATER_SILTY_CLAY,
    WATER_CLAY
};

enum water_level { WATER_UNKNOWN = -1, WATER_NONE = 0, WATER_LOW, WATER_MEDIUM, WATER_HIGH };

struct water_input {
    double moisture; /* % by volume, mean of the last hours; NAN: not measured */
    enum water_soil soil;
    double root_m; /* 0.1..3 */
};

struct water {
    enum water_level level; /* of the lack: none, low, medium (irrigate), high (growth suffers) */
    bool irrigate;
    double deficit_mm;   /* litres a square metre; NAN: not known */
    double available_mm; /* TAW */
    double left;         /* relative extractable water, 0..1 */
    char why[160], why_zh[200];
};

void water_judge(const struct water_input *input, struct water *water);

/* "none", "low", "medium", "high"; NULL for WATER_UNKNOWN. */
const char *water_level_name(enum water_level level);
/* % by volume; false for an unknown soil. */
bool water_soil_limits(enum water_soil soil, double *field_capacity, double *wilting_point);
/* Relative extractable water, 0..1, for the growth model; NAN where it is not known. */
double water_left(const struct water_input *input);

#endif
