/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration that comes by a county's broker may not give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/daemon/config/rights.h"

static struct config *load(const char *text)
{
    char path[] = "/tmp/test_rights.XXXXXX";
    struct config_error error = {.text = ""};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
    struct config *config = config_load(path, PROFILES, &error);
    (void)unlink(path);
    if (config == NULL)
        fail_msg("%s", error.text);
    return config;
}

static bool grow(const char *now_text, const char *next_text)
{
    char why[256] = "";
    struct config *now = load(now_text), *next = load(next_text);
    bool more = rights_grow(now, next, why, sizeof why);
    assert_true(more == (why[0] != '\0'));
    config_free(now);
    config_free(next);
    return more;
}

#define DEVICES                                                                                    \
    "site: s\nbuses:\n  - name: east\n    port: /dev/x\n    devices:\n"                            \
    "      - { name: a, profile: xy-md02, address: 1 }\n"                                          \
    "      - { name: r, profile: waveshare-relay-8, address: 2 }\n"                                \
    "      - { name: s, profile: waveshare-relay-8, address: 3 }\n"
#define LOCAL  "mqtt:\n  - { name: local, url: 'mqtt://127.0.0.1' }\n"
#define COUNTY "  - { name: county, url: 'mqtt://a.example.org', requests: county"

static void a_brokers_rights_do_not_grow(void **state)
{
    (void)state;
    static const char now[] = DEVICES LOCAL COUNTY " }\n";
    static const char *const may[] = {
        DEVICES LOCAL COUNTY ", batch: 10min }\n",
        DEVICES LOCAL "  - { name: county, url: 'mqtt://b.example.org', requests: county }\n",
        DEVICES LOCAL COUNTY " }\n  - { name: more, url: 'mqtt://c.example.org' }\n",
        DEVICES LOCAL COUNTY " }\n  - { name: m, url: 'mqtt://c.example.org', requests: resend }\n",
        DEVICES "mqtt:\n" COUNTY " }\n",
    };
    static const char *const may_not[] = {
        DEVICES LOCAL "  - { name: county, url: 'mqtt://a.example.org', requests: farm }\n",
        DEVICES LOCAL COUNTY
        " }\n  - { name: more, url: 'mqtt://c.example.org', requests: farm }\n",
        DEVICES LOCAL COUNTY " }\n  - { name: more, url: 'mqtt://127.0.0.1:9999' }\n",
        DEVICES "mqtt:\n  - { name: local, url: 'mqtt://a.example.org', requests: farm }\n" COUNTY
                " }\n",
        DEVICES "mqtt:\n  - { name: local, url: 'mqtt://127.0.0.1:1884' }\n" COUNTY " }\n",
    };
    assert_false(grow(now, now));
    for (size_t i = 0; i < sizeof may / sizeof may[0]; i++) {
        if (grow(now, may[i]))
            fail_msg("%s", may[i]);
    }
    for (size_t i = 0; i < sizeof may_not / sizeof may_not[0]; i++) {
        if (!grow(now, may_not[i]))
            fail_msg("%s", may_not[i]);
    }
}

#define DRY(limit)                                                                                 \
    "alerts:\n  - { name: dry, metric: air_temperature, above: " limit ", devices: [a] }\n"
#define WATER(device, word, most)                                                                  \
    "actions:\n  - { name: water, device: " device ", write: " word ", when: dry, for: " most      \
    ", fail: off }\n"

static void what_is_switched_stays_so(void **state)
{
    (void)state;
    static const char now[] = DEVICES DRY("30") WATER("r", "out-1", "1min");
    static const char *const may_not[] = {
        DEVICES DRY("3") WATER("r", "out-1", "1min"),
        DEVICES DRY("30") WATER("s", "out-1", "1min"),
        DEVICES DRY("30") WATER("r", "out-2", "1min"),
        DEVICES DRY("30") WATER("r", "out-1", "10min"),
        DEVICES DRY("30") WATER("r", "out-1", "1min") "  - { name: more, device: s, write: out-1, "
                                                      "at: '06:00', for: 1min, fail: off }\n",
    };
    assert_false(grow(now, now));
    assert_false(grow(now, DEVICES DRY("3"))); /* nothing is switched any more */
    for (size_t i = 0; i < sizeof may_not / sizeof may_not[0]; i++) {
        if (!grow(now, may_not[i]))
            fail_msg("%s", may_not[i]);
    }
    assert_true(grow(DEVICES DRY("30"), now));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_brokers_rights_do_not_grow),
        cmocka_unit_test(what_is_switched_stays_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
