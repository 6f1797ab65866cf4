/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/bus/bus.h"
#include "gateway/daemon/bus/impl.h"

#define HEALTH_EVERY_MS 10000
#define STATS_EVERY_MS  100
#define BABBLE_SHOWN_MS 60000
#define FIRST_HEALTH_MS 2000

struct reporting {
    uint64_t overheard_seen;
    int64_t overheard_one_ms; /* a request that looks like another master's was heard; 0: never */
    int64_t overheard_ms;     /* another master was */
    int64_t published_ms, health_at_ms;
    int64_t babble_ms; /* somebody talked without end; 0: never */
    bool echo;
    struct bus_stats counted;
    struct bus_stats published; /* under the mutex */
    struct log_state hint_log;
};

bool reporting_init(struct bus *bus)
{
    bus->reporting = calloc(1, sizeof *bus->reporting);
    if (bus->reporting == NULL)
        return false;
    bus->reporting->health_at_ms = bus_now_ms() + FIRST_HEALTH_MS;
    log_state_init(&bus->reporting->hint_log, 0);
    return true;
}

void bus_report_soon(struct bus *bus)
{
    bus->reporting->health_at_ms = bus_now_ms();
}

void report_request(struct bus *bus)
{
    bus->reporting->counted.requests++;
}

void report_answer(struct bus *bus, const struct transact_answer *answer, bool guest)
{
    struct bus_stats *counted = &bus->reporting->counted;
    counted->answers += answer->result == BUS_OK || answer->result == BUS_EXCEPTION;
    counted->timeouts += answer->result == BUS_TIMEOUT && !guest;
    counted->crc_errors += answer->result == BUS_GARBLED;
    if (answer->result == BUS_OK)
        bus->reporting->echo = answer->echo;
    if (answer->babble) {
        bus->reporting->babble_ms = bus_now_ms();
        bus_report_soon(bus);
    }
}

void report_reopened(struct bus *bus)
{
    bus->reporting->counted.reopened++;
}

static void publish_stats(struct bus *bus, int64_t now)
{
    if (now - bus->reporting->published_ms < STATS_EVERY_MS)
        return;
    bus->reporting->published_ms = now;
    bus->reporting->counted.busy_us = bus->transact.busy_ns / 1000;
    bus->reporting->counted.stray_bytes = bus->transact.stray_bytes;
    bus->reporting->counted.silence_violations = bus->transact.silence_violations;
    (void)snprintf(bus->reporting->counted.state, sizeof bus->reporting->counted.state, "%s",
                   connection_fine(bus)   ? "up"
                   : connection_away(bus) ? "away"
                                          : "down");
    (void)pthread_mutex_lock(&bus->mutex);
    bus->reporting->published = bus->reporting->counted;
    (void)pthread_mutex_unlock(&bus->mutex);
}

#define OTHER_MASTER_SHOWN_MS 600000  /* after its last request that was heard */
#define OTHER_MASTER_AGAIN_MS 3600000 /* it has sent another request by then */

/* Values of an answer that nobody waits for any more may look like one request, CRC and all; a
 * master sends its request more than once. */
static void note_other_master(struct reporting *reporting, uint64_t foreign, int64_t now)
{
    uint64_t more = foreign - reporting->overheard_seen;
    bool before = reporting->overheard_one_ms != 0 &&
                  now - reporting->overheard_one_ms < OTHER_MASTER_AGAIN_MS;
    reporting->overheard_seen = foreign;
    if (more == 0)
        return;
    reporting->overheard_one_ms = now;
    if (more > 1 || before)
        reporting->overheard_ms = now;
}

static const char *hint_or_fine(struct hint hint, char text[HINT_TEXT_SIZE])
{
    return hint.id != HINT_NONE ? hint_text(hint, METRIC_EN, text) : "fine again";
}

static enum log_level hint_level(struct hint hint)
{
    return hint.id != HINT_NONE ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE;
}

/* What a unit's numbers hint at. Of a dead one the log already has it. */
static void log_hint(struct bus *bus, unsigned index, struct hint hint)
{
    struct device *device = &bus->devices[index];
    char text[HINT_TEXT_SIZE];
    if (bus->units[index].dead)
        return;
    log_change(&device->logs.hint, hint.id, hint_level(hint), "device %s (bus %s, address %u): %s",
               device->config->name, bus->bus->name, device->config->unit,
               hint_or_fine(hint, text));
}

#define REFUSED_SHOWN_MS 3600000

