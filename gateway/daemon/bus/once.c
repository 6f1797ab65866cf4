/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/bus/impl.h"

#define OPEN_MS 3000
#define ALL_MS  120000

static bool all_polled(const struct bus *bus)
{
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        if (bus->devices[i].health.polls == 0)
            return false;
    }
    return true;
}

/* No one else drives it. */
static void step(struct bus *bus)
{
    bus_step(bus);
    if (bus->bus->type == BUS_TCP)
        bus->pace.heard = line_await(&bus->line, bus->pace.due_ns);
}

int bus_once(const struct config *config, uint16_t bus_index, const struct reading_sink *sink,
             bool *answered)
{
    struct bus *bus = bus_create(config, bus_index, 0, sink);
    if (bus == NULL)
        return ENOMEM;
    bus->only_polls = true;
    int64_t begun = bus_now_ms();
    for (unsigned i = 0; i < bus->bus->device_count; i++)
        bus->units[i].period_us = ALL_MS * US; /* once is once */
    while (!all_polled(bus) && bus_now_ms() - begun < (connection_fine(bus) ? ALL_MS : OPEN_MS))
        step(bus);
    for (unsigned i = 0; i < bus->bus->device_count; i++) {
        const struct device *device = &bus->devices[i];
        answered[device->config->index] = device->health.good > 0;
    }
    for (unsigned i = 0; i < bus->bus->device_count; i++)
        device_gap_flush(&bus->devices[i], sink);
    int error = connection_fine(bus) ? 0 : connection_error(bus);
    bus_destroy(bus);
    return error;
}
