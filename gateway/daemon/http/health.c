/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/health.h"

#include <stdio.h>
#include <string.h>

#include "gateway/common/boundary.h"

static void add_text(json_t *list, const char *format, const char *name, const char *what)
{
    if (list != NULL)
        (void)json_array_append_new(list, json_sprintf(format, name, what));
}

bool health_alive(const struct health *health, json_t *stuck)
{
    const struct rpc_parts *parts = health->parts;
    bool alive = true;
    if (store_idle_ms(parts->store) > health->stuck_ms) {
        add_text(stuck, "%s%s", "store", "");
        alive = false;
    }
    if (parts->publish != NULL && publish_idle_ms(parts->publish) > health->stuck_ms) {
        add_text(stuck, "%s%s", "publishers", "");
        alive = false;
    }
    if (parts->alerts != NULL && alerts_idle_ms(parts->alerts) > health->stuck_ms) {
        add_text(stuck, "%s%s", "alerts", "");
        alive = false;
    }
    if (parts->actions != NULL && actions_idle_ms(parts->actions) > health->stuck_ms) {
        add_text(stuck, "%s%s", "actions", "");
        alive = false;
    }
    if (parts->forecast != NULL && forecast_idle_ms(parts->forecast) > FORECAST_STUCK_MS) {
        add_text(stuck, "%s%s", "forecast", "");
        alive = false;
    }
    for (uint16_t i = 0; i < health->config->bus_count; i++) {
        if (bus_idle_ms(parts->buses[i]) > health->stuck_ms) {
            add_text(stuck, "bus %s%s", health->config->buses[i].name, "");
            alive = false;
        }
    }
    return alive;
}

static void look_at_store(const struct health *health, json_t *reasons, json_t *warnings)
{
    struct store_stats stats;
    store_stats(health->parts->store, &stats);
    if (!stats.available)
        add_text(reasons, "store: %s%s", stats.alarm[0] != '\0' ? stats.alarm : "not available",
                 "");
    else if (stats.alarm[0] != '\0')
        add_text(warnings, "store: %s%s", stats.alarm, "");
    if (stats.quarantined > 0)
        (void)json_array_append_new(
            warnings,
            json_sprintf("store: %lld records that a broker refused for good are kept "
                         "aside, %lld have dropped out since the start",
                         (long long)stats.quarantined, (long long)stats.quarantine_dropped));
    if (stats.copied)
        add_text(warnings, "%s%s",
                 "identity: the store comes from another machine, this is a new gateway", "");
    if (!stats.clock_trusted)
        add_text(warnings, "%s%s", "the time is not trusted yet", "");
}

static void look_at_brokers(const struct health *health, json_t *reasons, json_t *warnings)
{
    for (uint16_t i = 0; health->parts->publish != NULL && i < health->config->broker_count; i++) {
        const struct broker_config *broker = &health->config->brokers[i];
        struct sockaddr_in address;
        struct publish_stats stats;
        publish_stats(health->parts->publish, i, &stats);
        if (stats.twin != PUBLISH_TWIN_NONE)
            (void)json_array_append_new(warnings, json_sprintf("broker %s: %s", broker->name,
                                                               publish_twin_text(stats.twin)));
        bool local = broker_loopback(broker->url.host, broker->url.port, &address) == 0;
        if (strcmp(stats.state, "up") != 0)
            (void)json_array_append_new(local ? reasons : warnings,
                                        json_sprintf("broker %s: %s%s%s", broker->name, stats.state,
                                                     stats.why[0] != '\0' ? ", " : "", stats.why));
    }
    if (health->bridge != NULL && bridge_state(health->bridge) == BRIDGE_UNKNOWN)
        add_text(reasons, "%s%s", "bridge: the local broker does not answer", "");
    if (health->bridge != NULL && bridge_state(health->bridge) == BRIDGE_BROKER_OPEN)
        add_text(reasons, "%s%s", "bridge: the local broker lets anybody in", "");
}