/* Of a node that answers well, but with numbers that can't be its own. */
static enum hint_id refused_hint(const struct device *device, int64_t now)
{
    if (device->refusal.polls >= DEVICE_REFUSED_POLLS)
        return refused_is_busy(device)                         ? HINT_BUSY
               : device->refusal.code == MODBUS_DEVICE_FAILURE ? HINT_PROBE_FAILED
                                                               : HINT_REFUSES_ALL;
    if (!device->report.online && device->refusal.code == MODBUS_GATEWAY_TARGET)
        return HINT_TARGET_SILENT;
    if (!device->report.online && device->refusal.code == MODBUS_GATEWAY_PATH)
        return HINT_NO_PATH;
    const struct own_node *node = device->node;
    if (node != NULL && node->misplaced)
        return HINT_MISPLACED;
    bool shown = node != NULL && node->refused > 0 && now - node->refused_ms < REFUSED_SHOWN_MS;
    return shown ? HINT_FORGED : HINT_NONE;
}

static struct hint device_hint(const struct bus *bus, const struct link_quality *health,
                               unsigned index, int64_t now)
{
    if (connection_away(bus))
        return connection_hint(bus);
    struct hint hint = link_quality_odd_hint(&health[index]);
    if (hint.id == HINT_NONE)
        hint = link_quality_device_hint(health, bus->bus->device_count, index,
                                        bus->bus->type == BUS_TCP);
    if (hint.id == HINT_NONE)
        hint.id = (uint8_t)refused_hint(&bus->devices[index], now);
    return hint;
}

/* What the line is left silent before its requests. */
static uint32_t silence_us(const struct bus *bus, const struct device *device)
{
    int64_t silence_ns = bus_silence_ns(bus, device);
    silence_ns += silence_ns * device->silence.level / OWN_SILENCE_STEPS;
    return bus->bus->type == BUS_RTU ? (uint32_t)(silence_ns / 1000) : 0;
}

static void report_health(struct bus *bus, int64_t now)
{
    if (now < bus->reporting->health_at_ms)
        return;
    bus->reporting->health_at_ms = now + HEALTH_EVERY_MS;
    unsigned count = bus->bus->device_count;
    struct link_quality *health = calloc(count + 1u, sizeof *health);
    if (health == NULL)
        return;
    for (unsigned i = 0; i < count; i++)
        health[i] = bus->devices[i].health;
    bool paused = atomic_load(&bus->control.paused); /* no unit is polled: all is as it was */
    for (unsigned i = 0; i < count; i++) {
        const struct device *device = &bus->devices[i];
        bool away = connection_away(bus);
        struct device_health report = {
            .device = device->config->index,
            .online = device->report.online && (connection_fine(bus) || paused),
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
            .silence_us = silence_us(bus, device),
            .hint = device_hint(bus, health, i, now)};
        if (device->node != NULL) {
            (void)snprintf(report.firmware, sizeof report.firmware, "%s", device->node->firmware);
            report.board = device->node->serial == UINT32_MAX ? 0 : device->node->serial;
        }
        memcpy(report.model, device->texts[0], sizeof report.model);
        memcpy(report.serial, device->texts[1], sizeof report.serial);
        if (device->node == NULL)
            memcpy(report.firmware, device->texts[2], sizeof report.firmware);
        if (!away) /* the line reports it itself */
            log_hint(bus, i, report.hint);
        bus->sink->health(bus->sink->context, &report);
    }
    bool babble = bus->reporting->babble_ms && now - bus->reporting->babble_ms < BABBLE_SHOWN_MS;
    note_other_master(bus->reporting, bus->transact.overheard.foreign, now);
    const struct link_quality_line line = {.tcp = bus->bus->type == BUS_TCP,
                                           .echo = bus->reporting->echo,
                                           .babble = babble,
                                           .other_master = bus->reporting->overheard_ms != 0 &&
                                                           now - bus->reporting->overheard_ms <
                                                               OTHER_MASTER_SHOWN_MS};
    struct hint hint = connection_hint(bus);
    if (hint.id == HINT_NONE)
        hint = link_quality_bus_hint(health, count, &line);
    bus->reporting->counted.hint = hint;
    char text[HINT_TEXT_SIZE];
    log_change(&bus->reporting->hint_log, hint.id, hint_level(hint), "bus %s: %s", bus->bus->name,
               hint_or_fine(hint, text));
    free(health);
}

void bus_report(struct bus *bus, int64_t now_ms)
{
    report_health(bus, now_ms);
    publish_stats(bus, now_ms);
}

void bus_stats(struct bus *bus, struct bus_stats *stats)
{
    (void)pthread_mutex_lock(&bus->mutex);
    *stats = bus->reporting->published;
    (void)pthread_mutex_unlock(&bus->mutex);
    if (bus_port_free(bus)) /* as of now: the counters are of some time ago */
        (void)snprintf(stats->state, sizeof stats->state, "paused");
}
