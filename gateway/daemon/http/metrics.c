/* SPDX-License-Identifier: Apache-2.0 */
/* Prometheus' text format 0.0.4. One table row a family: its name ends in its unit, and in _total
 * when it only goes up; what it is taken from is a member of a struct. All samples of a family
 * stand together, one for each bus, broker or device, so no series can be there twice: names are
 * unique in a configuration, and of characters that need no escape in a label. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/http/certificate.h"
#include "gateway/daemon/http/health.h"
#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/live.h"

enum type { COUNTER, GAUGE };
enum width { FLAG, U32, U64 };

struct family {
    const char *name, *help;
    enum type type;
    enum width width;
    uint32_t per_unit; /* 1000: the member counts milliseconds, the family seconds */
    size_t offset;
};

#define NAME_SIZE CERTIFICATE_NAME_SIZE /* the longest */

/* Families that have one sample each for every thing of one kind: bus, broker … Whatever it is
 * taken from is put into one struct, an item, which the families' offsets point into. */
struct group {
    const char *prefix, *label; /* label NULL: there is one such thing, without a name */
    size_t (*count)(const struct health *health);
    void (*name)(const struct config *config, size_t index, char name[NAME_SIZE]);
    void (*take)(const struct health *health, size_t index, void *item); /* it comes zeroed */
    size_t item_size;
    const struct family *families;
    size_t family_count;
};

struct gateway_sample {
    uint64_t uptime_ms;
    bool ready;
};
struct bus_sample {
    struct bus_stats stats;
    bool up;
};
struct broker_sample {
    struct publish_stats stats;
    uint64_t budget;
    bool up, twin;
};
struct device_sample {
    struct device_health health;
    uint64_t seen_ms;
};
struct certificate_sample {
    uint64_t end_ms, left_days;
    bool readable;
};
struct listen_sample {
    struct listener_stats stats;
};
struct web_sample {
    struct http_stats http;
    struct bridge_stats bridge;
    struct guess_stats guess;
};
struct store_sample {
    struct store_stats stats;
    uint64_t oldest_ms;
};

#define AT(type, member) offsetof(struct type, member)

static const struct family gateway_families[] = {
    {"uptime_seconds", "Time since the daemon started.", GAUGE, U64, 1000,
     AT(gateway_sample, uptime_ms)},
    {"ready", "1: /ready says that it can do its work.", GAUGE, FLAG, 1, AT(gateway_sample, ready)},
};

static const struct family store_families[] = {
    {"taken_total", "Readings taken from devices.", COUNTER, U64, 1, AT(store_sample, stats.taken)},
    {"stored_total", "Readings committed to the file.", COUNTER, U64, 1,
     AT(store_sample, stats.stored)},
    {"duplicates_total", "Readings that were there already.", COUNTER, U64, 1,
     AT(store_sample, stats.duplicates)},
    {"lost_total", "Readings that could not be kept; each is part of a gap.", COUNTER, U64, 1,
     AT(store_sample, stats.lost)},
    {"gaps_total", "Gaps recorded.", COUNTER, U64, 1, AT(store_sample, stats.gaps)},
    {"dropped_quota_total", "Readings dropped to stay below max_size; each is part of a gap.",
     COUNTER, U64, 1, AT(store_sample, stats.dropped_quota)},
    {"salvaged_total", "Readings saved from a damaged file.", COUNTER, U64, 1,
     AT(store_sample, stats.salvaged)},
    {"history_batches_total", "Batches of readings read to answer for raw values.", COUNTER, U64, 1,
     AT(store_sample, stats.history_batches)},
    {"commits_total", "Transactions committed.", COUNTER, U64, 1, AT(store_sample, stats.commits)},
    {"commit_errors_total", "Transactions that failed.", COUNTER, U64, 1,
     AT(store_sample, stats.commit_errors)},
    {"written_bytes_total", "Bytes handed to the file system.", COUNTER, U64, 1,
     AT(store_sample, stats.bytes_written)},
    {"commit_p99_seconds", "99 of 100 recent commits took no longer.", GAUGE, U32, 1000000,
     AT(store_sample, stats.commit_p99_us)},
    {"waiting_records", "Records in memory that are not committed yet.", GAUGE, U64, 1,
     AT(store_sample, stats.waiting)},
    {"quarantined_records", "Records that a broker refused for good, kept aside.", GAUGE, U64, 1,
     AT(store_sample, stats.quarantined)},
    {"quarantine_dropped_total", "Refused records no longer kept aside; each is part of a gap.",
     COUNTER, U64, 1, AT(store_sample, stats.quarantine_dropped)},
    {"file_bytes", "Size of the database.", GAUGE, U64, 1, AT(store_sample, stats.file_bytes)},
    {"used_bytes", "Of the file: what is dropped is used again, the file never shrinks.", GAUGE,
     U64, 1, AT(store_sample, stats.used_bytes)},
    {"file_limit_bytes", "What max_size allows.", GAUGE, U64, 1,
     AT(store_sample, stats.file_limit)},
    {"oldest_timestamp_seconds", "Time of the oldest record kept; 0: there is none.", GAUGE, U64,
     1000, AT(store_sample, oldest_ms)},
    {"available", "1: the file can be written.", GAUGE, FLAG, 1, AT(store_sample, stats.available)},
    {"clock_trusted", "1: the gateway knows what time it is.", GAUGE, FLAG, 1,
     AT(store_sample, stats.clock_trusted)},
};

