/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/alerts/garden.h"

#include <stdio.h>
#include <string.h>

static struct field_config fields[] = {
    {.metric = "air_temperature", .unit = "°C", .min = -40, .max = 80},
    {.metric = "rainfall", .unit = "mm", .role = ROLE_COUNTER, .min = 0, .max = 200},
    {.metric = "soil_temperature", .unit = "°F", .min = -40, .max = 170},
    {.metric = "input_1", .label = "输入 1", .type = FIELD_BOOL, .min = 0, .max = 1},
};
static uint16_t all[DEVICES] = {0, 1, 2, 3, 4, 5}, upper[] = {0, 1}, lower[] = {2, 3};
static struct device_config devices[DEVICES];
static struct plot_config plots[] = {
    {.name = "upper", .label = "上坡", .device_count = 2, .devices = upper},
    {.name = "lower", .label = "下坡", .device_count = 2, .devices = lower}};
static struct bus_config buses[] = {{.name = "west", .device_count = DEVICES, .devices = all}};
static struct alert_rule own[8];
static struct config config;

const struct config *garden_with(const struct alert_rule *rules, unsigned count)
{
    memset(devices, 0, sizeof devices);
    for (uint16_t i = 0; i < DEVICES; i++) {
        struct device_config *device = &devices[i];
        (void)snprintf(device->name, sizeof device->name, "d-%u", i);
        (void)snprintf(device->label, sizeof device->label, "探头%u", i);
        device->index = i;
        device->every_ms = EVERY_MS;
        device->metric_count = FIELDS;
        for (unsigned f = 0; f < FIELDS; f++)
            device->metrics[f] = &fields[f];
    }
    for (unsigned i = 0; i < count; i++) {
        own[i] = rules[i];
        own[i].devices = all;
        own[i].device_count = DEVICES;
    }
    config = (struct config){.devices = devices,
                             .device_count = DEVICES,
                             .plots = plots,
                             .plot_count = 2,
                             .buses = buses,
                             .bus_count = 1,
                             .alerts = own,
                             .alert_count = (uint16_t)count};
    return &config;
}
