/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and names of what was found: nobody gets what another one has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "gateway/daemon/commission/plan.h"

static struct plan plan;

static struct plan_device *add(enum plan_kind kind, unsigned unit, const char *profile)
{
    struct plan_device *device = &plan.devices[plan.count++];
    *device = (struct plan_device){
        .kind = kind, .unit = (uint8_t)unit, .baud = 9600, .parity = 'N', .serial = 1};
    (void)strncpy(device->profile, profile, sizeof device->profile - 1);
    return device;
}

static int set_up(void **state)
{
    (void)state;
    memset(&plan, 0, sizeof plan);
    plan.baud = 9600;
    plan.parity = 'N';
    return 0;
}

static void test_thirty_new_nodes_get_thirty_addresses(void **state)
{
    (void)state;
    bool seen[256] = {false};
    plan.used[3] = true;
    for (unsigned i = 0; i < 30; i++)
        (void)add(PLAN_NODE, PLAN_FACTORY, "baiye-node");
    (void)add(PLAN_UNKNOWN, 5, "");
    plan_places(&plan);
    for (unsigned i = 0; i < 30; i++) {
        const struct plan_device *device = &plan.devices[i];
        assert_in_range(device->to, 1, PLAN_FACTORY - 1);
        assert_false(seen[device->to]);
        assert_int_not_equal(device->to, 3);
        assert_int_not_equal(device->to, 5);
        seen[device->to] = true;
    }
}

static void test_who_can_stay_stays_and_the_second_moves(void **state)
{
    (void)state;
    const struct plan_device *first = add(PLAN_PROBE, 1, "xy-md02");
    const struct plan_device *second = add(PLAN_PROBE, 1, "xy-md02");
    const struct plan_device *third = add(PLAN_NODE, 12, "baiye-node");
    plan_places(&plan);
    assert_int_equal(first->to, 1);
    assert_int_equal(second->to, 2);
    assert_int_equal(third->to, 12);
}

static void test_who_sits_at_an_address_of_the_configuration_moves(void **state)
{
    (void)state;
    plan.used[7] = true;
    const struct plan_device *one = add(PLAN_PROBE, 7, "xy-md02");
    const struct plan_device *known = add(PLAN_KNOWN, 7, "xy-md02");
    plan_places(&plan);
    assert_int_equal(one->to, 1);
    assert_int_equal(known->to, 0);
}

static void test_a_full_line_has_no_place(void **state)
{
    (void)state;
    memset(plan.used, 1, sizeof plan.used);
    const struct plan_device *one = add(PLAN_NODE, PLAN_FACTORY, "baiye-node");
    plan_places(&plan);
    assert_int_equal(one->to, 0);
}

static void test_who_went_elsewhere_is_named_after_that(void **state)
{
    (void)state;
    struct plan_device *one = add(PLAN_NODE, PLAN_FACTORY, "baiye-node");
    struct plan_device *two = add(PLAN_NODE, PLAN_FACTORY, "baiye-node");
    plan_places(&plan);
    plan_moved(&plan, one, 3);
    assert_int_equal(one->to, 3);
    assert_string_equal(one->name, "node-3");
    (void)strcpy(two->name, "upper");
    plan_moved(&plan, two, 4);
    assert_int_equal(two->to, 4);
    assert_string_equal(two->name, "upper");
}

static void test_another_profile_is_another_name_at_the_same_address(void **state)
{
    (void)state;
    struct plan_device *one = add(PLAN_PERHAPS, 5, "xy-md02");
    plan_places(&plan);
    assert_string_equal(one->name, "xy-md02-5");
    (void)strcpy(one->profile, "zts-3001-7in1");
    plan_names(&plan);
    assert_int_equal(one->to, 5);
    assert_string_equal(one->name, "zts-3001-7in1-5");
}

static void test_kinds_have_names_that_lead_back(void **state)
{
    (void)state;
    for (enum plan_kind kind = PLAN_KNOWN; kind <= PLAN_GARBLED; kind++)
        assert_int_equal(plan_kind_of(plan_kind_name(kind)), kind);
    assert_int_equal(plan_kind_of(""), PLAN_UNKNOWN);
}

static void test_what_people_call_a_place_is_its_label(void **state)
{
    (void)state;
    char out[PLAN_ITEM];
    struct plan_device *one = add(PLAN_NODE, 12, "baiye-node");
    plan_places(&plan);
    assert_true(plan_label_fits("上坡 3 号"));
    assert_true(plan_label_fits("Upper plot"));
    assert_false(plan_label_fits("upper-plot")); /* that is a name */
    assert_false(plan_label_fits("a \"b\""));
    assert_false(plan_label_fits("a\tb"));
    (void)strcpy(one->label, "上坡");
    assert_true(plan_item(&plan, one, out));
    assert_non_null(strstr(out, "{ name: node-12, label: \"上坡\", profile: "));
}

static void test_names_are_nobody_elses_and_fit(void **state)
{
    (void)state;
    char taken[1][40] = {"node-1"};
    plan.names = taken;
    plan.name_count = 1;
    struct plan_device *node = add(PLAN_NODE, PLAN_FACTORY, "baiye-node");
    const struct plan_device *probe = add(PLAN_PROBE, 9, "a-profile-with-a-name-of-32-char");
    plan_places(&plan);
    assert_string_equal(node->name, "node-1-1");
    assert_true(strlen(probe->name) < 33);
    assert_false(plan_name_fits(&plan, "node-1", node));
    assert_false(plan_name_fits(&plan, "Upper", node));
    assert_false(plan_name_fits(&plan, "", node));
    assert_false(plan_name_fits(&plan, probe->name, node));
    assert_true(plan_name_fits(&plan, node->name, node));
}

static void test_a_rate_that_is_not_the_lines_is_written_down(void **state)
{
    (void)state;
    char out[PLAN_ITEM];
    struct plan_device *one = add(PLAN_PROBE, 9, "xy-md02");
    plan_places(&plan);
    assert_true(plan_item(&plan, one, out));
    assert_string_equal(out, "{ name: xy-md02-9, profile: xy-md02, address: 9, every: 60s }");
    one->baud = 4800;
    one->parity = 'E';
    assert_true(plan_item(&plan, one, out));
    assert_non_null(strstr(out, "address: 9, baud: 4800, parity: even, "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_who_went_elsewhere_is_named_after_that, set_up),
        cmocka_unit_test_setup(test_another_profile_is_another_name_at_the_same_address, set_up),
        cmocka_unit_test_setup(test_kinds_have_names_that_lead_back, set_up),
        cmocka_unit_test_setup(test_what_people_call_a_place_is_its_label, set_up),
        cmocka_unit_test_setup(test_thirty_new_nodes_get_thirty_addresses, set_up),
        cmocka_unit_test_setup(test_who_can_stay_stays_and_the_second_moves, set_up),
        cmocka_unit_test_setup(test_who_sits_at_an_address_of_the_configuration_moves, set_up),
        cmocka_unit_test_setup(test_a_full_line_has_no_place, set_up),
        cmocka_unit_test_setup(test_names_are_nobody_elses_and_fit, set_up),
        cmocka_unit_test_setup(test_a_rate_that_is_not_the_lines_is_written_down, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
