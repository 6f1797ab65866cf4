/* SPDX-License-Identifier: Apache-2.0 */
/* The live lane: the newest reading of each device, straight from the live table, at most one
 * message a second and device (once per `batch` for a broker with a budget); plain numbers for
 * panel apps (panel.c); the plots' values; the devices' health. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/unit_convert.h"
#include "gateway/daemon/plots/plot_values.h"
#include "gateway/daemon/publish/link/link.h"
#include "gateway/daemon/publish/link/panel.h"
#include "protocols/metric/metric.h"
#include "protocols/mqtt/payload.h"

struct live_lane {
    bool *dirty;           /* by device */
    int64_t *sent_ms;      /* by device */
    uint16_t next;         /* round robin */
    struct panel *panel;   /* NULL: not for this broker */
    bool *plot_dirty;      /* by plot */
    int64_t *plot_sent_ms; /* by plot */
    bool *health_dirty, *health_online;
    int64_t *health_sent_ms;
    bool health_look; /* all of it is to be gone through, once a second */
};

static void *zeros(size_t count, size_t size)
{
    return calloc(count + 1, size);
}

bool live_lane_create(const struct config *config, struct broker *broker)
{
    uint16_t devices = config->device_count, plots = config->plot_count;
    struct live_lane *lane = calloc(1, sizeof *lane);
    broker->live_lane = lane;
    if (lane == NULL)
        return false;
    lane->dirty = zeros(devices, sizeof *lane->dirty);
    lane->sent_ms = zeros(devices, sizeof *lane->sent_ms);
    lane->health_dirty = zeros(devices, sizeof *lane->health_dirty);
    lane->health_online = zeros(devices, sizeof *lane->health_online);
    lane->health_sent_ms = zeros(devices, sizeof *lane->health_sent_ms);
    lane->plot_dirty = zeros(plots, sizeof *lane->plot_dirty);
    lane->plot_sent_ms = zeros(plots, sizeof *lane->plot_sent_ms);
    if (broker->config->panel)
        lane->panel = panel_create(devices);
    return lane->dirty != NULL && lane->sent_ms != NULL && lane->health_dirty != NULL &&
           lane->health_online != NULL && lane->health_sent_ms != NULL &&
           lane->plot_dirty != NULL && lane->plot_sent_ms != NULL &&
           (!broker->config->panel || lane->panel != NULL);
}

void live_lane_destroy(struct live_lane *lane)
{
    if (lane == NULL)
        return;
    free(lane->dirty);
    free(lane->sent_ms);
    free(lane->health_dirty);
    free(lane->health_online);
    free(lane->health_sent_ms);
    free(lane->plot_dirty);
    free(lane->plot_sent_ms);
    panel_destroy(lane->panel);
    free(lane);
}

int64_t live_lane_every(const struct broker *broker)
{
    const struct broker_config *config = broker->config;
    if (config->budget_bytes_month > 0 && config->batch_ms > LIVE_EVERY_MS)
        return config->batch_ms;
    return LIVE_EVERY_MS;
}

void live_lane_up(struct publish *publish, struct broker *broker)
{
    const struct config *config = publish->config;
    broker->live_lane->health_look = true;
    if (broker->live_lane->panel != NULL)
        panel_up(broker->live_lane->panel);
    for (uint16_t i = 0; i < config->device_count; i++) {
        broker->live_lane->dirty[i] = broker->live_lane->health_dirty[i] = true;
        broker->live_lane->sent_ms[i] = broker->live_lane->health_sent_ms[i] = INT64_MIN / 2;
    }
    for (uint16_t i = 0; i < config->plot_count; i++) {
        broker->live_lane->plot_dirty[i] = true;
        broker->live_lane->plot_sent_ms[i] = INT64_MIN / 2;
    }
}

