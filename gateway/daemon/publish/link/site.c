/* SPDX-License-Identifier: Apache-2.0 */
/* What a consumer must know to show the values: the site document, and Home Assistant's device
 * discovery. Both are made once; a changed configuration is a new process image. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/publish/link/link.h"
#include "protocols/metric/metric.h"
#include "protocols/mqtt/alert_level.h"
#include "protocols/mqtt/json.h"

static void put_number(struct json_out *o, const char *name, double value)
{
    json_out_key(o, name);
    json_out_real(o, value, true);
}

static void put_metric(struct json_out *o, const struct field_config *field)
{
    const struct metric_info *metric = metric_find(field->metric);
    json_out_key(o, field->metric);
    json_out_open(o, '{');
    json_out_key_string(o, "unit", field->unit);
    json_out_key_string(o, "kind", metric_kind_name(metric != NULL ? metric->kind : METRIC_MEAN));
    if (field->label[0] != '\0')
        json_out_key_string(o, "label", field->label);
    put_number(o, "min", field->min < field->max || metric == NULL ? field->min : metric->min);
    put_number(o, "max", field->min < field->max || metric == NULL ? field->max : metric->max);
    json_out_key_unsigned(o, "decimals", metric != NULL ? metric->decimals : 2);
    json_out_close(o, '}');
}

static void put_plots(struct json_out *o, const struct config *config)
{
    json_out_key(o, "plots");
    json_out_open(o, '[');
    for (uint16_t i = 0; i < config->plot_count; i++) {
        const struct plot_config *plot = &config->plots[i];
        json_out_open(o, '{');
        json_out_key_string(o, "name", plot->name);
        json_out_key_string(o, "label", plot->label[0] != '\0' ? plot->label : plot->name);
        put_number(o, "area_m2", plot->area_m2);
        json_out_key_string(o, "cultivar", plot->cultivar);
        json_out_key_string(o, "standard", plot->standard);
        if (plot->placed) {
            json_out_key(o, "at");
            json_out_open(o, '{');
            json_out_key(o, "lat");
            json_out_real(o, plot->latitude, false);
            json_out_key(o, "lon");
            json_out_real(o, plot->longitude, false);
            json_out_close(o, '}');
        }
        json_out_key(o, "devices");
        json_out_open(o, '[');
        for (uint16_t d = 0; d < plot->device_count; d++)
            json_out_string(o, config->devices[plot->devices[d]].name);
        json_out_close(o, ']');
        json_out_close(o, '}');
    }
    json_out_close(o, ']');
}

/* When the calibration of a metric ends. */
static void put_dues(struct json_out *o, const struct device_config *device)
{
    bool any = false;
    char day[32];
    for (unsigned m = 0; m < device->metric_count; m++)
        any = any || device->due[m] != 0;
    if (!any)
        return;
    json_out_key(o, "calibration_due");
    json_out_open(o, '{');
    for (unsigned m = 0; m < device->metric_count; m++) {
        (void)snprintf(day, sizeof day, "%04d-%02d-%02d", (int)(device->due[m] / 10000),
                       (int)(device->due[m] / 100 % 100), (int)(device->due[m] % 100));
        if (device->due[m] != 0)
            json_out_key_string(o, device->metrics[m]->metric, day);
    }
    json_out_close(o, '}');
}

/* What was set right on a probe in the configuration, and by whom. */
static void put_adjusted(struct json_out *o, const struct device_config *device)
{
    json_out_key(o, "adjusted");
    json_out_open(o, '{');
    if (device->adjusted_on[0] != '\0')
        json_out_key_string(o, "on", device->adjusted_on);
    if (device->adjusted_by[0] != '\0')
        json_out_key_string(o, "by", device->adjusted_by);
    json_out_key(o, "metrics");
    json_out_open(o, '{');
    for (unsigned m = 0; m < device->metric_count; m++) {
        const struct device_adjust *adjust = &device->adjust[m];
        if (adjust->scale == 1 && adjust->offset == 0)
            continue;
        json_out_key(o, device->metrics[m]->metric);
        json_out_open(o, '{');
        put_number(o, "scale", adjust->scale);
        put_number(o, "offset", adjust->offset);
        json_out_close(o, '}');
    }
    json_out_close(o, '}');
    json_out_close(o, '}');
}

