/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rpc/fakes.h"

#include "gateway/daemon/actions/actions.h"
#include "gateway/daemon/bus/listener.h"
#include "gateway/daemon/notifier/notifier.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/live.h"
#include "protocols/metric/metric.h"

struct fakes fakes;
struct bus *const fake_buses[] = {NULL, NULL};
struct publish *const fake_publish = (struct publish *)(void *)&fakes;
struct notifier *const fake_notifier = (struct notifier *)(void *)&fakes;
struct alerts *const fake_alerts = (struct alerts *)(void *)&fakes;

const char *store_result_text(enum store_result result)
{
    return result == STORE_OK ? "ok" : "the store says no";
}

struct wall_ms store_now(const struct store *store)
{
    (void)store;
    return fakes.now;
}

void store_stats(struct store *store, struct store_stats *stats)
{
    (void)store;
    *stats = (struct store_stats){
        .taken = 12, .stored = 11, .available = fakes.result == STORE_OK, .clock_trusted = true};
}

struct live *store_live(struct store *store)
{
    (void)store;
    return NULL;
}

bool live_get(struct live *live, uint16_t device, struct reading *reading)
{
    (void)live;
    *reading = (struct reading){.device = device,
                                .value_count = 2,
                                .time = {1795293270123, TIME_TRUSTED},
                                .values = {{.value = -1.25, .present = true, .flag = METRIC_GOOD},
                                           {.value = 3.61, .present = true, .flag = METRIC_GOOD}}};
    return device == 0;
}

bool live_get_health(struct live *live, uint16_t device, struct device_health *health)
{
    (void)live;
    *health = (struct device_health){.device = device,
                                     .online = true,
                                     .last_seen = {1795293274123, TIME_TRUSTED},
                                     .polls = 7,
                                     .good = 6,
                                     .turnaround_p99_us = 12500};
    if (device == 2) /* it never answered */
        *health = (struct device_health){.device = device, .polls = 7};
    return true;
}

int64_t store_idle_ms(const struct store *store)
{
    (void)store;
    return fakes.idle_ms;
}

store_asker store_asker_of(const char *user)
{
    return STORE_ASKER_CONTROL + 1 + (store_asker)strlen(user);
}

enum store_result store_history(struct store *store, const struct store_history_query *query,
                                store_history_done done, void *context)
{
    static struct store_point points[STORE_HISTORY_MAX];
    (void)store;
    fakes.history = *query;
    uint32_t count = 0;
    int64_t t_ms = query->from_ms; /* a reading a second */
    for (; count < fakes.history_points && count < query->max_points && t_ms < query->to_ms;
         t_ms += 1000, count++)
        points[count] = (struct store_point){.t_ms = t_ms,
                                             .n = 1440,
                                             .bad = count % 10000,
                                             .flag = METRIC_UNCALIBRATED,
                                             .min = -1.2345678e-5,
                                             .mean = -1.0 / 30000,
                                             .max = 123456.78,
                                             .sum = -1.0 / 30000};
    struct store_history history = {.result = fakes.result, .count = count, .points = points};
    if (count < fakes.history_points && t_ms < query->to_ms) {
        fakes.history_points -= count;
        history.next_ms = t_ms;
    }
    done(context, &history);
    return STORE_OK;
}

enum store_result store_resend(struct store *store, const struct store_resend_query *query,
                               store_resend_done done, void *context)
{
    (void)store;
    fakes.resend = *query;
    done(context, fakes.result, query->last_seq - query->first_seq + 1);
    return STORE_OK;
}

enum store_result store_resend_ids(struct store *store, const struct store_resend_ids_query *query,
                                   store_resend_ids_done done, void *context)
{
    struct store_resent resent = {.found = query->ids.last - query->ids.first,
                                  .next = query->ids.last + 1,
                                  .gone_count = 1,
                                  .gone = {{query->ids.first, query->ids.first}}};
    (void)store;
    done(context, fakes.result, &resent);
    return STORE_OK;
}

enum store_result store_pick(struct store *store, const struct store_pick *pick, store_done done,
                             void *context)
{
    (void)store;
    fakes.pick = *pick;
    fakes.pick_count++;
    done(context, fakes.result);
    return STORE_OK;
}

enum store_result store_pick_drop(struct store *store, const struct store_pick *drop,
                                  store_done done, void *context)
{
    (void)store;
    fakes.dropped = *drop;
    done(context, fakes.result);
    return STORE_OK;
}

