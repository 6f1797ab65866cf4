/* SPDX-License-Identifier: Apache-2.0 */
/* One unit for a metric in all that the site shows, though profiles may give several. */
#include <string.h>

#include "gateway/common/unit_convert.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/config/draft.h"

#define METRICS_MOST 256u /* others are shown in the device's own unit */

const char *config_metric_unit(const struct config *config, const char *metric)
{
    for (uint16_t d = 0; d < config->device_count; d++) {
        for (unsigned i = 0; i < config->devices[d].metric_count; i++) {
            const struct field_config *field = config->devices[d].metrics[i];
            if (strcmp(field->metric, metric) == 0)
                return field->unit;
        }
    }
    return "";
}

const char *config_shown_unit(const struct device_config *device, unsigned metric)
{
    const char *unit = device->shown_units[metric];
    return unit != NULL ? unit : device->metrics[metric]->unit;
}

struct known {
    const struct field_config *fields[METRICS_MOST];
    unsigned count;
};

/* The first device's field of that metric. */
static const struct field_config *first_of(struct known *known, const struct field_config *field)
{
    for (unsigned i = 0; i < known->count; i++) {
        if (strcmp(known->fields[i]->metric, field->metric) == 0)
            return known->fields[i];
    }
    if (known->count < METRICS_MOST)
        known->fields[known->count++] = field;
    return field;
}

void draft_units(struct config *config)
{
    struct known known = {0};
    for (uint16_t d = 0; d < config->device_count; d++) {
        struct device_config *device = &config->devices[d];
        for (unsigned i = 0; i < device->metric_count; i++) {
            const struct field_config *field = device->metrics[i];
            const struct field_config *first = first_of(&known, field);
            bool converts = unit_convert(field->unit, first->unit, &(double){0});
            device->shown_units[i] = converts ? first->unit : field->unit;
        }
    }
}
