/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus' text format, made from health_stats(): each number under a key becomes
 * baiye_<part>_<key>, with the part's name as label; counters end in _total. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/serve/health.h"

/* Keys that may go down; all others are counters. */
static const char *const gauges[] = {
    "uptime_s",    "available", "clock_trusted", "commit_p99_us", "waiting", "file_bytes",
    "file_limit",  "oldest_ms", "thrifty",       "bytes_month",   "backlog", "pid",
    "connections", "bridged",   "quarantined",   "next_record",
};

static bool is_gauge(const char *key)
{
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        if (strcmp(gauges[i], key) == 0)
            return true;
    }
    return false;
}

static void write_value(FILE *out, const char *part, const char *key, const char *name,
                        const json_t *value)
{
    const char *label = strcmp(part, "bus") == 0 ? "bus" : "broker";
    bool gauge = is_gauge(key);
    (void)fprintf(out, "baiye_%s_%s%s", part, key, gauge ? "" : "_total");
    if (name != NULL)
        (void)fprintf(out, "{%s=\"%s\"}", label, name);
    (void)fprintf(out, " %lld\n",
                  json_is_integer(value) ? (long long)json_integer_value(value)
                                         : (long long)json_is_true(value));
}

/* All parts of one kind have the same keys: samples of one metric stand together. */
static void write_parts(FILE *out, const char *part, const json_t *list)
{
    json_t *first = json_array_get(list, 0);
    for (void *at = json_object_iter(first); at != NULL; at = json_object_iter_next(first, at)) {
        const char *key = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        if (!json_is_integer(value) && !json_is_boolean(value))
            continue;
        (void)fprintf(out, "# TYPE baiye_%s_%s%s %s\n", part, key, is_gauge(key) ? "" : "_total",
                      is_gauge(key) ? "gauge" : "counter");
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *one = json_array_get(list, i);
            write_value(out, part, key, json_string_value(json_object_get(one, "name")),
                        json_object_get(one, key));
        }
    }
}

static void write_ups(FILE *out, const char *part, const json_t *list)
{
    if (json_array_size(list) > 0)
        (void)fprintf(out, "# TYPE baiye_%s_up gauge\n", part);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        bool up = strcmp(json_string_value(json_object_get(one, "state")), "up") == 0;
        (void)fprintf(out, "baiye_%s_up{%s=\"%s\"} %d\n", part, part,
                      json_string_value(json_object_get(one, "name")), up);
    }
}

static void write_all(FILE *out, const json_t *stats)
{
    json_t *store = json_pack("[O]", json_object_get(stats, "store"));
    json_t *http = json_pack("[O]", json_object_get(stats, "http"));
    (void)fprintf(out, "# TYPE baiye_uptime_seconds gauge\nbaiye_uptime_seconds %lld\n",
                  (long long)json_integer_value(json_object_get(stats, "uptime_s")));
    write_parts(out, "store", store);
    write_ups(out, "bus", json_object_get(stats, "buses"));
    write_parts(out, "bus", json_object_get(stats, "buses"));
    write_ups(out, "broker", json_object_get(stats, "brokers"));
    write_parts(out, "broker", json_object_get(stats, "brokers"));
    write_parts(out, "http", http);
    json_decref(store);
    json_decref(http);
}

char *health_metrics(const struct health *health, size_t *size)
{
    char *text = NULL;
    json_t *stats = health_stats(health);
    FILE *out = open_memstream(&text, size);
    if (out == NULL) {
        json_decref(stats);
        return NULL;
    }
    write_all(out, stats);
    json_decref(stats);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