enum store_result store_ledger(struct store *store, const struct store_ledger_query *query,
                               store_picks_done done, void *context)
{
    (void)store;
    fakes.ledger = *query;
    done(context, fakes.result, &fakes.ledger_row, 1);
    return STORE_OK;
}

enum store_result store_said(struct store *store, const struct store_said_query *query,
                             store_said_done done, void *context)
{
    (void)store;
    fakes.said_asked = *query;
    done(context, fakes.result, fakes.said, 2);
    return STORE_OK;
}

enum store_result store_audit(struct store *store, const struct store_audit *audit, store_done done,
                              void *context)
{
    (void)store;
    if (fakes.audit_count < 64)
        fakes.audits[fakes.audit_count] = *audit;
    fakes.audit_count++;
    if (done != NULL)
        done(context, STORE_OK);
    return STORE_OK;
}

enum store_result store_audits(struct store *store, store_asker asker, uint32_t limit,
                               store_audits_done done, void *context)
{
    (void)store;
    (void)asker;
    uint32_t count = fakes.audit_count < limit ? fakes.audit_count : limit;
    done(context, fakes.result, fakes.audits, count);
    return STORE_OK;
}

void notifier_test(struct notifier *notifier, uint16_t way)
{
    (void)notifier;
    (void)way;
    fakes.tests++;
}

/* The first way delivers, the second refuses. */
void notifier_way(struct notifier *notifier, uint16_t index, struct notifier_way *way)
{
    (void)notifier;
    *way = (struct notifier_way){.answered = fakes.tests};
    (void)snprintf(way->last, sizeof way->last, "%s", index == 0 ? "" : "wrong key (93000)");
    memcpy(way->trouble, way->last, sizeof way->trouble);
}

enum store_result store_alerts(struct store *store, store_asker asker, int64_t from_ms,
                               int64_t to_ms, uint32_t limit, store_alerts_done done, void *context)
{
    static const char doc[] = "{\"v\":1,\"id\":\"frost-garden\",\"what\":\"Frost\","
                              "\"zh\":{\"what\":\"霜冻\"},\"decimals\":1,\"devices\":\"a\"}";
    struct store_alert rows[] = {{.id = "frost-garden", .doc = doc, .size = sizeof doc - 1},
                                 {.id = "broken", .doc = "{", .size = 1},
                                 {.id = "frost-garden",
                                  .begun_ms = 5,
                                  .ended_ms = to_ms,
                                  .doc = doc,
                                  .size = sizeof doc - 1}};
    (void)store;
    (void)asker;
    bool range = from_ms < to_ms && limit > 2;
    done(context, fakes.result, rows, range ? 3 : 1, range && to_ms > 100 ? 5 : 0);
    return STORE_OK;
}

enum store_result store_put(struct store *store, const char *key, const void *value, size_t size,
                            store_done done, void *context)
{
    (void)store;
    if (size >= sizeof fakes.kept || strlen(key) >= sizeof fakes.kept_key)
        abort();
    memcpy(fakes.kept_key, key, strlen(key) + 1);
    memcpy(fakes.kept, value, size);
    fakes.kept[size] = '\0';
    if (done != NULL)
        done(context, fakes.result);
    return STORE_OK;
}

enum store_result store_get(struct store *store, const char *key, store_value_done done,
                            void *context)
{
    (void)store;
    bool same = strcmp(key, fakes.kept_key) == 0;
    done(context, same ? STORE_OK : STORE_UNKNOWN, fakes.kept, same ? strlen(fakes.kept) : 0);
    return STORE_OK;
}

enum store_result store_backup(struct store *store, const char *path, store_done done,
                               void *context)
{
    (void)store;
    (void)path;
    done(context, fakes.result);
    return STORE_OK;
}

static void answer_read(const struct bus_request *request, struct bus_reply *reply)
{
    uint16_t address = (uint16_t)(request->pdu[1] << 8 | request->pdu[2]);
    uint16_t count = (uint16_t)(request->pdu[3] << 8 | request->pdu[4]);
    bool coils = request->pdu[0] == 1;
    if (address + count > 16) {
        reply->result = BUS_EXCEPTION;
        reply->exception = 2;
        return;
    }
    reply->pdu[0] = request->pdu[0];
    reply->pdu[1] = (uint8_t)(coils ? 1 : 2 * count);
    if (coils)
        reply->pdu[2] = (uint8_t)(fakes.coils >> address & 1);
    for (uint16_t i = 0; !coils && i < count; i++) {
        reply->pdu[2 + 2 * i] = (uint8_t)(fakes.registers[address + i] >> 8);
        reply->pdu[3 + 2 * i] = (uint8_t)fakes.registers[address + i];
    }
    reply->pdu_size = (uint16_t)(2 + reply->pdu[1]);
}

