/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/config/rights.h"

#include <stdio.h>
#include <string.h>

/* ---- Brokers ---- */

static bool is_same_url(const struct broker_url *a, const struct broker_url *b)
{
    return strcmp(a->host, b->host) == 0 && a->port == b->port && a->tls == b->tls &&
           a->websocket == b->websocket && strcmp(a->path, b->path) == 0;
}

static bool is_same_place(const struct broker_config *a, const struct broker_config *b)
{
    bool same = is_same_url(&a->url, &b->url) && a->more_url_count == b->more_url_count &&
                strcmp(a->ca_file, b->ca_file) == 0;
    for (unsigned i = 0; same && i < a->more_url_count; i++)
        same = is_same_url(&a->more_urls[i], &b->more_urls[i]);
    return same;
}

/* Only the farm's users command; what a county may ask is little, and it is the one who asks. */
static bool becomes_the_farms(const struct config *now, const struct broker_config *next)
{
    if (next->requests != REQUESTS_FARM)
        return false;
    for (uint16_t i = 0; i < now->broker_count; i++) {
        const struct broker_config *broker = &now->brokers[i];
        if (strcmp(broker->name, next->name) == 0)
            return broker->requests != REQUESTS_FARM || !is_same_place(broker, next);
    }
    return true;
}

/* ---- Outputs ---- */

static bool is_same_device(const struct config *now, uint16_t a, const struct config *next,
                           uint16_t b)
{
    const struct device_config *x = &now->devices[a], *y = &next->devices[b];
    return strcmp(x->name, y->name) == 0 && x->unit == y->unit &&
           strcmp(x->profile->name, y->profile->name) == 0 &&
           strcmp(now->buses[x->bus].name, next->buses[y->bus].name) == 0;
}

static bool are_same_devices(const struct config *now, const uint16_t *a, uint16_t count_a,
                             const struct config *next, const uint16_t *b, uint16_t count_b)
{
    bool same = count_a == count_b;
    for (uint16_t i = 0; same && i < count_a; i++)
        same = is_same_device(now, a[i], next, b[i]);
    return same;
}

static bool is_same_rule(const struct config *now, int32_t a, const struct config *next, int32_t b)
{
    if (a < 0 || b < 0)
        return a < 0 && b < 0;
    const struct alert_rule *x = &now->alerts[a], *y = &next->alerts[b];
    return strcmp(x->metric, y->metric) == 0 && x->above == y->above && x->per_s == y->per_s &&
           x->limit >= y->limit && x->limit <= y->limit && x->clear >= y->clear &&
           x->clear <= y->clear && x->for_s == y->for_s && x->months == y->months &&
           x->hours.from == y->hours.from && x->hours.to == y->hours.to &&
           are_same_devices(now, x->devices, x->device_count, next, y->devices, y->device_count);
}

static bool is_same_end(const struct action_config *a, const struct action_config *b)
{
    return strcmp(a->until_metric, b->until_metric) == 0 && a->until_above == b->until_above &&
           a->until_limit >= b->until_limit && a->until_limit <= b->until_limit &&
           a->for_s == b->for_s && a->pause_s == b->pause_s && a->override_s == b->override_s &&
           a->keep == b->keep && a->rain_s == b->rain_s && a->rain_mm >= b->rain_mm &&
           a->rain_mm <= b->rain_mm;
}

static bool is_same_action(const struct config *now, const struct action_config *a,
                           const struct config *next, const struct action_config *b)
{
    return strcmp(a->name, b->name) == 0 && is_same_device(now, a->device, next, b->device) &&
           strcmp(a->write->name, b->write->name) == 0 && a->on == b->on && a->off == b->off &&
           (a->way < 0) == (b->way < 0) && a->time_count == b->time_count &&
           memcmp(a->times, b->times, a->time_count * sizeof a->times[0]) == 0 &&
           is_same_end(a, b) && is_same_rule(now, a->rule, next, b->rule) &&
           are_same_devices(now, a->rule_devices, a->rule_device_count, next, b->rule_devices,
                            b->rule_device_count) &&
           are_same_devices(now, a->until_devices, a->until_device_count, next, b->until_devices,
                            b->until_device_count);
}

static bool is_switched_now(const struct config *now, const struct config *next,
                            const struct action_config *action)
{
    for (uint16_t i = 0; i < now->action_count; i++) {
        if (is_same_action(now, &now->actions[i], next, action))
            return true;
    }
    return false;
}

bool rights_grow(const struct config *now, const struct config *next, char *why, size_t size)
{
    for (uint16_t i = 0; i < next->broker_count; i++) {
        if (becomes_the_farms(now, &next->brokers[i])) {
            (void)snprintf(why, size, "%.200s:%d: broker %s would be the farm's (requests: farm)",
                           next->file, next->brokers[i].line, next->brokers[i].name);
            return true;
        }
    }
    for (uint16_t i = 0; i < next->action_count; i++) {
        if (!is_switched_now(now, next, &next->actions[i])) {
            (void)snprintf(why, size,
                           "%.200s:%d: action %s is another one than at the gateway; only there it "
                           "can be changed",
                           next->file, next->actions[i].line, next->actions[i].name);
            return true;
        }
    }
    return false;
}
