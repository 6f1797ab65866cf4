/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts: rules of the configuration over live values, and the gateway's own troubles. Late
 * readings raise none. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/daemon/publish/link/link.h"
#include "protocols/metric/metric.h"

/* One rule at one device. */
struct watch {
    int64_t beyond_ms; /* wall time since which the value is beyond the limit; 0: it is not */
    bool raised;
    bool known; /* whether it was raised before this start has been looked at */
};

struct alerts {
    const struct config *config;
    struct watch *watches; /* by rule and device */
    struct offline *offline;
    bool pruned; /* those of rules and devices that are no more have been ended */
};

struct alerts *alerts_create(const struct config *config)
{
    struct alerts *alerts = calloc(1, sizeof *alerts);
    if (alerts == NULL)
        return NULL;
    alerts->config = config;
    alerts->watches =
        calloc((size_t)config->alert_count * config->device_count + 1, sizeof *alerts->watches);
    alerts->offline = offline_create(config);
    if (alerts->watches == NULL || alerts->offline == NULL) {
        alerts_destroy(alerts);
        return NULL;
    }
    return alerts;
}

void alerts_destroy(struct alerts *alerts)
{
    if (alerts == NULL)
        return;
    offline_destroy(alerts->offline);
    free(alerts->watches);
    free(alerts);
}

/* ---- Rules ---- */

static void rule_id(char id[ALERT_ID_SIZE], const struct alert_rule *rule,
                    const struct device_config *device)
{
    (void)snprintf(id, ALERT_ID_SIZE, "%s-%s", rule->name, device->name);
}

static void raise_rule(struct publish *publish, const struct alert_rule *rule,
                       const struct device_config *device, const struct watch *watch, double value)
{
    static const char *const levels[] = {"info", "watch", "alarm"};
    struct alert_text text = {.since_ms = watch->beyond_ms};
    rule_id(text.id, rule, device);
    const char *label = rule->label[0] != '\0' ? rule->label : rule->name;
    const struct metric_info *metric = metric_find(rule->metric);
    const char *unit = metric != NULL ? metric->unit : "";
    const char *space = unit[0] != '\0' ? " " : "";
    (void)snprintf(text.what, sizeof text.what, "%s: %s %.4g%s%s, limit %.4g%s%s", label,
                   rule->metric, value, space, unit, rule->limit, space, unit);
    (void)snprintf(text.what_zh, sizeof text.what_zh, "%s：%s %.4g%s%s，界限 %.4g%s%s", label,
                   rule->metric, value, space, unit, rule->limit, space, unit);
    (void)snprintf(text.where, sizeof text.where, "%s", device->name);
    (void)snprintf(text.level, sizeof text.level, "%s", levels[rule->level < 3 ? rule->level : 2]);
    active_set(publish, &text);
}

/* An alert of before the start goes on as the one it was. */
static void remember(struct publish *publish, struct watch *watch, const char *id)
{
    int64_t since_ms = 0;
    if (watch->known)
        return;
    watch->known = active_known(publish->raised);
    if (!watch->raised && active_find(publish, id, &since_ms)) {
        watch->raised = true;
        watch->beyond_ms = since_ms;
    }
}

static void judge(struct publish *publish, const struct alert_rule *rule, struct watch *watch,
                  const struct reading *reading, double value)
{
    const struct device_config *device = &publish->config->devices[reading->device];
    char id[ALERT_ID_SIZE];
    rule_id(id, rule, device);
    remember(publish, watch, id);
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
        *watch = (struct watch){.known = watch->known};
        active_end(publish, id);
    }
}

