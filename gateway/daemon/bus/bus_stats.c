/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/bus/impl.h"

#define HEALTH_EVERY_MS 10000
#define STATS_EVERY_MS  100
#define BABBLE_SHOWN_MS 60000

static void publish_stats(struct bus *bus)
{
    int64_t now = bus_now_ms();
    if (now - bus->published_ms < STATS_EVERY_MS)
        return;
    bus->published_ms = now;
    bus->counted.busy_us = bus->transact.busy_ns / 1000;
    bus->counted.stray_bytes = bus->transact.stray_bytes;
    bus->counted.silence_violations = bus->transact.silence_violations;
    (void)snprintf(bus->counted.state, sizeof bus->counted.state, "%s",
                   connection_fine(bus)   ? "up"
                   : connection_away(bus) ? "away"
                                          : "down");
    (void)pthread_mutex_lock(&bus->mutex);
    bus->stats = bus->counted;
    (void)pthread_mutex_unlock(&bus->mutex);
}

#define OTHER_MASTER_SHOWN_MS 600000 /* after its last request that was heard */

/* Tells hints apart; 0: there is none. */
static int hint_state(const char *hint)
{
    return hint[0] ? (int)(unsigned char)hint[0] + (int)strlen(hint) : 0;
}

/* What a unit's numbers hint at. Of a dead one the log says already what it does. */
static void log_hint(struct bus *bus, unsigned index, const char *hint)
{
    struct device *device = &bus->devices[index];
    if (bus->units[index].dead)
        return;
    log_change(&device->hint_log, hint_state(hint), hint[0] ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
               "device %s (bus %s, address %u): %s", device->config->name, bus->bus->name,
               device->config->unit, hint[0] ? hint : "fine again");
}

#define REFUSED_SHOWN_MS 3600000

/* Of a node that answers well, but with numbers that can't be its own. */
static const char *refused_hint(const struct device *device, int64_t now)
{
    if (device->refused_polls >= DEVICE_REFUSED_POLLS)
        return device->refused_code == MODBUS_DEVICE_FAILURE
                   ? "answers only with exception 4, device failure: look at the probe behind it"
                   : "refuses every request: is this the profile of this device?";
    if (!device->report.online && device->refused_code == MODBUS_GATEWAY_TARGET)
        return "silent behind the gateway (exception 11): look at its address, power, and the line "
               "there";
    if (!device->report.online && device->refused_code == MODBUS_GATEWAY_PATH)
        return "the gateway has no way to it (exception 10): look at the address, and its table of "
               "units";
    const struct own_node *node = device->node;
    if (node != NULL && node->misplaced)
        return "this is another device's board (serial number): nothing of it is taken";
    bool shown = node != NULL && node->refused > 0 && now - node->refused_ms < REFUSED_SHOWN_MS;
    return shown ? "refused a sample number that it can't have reached: damaged or forged frames?"
                 : "";
}

/* What the line is left silent before its requests. */
static uint32_t silence_us(const struct bus *bus, const struct device *device)
{
    int64_t silence_ns = bus_silence_ns(bus, device);
    silence_ns += silence_ns * device->silence.level / OWN_SILENCE_STEPS;
    return bus->bus->type == BUS_RTU ? (uint32_t)(silence_ns / 1000) : 0;
}

static void report_health(struct bus *bus)
{
    int64_t now = bus_now_ms();
    if (now < bus->health_at_ms)
        return;
    bus->health_at_ms = now + HEALTH_EVERY_MS;
    unsigned count = bus->bus->device_count;
    struct link_quality *health = calloc(count, sizeof *health);
    if (health == NULL)
        return;
    for (unsigned i = 0; i < count; i++)
        health[i] = bus->devices[i].health;
    for (unsigned i = 0; i < count; i++) {
        const struct device *device = &bus->devices[i];
        char odd[96];
        bool tcp = bus->bus->type == BUS_TCP;
        const char *hint = link_quality_device_hint(health, count, i, tcp);
        bool away = connection_away(bus);
        if (away)
            hint = connection_hint(bus);
        else if (link_quality_is_odd(&device->health, odd, sizeof odd))
            hint = odd;
        else if (hint[0] == '\0')
            hint = refused_hint(device, now);
        struct device_health report = {
            .device = device->config->index,
            .online = device->report.online && connection_fine(bus),
            .away = away,
            .last_seen = device->report.last_seen,
            .polls = health[i].polls,
            .good = health[i].good,
            .timeouts = health[i].timeouts,
            .crc_errors = health[i].crc_errors,
            .exceptions = health[i].exceptions,
            .late_answers = health[i].late_answers,
            .retries = health[i].retries,
            .turnaround_p50_us = link_quality_percentile_us(&health[i], 0.5),
            .turnaround_p99_us = link_quality_percentile_us(&health[i], 0.99),
            .silence_us = silence_us(bus, device)};
        if (device->node != NULL)
            (void)snprintf(report.firmware, sizeof report.firmware, "%s", device->node->firmware);
        memcpy(report.model, device->texts[0], sizeof report.model);
        memcpy(report.serial, device->texts[1], sizeof report.serial);
        if (device->node == NULL)
            memcpy(report.firmware, device->texts[2], sizeof report.firmware);
        (void)snprintf(report.hint, sizeof report.hint, "%s", hint);
        if (!away) /* the line says so itself */
            log_hint(bus, i, hint);
        bus->sink->health(bus->sink->context, &report);
    }
    bool babble = bus->babble_ms && now - bus->babble_ms < BABBLE_SHOWN_MS;
    if (bus->transact.overheard.requests != bus->overheard_seen)
        bus->overheard_ms = now;
    bus->overheard_seen = bus->transact.overheard.requests;
    const struct link_quality_line line = {
        .tcp = bus->bus->type == BUS_TCP,
        .echo = bus->echo,
        .babble = babble,
        .other_master = bus->overheard_ms != 0 && now - bus->overheard_ms < OTHER_MASTER_SHOWN_MS};
    const char *hint = connection_hint(bus);
    if (hint[0] == '\0')
        hint = link_quality_bus_hint(health, count, &line);
    (void)snprintf(bus->counted.hint, sizeof bus->counted.hint, "%s", hint);
    log_change(&bus->hint_log, hint_state(hint), hint[0] ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE,
               "bus %s: %s", bus->bus->name, hint[0] ? hint : "fine again");
    free(health);
}

void bus_report(struct bus *bus)
{
    report_health(bus);
    publish_stats(bus);
}
