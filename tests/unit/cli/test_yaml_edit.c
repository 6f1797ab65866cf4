/* SPDX-License-Identifier: Apache-2.0 */
/* Devices are added to the text of a configuration, and nothing else of it changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tools/cli/yaml_edit.h"

static const char *const two[] = {"{ name: a, profile: p, address: 1 }",
                                  "{ name: b, profile: p, address: 2 }"};

static void assert_added(const char *text, const char *expected)
{
    char why[200];
    char *out = yaml_add_devices(text, "east", two, 2, why, sizeof why);
    assert_non_null(out);
    assert_string_equal(out, expected);
    free(out);
}

static void test_a_block_list_goes_on_as_it_is_indented(void **state)
{
    (void)state;
    assert_added("# 上坡 first\nbuses:\n  - name: east # the upper one\n    devices:\n"
                 "      - { name: x } # the old one\n      # - { name: gone }\nsite: s\n",
                 "# 上坡 first\nbuses:\n  - name: east # the upper one\n    devices:\n"
                 "      - { name: x } # the old one\n"
                 "      - { name: a, profile: p, address: 1 }\n"
                 "      - { name: b, profile: p, address: 2 }\n"
                 "      # - { name: gone }\nsite: s\n");
}

static void test_a_device_of_several_lines_ends_with_its_last_value(void **state)
{
    (void)state;
    assert_added("buses:\n- name: west\n  devices: []\n- name: east\n  devices:\n  - name: x\n"
                 "    label: 上坡\n    adjusted:\n      by: \"Lin\"   # who\n\nsite: s",
                 "buses:\n- name: west\n  devices: []\n- name: east\n  devices:\n  - name: x\n"
                 "    label: 上坡\n    adjusted:\n      by: \"Lin\"   # who\n"
                 "  - { name: a, profile: p, address: 1 }\n"
                 "  - { name: b, profile: p, address: 2 }\n\nsite: s");
}

static void test_a_file_that_ends_without_a_line_feed(void **state)
{
    (void)state;
    assert_added("buses:\n - name: east\n   devices:\n    - name: x",
                 "buses:\n - name: east\n   devices:\n    - name: x\n"
                 "    - { name: a, profile: p, address: 1 }\n"
                 "    - { name: b, profile: p, address: 2 }");
}

static void assert_broker(const char *text, const char *expected)
{
    char why[200];
    char *out = yaml_add_broker(text, "{ name: remote }", why, sizeof why);
    assert_non_null(out);
    assert_string_equal(out, expected);
    free(out);
}

static void test_a_broker_comes_behind_the_last_one(void **state)
{
    (void)state;
    assert_broker(
        "# 上坡\nmqtt:\n  # the farm's own\n  - name: local\n    url: x # here\n\nbuses: []\n",
        "# 上坡\nmqtt:\n  # the farm's own\n  - name: local\n    url: x # here\n"
        "  - { name: remote }\n\nbuses: []\n");
    assert_broker(
        "site: s\r\nmqtt:\r\n- { name: local } # x\r\nbuses: []\r\n",
        "site: s\r\nmqtt:\r\n- { name: local } # x\r\n- { name: remote }\r\nbuses: []\r\n");
    assert_broker("mqtt: []\nsite: s\n", "mqtt:\n  - { name: remote }\nsite: s\n");
    assert_broker("mqtt: [{ name: local }]\n", "mqtt: [{ name: local }, { name: remote }]\n");
}

static void test_without_a_list_of_brokers_it_says_what_to_write(void **state)
{
    (void)state;
    char why[200];
    assert_null(yaml_add_broker("site: s\n", "{ name: remote }", why, sizeof why));
    assert_non_null(strstr(why, "write `mqtt: []`"));
}

static void test_lists_in_brackets(void **state)
{
    (void)state;
    assert_added("buses: [{name: east, devices: []}]\n",
                 "buses: [{name: east, devices: [ { name: a, profile: p, address: 1 }, "
                 "{ name: b, profile: p, address: 2 } ]}]\n");
    assert_added("buses: [{name: 东, devices: []}, {name: east, devices: [{name: x}, ]}]\n",
                 "buses: [{name: 东, devices: []}, {name: east, devices: [{name: x}, "
                 "{ name: a, profile: p, address: 1 }, { name: b, profile: p, address: 2 }, ]}]\n");
}

static void test_a_bus_without_devices_gets_its_first(void **state)
{
    (void)state;
    assert_added("buses:\n  - name: east\n    devices: # none yet\n    baud: 9600\n",
                 "buses:\n  - name: east\n    devices: # none yet\n"
                 "      - { name: a, profile: p, address: 1 }\n"
                 "      - { name: b, profile: p, address: 2 }\n    baud: 9600\n");
    assert_added("buses:\n  - name: east\n    devices: []   # none yet\n",
                 "buses:\n  - name: east\n    devices:   # none yet\n"
                 "      - { name: a, profile: p, address: 1 }\n"
                 "      - { name: b, profile: p, address: 2 }\n");
    assert_added("buses:\n  - name: east\n    devices: []",
                 "buses:\n  - name: east\n    devices:\n"
                 "      - { name: a, profile: p, address: 1 }\n"
                 "      - { name: b, profile: p, address: 2 }");
}

static void test_line_ends_of_another_system_stay(void **state)
{
    (void)state;
    assert_added("buses:\r\n  - name: east\r\n    devices:\r\n      - { name: x }\r\n",
                 "buses:\r\n  - name: east\r\n    devices:\r\n      - { name: x }\r\n"
                 "      - { name: a, profile: p, address: 1 }\r\n"
                 "      - { name: b, profile: p, address: 2 }\r\n");
}

static void test_what_can_not_be_edited_is_said(void **state)
{
    (void)state;
    char why[200];
    assert_null(yaml_add_devices("buses: []\n", "east", two, 2, why, sizeof why));
    assert_non_null(strstr(why, "bus east has no list"));
    assert_null(yaml_add_devices("buses: [\n", "east", two, 2, why, sizeof why));
    assert_non_null(strstr(why, "is not YAML"));
    assert_null(yaml_add_devices("", "east", two, 2, why, sizeof why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_block_list_goes_on_as_it_is_indented),
        cmocka_unit_test(test_a_device_of_several_lines_ends_with_its_last_value),
        cmocka_unit_test(test_a_file_that_ends_without_a_line_feed),
        cmocka_unit_test(test_a_broker_comes_behind_the_last_one),
        cmocka_unit_test(test_without_a_list_of_brokers_it_says_what_to_write),
        cmocka_unit_test(test_lists_in_brackets),
        cmocka_unit_test(test_a_bus_without_devices_gets_its_first),
        cmocka_unit_test(test_line_ends_of_another_system_stay),
        cmocka_unit_test(test_what_can_not_be_edited_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