static const struct family bus_families[] = {
    {"up", "1: the line is open and polled.", GAUGE, FLAG, 1, AT(bus_sample, up)},
    {"requests_total", "Requests sent.", COUNTER, U64, 1, AT(bus_sample, stats.requests)},
    {"answers_total", "Answers that may be believed.", COUNTER, U64, 1,
     AT(bus_sample, stats.answers)},
    {"timeouts_total", "Requests without an answer.", COUNTER, U64, 1,
     AT(bus_sample, stats.timeouts)},
    {"crc_errors_total", "Frames that came damaged.", COUNTER, U64, 1,
     AT(bus_sample, stats.crc_errors)},
    {"stray_bytes_total", "Bytes that belong to no answer.", COUNTER, U64, 1,
     AT(bus_sample, stats.stray_bytes)},
    {"reopened_total", "Times the line had to be opened again.", COUNTER, U64, 1,
     AT(bus_sample, stats.reopened)},
    {"silence_violations_total", "Bytes heard while the line should have been silent.", COUNTER,
     U64, 1, AT(bus_sample, stats.silence_violations)},
    {"busy_seconds_total", "Time that the line was in use.", COUNTER, U64, 1000000,
     AT(bus_sample, stats.busy_us)},
};

static const struct family broker_families[] = {
    {"up", "1: connected.", GAUGE, FLAG, 1, AT(broker_sample, up)},
    {"connects_total", "Sessions begun.", COUNTER, U64, 1, AT(broker_sample, stats.connects)},
    {"restarts_total", "Times the publisher process was started again.", COUNTER, U64, 1,
     AT(broker_sample, stats.restarts)},
    {"messages_total", "Messages published.", COUNTER, U64, 1, AT(broker_sample, stats.messages)},
    {"acked_total", "Messages that the broker took.", COUNTER, U64, 1,
     AT(broker_sample, stats.acked)},
    {"refused_total", "Messages that the broker refused.", COUNTER, U64, 1,
     AT(broker_sample, stats.refused)},
    {"sent_bytes_total", "Bytes of MQTT sent.", COUNTER, U64, 1,
     AT(broker_sample, stats.bytes_sent)},
    {"month_bytes", "Bytes used in this month (UTC), frames and pings included.", GAUGE, U64, 1,
     AT(broker_sample, stats.bytes_month)},
    {"budget_bytes", "What the budget allows a month; 0: there is none.", GAUGE, U64, 1,
     AT(broker_sample, budget)},
    {"thrifty", "1: so much of the budget is used that only the important goes out.", GAUGE, FLAG,
     1, AT(broker_sample, stats.budget_limited)},
    {"twin", "1: another box is there that is taken for this gateway.", GAUGE, FLAG, 1,
     AT(broker_sample, twin)},
    {"backlog_records", "Records committed that the broker has not acknowledged.", GAUGE, U64, 1,
     AT(broker_sample, stats.backlog)},
    {"thinned_total", "Readings that went out as hourly means.", COUNTER, U64, 1,
     AT(broker_sample, stats.thinned)},
    {"quarantined_records", "Records that this broker refused for good, kept aside.", GAUGE, U64, 1,
     AT(broker_sample, stats.quarantined)},
};

