/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/common/units.h"
#include "tests/unit/config/config_fixture.h"

static void a_bus_may_be_without_devices(void **state)
{
    (void)state;
    static const char *const none[] = {"    devices: []\n", "    devices: # to come\n"};
    for (unsigned i = 0; i < 2; i++) {
        char text[160];
        struct config_error error;
        (void)snprintf(text, sizeof text, "site: s\nbuses:\n  - name: east\n    port: /dev/x\n%s",
                       none[i]);
        struct config *c = config_text(text, &error);
        assert_non_null(c);
        assert_int_equal(c->buses[0].device_count, 0);
        config_free(c);
    }
}

static void reads_the_design_example(void **state)
{
    (void)state;
    struct config *c = config_good(
        "site: baiye-1\n"
        "location: { lat: 26.5, lon: 107.9, timezone: Asia/Shanghai }\n"
        "store:  { path: readings.db, max_size: 512MB, commit_every: 1s }\n"
        "http:   { listen: 127.0.0.1:8080 }\n"
        "mqtt:\n"
        "  - { name: local, url: 'mqtt://127.0.0.1:1883', user: gateway, password_file: gw.pass }\n"
        "  - { name: cloud, url: 'mqtts://mqtt.example.org', ca_file: /ca.pem, batch: 10min,\n"
        "      budget: 30MB/month }\n"
        "plots:\n"
        "  - { name: upper, label: 上坡, area: 3mu, cultivar: baiye-1, standard: 1B1L,\n"
        "      soil: sandy-loam, root_depth: 60cm, last_year: 170jin, gate: 72.5, "
        "devices: [soil-7],\n"
        "      at: { lat: 26.5012, lon: -107.9034 } }\n"
        "buses:\n"
        "  - name: east\n"
        "    type: rtu\n"
        "    port: /dev/serial/by-id/usb-FTDI-if00\n"
        "    baud: 9600\n"
        "    parity: even\n"
        "    silence: 4ms\n"
        "    devices:\n"
        "      - { name: plot-1, profile: baiye-node, address: 1, every: 60s }\n"
        "      - { name: soil-7, profile: zts-3001-7in1, address: 7, every: 5min, baud: 4800 }\n"
        "  - { name: net, type: tcp, port: '[::1]:1502', devices: [\n"
        "      { name: tcp-250, profile: xy-md02, address: 250, every: 1ms }] }\n"
        "alerts: []\n");
    char path[128];
    (void)snprintf(path, sizeof path, "%s/readings.db", config_folder);
    assert_string_equal(c->store_path, path);
    assert_int_equal(c->store_max_bytes, 512000000);
    assert_int_equal(c->commit_every_ms, 1000);
    assert_int_equal(c->broker_count, 2);
    assert_true(c->brokers[0].panel && !c->brokers[0].url.tls);
    assert_true(!c->brokers[1].panel && c->brokers[1].url.tls);
    assert_int_equal(c->brokers[1].url.port, 8883);
    assert_int_equal(c->brokers[1].batch_ms, 600000);
    assert_int_equal(c->brokers[1].budget_bytes_month, 30000000);
    assert_true(c->plots[0].area_m2 > 1999.9 && c->plots[0].area_m2 < 2000.1);
    assert_string_equal(c->plots[0].standard, "1B1L");
    assert_int_equal(c->plots[0].standard_kind, STANDARD_1B1L);
    assert_int_equal(c->plots[0].soil, SOIL_SANDY_LOAM);
    assert_float_equal(c->plots[0].root_m, 0.6, 1e-9);
    assert_float_equal(c->plots[0].last_year_kg, 85, 1e-9);
    assert_float_equal(c->plots[0].gate_cd, 72.5, 1e-9);
    assert_true(c->plots[0].placed);
    assert_float_equal(c->plots[0].latitude, 26.5012, 1e-9);
    assert_float_equal(c->plots[0].longitude, -107.9034, 1e-9);
    assert_int_equal(c->plots[0].devices[0], 1);
    assert_int_equal(c->buses[0].parity, 'E');
    assert_int_equal(c->buses[0].silence_us, 4000);
    const struct device_config *soil = config_device(c, "soil-7");
    assert_non_null(soil);
    assert_int_equal(soil->every_ms, 300000);
    assert_int_equal(soil->baud, 4800);
    assert_int_equal(soil->metric_count, 7);
    assert_string_equal(soil->metrics[1]->metric, "soil_temperature");
    assert_true(config_device(c, "plot-1")->profile->node);
    assert_string_equal(c->buses[1].port, "::1");
    assert_int_equal(c->buses[1].tcp_port, 1502);
    config_free(c);
}

