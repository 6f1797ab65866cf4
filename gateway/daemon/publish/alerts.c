/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts: rules of the configuration over live values, and the gateway's own troubles. One
 * document each, below alert/, until it ends. Late readings raise none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/publish/link.h"
#include "protocols/metric/metric.h"
#include "protocols/mqtt/json.h"

/* One rule at one device. */
struct watch {
    int64_t beyond_ms; /* wall time since which the value is beyond the limit; 0: it is not */
    bool raised;
};

struct alerts {
    const struct config *config;
    struct watch *watches; /* by rule and device */
    bool store_raised;
    char store_alarm[160];
    bool broker_raised[STORE_BROKERS_MAX];
};

struct alerts *alerts_create(const struct config *config)
{
    struct alerts *alerts = calloc(1, sizeof *alerts);
    if (alerts == NULL)
        return NULL;
    alerts->config = config;
    alerts->watches =
        calloc((size_t)config->alert_count * config->device_count + 1, sizeof *alerts->watches);
    if (alerts->watches == NULL) {
        free(alerts);
        return NULL;
    }
    return alerts;
}

void alerts_destroy(struct alerts *alerts)
{
    if (alerts == NULL)
        return;
    free(alerts->watches);
    free(alerts);
}

struct alert_text {
    const char *what, *where, *level, *todo;
    int64_t since_ms;
};

static void raise(struct publish *publish, const char *id, const struct alert_text *text)
{
    char json[768];
    struct json_out o = json_out_init(json, sizeof json - 1);
    json_out_open(&o, '{');
    json_out_key(&o, "id");
    json_out_string(&o, id);
    json_out_key(&o, "what");
    json_out_string(&o, text->what);
    json_out_key(&o, "where");
    json_out_string(&o, text->where);
    json_out_key(&o, "since");
    json_out_integer(&o, text->since_ms);
    json_out_key(&o, "level");
    json_out_string(&o, text->level);
    json_out_key(&o, "todo");
    json_out_string(&o, text->todo);
    json_out_close(&o, '}');
    json[o.at] = '\0';
    if (!o.failed)
        (void)publish_alert(publish, id, json);
}

/* ---- Rules ---- */

static void raise_rule(struct publish *publish, const struct alert_rule *rule,
                       const struct device_config *device, const struct watch *watch, double value)
{
    static const char *const levels[] = {"info", "watch", "alarm"};
    char id[96], what[192];
    (void)snprintf(id, sizeof id, "%s-%s", rule->name, device->name);
    (void)snprintf(what, sizeof what, "%s: %s %.4g, limit %.4g",
                   rule->label[0] != '\0' ? rule->label : rule->name, rule->metric, value,
                   rule->limit);
    struct alert_text text = {.what = what,
                              .where = device->name,
                              .level = levels[rule->level < 3 ? rule->level : 2],
                              .todo = "",
                              .since_ms = watch->beyond_ms};
    raise(publish, id, &text);
}

static void judge(struct publish *publish, const struct alert_rule *rule, struct watch *watch,
                  const struct reading *reading, double value)
{
    const struct device_config *device = &publish->config->devices[reading->device];
    char id[96];
    bool beyond = rule->above ? value > rule->limit : value < rule->limit;
    bool clear = rule->above ? value < rule->clear : value > rule->clear;
    if (!beyond && !watch->raised)
        watch->beyond_ms = 0;
    if (beyond && watch->beyond_ms == 0)
        watch->beyond_ms = reading->time.ms;
    if (beyond && !watch->raised &&
        reading->time.ms - watch->beyond_ms >= (int64_t)rule->for_s * 1000) {
        watch->raised = true;
        raise_rule(publish, rule, device, watch, value);
    }
    if (clear && watch->raised) {
        *watch = (struct watch){0};
        (void)snprintf(id, sizeof id, "%s-%s", rule->name, device->name);
        (void)publish_alert(publish, id, NULL);
    }
}

void alerts_reading(struct publish *publish, const struct reading *reading)
{
    const struct config *config = publish->config;
    const struct shape *shape = &publish->shapes[reading->device];
    for (uint16_t r = 0; r < config->alert_count; r++) {
        const struct alert_rule *rule = &config->alerts[r];
        struct watch *watch =
            &publish->alerts->watches[(size_t)r * config->device_count + reading->device];
        for (unsigned i = 0; i < shape->count && i < reading->value_count; i++) {
            const struct reading_value *value = &reading->values[i];
            if (value->present &&
                (value->flag == METRIC_GOOD || value->flag == METRIC_UNCALIBRATED) &&
                strcmp(shape->fields[i].metric, rule->metric) == 0)
                judge(publish, rule, watch, reading, value->value);
        }
    }
}

/* ---- The gateway's own ---- */

static void look_at_store(struct publish *publish)
{
    struct alerts *alerts = publish->alerts;
    struct store_stats stats;
    store_stats(publish->store, &stats);
    if (strcmp(stats.alarm, alerts->store_alarm) == 0)
        return;
    memcpy(alerts->store_alarm, stats.alarm, sizeof alerts->store_alarm);
    if (stats.alarm[0] == '\0') {
        (void)publish_alert(publish, "store", NULL);
        return;
    }
    struct alert_text text = {.what = stats.alarm,
                              .where = "gateway",
                              .level = stats.available ? "watch" : "alarm",
                              .todo = "look at the gateway's disk",
                              .since_ms = store_now(publish->store).ms};
    raise(publish, "store", &text);
}

static void look_at_broker(struct publish *publish, uint16_t index)
{
    struct broker *broker = &publish->brokers[index];
    bool *raised = &publish->alerts->broker_raised[index];
    char id[64], what[160];
    pthread_mutex_lock(&publish->lock);
    bool refused = strcmp(broker->stats.state, "refused") == 0;
    (void)snprintf(what, sizeof what, "broker %s: %s", broker->config->name, broker->stats.why);
    pthread_mutex_unlock(&publish->lock);
    if (refused == *raised)
        return;
    *raised = refused;
    (void)snprintf(id, sizeof id, "broker-%s", broker->config->name);
    struct alert_text text = {.what = what,
                              .where = "gateway",
                              .level = "alarm",
                              .todo = "look at the broker's users, ACL and quota",
                              .since_ms = store_now(publish->store).ms};
    if (refused)
        raise(publish, id, &text);
    else
        (void)publish_alert(publish, id, NULL);
}

void alerts_second(struct publish *publish)
{
    look_at_store(publish);
    for (uint16_t i = 0; i < publish->broker_count; i++)
        look_at_broker(publish, i);
}
