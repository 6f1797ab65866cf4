/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/unit_convert.h"

#include <stddef.h>
#include <string.h>

/* base = value * factor + offset. Units of one quantity have the same base. */
static const struct unit {
    const char *name, *base;
    double factor, offset;
} units[] = {
    {"°C", "K", 1, 273.15},    {"℃", "K", 1, 273.15},
    {"K", "K", 1, 0},          {"°F", "K", 5.0 / 9, 273.15 - 160.0 / 9},
    {"%", "%", 1, 0},          {"%RH", "%", 1, 0},
    {"µS/cm", "S/m", 1e-4, 0}, /* U+00B5 */
    {"μS/cm", "S/m", 1e-4, 0}, /* U+03BC */
    {"uS/cm", "S/m", 1e-4, 0}, {"mS/cm", "S/m", 0.1, 0},
    {"dS/m", "S/m", 0.1, 0},   {"S/m", "S/m", 1, 0},
    {"kPa", "Pa", 1e3, 0},     {"hPa", "Pa", 100, 0},
    {"mbar", "Pa", 100, 0},    {"bar", "Pa", 1e5, 0},
    {"MPa", "Pa", 1e6, 0},     {"Pa", "Pa", 1, 0},
    {"lx", "lx", 1, 0},        {"klx", "lx", 1e3, 0},
    {"m/s", "m/s", 1, 0},      {"km/h", "m/s", 1 / 3.6, 0},
    {"mm", "m", 1e-3, 0},      {"cm", "m", 1e-2, 0},
    {"m", "m", 1, 0},          {"m³", "m³", 1, 0},
    {"L", "m³", 1e-3, 0},      {"V", "V", 1, 0},
    {"mV", "V", 1e-3, 0},
};

static const struct unit *find(const char *name)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    }
    return NULL;
}

bool unit_convert(const char *from, const char *to, double *value)
{
    if (strcmp(from, to) == 0)
        return true;
    const struct unit *a = find(from), *b = find(to);
    if (a == NULL || b == NULL || strcmp(a->base, b->base) != 0)
        return false;
    *value = (*value * a->factor + a->offset - b->offset) / b->factor;
    return true;
}
