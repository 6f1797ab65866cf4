/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/garden_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct field_config fields[10] = {
    {.metric = "air_temperature", .type = FIELD_S16, .scale = 0.01},
    {.metric = "soil_ph", .type = FIELD_F32, .scale = 1},
    {.metric = "soil_conductivity", .type = FIELD_U16, .scale = 1},
    {.metric = "air_humidity", .type = FIELD_U16, .scale = 0.1},
    {.metric = "soil_moisture", .type = FIELD_U16, .scale = 0.1},
    {.metric = "soil_temperature", .type = FIELD_S16, .scale = 0.1},
    {.metric = "illuminance", .type = FIELD_U32, .scale = 1},
    {.metric = "wind_speed", .type = FIELD_U16, .scale = 0.1},
    {.metric = "battery_voltage", .type = FIELD_U16, .scale = 0.001},
    {.metric = "leaf_wetness", .type = FIELD_U16, .scale = 0.1},
};
static struct profile_config profile = {
    .name = "test", .field_count = 3, .fields = fields, .node = true};

static unsigned width = 3;

void garden_widen(struct config *config, unsigned values)
{
    width = values;
    for (unsigned i = 0; i < config->device_count; i++)
        config->devices[i].metric_count = (uint8_t)values;
}

struct config *garden_config(unsigned devices, unsigned brokers, const char *store_path)
{
    struct config *config = calloc(1, sizeof *config);
    config->devices = calloc(devices, sizeof *config->devices);
    config->brokers = calloc(brokers + 1, sizeof *config->brokers);
    config->plots = calloc(1, sizeof *config->plots);
    config->plots[0].devices = calloc(devices, sizeof *config->plots[0].devices);
    config->device_count = (uint16_t)devices;
    config->broker_count = (uint16_t)brokers;
    config->plot_count = 1;
    (void)snprintf(config->plots[0].name, sizeof config->plots[0].name, "upper");
    config->plots[0].device_count = (uint16_t)devices;
    for (unsigned i = 0; i < devices; i++) {
        struct device_config *device = &config->devices[i];
        (void)snprintf(device->name, sizeof device->name, "plot-%u", i);
        device->index = (uint16_t)i;
        device->every_ms = 1000;
        device->profile = &profile;
        device->metric_count = 3;
        for (unsigned f = 0; f < 10; f++)
            device->metrics[f] = &fields[f];
        config->plots[0].devices[i] = (uint16_t)i;
    }
    for (unsigned i = 0; i < brokers; i++)
        (void)snprintf(config->brokers[i].name, sizeof config->brokers[i].name, "broker-%u", i);
    (void)snprintf(config->site, sizeof config->site, "garden");
    (void)snprintf(config->timezone, sizeof config->timezone, "Asia/Shanghai");
    (void)snprintf(config->store_path, sizeof config->store_path, "%s", store_path);
    config->store_max_bytes = 64u << 20;
    config->commit_every_ms = 20;
    return config;
}

void garden_config_free(struct config *config)
{
    free(config->plots[0].devices);
    free(config->plots);
    free(config->brokers);
    free(config->devices);
    free(config);
}

struct reading garden_reading(uint16_t device, uint32_t boot, uint32_t seq, int64_t wall_ms)
{
    struct reading reading = {
        .device = device, .value_count = (uint8_t)width, .boot = boot, .seq = seq};
    reading.taken.ms = clock_mono_ms();
    reading.time = (struct wall_ms){wall_ms, TIME_TRUSTED};
    reading.values[0] = (struct reading_value){.value = (double)seq / 100, .present = true};
    reading.values[1] =
        (struct reading_value){.value = (double)(float)(seq * 0.1), .present = true};
    reading.values[2] = (struct reading_value){.value = seq % 20000, .present = true};
    for (unsigned i = 3; i < width; i++)
        reading.values[i] = (struct reading_value){.value = (double)(seq * 7 % 1000 + 100 * i) / 10,
                                                   .present = true};
    return reading;
}

void garden_store_path(char *path, size_t size)
{
    char folder[] = "/tmp/baiye-store-XXXXXX";
    if (mkdtemp(folder) == NULL)
        abort();
    (void)snprintf(path, size, "%s/readings.db", folder);
}

void garden_remove(const char *path)
{
    static const char *const ends[] = {"",           "-wal",           ".identity",
                                       ".months",    ".corrupt-1",     ".corrupt-1-wal",
                                       ".corrupt-2", ".corrupt-2-wal", "-journal"};
    char name[320];
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
    (void)snprintf(name, sizeof name, "%s", path);
    *strrchr(name, '/') = '\0';
    (void)rmdir(name);
}