/* Who sits at a broker elsewhere is no user of the farm. */
static void requests_are_taken_from_this_machine_only(void **state)
{
    (void)state;
    static const struct {
        const char *broker;
        enum broker_requests requests;
    } cases[] = {
        {"url: 'mqtt://127.0.0.1'", REQUESTS_FARM},
        {"url: 'mqtt://127.1.2.3:1884'", REQUESTS_FARM},
        {"url: 'mqtt://localhost'", REQUESTS_FARM},
        {"url: 'mqtt://[::1]:1883'", REQUESTS_FARM},
        {"url: 'mqtt://127.example.org'", REQUESTS_NONE},
        {"url: 'mqtt://localhost.example.org'", REQUESTS_NONE},
        {"url: 'mqtt://192.168.1.5'", REQUESTS_NONE},
        {"url: 'mqtts://mqtt.example.org', ca_file: /ca.pem", REQUESTS_NONE},
        {"url: ['mqtt://127.0.0.1', 'mqtt://10.0.0.1']", REQUESTS_NONE},
        {"url: 'mqtt://192.168.1.5', requests: farm", REQUESTS_FARM},
        {"url: 'mqtt://192.168.1.5', requests: resend", REQUESTS_RESEND},
        {"url: 'mqtt://192.168.1.5', requests: county", REQUESTS_COUNTY},
        {"url: 'mqtt://127.0.0.1', requests: none", REQUESTS_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, HEAD DEV "mqtt:\n  - { name: b, %s }\n", cases[i].broker);
        struct config *c = config_good(text);
        if (c->brokers[0].requests != cases[i].requests)
            fail_msg("%s: requests are %u", cases[i].broker, c->brokers[0].requests);
        config_free(c);
    }
}

static void reads_addresses_of_brokers(void **state)
{
    (void)state;
    struct config *c =
        config_good(HEAD DEV "mqtt:\n  - { name: b, ca_file: /ca.pem, consumer: required,\n"
                             "      send: [readings, alerts, site],\n"
                             "      url: ['mqtts://a.example.org', 'wss://b.example.org', \n"
                             "            'ws://[fe80::1]:8080/some/path', 'mqtt://c'] }\n");
    static const struct broker_url urls[] = {
        {.host = "a.example.org", .port = 8883, .tls = true},
        {.host = "b.example.org", .port = 443, .tls = true, .websocket = true, .path = "/mqtt"},
        {.host = "fe80::1", .port = 8080, .websocket = true, .path = "/some/path"},
        {.host = "c", .port = 1883},
    };
    const struct broker_config *broker = &c->brokers[0];
    for (unsigned i = 0; i < 4; i++) {
        const struct broker_url *url = broker_url(broker, i);
        assert_non_null(url);
        assert_string_equal(url->host, urls[i].host);
        assert_string_equal(url->path, urls[i].path);
        assert_int_equal(url->port, urls[i].port);
        assert_int_equal(url->tls, urls[i].tls);
        assert_int_equal(url->websocket, urls[i].websocket);
    }
    assert_null(broker_url(broker, 4));
    assert_int_equal(broker->consumer, 1);
    assert_true(broker_sends(broker, PART_READINGS) && broker_sends(broker, PART_ALERTS));
    assert_false(broker_sends(broker, PART_LIVE) || broker_sends(broker, PART_FORECAST) ||
                 broker_sends(broker, PART_STATUS) || broker_sends(broker, PART_HEALTH));
    assert_false(broker->panel);
    config_free(c);
}