static void look_at_buses(const struct health *health, json_t *warnings)
{
    for (uint16_t i = 0; i < health->config->bus_count; i++) {
        struct bus_stats stats;
        bus_stats(health->parts->buses[i], &stats);
        char hint[HINT_TEXT_SIZE];
        (void)hint_text(stats.hint, METRIC_EN, hint);
        if (strcmp(stats.state, "up") != 0)
            (void)json_array_append_new(
                warnings, json_sprintf("bus %s: %s%s%s", health->config->buses[i].name, stats.state,
                                       hint[0] != '\0' ? ", " : "", hint));
    }
}

/* Whoever is to be told of an alarm is not: also in the app, and by the other ways. */
static void look_at_ways(const struct health *health, json_t *warnings)
{
    for (uint16_t i = 0; health->parts->notifier != NULL && i < health->config->way_count; i++) {
        struct notifier_way way;
        notifier_way(health->parts->notifier, i, &way);
        if (way.trouble[0] != '\0')
            add_text(warnings, "notify %s: %s", health->config->ways[i].name, way.trouble);
    }
}

static void look_at_outputs(const struct health *health, json_t *warnings)
{
    for (uint16_t i = 0;
         health->parts->actions != NULL && i < actions_count(health->parts->actions); i++) {
        struct actions_output output;
        actions_get(health->parts->actions, i, &output);
        if (output.failed)
            add_text(warnings, "output %s %s: can't be switched", output.device->name,
                     output.write->name);
    }
}

json_t *health_ready(const struct health *health)
{
    json_t *reasons = json_array(), *warnings = json_array(), *stuck = json_array();
    (void)health_alive(health, stuck);
    for (size_t i = 0; i < json_array_size(stuck); i++)
        add_text(reasons, "%s: makes no progress%s", json_string_value(json_array_get(stuck, i)),
                 "");
    json_decref(stuck);
    if (loop_crowded(health->loop))
        add_text(reasons, "%s%s", "no file descriptor is left", "");
    if (health->http != NULL) {
        struct http_stats http;
        http_stats(health->http, &http);
        if (!http.listening)
            add_text(reasons, "%s%s", "http: nobody can be let in, see the log", "");
    }
    if (health->config->refused[0] != '\0')
        add_text(warnings, "configuration: the last good one is in force: %s%s",
                 health->config->refused, "");
    look_at_store(health, reasons, warnings);
    look_at_brokers(health, reasons, warnings);
    look_at_buses(health, warnings);
    look_at_ways(health, warnings);
    look_at_outputs(health, warnings);
    return json_pack("{s:b,s:o,s:o}", "ready", (int)(json_array_size(reasons) == 0), "reasons",
                     reasons, "warnings", warnings);
}

/* ---- stats ---- */

static void put(json_t *object, const char *key, uint64_t value)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *store_json(const struct health *health)
{
    struct store_stats s;
    store_stats(health->parts->store, &s);
    json_t *json = json_pack("{s:b,s:b,s:s}", "available", (int)s.available, "clock_trusted",
                             (int)s.clock_trusted, "alarm", s.alarm);
    put(json, "taken", s.taken);
    put(json, "stored", s.stored);
    put(json, "duplicates", s.duplicates);
    put(json, "lost", s.lost);
    put(json, "gaps", s.gaps);
    put(json, "commits", s.commits);
    put(json, "commit_errors", s.commit_errors);
    put(json, "commit_p99_us", s.commit_p99_us);
    put(json, "bytes_written", s.bytes_written);
    put(json, "waiting", s.waiting);
    put(json, "file_bytes", s.file_bytes);
    put(json, "file_limit", s.file_limit);
    put(json, "next_record", s.next_record);
    put(json, "quarantined", s.quarantined);
    put(json, "quarantine_dropped", s.quarantine_dropped);
    put(json, "dropped_quota", s.dropped_quota);
    put(json, "salvaged", s.salvaged);
    put(json, "oldest_ms", (uint64_t)s.oldest_ms);
    return json;
}