static void put_devices(struct json_out *o, const struct config *config)
{
    json_out_key(o, "devices");
    json_out_open(o, '[');
    for (uint16_t i = 0; i < config->device_count; i++) {
        const struct device_config *device = &config->devices[i];
        json_out_open(o, '{');
        json_out_key_string(o, "name", device->name);
        json_out_key_string(o, "label", device->label[0] != '\0' ? device->label : device->name);
        json_out_key_string(o, "profile", device->profile->name);
        json_out_key(o, "every_s");
        json_out_decimal(o, device->every_ms, 3);
        json_out_key(o, "metrics");
        json_out_open(o, '[');
        for (unsigned m = 0; m < device->metric_count; m++)
            json_out_string(o, device->metrics[m]->metric);
        json_out_close(o, ']');
        if (device->adjusted)
            put_adjusted(o, device);
        put_dues(o, device);
        json_out_close(o, '}');
    }
    json_out_close(o, ']');
}

/* Every metric once, as the first device that has it knows it. */
static void put_metrics(struct json_out *o, const struct config *config)
{
    const struct field_config *known[128];
    unsigned count = 0;
    json_out_key(o, "metrics");
    json_out_open(o, '{');
    for (uint16_t i = 0; i < config->device_count; i++) {
        for (unsigned m = 0; m < config->devices[i].metric_count; m++) {
            const struct field_config *field = config->devices[i].metrics[m];
            unsigned k = 0;
            while (k < count && strcmp(known[k]->metric, field->metric) != 0)
                k++;
            if (k < count || count == sizeof known / sizeof known[0])
                continue;
            known[count++] = field;
            put_metric(o, field);
        }
    }
    json_out_close(o, '}');
}

/* ---- The farm's limits ---- */

static bool measures(const struct device_config *device, const char *metric)
{
    for (unsigned m = 0; m < device->metric_count; m++) {
        if (strcmp(device->metrics[m]->metric, metric) == 0)
            return true;
    }
    return false;
}

/* Named only when there are others that measure it, too. */
static void put_limit_devices(struct json_out *o, const struct config *config,
                              const struct alert_rule *rule)
{
    unsigned measuring = 0;
    for (uint16_t i = 0; i < config->device_count; i++)
        measuring += measures(&config->devices[i], rule->metric) ? 1u : 0u;
    if (rule->device_count == measuring)
        return;
    json_out_key(o, "devices");
    json_out_open(o, '[');
    for (uint16_t i = 0; i < rule->device_count; i++)
        json_out_string(o, config->devices[rule->devices[i]].name);
    json_out_close(o, ']');
}

static void put_limit(struct json_out *o, const struct config *config,
                      const struct alert_rule *rule)
{
    json_out_open(o, '{');
    json_out_key_string(o, "rule", rule->name);
    json_out_key_string(o, "label", rule->label);
    json_out_key_string(o, "label_en", rule->label_en);
    json_out_key_string(o, "metric", rule->metric);
    json_out_key_string(o, "side", rule->above ? "above" : "below");
    put_number(o, "limit", rule->limit);
    put_number(o, "clear", rule->clear);
    json_out_key_string(o, "level", alert_level_name(rule->level));
    if (rule->months != 0) {
        json_out_key(o, "months");
        json_out_open(o, '[');
        for (unsigned month = 0; month < 12; month++) {
            if ((rule->months >> month & 1) != 0)
                json_out_unsigned(o, month + 1);
        }
        json_out_close(o, ']');
    }
    put_limit_devices(o, config, rule);
    json_out_close(o, '}');
}

/* What is judged against a limit: a page that calls a value fine agrees with the alerts. A change
 * within a time has no limit of the value itself. */