static void mark(struct publish *publish, uint16_t device)
{
    const struct config *config = publish->config;
    for (uint16_t b = 0; b < publish->broker_count; b++)
        publish->brokers[b].live_lane->dirty[device] = true;
    for (uint16_t p = 0; p < config->plot_count; p++) {
        for (uint16_t d = 0; d < config->plots[p].device_count; d++) {
            if (config->plots[p].devices[d] != device)
                continue;
            for (uint16_t b = 0; b < publish->broker_count; b++)
                publish->brokers[b].live_lane->plot_dirty[p] = true;
        }
    }
}

void live_lane_look(struct publish *publish, bool health_too)
{
    live_changed(publish->live, publish->changed);
    for (uint16_t b = 0; health_too && b < publish->broker_count; b++)
        publish->brokers[b].live_lane->health_look = true;
    for (uint16_t i = 0; i < publish->config->device_count; i++) {
        if (publish->changed[i])
            mark(publish, i);
        if (health_too && live_health_changed(publish->live, i)) {
            for (uint16_t b = 0; b < publish->broker_count; b++)
                publish->brokers[b].live_lane->health_dirty[i] = true;
        }
    }
}

/* ---- One device ---- */

/* One digit more than the metric is shown with. */
static void put_converted(const struct field_config *field, const char *unit,
                          const struct reading_value *from, struct payload_value *value)
{
    const struct metric_info *metric = metric_find(field->metric);
    struct stream_schema_field form = {
        .form = PAYLOAD_SCALED, .decimals = (uint8_t)(metric != NULL ? metric->decimals + 1u : 3u)};
    struct reading_value shown = *from;
    if (shown.present && !unit_convert(field->unit, unit, &shown.value))
        shown.present = false;
    payload_value_from(&form, &shown, value);
}

static void fill_payload(struct publish *publish, const struct reading *reading,
                         struct payload_reading *payload, const char *names[READING_VALUES_MAX])
{
    const struct stream_schema *schema = &publish->schemas[reading->device];
    const struct device_config *device = &publish->config->devices[reading->device];
    *payload = (struct payload_reading){.device = device->name,
                                        .metrics = names,
                                        .count = schema->count,
                                        .clock_untrusted = reading->time.trust != TIME_TRUSTED,
                                        .boot = reading->boot,
                                        .seq = reading->seq,
                                        .ts_ms = reading->time.ms};
    for (unsigned i = 0; i < schema->count; i++) {
        const struct field_config *field = device->metrics[i];
        const char *unit = config_shown_unit(device, i);
        names[i] = schema->fields[i].metric;
        if (i >= reading->value_count)
            continue;
        if (strcmp(unit, field->unit) == 0)
            payload_value_from(&schema->fields[i], &reading->values[i], &payload->values[i]);
        else
            put_converted(field, unit, &reading->values[i], &payload->values[i]);
    }
}

bool live_lane_topic(const struct publish *publish, uint16_t device, const char *leaf,
                     char topic[TOPIC_SIZE])
{
    char suffix[TOPIC_SIZE];
    return topic_device(suffix, sizeof suffix, publish->config->devices[device].name, leaf) &&
           topic_make(topic, TOPIC_SIZE, publish->config->site, suffix);
}

void live_lane_heard(struct publish *publish, struct broker *broker, uint16_t ask, int64_t now_ms)
{
    if (broker->live_lane->panel != NULL && ask > 0 && ask <= publish->config->device_count)
        panel_heard(broker->live_lane->panel, (uint16_t)(ask - 1), now_ms);
}

/* false: no room now. */
static bool send_retained(struct broker *broker, const char *topic, const struct json_out *json,
                          bool live)
{
    return ipc_doc(broker, &(struct ipc_document){.topic = topic,
                                                  .payload = json->data,
                                                  .size = json->at,
                                                  .qos = 1,
                                                  .retain = true,
                                                  .live = live});
}

