/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/forecast/cultivar.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

double cultivar_gate_cd(const char *name)
{
    static const struct {
        const char *name;
        double gate_cd;
    } known[] = {
        {"wuniuzao", 29}, {"longjing-43", 62},  {"baiye-1", 67},  {"anji-baicha", 67},
        {"fuding", 87},   {"fuding-dabai", 87}, {"jiukeng", 131},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, name) == 0)
            return known[i].gate_cd;
    return NAN;
}