static json_t *broker_json(const struct health *health, uint16_t index)
{
    struct publish_stats s;
    publish_stats(health->parts->publish, index, &s);
    json_t *json = json_pack("{s:s,s:s,s:s,s:b}", "name", health->config->brokers[index].name,
                             "state", s.state, "why", s.why, "thrifty", (int)s.budget_limited);
    (void)json_object_set_new(json, "twin", json_string(publish_twin_text(s.twin)));
    (void)json_object_set_new(
        json, "county", json_boolean(health->config->brokers[index].requests == REQUESTS_COUNTY));
    put(json, "connects", s.connects);
    put(json, "restarts", s.restarts);
    put(json, "messages", s.messages);
    put(json, "acked", s.acked);
    put(json, "refused", s.refused);
    put(json, "bytes_sent", s.bytes_sent);
    put(json, "bytes_month", s.bytes_month);
    put(json, "backlog", s.backlog);
    put(json, "quarantined", s.quarantined);
    put(json, "pid", s.pid);
    char text[BOUNDARY_TEXT_SIZE];
    (void)json_object_set_new(json, "boundary", json_string(boundary_text(s.boundary, text)));
    return json;
}

static json_t *bus_json(const struct health *health, uint16_t index)
{
    struct bus_stats s;
    bus_stats(health->parts->buses[index], &s);
    char hint[METRIC_LANGUAGES][HINT_TEXT_SIZE];
    json_t *json =
        json_pack("{s:s,s:s,s:s,s:s}", "name", health->config->buses[index].name, "state", s.state,
                  "hint", hint_text(s.hint, METRIC_EN, hint[METRIC_EN]), "hint_zh",
                  hint_text(s.hint, METRIC_ZH, hint[METRIC_ZH]));
    put(json, "requests", s.requests);
    put(json, "answers", s.answers);
    put(json, "timeouts", s.timeouts);
    put(json, "crc_errors", s.crc_errors);
    put(json, "stray_bytes", s.stray_bytes);
    put(json, "reopened", s.reopened);
    put(json, "busy_us", s.busy_us);
    put(json, "silence_violations", s.silence_violations);
    return json;
}

static json_t *web_json(const struct health *health)
{
    struct http_stats http = {0};
    struct bridge_stats bridge = {0};
    json_t *json = json_object();
    if (health->http != NULL)
        http_stats(health->http, &http);
    struct guess_stats guesses = {0};
    if (health->bridge != NULL)
        bridge_stats(health->bridge, &bridge);
    if (health->guess != NULL)
        guess_stats(health->guess, loop_now_ms(), &guesses);
    put(json, "wrong_logins", guesses.wrong);
    put(json, "delayed_logins", guesses.delayed);
    put(json, "connections", http.connections);
    put(json, "requests", http.requests);
    put(json, "unauthorised", http.unauthorised);
    put(json, "bytes_out", http.bytes_out);
    put(json, "bridged", bridge.connections);
    put(json, "bridged_total", bridge.accepted);
    put(json, "bridge_bytes_in", bridge.bytes_in);
    put(json, "bridge_bytes_out", bridge.bytes_out);
    return json;
}

static json_t *listen_json(const struct health *health)
{
    struct listener_stats s = {0};
    json_t *json = json_object();
    if (health->listener != NULL)
        listener_stats(health->listener, &s);
    put(json, "accepted", s.accepted);
    put(json, "registered", s.registered);
    put(json, "unknown", s.unknown);
    put(json, "elsewhere", s.elsewhere);
    put(json, "expired", s.expired);
    put(json, "evicted", s.evicted);
    put(json, "waiting", s.waiting);
    return json;
}

json_t *health_stats(const struct health *health)
{
    json_t *buses = json_array(), *brokers = json_array();
    for (uint16_t i = 0; i < health->config->bus_count; i++)
        (void)json_array_append_new(buses, bus_json(health, i));
    for (uint16_t i = 0; health->parts->publish != NULL && i < health->config->broker_count; i++)
        (void)json_array_append_new(brokers, broker_json(health, i));
    return json_pack("{s:s,s:s,s:o,s:I,s:I,s:s,s:o,s:o,s:o,s:o,s:o}", "site", health->config->site,
                     "version", BAIYE_VERSION, "ready", health_ready(health), "uptime_s",
                     (json_int_t)((loop_now_ms() - health->started_ms) / 1000), "boot",
                     (json_int_t)store_boot(health->parts->store), "config_refused",
                     health->config->refused, "store", store_json(health), "buses", buses,
                     "brokers", brokers, "http", web_json(health), "listen", listen_json(health));
}