/* false: no room now. */
static bool send_live(struct publish *publish, struct broker *broker, uint16_t device,
                      int64_t now_ms)
{
    const char *names[READING_VALUES_MAX];
    struct payload_reading payload;
    struct reading reading;
    char topic[TOPIC_SIZE], json[4096];
    struct json_out o = json_out_init(json, sizeof json);
    if (!live_get(publish->live, device, &reading)) {
        broker->live_lane->dirty[device] = false;
        return true;
    }
    fill_payload(publish, &reading, &payload, names);
    payload_live(&o, &payload, publish->config->devices[device].every_ms);
    if (o.failed || !live_lane_topic(publish, device, "live", topic)) {
        broker->live_lane->dirty[device] = false;
        return true;
    }
    if (!send_retained(broker, topic, &o, true))
        return false;
    broker->live_lane->dirty[device] = false;
    broker->live_lane->sent_ms[device] = now_ms;
    if (broker->live_lane->panel != NULL)
        panel_send(broker->live_lane->panel, publish, broker, device, &payload, now_ms);
    return true;
}

/* ---- Health ---- */

static void health_json(struct json_out *o, const struct device_health *health,
                        const struct reading *reading, const struct stream_schema *schema)
{
    json_out_open(o, '{');
    device_health_json(o, health);
    for (unsigned i = 0; reading != NULL && i < schema->count; i++) {
        struct payload_value value;
        if (strcmp(schema->fields[i].metric, "battery_voltage") != 0 || i >= reading->value_count ||
            !reading->values[i].present)
            continue;
        char text[48];
        payload_value_from(&schema->fields[i], &reading->values[i], &value);
        json_out_key(o, "battery");
        json_out_raw(o, text, payload_scalar(text, &value));
    }
    json_out_close(o, '}');
}

static bool send_health(struct publish *publish, struct broker *broker, uint16_t device,
                        int64_t now_ms)
{
    struct device_health health;
    struct reading reading;
    char topic[TOPIC_SIZE], json[HEALTH_JSON_SIZE];
    struct json_out o = json_out_init(json, sizeof json);
    if (!live_get_health(publish->live, device, &health)) {
        broker->live_lane->health_dirty[device] = false;
        return true;
    }
    if (now_ms - broker->live_lane->health_sent_ms[device] < HEALTH_EVERY_MS &&
        health.online == broker->live_lane->health_online[device])
        return true;
    bool known = live_get(publish->live, device, &reading);
    health_json(&o, &health, known ? &reading : NULL, &publish->schemas[device]);
    broker->live_lane->health_dirty[device] = false;
    if (o.failed || !live_lane_topic(publish, device, "health", topic))
        return true;
    broker->live_lane->health_dirty[device] = true;
    if (!send_retained(broker, topic, &o, false))
        return false;
    broker->live_lane->health_dirty[device] = false;
    broker->live_lane->health_sent_ms[device] = now_ms;
    broker->live_lane->health_online[device] = health.online;
    return true;
}

/* ---- Plots ---- */

static void add_device(struct publish *publish, struct plot_values *plot, uint16_t index,
                       int64_t wall_ms)
{
    const struct device_config *device = &publish->config->devices[index];
    const struct stream_schema *schema = &publish->schemas[index];
    struct plot_field fields[READING_VALUES_MAX];
    struct reading reading;
    if (!live_get(publish->live, index, &reading))
        return;
    for (unsigned i = 0; i < schema->count; i++) {
        const struct stream_schema_field *from = &schema->fields[i];
        fields[i] = (struct plot_field){
            .metric = from->metric,
            .unit = device->metrics[i]->unit,
            .plot_unit = config_metric_unit(publish->config, from->metric),
            .decimals = from->form == PAYLOAD_SCALED ? from->decimals : (uint8_t)2};
    }
    plot_values_add(plot, fields, schema->count, &reading, device->every_ms, wall_ms);
}

