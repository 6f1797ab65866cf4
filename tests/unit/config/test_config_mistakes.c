/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/config/config_fixture.h"

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
        {RELAY "actions:\n  - { name: x, device: r, write: out-1, at: '06:00', for: 1min, "
               "skip_when_rain: 5mm }\n",
         ":9:", "is not so much rain", "5mm within 12h"},
        {RELAY "actions:\n  - { name: x, device: r, write: out-1, at: '06:00', for: 1min, "
               "skip_when_rain: 5 within 12h }\n",
         ":9:", "is not so much rain", "5mm within 12h"},
        {RELAY "actions:\n  - { name: x, device: r, write: out-1, at: '06:00', for: 1min, "
               "skip_when_rain: 0.01mm within 12h }\n",
         ":9:", "is not so much rain", "5mm within 12h"},
        {RELAY "actions:\n  - { name: x, device: r, write: out-1, at: '06:00', for: 1min, "
               "skip_when_rain: 5mm within 10min }\n",
         ":9:", "is not so much rain", "5mm within 12h"},
        {RELAY "actions:\n  - { name: x, device: r, write: out-1, at: '06:00', for: 1min, "
               "skip_when_rain: 501mm within 12h }\n",
         ":9:", "is not so much rain", "5mm within 12h"},
        {RELAY "actions:\n  - { name: x, device: r, write: out-1, at: '06:00', for: 1min, "
               "skip_when_rain: 5mm within 12h }\n",
         ":9:", "the file names none", "forecast: { file:"},
        {RELAY "forecast: { file: /w.json }\n"
               "actions:\n  - { name: x, device: r, write: out-1, at: '06:00', for: 1min, "
               "skip_when_rain: 5mm within 12h }\n",
         ":10:", "made for plots", "plots: ["},
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
        {HEAD DEV "groups: { night: [x] }\n", ":7:", "unknown way \"x\"", "add it to notify"},
        {HEAD DEV "notify:\n  - { name: x, ntfy: { topic: t } }\ngroups: { day: [], night: [x] }\n",
         ":9:", "group \"day\" has no way", "day: [family]"},
        {HEAD DEV "alerts:\n  - { name: silent, metric: air_temperature, below: 4 }\n",
         ":8:", "calls alerts of its own so", "my-silent"},
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
        {"site: s\nforecast: { url: \"http://example.org/x\" }\nbuses: []\n",
         ":2:", "not an address with https", "https://api.open-meteo.com"},
        {"site: s\nforecast: { url: \"https://example.org/x\", file: w.json }\nbuses: []\n",
         ":2:", "from file: or from url:", "not from both"},
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_line_mistake_and_remedy),
    };
    return cmocka_run_group_tests(tests, config_make_folder, config_remove_folder);
}