static void put_limits(struct json_out *o, const struct config *config)
{
    json_out_key(o, "limits");
    json_out_open(o, '[');
    for (uint16_t i = 0; i < config->alert_count; i++) {
        if (config->alerts[i].per_s == 0 && config->alerts[i].device_count > 0)
            put_limit(o, config, &config->alerts[i]);
    }
    json_out_close(o, ']');
}

static void publish_site(struct publish *publish, const struct broker *broker)
{
    const struct config *config = publish->config;
    char topic[TOPIC_SIZE];
    int64_t every_ms = live_lane_every(broker);
    struct json_out o = json_out_init(publish->json, sizeof publish->json);
    json_out_open(&o, '{');
    json_out_key_string(&o, "site", config->site);
    if (config->label[0] != '\0')
        json_out_key_string(&o, "label", config->label);
    json_out_key_string(&o, "gw", store_uuid(publish->store));
    json_out_key(&o, "location");
    json_out_open(&o, '{');
    put_number(&o, "lat", config->latitude);
    put_number(&o, "lon", config->longitude);
    json_out_key_string(&o, "timezone", config->timezone);
    json_out_close(&o, '}');
    put_plots(&o, config);
    put_devices(&o, config);
    put_metrics(&o, config);
    put_limits(&o, config);
    json_out_key(&o, "batch_s"); /* how much older than at other brokers a live value may be here */
    json_out_decimal(&o, every_ms > LIVE_EVERY_MS ? every_ms : 0, 3);
    json_out_close(&o, '}');
    if (o.failed || !topic_make(topic, sizeof topic, config->site, TOPIC_SITE) ||
        !docs_set_for(&publish->docs, broker->index, topic, DOC_PLAIN, publish->json, o.at, true,
                      1))
        log_write(LOG_LEVEL_ERROR,
                  "publish %s: the site document does not fit in %u bytes, apps don't see the "
                  "garden: shorten labels, or leave out devices",
                  broker->config->name, (unsigned)sizeof publish->json);
}

/* ---- Home Assistant ---- */

/* How old a value may be, in ms: beyond that it is stale, as everywhere (2.5 periods). */
static int64_t oldest_ms(const struct broker *broker, const struct device_config *device)
{
    int64_t every_ms = live_lane_every(broker);
    return device->every_ms * INT64_C(5) / 2 + 5000 + (every_ms > LIVE_EVERY_MS ? every_ms : 0);
}

/* A retained value is fresh to a Home Assistant that was just started, however old it is: its own
 * time decides. `value_json.values` would be a method of the template's dictionary. */
static void put_component(struct json_out *o, const struct publish *publish,
                          const struct broker *broker, const struct device_config *device,
                          unsigned index)
{
    const struct config *config = publish->config;
    const struct field_config *field = device->metrics[index];
    const struct metric_info *metric = metric_find(field->metric);
    const char *shown_unit = config_shown_unit(device, index);
    bool usual_unit = metric != NULL && strcmp(shown_unit, metric->unit) == 0;
    char text[256];
    json_out_key(o, field->metric);
    json_out_open(o, '{');
    json_out_key_string(o, "p", "sensor");
    (void)snprintf(text, sizeof text, "baiye-%s-%s-%s", config->site, device->name, field->metric);
    json_out_key_string(o, "unique_id", text);
    json_out_key_string(o, "name", field->label[0] != '\0' ? field->label : field->metric);
    (void)snprintf(text, sizeof text,
                   "{{ value_json['values']['%s'] | default(none) if now().timestamp() * 1000 - "
                   "value_json.ts < %lld else none }}",
                   field->metric, (long long)oldest_ms(broker, device));
    json_out_key_string(o, "value_template", text);
    json_out_key_string(o, "state_class", metric != NULL ? metric->state_class : "measurement");
    /* A class has its units: with another one the value would be refused. */
    if (metric != NULL && usual_unit && metric->device_class[0] != '\0')
        json_out_key_string(o, "device_class", metric->device_class);
    /* Home Assistant's pH has no unit, and its relative humidity is plain %. */
    const char *unit = metric != NULL && usual_unit ? metric->shown : shown_unit;
    if (unit[0] != '\0')
        json_out_key_string(o, "unit_of_measurement", unit);
    json_out_key_unsigned(o, "suggested_display_precision", metric != NULL ? metric->decimals : 2);
    json_out_close(o, '}');
}

