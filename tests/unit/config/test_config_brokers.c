/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/config/config_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_taken_from_this_machine_only),
        cmocka_unit_test(reads_addresses_of_brokers),
    };
    return cmocka_run_group_tests(tests, config_make_folder, config_remove_folder);
}