static const struct family certificate_families[] = {
    {"readable", "1: the file can be read, and is a certificate.", GAUGE, FLAG, 1,
     AT(certificate_sample, readable)},
    {"end_timestamp_seconds", "When it ends; 0: it can't be read.", GAUGE, U64, 1000,
     AT(certificate_sample, end_ms)},
    {"days_left", "Whole days until it ends; 0: it has ended, or can't be read.", GAUGE, U64, 1,
     AT(certificate_sample, left_days)},
};

static const struct family device_families[] = {
    {"up", "1: it answered when it was last asked.", GAUGE, FLAG, 1,
     AT(device_sample, health.online)},
    {"last_seen_timestamp_seconds", "Time of its last answer; 0: never.", GAUGE, U64, 1000,
     AT(device_sample, seen_ms)},
    {"polls_total", "Times it was asked for its values.", COUNTER, U64, 1,
     AT(device_sample, health.polls)},
    {"good_total", "Polls that gave values.", COUNTER, U64, 1, AT(device_sample, health.good)},
    {"timeouts_total", "Requests that it did not answer.", COUNTER, U64, 1,
     AT(device_sample, health.timeouts)},
    {"crc_errors_total", "Answers that came damaged.", COUNTER, U64, 1,
     AT(device_sample, health.crc_errors)},
    {"exceptions_total", "Requests that it refused.", COUNTER, U64, 1,
     AT(device_sample, health.exceptions)},
    {"late_answers_total", "Answers that came after their time.", COUNTER, U64, 1,
     AT(device_sample, health.late_answers)},
    {"retries_total", "Requests sent once more.", COUNTER, U64, 1,
     AT(device_sample, health.retries)},
    {"turnaround_p50_seconds", "Half of its answers begin no later.", GAUGE, U32, 1000000,
     AT(device_sample, health.turnaround_p50_us)},
    {"turnaround_p99_seconds", "99 of 100 answers begin no later.", GAUGE, U32, 1000000,
     AT(device_sample, health.turnaround_p99_us)},
};

static const struct family listen_families[] = {
    {"connections_total", "Connections of converters that dial in.", COUNTER, U64, 1,
     AT(listen_sample, stats.accepted)},
    {"registered_total", "Of them: those that a bus was found for.", COUNTER, U64, 1,
     AT(listen_sample, stats.registered)},
    {"unknown_total", "Of them: refused, no bus has the registration.", COUNTER, U64, 1,
     AT(listen_sample, stats.unknown)},
    {"elsewhere_total", "Of them: refused for the address that they came from.", COUNTER, U64, 1,
     AT(listen_sample, stats.elsewhere)},
    {"expired_total", "Of them: closed, they did not say who they are.", COUNTER, U64, 1,
     AT(listen_sample, stats.expired)},
    {"evicted_total", "Of them: closed, too many did not say it.", COUNTER, U64, 1,
     AT(listen_sample, stats.evicted)},
    {"waiting", "Of them: open, and have not said it yet.", GAUGE, U32, 1,
     AT(listen_sample, stats.waiting)},
};

