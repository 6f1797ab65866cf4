/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/bus/load.h"

#include <stdio.h>

#include "gateway/daemon/bus/device.h"
#include "gateway/daemon/bus/schedule.h"

static const struct reading_sink no_sink;

/* Each try takes the line until its deadline, see transact.c. */
static int64_t dying_ns(const struct bus_config *bus, const struct device *device)
{
    int64_t tries = (SCHEDULE_DEAD + SCHEDULE_TIMEOUT - 1) / SCHEDULE_TIMEOUT;
    int64_t try_ns = device_ceiling_ns(device->config, bus), longest_ns = 0;
    for (unsigned i = 0; bus->type != BUS_TCP && i < device->plan.read_count; i++) {
        int64_t read_ns = plan_read_ns(&device->plan.reads[i], &device->cost);
        longest_ns = read_ns > longest_ns ? read_ns : longest_ns;
    }
    if (bus->type != BUS_TCP)
        try_ns +=
            longest_ns + TRANSACT_SLACK_NS - device->config->profile->extra_silence_us * 1000LL;
    return tries * try_ns;
}

void load_device(const struct config *config, const struct device_config *device,
                 struct load_device *load)
{
    const struct bus_config *bus = &config->buses[device->bus];
    struct device_alone alone = {0};
    struct device prepared;
    device_init_alone(&prepared, device, bus, 0, &no_sink, NULL, &alone);
    load->plan = prepared.plan;
    load->cost = prepared.cost;
    /* While its own silence runs others have the line. */
    load->cost.request_ns += LOAD_TURNAROUND_NS - device->profile->extra_silence_us * 1000LL;
    if (bus->type == BUS_TCP)
        load->cost = (struct plan_cost){.request_ns = LOAD_TCP_NS};
    load->dying_ns = dying_ns(bus, &prepared);
    load->poll_ns = 0;
    load->share = 0;
    for (unsigned i = 0; i < load->plan.read_count; i++) {
        const struct plan_read *read = &load->plan.reads[i];
        int64_t read_ns = plan_read_ns(read, &load->cost);
        uint32_t every_ms = read->every_ms > device->every_ms ? read->every_ms : device->every_ms;
        load->poll_ns += read_ns;
        load->share += (double)read_ns / 1e6 / every_ms;
    }
}

double load_bus(const struct config *config, const struct bus_config *bus)
{
    double share = 0;
    for (unsigned i = 0; i < bus->device_count; i++) {
        const struct device_config *device = &config->devices[bus->devices[i]];
        struct load_device load;
        load_device(config, device, &load);
        share += load.share;
    }
    return share;
}

bool load_check(const struct config *config, struct config_error *error)
{
    for (unsigned i = 0; i < config->bus_count; i++) {
        const struct bus_config *bus = &config->buses[i];
        double share = load_bus(config, bus);
        if (share <= 1 || bus->allow_overload)
            continue;
        (void)snprintf(
            error->text, sizeof error->text,
            "%.200s:%d: bus \"%s\" would need %.0f %% of its line; raise every: or baud:, "
            "use fewer devices, or write allow_overload: true",
            config->file, bus->line, bus->name, share * 100);
        return false;
    }
    return true;
}
