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

bool metric_channel(const char *text)
{
    size_t letter = *text >= 'a' && *text <= 'z';
    size_t digits = strspn(text + letter, "0123456789");
    const char *end = text + letter + digits;
    if (digits == 0 || digits > 4)
        return false;
    return *end == '\0' || (letter == 0 && strcmp(end, "cm") == 0);
}

static const struct metric_info *find(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
        if (strncmp(name, metrics[i].name, size) == 0 && metrics[i].name[size] == '\0')
            return &metrics[i];
    }
    return NULL;
}

const struct metric_info *metric_find(const char *name)
{
    const struct metric_info *info = find(name, strlen(name));
    const char *channel = strrchr(name, '_');
    if (info == NULL && channel != NULL && metric_channel(channel + 1))
        info = find(name, (size_t)(channel - name));
    return info;
}

const char *metric_channel_of(const char *name)
{
    const struct metric_info *info = metric_find(name);
    size_t size = info != NULL ? strlen(info->name) : 0;
    return info != NULL && name[size] == '_' ? name + size + 1 : "";
}

unsigned metric_depth_cm(const char *name)
{
    unsigned depth = 0;
    const char *at = metric_channel_of(name);
    for (; *at >= '0' && *at <= '9'; at++)
        depth = depth * 10 + (unsigned)(*at - '0');
    return strcmp(at, "cm") == 0 ? depth : 0;
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
