/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/metric/metric.h"

#include <string.h>

static const char *const flag_names[METRIC_FLAG_COUNT] = {
    "good", "stale", "range", "stuck", "absent", "uncalibrated", "fault", "clock",
};

static const struct metric_info metrics[] = {
    {"air_temperature", "°C", -40, 60, 1},
    {"air_humidity", "%RH", 0, 100, 0},
    {"soil_moisture", "%", 0, 100, 1},
    {"soil_temperature", "°C", -20, 60, 1},
    {"soil_conductivity", "µS/cm", 0, 20000, 0},
    {"soil_ph", "pH", 2, 11, 1},
    {"illuminance", "lx", 0, 200000, 0},
    {"rainfall", "mm", 0, 200, 1},
    {"wind_speed", "m/s", 0, 70, 1},
    {"wind_direction", "°", 0, 360, 0},
    {"leaf_wetness", "%", 0, 100, 0},
    {"battery_voltage", "V", 0, 60, 2},
    {"signal_strength", "dBm", -130, 0, 0},
    {"vapour_pressure_deficit", "kPa", 0, 10, 2},
    {"dew_point", "°C", -60, 60, 1},
    {"thermal_time", "°C d", 0, 10000, 0},
    {"soil_wetness", "%", 0, 100, 0}, /* relative, of an uncalibrated capacitive probe */
    {"canopy_temperature", "°C", -40, 60, 1},
    {"air_pressure", "kPa", 50, 110, 1},
    {"solar_radiation", "W/m²", 0, 1600, 0},
    {"soil_nitrogen", "mg/kg", 0, 3000, 0},
    {"soil_phosphorus", "mg/kg", 0, 3000, 0},
    {"soil_potassium", "mg/kg", 0, 3000, 0},
    {"soil_salinity", "mg/L", 0, 20000, 0},
    {"carbon_dioxide", "ppm", 0, 10000, 0},
    {"leaf_temperature", "°C", -40, 80, 1},
    {"noise", "dB", 0, 150, 1},
    {"pm2_5", "µg/m³", 0, 2000, 0},
    {"pm10", "µg/m³", 0, 2000, 0},
    {"ultraviolet_index", "", 0, 20, 0},
};

const char *metric_flag_name(enum metric_flag flag)
{
    return (unsigned)flag < METRIC_FLAG_COUNT ? flag_names[flag] : flag_names[METRIC_FAULT];
}

bool metric_flag_parse(const char *name, enum metric_flag *flag)
{
    for (unsigned i = 0; i < METRIC_FLAG_COUNT; i++) {
        if (strcmp(name, flag_names[i]) == 0) {
            *flag = (enum metric_flag)i;
            return true;
        }
    }
    return false;
}

const struct metric_info *metric_find(const char *name)
{
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
        if (strcmp(name, metrics[i].name) == 0)
            return &metrics[i];
    }
    return NULL;
}
