/* SPDX-License-Identifier: Apache-2.0 */
/* What is looked up in a configuration that was read. */
#include <string.h>

#include "gateway/daemon/config/config.h"
#include "protocols/metric/metric.h"

const struct device_config *config_device(const struct config *config, const char *name)
{
    for (unsigned i = 0; i < config->device_count; i++) {
        if (strcmp(config->devices[i].name, name) == 0)
            return &config->devices[i];
    }
    return NULL;
}

const struct plot_config *config_plot(const struct config *config, const char *name)
{
    for (unsigned i = 0; i < config->plot_count; i++) {
        if (strcmp(config->plots[i].name, name) == 0)
            return &config->plots[i];
    }
    return NULL;
}

static bool measures(const struct device_config *device, const char *metric)
{
    for (unsigned i = 0; i < device->metric_count; i++) {
        if (strcmp(device->metrics[i]->metric, metric) == 0)
            return true;
    }
    return false;
}

const struct device_config *config_plot_device(const struct config *config,
                                               const struct plot_config *plot, const char *metric)
{
    for (unsigned i = 0; i < plot->device_count; i++) {
        const struct device_config *device = &config->devices[plot->devices[i]];
        if (measures(device, metric))
            return device;
    }
    return NULL;
}

static unsigned add_depth(uint16_t *depths, unsigned count, unsigned most, uint16_t depth)
{
    unsigned at = count;
    for (unsigned i = 0; i < count; i++) {
        if (depths[i] == depth)
            return count;
    }
    if (count == most)
        return count;
    for (; at > 0 && depths[at - 1] > depth; at--)
        depths[at] = depths[at - 1];
    depths[at] = depth;
    return count + 1;
}

static unsigned add_depths(const struct device_config *device, const char *metric, uint16_t *depths,
                           unsigned count, unsigned most)
{
    size_t size = strlen(metric);
    for (unsigned m = 0; m < device->metric_count; m++) {
        const char *name = device->metrics[m]->metric;
        unsigned depth = metric_depth_cm(name);
        if (depth > 0 && strncmp(name, metric, size) == 0 && name[size] == '_')
            count = add_depth(depths, count, most, (uint16_t)depth);
    }
    return count;
}

unsigned config_plot_depths(const struct config *config, const struct plot_config *plot,
                            const char *metric, uint16_t *depths, unsigned most)
{
    unsigned count = 0;
    for (unsigned i = 0; i < plot->device_count; i++)
        count = add_depths(&config->devices[plot->devices[i]], metric, depths, count, most);
    return count;
}

bool config_plot_measures(const struct config *config, const struct plot_config *plot,
                          const char *metric)
{
    uint16_t depth;
    return config_plot_depths(config, plot, metric, &depth, 1) > 0 ||
           config_plot_device(config, plot, metric) != NULL;
}
