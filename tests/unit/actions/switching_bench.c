/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/actions/switching_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct field_config moisture = {.metric = "soil_moisture", .unit = "%", .max = 100};
static struct field_config state_field = {.metric = "output_state", .max = 65535};
struct write_config writes[] = {{.name = "valve", .function = 5, .address = 0, .max = 1},
                                {.name = "siren", .function = 5, .address = 1, .max = 1},
                                {.name = "pump", .function = 15, .address = 0, .max = 1}};
static struct profile_config profile = {.name = "relay", .write_count = 3, .writes = writes};
static struct bus_config buses[] = {{.name = "west"}};
struct device_config devices[DEVICES];
uint16_t probes[] = {PROBE_A, PROBE_B};
struct action_config own[4];
struct config config;

struct bench b;

struct action_config water(void)
{
    return (struct action_config){.name = "water",
                                  .device = RELAY,
                                  .write = &writes[0],
                                  .on = 1,
                                  .rule = 0,
                                  .way = -1,
                                  .until_metric = "soil_moisture",
                                  .until_above = true,
                                  .until_limit = 28,
                                  .for_s = 1200,
                                  .pause_s = 7200,
                                  .override_s = 7200,
                                  .until_device_count = 2,
                                  .until_devices = probes};
}

struct switching_now now(void)
{
    int64_t wall_ms = DAY_2026 + b.day_ms + b.now_ms;
    return (struct switching_now){.mono_ms = b.now_ms,
                                  .settled = !b.unsettled,
                                  .day_known = b.day_known,
                                  .minute = (int)(wall_ms / MINUTE % 1440),
                                  .wall_ms = wall_ms,
                                  .ahead = b.ahead};
}

void read_device(uint16_t device, double value, uint8_t flag)
{
    struct reading reading = {.device = device, .value_count = 1, .taken = {b.now_ms}};
    reading.values[0] = (struct reading_value){.value = value, .present = true, .flag = flag};
    switching_reading(b.switching, &reading);
}

static void obey(const struct switching_order *order)
{
    if (order->what == SWITCH_LOOK) {
        switching_seen(b.switching, order->output,
                       b.dead                ? SWITCH_FOUND_SILENT
                       : b.on[order->output] ? SWITCH_FOUND_ON
                                             : SWITCH_FOUND_OFF,
                       b.now_ms);
        return;
    }
    b.orders[order->output]++;
    b.why[order->output] = order->why;
    if (!b.dead)
        b.on[order->output] = order->what == SWITCH_ON;
    switching_done(b.switching, order, !b.dead, b.now_ms);
}

void second(void)
{
    struct switching_order orders[8];
    b.now_ms += SECOND;
    if (b.now_ms % (5 * SECOND) == 0) {
        if (!b.dead && !b.relay_unread)
            read_device(RELAY, 0, METRIC_GOOD);
        if (!b.probes_silent) {
            read_device(PROBE_A, b.moisture - 1, METRIC_GOOD);
            read_device(PROBE_B, b.moisture + 1, METRIC_GOOD);
        }
    }
    struct switching_now at = now();
    uint16_t count = switching_tick(b.switching, &at, b.truths, orders);
    for (uint16_t i = 0; i < count; i++)
        obey(&orders[i]);
}

void run(int64_t ms)
{
    for (int64_t end = b.now_ms + ms; b.now_ms < end;)
        second();
}

void start(void)
{
    switching_destroy(b.switching);
    b.switching = switching_create(&config);
    assert_non_null(b.switching);
}

void begin(const struct action_config *actions, uint16_t count)
{
    switching_destroy(b.switching);
    memset(devices, 0, sizeof devices);
    for (uint16_t i = 0; i < DEVICES; i++) {
        devices[i] = (struct device_config){.index = i, .every_ms = 5000, .profile = &profile};
        devices[i].metric_count = 1;
        devices[i].unit = (uint8_t)(i + 1);
        (void)snprintf(devices[i].name, sizeof devices[i].name, "device-%u", i);
        devices[i].metrics[0] = i == RELAY ? &state_field : &moisture;
    }
    memcpy(own, actions, count * sizeof *own);
    config = (struct config){
        .devices = devices, .device_count = DEVICES, .actions = own, .action_count = count};
    config.buses = buses;
    config.bus_count = 1;
    b = (struct bench){.now_ms = MINUTE, .day_known = true, .moisture = 15};
    start();
    run(10 * SECOND); /* both probes are known, and the output is off for sure */
    memset(b.orders, 0, sizeof b.orders);
}

void begin_one(struct action_config action)
{
    begin(&action, 1);
}

int end(void **state)
{
    (void)state;
    switching_destroy(b.switching);
    b.switching = NULL;
    return 0;
}