static const struct family web_families[] = {
    {"connections", "Connections that are open.", GAUGE, U32, 1, AT(web_sample, http.connections)},
    {"requests_total", "Requests answered or refused.", COUNTER, U64, 1,
     AT(web_sample, http.requests)},
    {"unauthorised_total", "Requests without a user and password that hold.", COUNTER, U64, 1,
     AT(web_sample, http.unauthorised)},
    {"wrong_logins_total", "Logins that the broker refused, of pages and apps.", COUNTER, U64, 1,
     AT(web_sample, guess.wrong)},
    {"delayed_logins_total", "Logins not looked at after too many wrong ones.", COUNTER, U64, 1,
     AT(web_sample, guess.delayed)},
    {"sent_bytes_total", "Bytes of answers sent.", COUNTER, U64, 1, AT(web_sample, http.bytes_out)},
    {"bridges", "Apps connected to the broker through this gateway.", GAUGE, U32, 1,
     AT(web_sample, bridge.connections)},
    {"bridges_total", "Apps that were let in.", COUNTER, U64, 1, AT(web_sample, bridge.accepted)},
    {"bridge_floods_total", "Apps that sent too fast and were not read for a while.", COUNTER, U64,
     1, AT(web_sample, bridge.paused)},
    {"bridge_received_bytes_total", "Bytes from apps to the broker.", COUNTER, U64, 1,
     AT(web_sample, bridge.bytes_in)},
    {"bridge_sent_bytes_total", "Bytes from the broker to apps.", COUNTER, U64, 1,
     AT(web_sample, bridge.bytes_out)},
};

/* ---- Where the items come from ---- */

static void take_gateway(const struct health *health, size_t index, void *item)
{
    struct gateway_sample *gateway = item;
    json_t *ready = health_ready(health);
    (void)index;
    gateway->uptime_ms = (uint64_t)(loop_now_ms() - health->started_ms);
    gateway->ready = json_is_true(json_object_get(ready, "ready"));
    json_decref(ready);
}

static void take_store(const struct health *health, size_t index, void *item)
{
    struct store_sample *store = item;
    (void)index;
    store_stats(health->parts->store, &store->stats);
    store->oldest_ms = store->stats.oldest_ms > 0 ? (uint64_t)store->stats.oldest_ms : 0;
}

static size_t bus_count(const struct health *health)
{
    return health->config->bus_count;
}

static void bus_name(const struct config *config, size_t index, char name[NAME_SIZE])
{
    (void)snprintf(name, NAME_SIZE, "%s", config->buses[index].name);
}

static void take_bus(const struct health *health, size_t index, void *item)
{
    struct bus_sample *bus = item;
    bus_stats(health->parts->buses[index], &bus->stats);
    bus->up = strcmp(bus->stats.state, "up") == 0;
}

static size_t broker_count(const struct health *health)
{
    return health->parts->publish != NULL ? health->config->broker_count : 0;
}

static void broker_name(const struct config *config, size_t index, char name[NAME_SIZE])
{
    (void)snprintf(name, NAME_SIZE, "%s", config->brokers[index].name);
}

static void take_broker(const struct health *health, size_t index, void *item)
{
    struct broker_sample *broker = item;
    publish_stats(health->parts->publish, (uint16_t)index, &broker->stats);
    broker->budget = health->config->brokers[index].budget_bytes_month;
    broker->up = strcmp(broker->stats.state, "up") == 0;
    broker->twin = broker->stats.twin != PUBLISH_TWIN_NONE;
}

static size_t device_count(const struct health *health)
{
    return health->config->device_count;
}

static void device_name(const struct config *config, size_t index, char name[NAME_SIZE])
{
    (void)snprintf(name, NAME_SIZE, "%s", config->devices[index].name);
}

/* One that was not asked yet has all its samples, too: at 0. */
static void take_device(const struct health *health, size_t index, void *item)
{
    struct device_sample *device = item;
    struct live *live = store_live(health->parts->store);
    if (!live_get_health(live, (uint16_t)index, &device->health))
        device->health = (struct device_health){0};
    device->seen_ms = device->health.last_seen.ms > 0 ? (uint64_t)device->health.last_seen.ms : 0;
}

static size_t certificates(const struct health *health)
{
    return certificate_count(health->config);
}

static void certificate_name(const struct config *config, size_t index, char name[NAME_SIZE])
{
    struct certificate certificate = certificate_at(config, index);
    (void)snprintf(name, NAME_SIZE, "%s", certificate.name);
}

