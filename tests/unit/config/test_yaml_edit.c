/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a configuration is edited, and nothing else of it changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/config/yaml_edit.h"

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

/* ---- By a path ---- */

static const char file[] = "# 上坡 first\n"
                           "site: garden # ours\n"
                           "plots:\n"
                           "  - name: upper   # the steep one\n"
                           "    label: \"上坡\" # as we say\n"
                           "    devices: [soil-1, soil-2] # two\n"
                           "  - { name: lower, devices: [soil-3] }\n"
                           "buses:\n"
                           "  - name: east\n"
                           "    devices:\n"
                           "      # by the gate\n"
                           "      - { name: soil-1, profile: p, address: 1 } # old\n"
                           "      - name: soil-2\n"
                           "        profile: p\n"
                           "        address: 2 # moved\n"
                           "alerts:\n"
                           "  - { name: frost, metric: air_temperature, below: 2, clear: 3 }\n";

#define PATH(...)                                                                                  \
    &(const struct yaml_path)                                                                      \
    {                                                                                              \
        (const char *const[]){__VA_ARGS__},                                                        \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)                            \
    }

/* The file with `old` replaced by `fresh`, once. */
static void assert_differs(char *out, const char *old, const char *fresh)
{
    char expected[4096];
    const char *found = strstr(file, old);
    assert_non_null(out);
    assert_non_null(found);
    (void)snprintf(expected, sizeof expected, "%.*s%s%s", (int)(found - file), file, fresh,
                   found + strlen(old));
    assert_string_equal(out, expected);
    free(out);
}

static void test_a_value_changes_in_its_place(void **state)
{
    (void)state;
    char why[200];
    assert_differs(yaml_set(file, PATH("plots", "upper", "label"), "\"高坡\"", why, sizeof why),
                   "\"上坡\"", "\"高坡\"");
    assert_differs(yaml_set(file, PATH("alerts", "frost", "below"), "1.5", why, sizeof why),
                   "below: 2", "below: 1.5");
    assert_differs(
        yaml_set(file, PATH("buses", "east", "devices", "soil-2", "address"), "9", why, sizeof why),
        "address: 2 #", "address: 9 #");
    assert_differs(yaml_set(file, PATH("plots", "upper", "devices"), "[ a ]", why, sizeof why),
                   "[soil-1, soil-2]", "[ a ]");
}

static void test_a_key_that_is_not_there_comes_behind_the_name(void **state)
{
    (void)state;
    char why[200];
    assert_differs(yaml_set(file, PATH("label"), "茶园", why, sizeof why), "garden # ours\n",
                   "garden # ours\nlabel: 茶园\n");
    assert_differs(yaml_set(file, PATH("plots", "lower", "label"), "下坡", why, sizeof why),
                   "name: lower,", "name: lower, label: 下坡,");
    assert_differs(
        yaml_set(file, PATH("buses", "east", "devices", "soil-2", "label"), "门", why, sizeof why),
        "- name: soil-2\n", "- name: soil-2\n        label: 门\n");
    char *out = yaml_set("plots:\n- name: a\n  label:\n", PATH("plots", "a", "label"), "x", why,
                         sizeof why);
    assert_string_equal(out, "plots:\n- name: a\n  label: x\n");
    free(out);
}

static void test_a_list_gets_one_more_also_where_there_is_none(void **state)
{
    (void)state;
    char why[200];
    assert_differs(yaml_add(file, PATH("plots", "lower", "devices"), "soil-9", why, sizeof why),
                   "[soil-3]", "[soil-3, soil-9]");
    assert_differs(yaml_add(file, PATH("plots"), "{ name: new }", why, sizeof why), "buses:\n",
                   "  - { name: new }\nbuses:\n");
    assert_differs(yaml_add(file, PATH("actions"), "{ name: x }", why, sizeof why), "clear: 3 }\n",
                   "clear: 3 }\nactions:\n  - { name: x }\n");
    char *out = yaml_add("{site: a, buses: []}", PATH("plots"), "{ name: x }", why, sizeof why);
    assert_string_equal(out, "{site: a, buses: [], plots: [ { name: x } ]}");
    free(out);
}

static void test_what_is_removed_goes_with_its_line_or_its_comma(void **state)
{
    (void)state;
    char why[200];
    assert_differs(yaml_remove(file, PATH("buses", "east", "devices", "soil-2"), why, sizeof why),
                   "      - name: soil-2\n        profile: p\n        address: 2 # moved\n", "");
    assert_differs(yaml_remove(file, PATH("buses", "east", "devices", "soil-1"), why, sizeof why),
                   "      - { name: soil-1, profile: p, address: 1 } # old\n", "");
    assert_differs(yaml_remove(file, PATH("plots", "upper", "devices", "soil-1"), why, sizeof why),
                   "soil-1, soil-2", "soil-2");
    assert_differs(yaml_remove(file, PATH("plots", "upper", "devices", "soil-2"), why, sizeof why),
                   "soil-1, soil-2", "soil-1");
    assert_differs(yaml_remove(file, PATH("plots", "lower", "devices", "soil-3"), why, sizeof why),
                   "[soil-3]", "[]");
    assert_differs(yaml_remove(file, PATH("plots", "upper", "label"), why, sizeof why),
                   "    label: \"上坡\" # as we say\n", "");
    assert_differs(yaml_remove(file, PATH("alerts", "frost", "clear"), why, sizeof why),
                   ", clear: 3", "");
}

static void test_what_a_path_can_not_mean_is_refused(void **state)
{
    (void)state;
    char why[200];
    assert_null(yaml_set(file, PATH("plots", "middle", "label"), "x", why, sizeof why));
    assert_non_null(strstr(why, "no middle"));
    assert_null(yaml_set(file, PATH("site", "label"), "x", why, sizeof why));
    assert_null(yaml_set(file, PATH("plots"), "x", why, sizeof why));
    assert_null(yaml_set(file, PATH("plots", "upper"), "x", why, sizeof why));
    assert_null(yaml_add(file, PATH("site"), "x", why, sizeof why));
    assert_null(yaml_add(file, PATH("plots", "upper"), "x", why, sizeof why));
    assert_null(yaml_remove(file, PATH("plots", "middle"), why, sizeof why));
    assert_null(yaml_remove(file, PATH("alerts", "frost"), why, sizeof why));
    assert_null(yaml_remove(file, PATH("plots", "upper", "name"), why, sizeof why));
    assert_null(yaml_set("a: &x 1\nsite: *x\n", PATH("site"), "2", why, sizeof why));
    assert_non_null(strstr(why, "only hands"));
    assert_null(yaml_set("a: [\n", PATH("a"), "2", why, sizeof why));
    assert_null(yaml_set("", PATH("a"), "2", why, sizeof why));
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
        cmocka_unit_test(test_a_value_changes_in_its_place),
        cmocka_unit_test(test_a_key_that_is_not_there_comes_behind_the_name),
        cmocka_unit_test(test_a_list_gets_one_more_also_where_there_is_none),
        cmocka_unit_test(test_what_is_removed_goes_with_its_line_or_its_comma),
        cmocka_unit_test(test_what_a_path_can_not_mean_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