static bool send_plot(struct publish *publish, struct broker *broker, uint16_t index,
                      int64_t now_ms)
{
    const struct plot_config *config = &publish->config->plots[index];
    struct plot_values plot = {0};
    char suffix[TOPIC_SIZE], topic[TOPIC_SIZE], json[4096];
    struct json_out o = json_out_init(json, sizeof json);
    int64_t wall_ms = store_now(publish->store).ms;
    for (uint16_t i = 0; i < config->device_count; i++)
        add_device(publish, &plot, config->devices[i], wall_ms);
    plot_values_derive(&plot);
    if (plot.believed == 0 || !topic_plot(suffix, sizeof suffix, config->name) ||
        !topic_make(topic, sizeof topic, publish->config->site, suffix)) {
        broker->live_lane->plot_dirty[index] = false;
        return true;
    }
    plot_values_json(&o, &plot);
    if (o.failed) {
        broker->live_lane->plot_dirty[index] = false;
        return true;
    }
    if (!send_retained(broker, topic, &o, true))
        return false;
    broker->live_lane->plot_dirty[index] = false;
    broker->live_lane->plot_sent_ms[index] = now_ms;
    return true;
}

/* ---- Rounds ---- */

static int64_t sooner(int64_t wait, int64_t due_ms, int64_t now_ms)
{
    int64_t left = due_ms > now_ms ? due_ms - now_ms : 1;
    return left < wait ? left : wait;
}

/* Devices in turn, beginning behind the one served last, so that none starves when the window is
 * always full. */
static int64_t pump_devices(struct publish *publish, struct broker *broker, int64_t now_ms,
                            int64_t wait)
{
    int64_t every = live_lane_every(broker);
    uint16_t count = publish->config->device_count;
    for (uint16_t n = 0; n < count; n++) {
        uint16_t device = (uint16_t)((broker->live_lane->next + n) % count);
        if (!broker->live_lane->dirty[device])
            continue;
        int64_t due = broker->live_lane->sent_ms[device] + every;
        if (due > now_ms) {
            wait = sooner(wait, due, now_ms);
        } else if (!send_live(publish, broker, device, now_ms)) {
            broker->live_lane->next = device;
            return wait;
        }
    }
    return wait;
}

int64_t live_lane_pump(struct publish *publish, struct broker *broker, int64_t now_ms, int64_t most)
{
    const struct config *config = publish->config;
    int64_t every = live_lane_every(broker);
    bool live = broker_sends(broker->config, PART_LIVE);
    bool health = broker_sends(broker->config, PART_HEALTH);
    if (broker->stage != DATA_PLAN_NONE)
        return most;
    int64_t wait = live ? pump_devices(publish, broker, now_ms, most) : most;
    for (uint16_t i = 0; live && i < config->plot_count; i++) {
        if (!broker->live_lane->plot_dirty[i])
            continue;
        if (broker->live_lane->plot_sent_ms[i] + every > now_ms)
            wait = sooner(wait, broker->live_lane->plot_sent_ms[i] + every, now_ms);
        else if (!send_plot(publish, broker, i, now_ms))
            return wait;
    }
    for (uint16_t i = 0; health && broker->live_lane->health_look && i < config->device_count;
         i++) {
        if (broker->live_lane->health_dirty[i] && !send_health(publish, broker, i, now_ms))
            return wait;
    }
    broker->live_lane->health_look = false;
    return wait;
}

/* Every broker that is up waits until it may send the device's newest values again. */
static bool is_scheduled(const struct publish *publish, uint16_t device, int64_t now_ms)
{
    bool any = false;
    for (uint16_t b = 0; b < publish->broker_count; b++) {
        const struct broker *broker = &publish->brokers[b];
        const struct live_lane *lane = broker->live_lane;
        if (!broker->up)
            continue;
        if (!lane->dirty[device] || lane->sent_ms[device] + live_lane_every(broker) <= now_ms)
            return false;
        any = true;
    }
    return any;
}

bool live_lane_quiet(struct publish *publish, int64_t now_ms)
{
    bool missed = false;
    for (uint16_t i = 0; i < publish->config->device_count; i++) {
        bool quiet = is_scheduled(publish, i, now_ms);
        if (quiet == publish->quiet[i])
            continue;
        missed = live_set_quiet(publish->live, i, quiet) || missed;
        publish->quiet[i] = quiet;
    }
    return missed;
}