static void put_one_availability(struct json_out *o, const char *topic, const char *template)
{
    json_out_open(o, '{');
    json_out_key_string(o, "topic", topic);
    if (template != NULL)
        json_out_key_string(o, "value_template", template);
    json_out_close(o, '}');
}

/* The gateway is there, and the device answers it. */
static void put_availability(struct json_out *o, const struct config *config,
                             const struct broker *broker, const struct device_config *device)
{
    char status[TOPIC_SIZE], health[TOPIC_SIZE], suffix[TOPIC_SIZE];
    if (!topic_make(status, sizeof status, config->site, TOPIC_STATUS) ||
        !topic_device(suffix, sizeof suffix, device->name, "health") ||
        !topic_make(health, sizeof health, config->site, suffix)) {
        o->failed = true;
        return;
    }
    json_out_key(o, "availability");
    json_out_open(o, '[');
    if (broker_sends(broker->config, PART_STATUS))
        put_one_availability(o, status, NULL);
    if (broker_sends(broker->config, PART_HEALTH))
        put_one_availability(o, health, "{{ 'online' if value_json.online else 'offline' }}");
    json_out_close(o, ']');
    json_out_key_string(o, "availability_mode", "all");
}

static void put_discovery(struct json_out *o, const struct publish *publish,
                          const struct broker *broker, const struct device_config *device,
                          const char *live_topic)
{
    const struct config *config = publish->config;
    char id[96];
    (void)snprintf(id, sizeof id, "baiye-%s-%s", config->site, device->name);
    json_out_open(o, '{');
    json_out_key(o, "dev");
    json_out_open(o, '{');
    json_out_key_string(o, "ids", id);
    json_out_key_string(o, "name", device->label[0] != '\0' ? device->label : device->name);
    json_out_key_string(o, "mdl",
                        device->profile->label[0] != '\0' ? device->profile->label
                                                          : device->profile->name);
    json_out_close(o, '}');
    json_out_key(o, "o");
    json_out_open(o, '{');
    json_out_key_string(o, "name", "Baiye");
    json_out_close(o, '}');
    json_out_key_string(o, "state_topic", live_topic);
    json_out_key_unsigned(o, "qos", 1);
    json_out_key_unsigned(o, "expire_after", (uint64_t)(oldest_ms(broker, device) + 999) / 1000);
    put_availability(o, config, broker, device);
    json_out_key(o, "cmps");
    json_out_open(o, '{');
    for (unsigned i = 0; i < device->metric_count; i++)
        put_component(o, publish, broker, device, i);
    json_out_close(o, '}');
    json_out_close(o, '}');
}

static void publish_discovery(struct publish *publish, const struct broker *broker,
                              const struct device_config *device)
{
    const struct config *config = publish->config;
    char topic[TOPIC_SIZE], live[TOPIC_SIZE], suffix[TOPIC_SIZE];
    struct json_out o = json_out_init(publish->json, sizeof publish->json);
    int size = snprintf(topic, sizeof topic, "homeassistant/device/baiye-%s-%s/config",
                        config->site, device->name);
    if (size < 0 || size >= (int)sizeof topic ||
        !topic_device(suffix, sizeof suffix, device->name, "live") ||
        !topic_make(live, sizeof live, config->site, suffix))
        return;
    put_discovery(&o, publish, broker, device, live);
    if (!o.failed)
        (void)docs_set_for(&publish->docs, broker->index, topic, DOC_PANEL, publish->json, o.at,
                           true, 1);
}

void site_publish(struct publish *publish)
{
    for (uint16_t i = 0; i < publish->broker_count; i++) {
        const struct broker *broker = &publish->brokers[i];
        publish_site(publish, broker);
        for (uint16_t d = 0; broker->config->panel && d < publish->config->device_count; d++)
            publish_discovery(publish, broker, &publish->config->devices[d]);
    }
}
