/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts for devices that do not answer: nobody who grows tea looks at a list of devices every
 * morning. One alert a device; where all devices of a line are silent it is the line's, and only
 * that. A device is given five of its periods, since a battery node may miss one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/publish/link/link.h"

#define PERIODS       5
#define LEAST_MS      10000
#define DEVICE_PREFIX "silent-"
#define LINE_PREFIX   "line-"

struct offline {
    const struct config *config;
    int64_t *since_ms; /* monotonic, by device: since when it is known not to answer; 0: it does */
};

struct offline *offline_create(const struct config *config)
{
    struct offline *offline = calloc(1, sizeof *offline);
    if (offline == NULL)
        return NULL;
    offline->config = config;
    offline->since_ms = calloc((size_t)config->device_count + 1, sizeof *offline->since_ms);
    if (offline->since_ms == NULL) {
        free(offline);
        return NULL;
    }
    return offline;
}

void offline_destroy(struct offline *offline)
{
    if (offline == NULL)
        return;
    free(offline->since_ms);
    free(offline);
}

enum voice { VOICE_UNKNOWN, VOICE_ANSWERS, VOICE_WAITED_FOR, VOICE_SILENT, VOICE_COUNT };

static enum voice listen_to(struct publish *publish, struct offline *offline, uint16_t device,
                            struct device_health *health)
{
    *health = (struct device_health){0};
    int64_t now_ms = clock_now().mono_ms, *since_ms = &offline->since_ms[device];
    int64_t wait_ms = (int64_t)offline->config->devices[device].every_ms * PERIODS;
    if (!live_get_health(publish->live, device, health))
        return VOICE_UNKNOWN;
    if (health->online) {
        *since_ms = 0;
        return VOICE_ANSWERS;
    }
    if (*since_ms == 0)
        *since_ms = now_ms;
    return now_ms - *since_ms >= (wait_ms > LEAST_MS ? wait_ms : LEAST_MS) ? VOICE_SILENT
                                                                           : VOICE_WAITED_FOR;
}

static void raise_device(struct publish *publish, const struct device_config *device,
                         const struct device_health *health)
{
    struct alert_text text = {.level = "watch",
                              .what = "no answer, no new data",
                              .what_zh = "没有应答，没有新数据",
                              .todo_zh = "检查它的供电和接线"};
    (void)snprintf(text.id, sizeof text.id, DEVICE_PREFIX "%s", device->name);
    (void)snprintf(text.where, sizeof text.where, "%s", device->name);
    (void)snprintf(text.todo, sizeof text.todo, "%s",
                   health->hint[0] != '\0' ? health->hint : "check its power and its wires");
    text.since_ms = health->last_seen.ms > 0 ? health->last_seen.ms : store_now(publish->store).ms;
    active_set(publish, &text);
}

static void raise_line(struct publish *publish, const struct bus_config *bus, int64_t since_ms)
{
    struct alert_text text = {
        .level = "watch",
        .todo = "check the adapter and the cable at the gateway, and the line's power",
        .todo_zh = "检查网关旁的转换器、总线接头和供电"};
    (void)snprintf(text.id, sizeof text.id, LINE_PREFIX "%s", bus->name);
    (void)snprintf(text.where, sizeof text.where, "%s", bus->name);
    (void)snprintf(text.what, sizeof text.what, "none of the %u devices on line %s answers",
                   bus->device_count, bus->name);
    (void)snprintf(text.what_zh, sizeof text.what_zh, "总线 %s 上的 %u 台设备都没有应答", bus->name,
                   bus->device_count);
    text.since_ms = since_ms > 0 ? since_ms : store_now(publish->store).ms;
    active_set(publish, &text);
}

static void end(struct publish *publish, const char *prefix, const char *name)
{
    char id[ALERT_ID_SIZE];
    (void)snprintf(id, sizeof id, "%s%s", prefix, name);
    active_end(publish, id);
}

/* What is not known yet after a start, or waited for, stays as it stands. */
static void look_at_line(struct publish *publish, struct offline *offline,
                         const struct bus_config *bus)
{
    const struct device_config *devices = offline->config->devices;
    struct device_health health;
    unsigned voices[VOICE_COUNT] = {0};
    int64_t since_ms = 0;
    for (uint16_t i = 0; i < bus->device_count; i++) {
        voices[listen_to(publish, offline, bus->devices[i], &health)]++;
        if (health.last_seen.ms > since_ms)
            since_ms = health.last_seen.ms; /* of the last that fell silent */
    }
    /* A slow device is given its time only while others of the line answer. */
    bool line = bus->device_count > 1 && voices[VOICE_SILENT] > 0 &&
                voices[VOICE_SILENT] + voices[VOICE_WAITED_FOR] == bus->device_count;
    if (line)
        raise_line(publish, bus, since_ms);
    else if (voices[VOICE_ANSWERS] > 0 || bus->device_count < 2)
        end(publish, LINE_PREFIX, bus->name);
    for (uint16_t i = 0; i < bus->device_count; i++) {
        const struct device_config *device = &devices[bus->devices[i]];
        enum voice voice = listen_to(publish, offline, device->index, &health);
        if (voice == VOICE_SILENT && !line)
            raise_device(publish, device, &health);
        else if (voice == VOICE_ANSWERS || line)
            end(publish, DEVICE_PREFIX, device->name);
    }
}

void offline_second(struct publish *publish, struct offline *offline)
{
    for (uint16_t bus = 0; bus < offline->config->bus_count; bus++)
        look_at_line(publish, offline, &offline->config->buses[bus]);
}

bool offline_is_ours(const struct offline *offline, const char *id)
{
    const struct config *config = offline->config;
    bool ours = false;
    if (strncmp(id, DEVICE_PREFIX, strlen(DEVICE_PREFIX)) == 0)
        ours = config_device(config, id + strlen(DEVICE_PREFIX)) != NULL;
    if (strncmp(id, LINE_PREFIX, strlen(LINE_PREFIX)) == 0) {
        for (uint16_t i = 0; i < config->bus_count; i++)
            ours = ours || strcmp(config->buses[i].name, id + strlen(LINE_PREFIX)) == 0;
    }
    return ours;
}