static void take_write(const struct bus_request *request, struct bus_reply *reply)
{
    uint16_t address = (uint16_t)(request->pdu[1] << 8 | request->pdu[2]) % 16;
    bool multiple = request->pdu[0] >= 15;
    const uint8_t *value = request->pdu + (multiple ? 6 : 3);
    bool coil = request->pdu[0] == 5 || request->pdu[0] == 15;
    if (request->unit == 2) { /* says yes and does nothing; the bus sees it when it reads back */
        if (!request->no_read_back)
            reply->result = BUS_MISMATCH;
    } else if (coil) {
        fakes.coils =
            (uint16_t)((fakes.coils & ~(1u << address)) | (value[0] != 0 ? 1u << address : 0));
    } else {
        fakes.registers[address] = (uint16_t)(value[0] << 8 | value[1]);
    }
    reply->pdu_size = 5;
    memcpy(reply->pdu, request->pdu, 5);
}

enum bus_result bus_submit(struct bus *bus, const struct bus_request *request)
{
    (void)bus;
    struct bus_reply reply = {.result = fakes.bus_result, .turnaround_us = 1234};
    fakes.bus_requests++;
    if (fakes.bus_result == BUS_BUSY)
        return BUS_BUSY;
    if (fakes.answer_request != NULL) {
        fakes.answer_request(request, &reply);
        request->done(request->context, &reply);
        return BUS_OK;
    }
    if (request->unit > 2)
        reply.result = BUS_TIMEOUT;
    if (reply.result == BUS_OK && request->pdu[0] <= 4)
        answer_read(request, &reply);
    else if (reply.result == BUS_OK)
        take_write(request, &reply);
    request->done(request->context, &reply);
    return BUS_OK;
}

uint32_t store_boot(const struct store *store)
{
    (void)store;
    return 3;
}

void bus_pause(struct bus *bus, uint32_t seconds)
{
    (void)bus;
    fakes.paused_s = seconds;
}

void listener_stats(struct listener *listener, struct listener_stats *stats)
{
    (void)listener;
    *stats = (struct listener_stats){.accepted = 3, .registered = 1};
}

void bus_stats(struct bus *bus, struct bus_stats *stats)
{
    (void)bus;
    *stats = (struct bus_stats){.requests = 5, .answers = 4, .timeouts = 1, .state = "up"};
}

bool bus_port_free(struct bus *bus)
{
    (void)bus;
    return fakes.paused_s > 0;
}

int64_t bus_idle_ms(struct bus *bus)
{
    (void)bus;
    return fakes.idle_ms;
}

struct pick_known forecast_known(struct forecast *forecast, const struct config *config,
                                 uint16_t plot)
{
    (void)forecast;
    (void)config;
    (void)plot;
    return (struct pick_known){.area_m2 = NAN, .last_year_kg = 900, .usual_each_kg = 2.5};
}

void forecast_picked(struct forecast *forecast)
{
    (void)forecast;
    fakes.picked_count++;
}

int64_t forecast_idle_ms(struct forecast *forecast)
{
    (void)forecast;
    return fakes.idle_ms;
}

const char *bus_result_text(enum bus_result result)
{
    return result == BUS_TIMEOUT ? "no answer" : "the bus says no";
}

bool publish_answer(struct publish *publish, uint16_t broker, const char *topic,
                    const void *correlation, size_t correlation_size, const void *payload,
                    size_t payload_size)
{
    (void)publish;
    (void)broker;
    if (strlen(topic) >= sizeof fakes.answer_topic || payload_size >= sizeof fakes.answer)
        abort();
    memcpy(fakes.answer_topic, topic, strlen(topic) + 1);
    memcpy(fakes.correlation, correlation, correlation_size);
    fakes.correlation[correlation_size] = '\0';
    memcpy(fakes.answer, payload, payload_size);
    fakes.answer[payload_size] = '\0';
    fakes.answers++;
    return true;
}