/* Every kind of mistake: where it is, what is wrong, what would be right. */
static void names_line_mistake_and_remedy(void **state)
{
    (void)state;
    static const struct {
        const char *text, *line, *says, *remedy;
    } cases[] = {
        {"site: s\nbusses: []\n", ":2:", "unknown key \"busses\"", "did you mean \"buses\"?"},
        {HEAD "      - { name: a, profile: xy-md02, adress: 1 }\n", ":6:", "unknown key \"adress\"",
         "did you mean \"address\"?"},
        {HEAD "      - { name: a, profile: xy-md02, zzz: 1 }\n", ":6:", "unknown key \"zzz\"",
         "known are name, label"},
        {HEAD "      - { name: a, profile: xy-md02, address: one }\n",
         ":6:", "\"one\" is not a whole number", "write for example address: 7"},
        {HEAD "      - { name: a, profile: xy-md02, address: 0 }\n", ":6:", "has address 0",
         "1..247"},
        {HEAD "      - { name: a, profile: xy-md02, address: 256 }\n",
         ":6:", "256 is outside 0..255", "address: 7"},
        {HEAD "      - { name: a, profile: xy-md02, address: 1, baud: 14400 }\n",
         ":6:", "no serial port can do 14400 baud", "baud: 9600"},
        {"site: s\nbuses:\n  - name: east\n    port: /dev/x\n    baud: 9601\n    devices:\n" DEV,
         ":3:", "no serial port can do 9601 baud", "baud: 9600"},
        {HEAD "      - { name: A, profile: xy-md02, address: 1 }\n", ":6:", "\"A\" is not a name",
         "small letters"},
        {HEAD "      - { name: a, profile: xy-md02, address: 1, every: 10 }\n",
         ":6:", "\"10\" is not a duration", "every: 10s"},
        {HEAD "      - { name: a, profile: xy-md02, address: 1, every: 2d }\n", ":6:", "outside",
         "every: 60s"},
        {HEAD "      - { name: a, profile: xy-md03, address: 1 }\n",
         ":6:", "unknown profile \"xy-md03\"", "did you mean \"xy-md02\"?"},
        {HEAD "      - { name: a, profile: what-is-this, address: 1 }\n",
         ":6:", "unknown profile \"what-is-this\"", "what-is-this.yaml"},
        {HEAD DEV "      - { name: a, profile: xy-md02, address: 2 }\n",
         ":7:", "device \"a\" stands twice (first in line 6)", "its own name"},
        {HEAD DEV "      - { name: b, profile: xy-md02, address: 1 }\n",
         ":7:", "\"a\" and \"b\" of bus \"east\" both have address 1", "another address"},
        {HEAD "      - { name: a, profile: xy-md02, address: 1, name: b }\n",
         ":6:", "\"name\" stands twice", "keep one"},
        {HEAD "      - { name: a, profile: baiye-node, address: 1, every: 1500ms }\n",
         ":6:", "whole seconds", "every: 1s"},
        {HEAD "      - { name: a, profile: xy-md02 }\n", ":6:", "has no address",
         "add for example"},
        {"site: s\nbuses:\n  - name: east\n    devices: []\n", ":3:", "has no port",
         "/dev/serial/by-id"},
        {HEAD DEV "  - name: west\n    port: /dev/x\n    devices:\n"
                  "      - { name: b, profile: xy-md02, address: 1 }\n",
         ":7:", "have the same port", "one owner"},
        {HEAD DEV "  - name: east\n    port: /dev/y\n    devices:\n"
                  "      - { name: b, profile: xy-md02, address: 1 }\n",
         ":7:", "bus \"east\" stands twice", "its own name"},
        {"site: s\nbuses:\n  - { name: n, type: tcp, port: 'host:99999', devices: [] }\n",
         ":3:", "not host:port", "192.168.1.5:502"},
        {"site: s\nbuses:\n  - { name: n, type: udp, port: x, devices: [] }\n",
         ":3:", "\"udp\" is unknown", "rtu, tcp, rtu-over-tcp"},
        {"site: s\n", ":1:", "has no buses", "add for example buses"},
        {"buses: []\n", ":1:", "has no site", "site: baiye-1"},
        {"site: [a]\nbuses: []\n", ":1:", "is not a name", "site: baiye-1"},
        {"site: s\nbuses: []\n", ":1:", "there is no bus", "add one"},
        {"site: s\nbuses: 3\n", ":2:", "must be a list", "items"},
        {"site: s\nbuses: [3]\n", ":2:", "a bus must be a mapping", "key: value"},
        {"site: s\n\tx: 1\n", ":2:", "not YAML", "write blanks"},
        {"", ":1:", "empty", "it needs lines of"},
        {"site: s\nstore: { max_size: 5 }\n", ":2:", "is not a size", "max_size: 5MB"},
        {"site: s\nhttp: { listen: '0.0.0.0:80' }\n", ":2:", "without TLS", "cert_file"},
        {"site: s\nmqtt:\n  - { name: a, url: 'http://x' }\n", ":3:", "not a broker's address",
         "url: mqtt://x"},
        {"site: s\nmqtt:\n  - { name: a, url: 'mqtt://x/path' }\n", ":3:", "not a broker's address",
         "wss://mqtt.example.org/mqtt"},
        {"site: s\nmqtt:\n  - { name: a, url: 'wss://' }\n", ":3:", "not a broker's address",
         "wss://"},
        {"site: s\nmqtt:\n  - { name: a, url: [] }\n", ":3:", "url: a list has", "one to 4"},
        {"site: s\nmqtt:\n  - { name: a, url: ['mqtt://x', {}] }\n",
         ":3:", "not a broker's address", "mqtts://"},
        {"site: s\nmqtt:\n  - { name: a, url: ['mqtt://x', 'wss://y'] }\n",
         ":3:", "TLS without a ca_file", "ca_file: ca.pem"},
        {"site: s\nmqtt:\n  - { name: a, url: 'mqtt://x', requests: all }\n",
         ":3:", "requests: \"all\" is unknown", "farm, none, resend, county"},
        {"site: s\nmqtt:\n  - { name: a, url: 'mqtt://x', consumer: 'yes' }\n",
         ":3:", "consumer: \"yes\" is unknown", "any, required"},
        {"site: s\nmqtt:\n  - { name: a, url: 'mqtt://x', send: [readings, alert] }\n",
         ":3:", "\"alert\" is nothing that is sent", "did you mean alerts?"},
        {"site: s\nmqtt:\n  - { name: a, url: 'mqtt://x', send: [alerts] }\n",
         ":3:", "readings are missing", "send: [readings"},
        {"site: s\nmqtt:\n  - { name: a, url: 'mqtt://x', send: readings }\n",
         ":3:", "a list is needed", "send: [readings"},
        {"site: s\nmqtt:\n  - { name: a, url: 'mqtts://x' }\n", ":3:", "TLS without a ca_file",
         "ca_file: ca.pem"},
        {"site: s\nmqtt:\n  - { name: a, url: 'mqtt://x', key_file: k }\n", ":3:", "only one of",
         "both or none"},
        {HEAD DEV "mqtt:\n  - { name: a, url: 'mqtt://x' }\n  - { name: a, url: 'mqtt://y' }\n",
         ":9:", "broker \"a\" stands twice", "its own name"},
        {HEAD DEV "plots:\n  - { name: p, devices: [aa] }\n", ":8:", "unknown device \"aa\"",
         "did you mean \"a\"?"},
        {RELAY "actions:\n  - { name: x, device: r, write: out-1, for: 1min }\n",
         ":9:", "nothing that begins it", "when:"},
        {RELAY DRY "actions:\n  - { name: x, device: r, write: out-1, when: dry, at: '06:00', for: "
                   "1min, fail: off }\n",
         ":11:", "when and at", "or at:"},
        {RELAY DRY "actions:\n  - { name: x, device: r, write: out-1, when: dry, for: 1min }\n",
         ":11:", "goes by measured values", "fail: off"},
        {RELAY "actions:\n  - { name: x, device: r, write: out-1, at: '06:00', for: 1min, until: "
               "air_temperature above 28 }\n",
         ":9:", "goes by measured values", "fail: keep"},
        {RELAY DRY "actions:\n  - { name: x, device: r, write: out-1, when: dri, for: 1min, fail: "
                   "off }\n",
         ":11:", "no rule \"dri\"", "did you mean \"dry\"?"},
        {RELAY DRY "actions:\n  - { name: x, device: r, write: out1, when: dry, for: 1min, fail: "
                   "off }\n",
         ":11:", "no write \"out1\"", "did you mean \"out-1\"?"},
        {RELAY DRY "actions:\n  - { name: x, device: a, write: out-1, when: dry, for: 1min, fail: "
                   "off }\n",
         ":11:", "nothing that may be written", "needs writes:"},
        {RELAY DRY "actions:\n  - { name: x, device: z, write: out-1, when: dry, for: 1min, fail: "
                   "off }\n",
         ":11:", "unknown device \"z\"", "one that the file has"},
        {RELAY DRY
         "actions:\n  - { name: x, device: r, write: out-1, when: dry, for: 2h, fail: off "
         "}\n",
         ":11:", "longer than the 3000 s", "max_on"},
        {RELAY DRY "actions:\n  - { name: x, device: r, write: out-1, when: dry, for: 1min, fail: "
                   "off, devices: [r] }\n",
         ":11:", "never come", "looks at none"},
        {RELAY DRY "actions:\n  - { name: x, device: r, write: out-1, when: dry, for: 1min, fail: "
                   "off, until: soil_moisture over 3 }\n",
         ":11:", "is not a metric with its limit", "soil_moisture above 28"},
        {RELAY DRY "actions:\n  - { name: x, device: r, write: out-1, when: dry, for: 1min, fail: "
                   "off, until: soil_moisture above 3 }\n",
         ":11:", "none of its devices measures", "soil_moisture"},
        {RELAY "actions:\n  - { name: x, device: r, write: out-1, at: '25:00', for: 1min }\n",
         ":9:", "times of the day", "06:00"},
        {RELAY DRY "actions:\n  - { name: x, device: r, write: out-1, when: dry, for: 1min, fail: "
                   "off, value: 7 }\n",
         ":11:", "within 0..1", "out-1"},
        {RELAY
         "notify:\n  - { name: yard, output: { device: r, write: out-1, for: 5min, repeat: 1min "
         "} }\n",
         ":9:", "repeat must be longer", "repeat: 5min"},
        {RELAY "notify:\n  - { name: son, sms: { numbers: [ten] } }\n", ":9:", "telephone numbers",
         "+8613800138000"},
        {RELAY "notify:\n  - { name: yard, output: { device: r, write: siren, for: 30s } }\n",
         ":9:", "no write \"siren\"", "out-1"},
        {"site: s\nalerts:\n  - { name: x, metric: air_temperature }\n", ":3:", "has no limit",
         "above: or below:"},
        {"site: s\nalerts:\n  - { name: x, metric: t, above: 1, below: 2 }\n",
         ":3:", "above, below and change", "keep one"},
        {"site: s\nalerts:\n  - { name: x, metric: t, below: 4, clear: 3 }\n",
         ":3:", "would clear at 3 before it fires at 4", "other side"},
        {"site: s\nlocation: { lat: 91 }\n", ":2:", "outside -90..90", "lat: 26.5"},
        {"site: s\nlocation: { timezone: China/Guizhou }\n", ":2:", "is no time zone",
         "timezone: Asia/Shanghai"},
        {"site: s\nlocation: { timezone: ../../passwd }\n", ":2:", "is no time zone",
         "timezone: Asia/Shanghai"},
        {HEAD DEV "alerts:\n  - { name: x, metric: air_temperatur, below: 4 }\n",
         ":8:", "no device measures \"air_temperatur\"", "did you mean \"air_temperature\"?"},
        {HEAD DEV "notify:\n  - { name: x }\n", ":8:", "way \"x\" has no service", "wecom"},
        {HEAD DEV "notify:\n  - { name: x, wecom: { } }\n", ":8:", "key_file", "wecom.key"},
        {HEAD DEV "notify:\n  - { name: x, wecom: { key_file: a }, ntfy: { topic: t } }\n",
         ":8:", "one service", "a way of its own"},
        {HEAD DEV "notify:\n  - { name: x, webhook: { url: 'http://example.org' } }\n",
         ":8:", "not an address with https", "https://ntfy.example.org"},
        {HEAD DEV "notify:\n  - { name: x, mail: { url: 'smtp://m', from: a@b, to: [c] } }\n",
         ":8:", "mail addresses are needed", "li@example.org"},
        {HEAD DEV "groups: { night: [x] }\n", ":7:", "unknown way \"x\"", "one of notify"},
        {HEAD DEV "heartbeat: Someday 19:00\n", ":7:", "not a day of the week", "Sunday 19:00"},
        {HEAD DEV "escalate: 5s\n", ":7:", "escalate", "10min"},
        {HEAD DEV "alerts:\n  - { name: x, metric: tea, below: 4 }\n", ":8:", "it would never come",
         "write one of air_temperature, air_humidity"},
        {"site: s\nalerts:\n  - { name: x, metric: t, change: -3 }\n",
         ":3:", "\"-3\" is not a change", "change: -3 per 1h"},
        {"site: s\nalerts:\n  - { name: x, metric: t, change: 0 per 1h }\n",
         ":3:", "is not a change", "change: -3 per 1h"},
        {"site: s\nalerts:\n  - { name: x, metric: t, change: 3 per 1s }\n",
         ":3:", "within 1min to 7d", "change: -3 per 1h"},
        {"site: s\nalerts:\n  - { name: x, metric: t, above: 3, change: 3 per 1h }\n",
         ":3:", "above, below and change", "keep one"},
        {"site: s\nalerts:\n  - { name: x, metric: t, above: 3, hours: 18-9 }\n",
         ":3:", "\"18-9\" is not a part of the day", "hours: 18:00-09:00"},
        {"site: s\nalerts:\n  - { name: x, metric: t, above: 3, quiet: 25:00-09:00 }\n",
         ":3:", "is not a part of the day", "quiet: 18:00-09:00"},
        {"site: s\nalerts:\n  - { name: x, metric: t, above: 3, months: 0-5 }\n",
         ":3:", "numbers of months", "months: 2-5"},
        {"site: s\nalerts:\n  - { name: x, metric: t, above: 3, scope: farm }\n",
         ":3:", "scope: \"farm\" is unknown", "garden, plot, device"},
        {HEAD DEV "alerts:\n  - { name: x, metric: air_temperature, below: 4, devices: [b] }\n",
         ":8:", "unknown device \"b\"", "one that the file has"},
        {HEAD DEV "alerts:\n  - { name: x, metric: air_temperature, below: 4, plots: [b] }\n",
         ":8:", "unknown plot \"b\"", "one that the file has"},
        {HEAD DEV "plots:\n  - { name: p, devices: [a, a] }\n", ":8:", "names device \"a\" twice",
         "once is enough"},
        {HEAD DEV "plots:\n  - { name: p, standard: 2B1L, devices: [a] }\n",
         ":8:", "standard: \"2B1L\" is unknown", "one of bud, 1B1L, 1B2L, 1B3L"},
        {HEAD DEV "plots:\n  - { name: p, soil: mud, devices: [a] }\n",
         ":8:", "soil: \"mud\" is unknown", "silty-clay, clay"},
        {HEAD DEV "plots:\n  - { name: p, root_depth: 4m, devices: [a] }\n",
         ":8:", "\"4m\" is not a depth of 10cm to 3m", "root_depth: 50cm"},
        {HEAD DEV "plots:\n  - { name: p, at: { lat: 26.5 }, devices: [a] }\n",
         ":8:", "at has no lon", "lon: 107.9034"},
        {HEAD DEV "plots:\n  - { name: p, at: { lat: 26.5, lon: 1079 }, devices: [a] }\n",
         ":8:", "outside -180..180", "lon: 107.9034"},
        {HEAD DEV "plots:\n  - { name: p, at: [26.5, 107.9], devices: [a] }\n",
         ":8:", "at must be a mapping", "key: value"},
        {HEAD DEV "plots:\n  - { name: p, last_year: 85, devices: [a] }\n",
         ":8:", "\"85\" is not a weight", "last_year: 85kg"},
        {HEAD DEV "plots:\n  - { name: p, gate: 5, devices: [a] }\n", ":8:", "gate", "10"},
        {"site: s\nforecast: { lost_flush: 2, night_work: 3 }\nbuses: []\n",
         ":2:", "costs as much as the flush", "lost_flush: 10"},
        {"site: s\nbsues: []\n", ":2:", "unknown key \"bsues\"", "did you mean \"buses\"?"},
        {"site: s\n# \xb2\xe8\nbuses: []\n", ":2:", "not UTF-8 text", "encoding UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config_error error;
        struct config *c = config_text(cases[i].text, &error);
        if (c != NULL || !strstr(error.text, cases[i].line) || !strstr(error.text, cases[i].says) ||
            !strstr(error.text, cases[i].remedy))
            fail_msg("case %zu: \"%s\", expected %s \"%s\" and \"%s\"", i,
                     c != NULL ? "accepted" : error.text, cases[i].line, cases[i].says,
                     cases[i].remedy);
        assert_non_null(strstr(error.text, "/t.yaml:"));
    }
}

/* A user's folder comes before the shipped one, and a wrong profile is named with its own file. */
static void reads_profiles_of_the_user_first(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"label: own\nfields:\n  - { metric: air_temperature, register: 0, scale: 0.5 }\n", NULL},
        {"label: own\nfields:\n  - { metric: air_temperature, register: 0, type: u24 }\n",
         "own.yaml:3: type: \"u24\" is unknown"},
        {"label: own\nfields:\n  - { register: 0 }\n", "own.yaml:3: a field has no metric"},
        {"label: own\nfields:\n  - { metric: t, register: 0, scale: 0 }\n", "scale is 0"},
        {"label: own\nfields:\n  - { metric: t, register: 0xFFFF, type: u32 }\n", "past register"},
        {"label: own\nfields:\n  - { metric: t, register: 0, min: 5, max: 5 }\n", "not below max"},
        {"label: own\nfields:\n  - { metric: t, register: 0, function: 2 }\n", "single bits"},
        {"label: own\nfields:\n  - { metric: t, register: 0, type: bits, bit: 9, bits: 8 }\n",
         "within one register"},
        {"label: own\nfields:\n  - { metric: t, register: 0 }\n  - { metric: t, register: 1 }\n",
         "stands twice"},
        {"label: own\nfields: []\n", "0 measured metrics"},
        {"label: own\nfields:\n  - { metric: t, register: 0 }\n"
         "writes:\n  - { name: w, register: 1, min: 2, max: 1 }\n",
         "above max"},
    };
    char path[128];
    (void)snprintf(path, sizeof path, "%s/own.yaml", config_folder);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        FILE *stream = fopen(path, "w");
        assert_non_null(stream);
        assert_true(fputs(cases[i].text, stream) >= 0);
        assert_int_equal(fclose(stream), 0);
        struct config_error error;
        struct config *c =
            config_text(HEAD "      - { name: a, profile: own, address: 1 }\n", &error);
        if ((c == NULL) != (cases[i].says != NULL) ||
            (c == NULL && !strstr(error.text, cases[i].says)))
            fail_msg("case %zu: \"%s\"", i, error.text);
        if (c != NULL) {
            assert_true(c->devices[0].metrics[0]->scale > 0.4);
            assert_string_equal(c->devices[0].metrics[0]->unit, "°C");
        }
        config_free(c);
    }
}