static void take_certificate(const struct health *health, size_t index, void *item)
{
    struct certificate_sample *sample = item;
    int64_t end_ms, now_ms = store_now(health->parts->store).ms;
    struct certificate certificate = certificate_at(health->config, index);
    sample->readable = certificate_end(&certificate, &end_ms);
    if (!sample->readable || end_ms < 0)
        return;
    sample->end_ms = (uint64_t)end_ms;
    sample->left_days = end_ms > now_ms ? (uint64_t)(end_ms - now_ms) / 86400000 : 0;
}

static size_t listen_count(const struct health *health)
{
    return health->listener != NULL ? 1 : 0;
}

static void take_listen(const struct health *health, size_t index, void *item)
{
    (void)index;
    listener_stats(health->listener, &((struct listen_sample *)item)->stats);
}

static void take_web(const struct health *health, size_t index, void *item)
{
    struct web_sample *web = item;
    (void)index;
    if (health->http != NULL)
        http_stats(health->http, &web->http);
    if (health->bridge != NULL)
        bridge_stats(health->bridge, &web->bridge);
    if (health->guess != NULL)
        guess_stats(health->guess, loop_now_ms(), &web->guess);
}

#define GROUP(thing)                                                                               \
    .take = take_##thing, .item_size = sizeof(struct thing##_sample),                              \
    .families = thing##_families,                                                                  \
    .family_count = sizeof thing##_families / sizeof thing##_families[0]
#define NAMED(thing) .label = #thing, .count = thing##_count, .name = thing##_name, GROUP(thing)

static const struct group groups[] = {
    {.prefix = "", GROUP(gateway)},
    {.prefix = "store_", GROUP(store)},
    {.prefix = "bus_", NAMED(bus)},
    {.prefix = "broker_", NAMED(broker)},
    {.prefix = "device_", NAMED(device)},
    {.prefix = "listen_", .count = listen_count, GROUP(listen)},
    {.prefix = "http_", GROUP(web)},
    {.prefix = "certificate_",
     .label = "certificate",
     .count = certificates,
     .name = certificate_name,
     GROUP(certificate)},
};

/* ---- Out ---- */

static uint64_t number_at(const void *item, const struct family *family)
{
    const char *member = (const char *)item + family->offset;
    bool flag;
    uint32_t narrow;
    uint64_t wide;
    switch (family->width) {
    case FLAG:
        memcpy(&flag, member, sizeof flag);
        return flag ? 1 : 0;
    case U32:
        memcpy(&narrow, member, sizeof narrow);
        return narrow;
    default:
        memcpy(&wide, member, sizeof wide);
        return wide;
    }
}

static void write_number(FILE *out, uint64_t number, uint32_t per_unit)
{
    if (per_unit == 1)
        (void)fprintf(out, " %" PRIu64 "\n", number);
    else
        (void)fprintf(out, " %.15g\n", (double)number / per_unit);
}

static void write_label(FILE *out, const struct health *health, const struct group *group,
                        size_t index)
{
    char name[NAME_SIZE];
    if (group->label == NULL)
        return;
    group->name(health->config, index, name);
    (void)fprintf(out, "{%s=\"%s\"}", group->label, name);
}

static void write_group(FILE *out, const struct health *health, const struct group *group)
{
    size_t count = group->count != NULL ? group->count(health) : 1;
    char *items = count > 0 ? calloc(count, group->item_size) : NULL;
    if (items == NULL)
        return;
    for (size_t n = 0; n < count; n++)
        group->take(health, n, items + n * group->item_size);
    for (size_t i = 0; i < group->family_count; i++) {
        const struct family *family = &group->families[i];
        (void)fprintf(out, "# HELP baiye_%s%s %s\n# TYPE baiye_%s%s %s\n", group->prefix,
                      family->name, family->help, group->prefix, family->name,
                      family->type == COUNTER ? "counter" : "gauge");
        for (size_t n = 0; n < count; n++) {
            (void)fprintf(out, "baiye_%s%s", group->prefix, family->name);
            write_label(out, health, group, n);
            write_number(out, number_at(items + n * group->item_size, family), family->per_unit);
        }
    }
    free(items);
}

char *health_metrics(const struct health *health, size_t *size)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, size);
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        write_group(out, health, &groups[i]);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