bool alerts_acknowledge(struct alerts *alerts, const char *id, const char *user, int64_t at_ms)
{
    (void)alerts;
    if (strcmp(id, "frost-plot-1") != 0)
        return false;
    (void)snprintf(fakes.acked_by, sizeof fakes.acked_by, "%s", user);
    fakes.acked_ms = at_ms;
    return true;
}

const char *publish_twin_text(enum publish_twin twin)
{
    return twin == PUBLISH_TWIN_NONE ? "" : "a twin";
}

void publish_stats(struct publish *publish, uint16_t broker, struct publish_stats *stats)
{
    (void)publish;
    (void)broker;
    *stats = (struct publish_stats){
        .state = "up", .backlog = 3, .budget_limited = fakes.thrifty, .later_ms = fakes.later_ms};
}

void alerts_raise(struct alerts *alerts, const struct alerts_event *alert)
{
    (void)alerts;
    (void)snprintf(fakes.raised, sizeof fakes.raised, "%s: %s", alert->id, alert->what);
}

void alerts_lower(struct alerts *alerts, const char *id)
{
    (void)alerts;
    (void)id;
    fakes.raised[0] = '\0';
}

void alerts_web_trouble(struct alerts *alerts, const char *what)
{
    (void)alerts;
    (void)what;
}

bool alerts_frost_stands(struct alerts *alerts)
{
    (void)alerts;
    return false;
}

void publish_spent(struct publish *publish, uint64_t bytes)
{
    (void)publish;
    (void)bytes;
}

int64_t alerts_idle_ms(const struct alerts *alerts)
{
    (void)alerts;
    return 0;
}

int64_t actions_idle_ms(const struct actions *actions)
{
    (void)actions;
    return 0;
}

uint16_t actions_count(const struct actions *actions)
{
    (void)actions;
    return 0;
}

void actions_get(struct actions *actions, uint16_t index, struct actions_output *output)
{
    (void)actions;
    (void)index;
    *output = (struct actions_output){0};
}

int actions_person(struct actions *actions, uint16_t device, const struct write_config *write,
                   int32_t value, uint32_t on_most_s, const char *user)
{
    (void)actions;
    (void)device;
    (void)write;
    (void)value;
    (void)on_most_s;
    (void)user;
    return -1;
}

void actions_person_done(struct actions *actions, int output, enum bus_result result)
{
    (void)actions;
    (void)output;
    (void)result;
}

int64_t publish_idle_ms(const struct publish *publish)
{
    (void)publish;
    return fakes.idle_ms;
}

static struct write_config writes[] = {
    {.name = "period", .function = 6, .address = 3, .min = 10, .max = 3600},
    {.name = "valve", .function = 5, .address = 1, .min = 0, .max = 1, .max_on_s = 1},
    {.name = "offset", .function = 16, .address = 4, .min = -100, .max = 100, .technician = true},
    {.name = "gate", .function = 5, .address = 2, .max = 1, .max_on_s = 1, .off = 1},
};
static struct profile_config profile = {.name = "p", .writes = writes, .write_count = 4};
static struct field_config field = {.metric = "air_temperature", .unit = "°C"},
                           battery = {.metric = "battery_voltage", .unit = "V"};
static struct bus_config bus = {.name = "east"};
static struct broker_config broker = {.name = "local"};
static uint16_t upper[] = {1, 0};
static struct plot_config plots[] = {
    {.name = "upper", .label = "上坡", .device_count = 2, .devices = upper},
    {.name = "empty"},
};
static struct device_config devices[] = {
    {.name = "plot-1",
     .unit = 1,
     .profile = &profile,
     .metric_count = 2,
     .metrics = {&field, &battery}},
    {.name = "broken", .index = 1, .unit = 2, .profile = &profile},
    {.name = "dead", .index = 2, .unit = 3, .profile = &profile},
};
static struct way_config fake_ways[] = {{.name = "family", .kind = WAY_WECOM},
                                        {.name = "son", .kind = WAY_NTFY}};

struct config fake_config = {
    .ways = fake_ways,
    .way_count = 2,
    .site = "baiye-1",
    .timezone = "Asia/Shanghai",
    .buses = &bus,
    .bus_count = 1,
    .brokers = &broker,
    .broker_count = 1,
    .plots = plots,
    .plot_count = 2,
    .devices = devices,
    .device_count = 3,
};