void alerts_reading(struct publish *publish, const struct reading *reading)
{
    const struct config *config = publish->config;
    const struct stream_schema *shape = &publish->shapes[reading->device];
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

static void own_alert(struct publish *publish, bool stands, struct alert_text *text)
{
    if (!stands) {
        active_end(publish, text->id);
        return;
    }
    (void)snprintf(text->where, sizeof text->where, "gateway");
    text->since_ms = store_now(publish->store).ms;
    active_set(publish, text);
}

static void look_at_store(struct publish *publish)
{
    struct store_stats stats;
    struct alert_text text = {
        .id = "store", .todo = "look at the gateway's disk", .todo_zh = "检查网关的硬盘"};
    store_stats(publish->store, &stats);
    (void)snprintf(text.what, sizeof text.what, "%s", stats.alarm);
    (void)snprintf(text.what_zh, sizeof text.what_zh, "网关存数据有问题：%s", stats.alarm);
    (void)snprintf(text.level, sizeof text.level, "%s", stats.available ? "watch" : "alarm");
    own_alert(publish, stats.alarm[0] != '\0', &text);
}

static void look_at_quarantine(struct publish *publish)
{
    struct store_stats stats;
    struct alert_text text = {.id = "quarantine",
                              .level = "watch",
                              .todo = "look at the broker's limits: message size, quota"};
    store_stats(publish->store, &stats);
    (void)snprintf(text.what, sizeof text.what,
                   "a broker refuses records for good: %llu are kept aside, %llu have dropped out",
                   (unsigned long long)stats.quarantined,
                   (unsigned long long)stats.quarantine_dropped);
    own_alert(publish, stats.quarantined > 0, &text);
}

/* Looked at from here, though it is the whole process's: whoever is refused elsewhere tells nobody.
 */
static void look_at_descriptors(struct publish *publish)
{
    struct alert_text text = {.id = "descriptors",
                              .what = "no file descriptor is left: nobody can log in",
                              .level = "alarm",
                              .todo = "raise LimitNOFILE of baiyed.service and restart it",
                              .what_zh = "网关的文件描述符用完了：没有人能登录",
                              .todo_zh = "调大 baiyed.service 的 LimitNOFILE 后重启"};
    int probe = fcntl(publish->wake_fd, F_DUPFD_CLOEXEC, 0);
    bool crowded = probe < 0 && errno == EMFILE;
    if (probe >= 0)
        close(probe);
    own_alert(publish, crowded, &text);
}

void publish_web_trouble(struct publish *publish, const char *what)
{
    struct alert_text text = {.id = "http", .level = "alarm", .todo = "see the gateway's log"};
    if (what != NULL)
        (void)snprintf(text.what, sizeof text.what, "%s", what);
    own_alert(publish, what != NULL, &text);
}

void publish_raise(struct publish *publish, const struct publish_alert *alert)
{
    struct alert_text text = {.since_ms = alert->since_ms};
    (void)snprintf(text.id, sizeof text.id, "%s", alert->id);
    (void)snprintf(text.what, sizeof text.what, "%s", alert->what);
    (void)snprintf(text.where, sizeof text.where, "%s", alert->where);
    (void)snprintf(text.todo, sizeof text.todo, "%s", alert->todo);
    (void)snprintf(text.level, sizeof text.level, "%s", alert->level);
    if (alert->what_zh != NULL) {
        (void)snprintf(text.what_zh, sizeof text.what_zh, "%s", alert->what_zh);
        (void)snprintf(text.todo_zh, sizeof text.todo_zh, "%s", alert->todo_zh);
    }
    active_set(publish, &text);
}

void publish_lower(struct publish *publish, const char *id)
{
    active_end(publish, id);
}

static void look_at_broker(struct publish *publish, const struct broker *broker)
{
    struct alert_text text = {.level = "alarm",
                              .todo =
                                  "look at the broker's version, certificate, users, ACL and quota",
                              .todo_zh = "检查消息服务器的版本、证书、用户、权限和配额"};
    (void)snprintf(text.id, sizeof text.id, "broker-%s", broker->config->name);
    pthread_mutex_lock(&publish->lock);
    bool refused = strcmp(broker->stats.state, "refused") == 0;
    (void)snprintf(text.what_zh, sizeof text.what_zh, "消息服务器 %s 拒绝了网关：%s",
                   broker->config->name, broker->stats.why);
    (void)snprintf(text.what, sizeof text.what, "broker %s: %s", broker->config->name,
                   broker->stats.why);
    pthread_mutex_unlock(&publish->lock);
    own_alert(publish, refused, &text);
}

static void look_at_budget(struct publish *publish, const struct broker *broker)
{
    struct alert_text text = {.level = "watch",
                              .todo = "raise budget: or batch:, or use encoding: deflate",
                              .todo_zh = "调大 budget 或 batch，或用 encoding: deflate"};
    (void)snprintf(text.id, sizeof text.id, "budget-%s", broker->config->name);
    (void)snprintf(text.what, sizeof text.what,
                   "broker %s: %s of this month's %.1f MB are used; %s go out until it ends (UTC)",
                   broker->config->name, broker->stage == DATA_PLAN_URGENT ? "all" : "80 %",
                   (double)broker->config->budget_bytes_month / 1e6,
                   broker->stage == DATA_PLAN_URGENT ? "only alerts and the forecast"
                                                     : "hourly means instead of readings");
    (void)snprintf(text.what_zh, sizeof text.what_zh,
                   "消息服务器 %s：本月 %.1f MB 流量已用%s，月底（UTC）前只发%s",
                   broker->config->name, (double)broker->config->budget_bytes_month / 1e6,
                   broker->stage == DATA_PLAN_URGENT ? "完" : " 80 %",
                   broker->stage == DATA_PLAN_URGENT ? "告警和预报" : "每小时的平均值");
    own_alert(publish, broker->stage != DATA_PLAN_NONE, &text);
}

/* ---- Those of before the start that nothing here would ever end ---- */

static bool is_ours(struct publish *publish, const char *id)
{
    const struct config *config = publish->config;
    static const char *const always[] = {"store", "quarantine", "descriptors", "http"};
    /* Not PUBLISH_ALERT_GUESSES: its day is counted anew after a start. */
    char own[ALERT_ID_SIZE];
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        if (strcmp(id, always[i]) == 0)
            return true;
    }
    if (strcmp(id, PUBLISH_ALERT_CERTIFICATE) == 0)
        return config->http_cert_file[0] != '\0';
    if (strcmp(id, PUBLISH_ALERT_FROST) == 0)
        return config->plot_count > 0; /* else nobody looks at it any more */
    for (uint16_t i = 0; i < publish->broker_count; i++) {
        (void)snprintf(own, sizeof own, "broker-%s", config->brokers[i].name);
        if (strcmp(id, own) == 0)
            return true;
        (void)snprintf(own, sizeof own, "budget-%s", config->brokers[i].name);
        if (strcmp(id, own) == 0)
            return true;
    }
    if (offline_is_ours(publish->alerts->offline, id))
        return true;
    for (uint16_t r = 0; r < config->alert_count; r++) {
        for (uint16_t d = 0; d < config->device_count; d++) {
            rule_id(own, &config->alerts[r], &config->devices[d]);
            if (strcmp(id, own) == 0)
                return true;
        }
    }
    return false;
}

void alerts_second(struct publish *publish)
{
    char id[ALERT_ID_SIZE];
    if (!publish->alerts->pruned && active_known(publish->raised)) {
        while (active_next_foreign(publish, is_ours, id, sizeof id))
            active_end(publish, id);
        publish->alerts->pruned = true;
    }
    offline_second(publish, publish->alerts->offline);
    look_at_store(publish);
    look_at_quarantine(publish);
    look_at_descriptors(publish);
    for (uint16_t i = 0; i < publish->broker_count; i++) {
        look_at_broker(publish, &publish->brokers[i]);
        look_at_budget(publish, &publish->brokers[i]);
    }
}