/* Addresses that the standard reserves and devices have all the same. */
static void takes_reserved_addresses_that_devices_have(void **state)
{
    (void)state;
    struct config *c = config_good(HEAD "      - { name: a, profile: xy-md02, address: 248 }\n"
                                        "      - { name: b, profile: xy-md02, address: 255 }\n"
                                        "  - { name: net, type: tcp, port: 'h:502', devices: [\n"
                                        "      { name: t, profile: xy-md02, address: 0 }] }\n");
    assert_int_equal(config_device(c, "a")->unit, 248);
    assert_int_equal(config_device(c, "b")->unit, 255);
    assert_int_equal(config_device(c, "t")->unit, 0);
    config_free(c);
}

static void missing_file_is_an_error(void **state)
{
    (void)state;
    struct config_error error;
    assert_null(config_load("/nonexistent/x.yaml", NULL, &error));
    assert_non_null(strstr(error.text, "/nonexistent/x.yaml:1: can't read"));
    assert_null(config_load("/tmp", NULL, &error));
}

static void understands_units(void **state)
{
    (void)state;
    uint64_t n;
    double d;
    int64_t i;
    assert_true(units_duration_us("1.5ms", &n) && n == 1500);
    assert_true(units_duration_us("10 min", &n) && n == 600000000);
    assert_false(units_duration_us("10", &n));
    assert_false(units_duration_us("-1s", &n));
    assert_false(units_duration_us("1fortnight", &n));
    assert_false(units_duration_us("99999999999d", &n));
    assert_true(units_bytes("30MB/month", &n) && n == 30000000);
    assert_true(units_bytes("1GiB", &n) && n == 1073741824);
    assert_false(units_bytes("30MB/week", &n));
    assert_true(units_area_m2("2.5mu", &d) && d > 1666.6 && d < 1666.7);
    assert_true(units_integer("0x07D0", &i) && i == 2000);
    assert_true(units_integer("-5", &i) && i == -5);
    assert_true(units_integer("010", &i) && i == 10);
    assert_false(units_integer("1e3", &i));
    assert_false(units_integer("99999999999999999999", &i));
    assert_false(units_number("nan", &d));
    assert_false(units_number("1.2.3", &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bus_may_be_without_devices),
        cmocka_unit_test(reads_the_design_example),
        cmocka_unit_test(requests_are_taken_from_this_machine_only),
        cmocka_unit_test(reads_addresses_of_brokers),
        cmocka_unit_test(names_line_mistake_and_remedy),
        cmocka_unit_test(reads_profiles_of_the_user_first),
        cmocka_unit_test(takes_reserved_addresses_that_devices_have),
        cmocka_unit_test(missing_file_is_an_error),
        cmocka_unit_test(understands_units),
    };
    return cmocka_run_group_tests(tests, config_make_folder, config_remove_folder);
}
