/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/metric/metric.h"

#include <string.h>

static const char *const flag_names[METRIC_FLAG_COUNT] = {
    "good", "stale", "range", "stuck", "absent", "uncalibrated", "fault", "clock",
};

static const struct metric_info metrics[] = {
#define METRIC(name, unit, shown, min, max, decimals, kind, most_per_hour, stuck_h, trend,         \
               device_class, state_class, en, zh, led_en, led_zh)                                  \
    {#name,         unit,    shown, min,          max,         decimals, METRIC_##kind,            \
     most_per_hour, stuck_h, trend, device_class, state_class, {zh, en}, {led_zh, led_en}},
#include "protocols/metric/metrics.def"
#undef METRIC
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

const struct metric_info *metric_at(size_t index)
{
    return index < sizeof metrics / sizeof metrics[0] ? &metrics[index] : NULL;
}

const char *metric_kind_name(unsigned kind)
{
    static const char *const names[] = {"mean", "sum", "angle", "last"};
    return names[kind < sizeof names / sizeof names[0] ? kind : METRIC_MEAN];
}
