/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's updater against thirty simulated nodes on one line, with frames lost to all or to
 * each alone. Prints the bytes on the line, for the benchmark `update`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/boot/choose.h"
#include "tests/unit/boot/line_sim.h"

static const struct update_options plain = {0};

static void assert_all(enum node_state state, unsigned slot)
{
    for (unsigned i = 0; i < line.count; i++) {
        assert_int_equal(update.nodes[i].state, state);
        flash_sim = &line.nodes[i].flash;
        assert_int_equal(boot_choose().slot, slot);
    }
}

static uint64_t lossless_bytes(const struct test_image *old, const struct test_image *fresh)
{
    line_make(1, old);
    line_update(fresh, plain);
    assert_all(NODE_DONE, 1);
    return line.bytes;
}

static double ratio_with(unsigned lost_to_all, unsigned lost_to_each)
{
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    uint64_t single = lossless_bytes(&old, &fresh);
    line_make(NODES, &old);
    line.lost_to_all = lost_to_all;
    line.lost_to_each = lost_to_each;
    line_update(&fresh, plain);
    assert_all(NODE_DONE, 1);
    return (double)line.bytes / (double)single;
}

static void thirty_nodes_cost_little_more_than_one(void **state)
{
    (void)state;
    double shared = ratio_with(20, 0), each = ratio_with(0, 20);
    print_message("broadcast_ratio=%.3f broadcast_ratio_independent=%.3f\n", shared, each);
    assert_true(shared <= 1.15);
    assert_true(each <= 1.6);
}

static void a_dead_node_does_not_hold_the_others(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    line_make(4, &old);
    line.nodes[2].dead = true;
    line_update(&fresh, plain);
    for (unsigned i = 0; i < line.count; i++)
        assert_int_equal(update.nodes[i].state, i == 2 ? NODE_FAILED : NODE_DONE);
    assert_true(update.nodes[2].silent);
}

static void the_first_node_alone_pays_for_a_bad_image(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    line_make(5, &old);
    for (unsigned i = 0; i < line.count; i++)
        line.nodes[i].never_starts = true;
    line_update(&fresh, plain);
    assert_all(NODE_FAILED, 0);
    assert_int_equal(update.nodes[0].result, WINDOW_RESULT_REVERTED);
    for (unsigned i = 1; i < line.count; i++)
        assert_int_equal(update.nodes[i].result, WINDOW_RESULT_HELD_BACK);
}

static void an_update_that_was_cut_off_goes_on_where_it_was(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    uint64_t single = lossless_bytes(&old, &fresh);
    line_make(3, &old);
    uint8_t units[] = {1, 2, 3};
    assert_true(update_start(&update, fresh.bytes, TEST_IMAGE_SIZE, units, 3, plain));
    struct update_request request;
    int64_t again_ms;
    while (update.phase != UPDATE_SEND || update.cursor < TEST_BLOCKS * 3 / 4) {
        if (update_next(&update, line.now_ms, &request, &again_ms) == UPDATE_SEND_REQUEST)
            line_exchange(&request);
        else
            line.now_ms = again_ms;
    }
    for (unsigned i = 0; i < line.count; i++) /* and the nodes lose power as well */
        line_start_node(&line.nodes[i]);
    line.bytes = 0;
    line_update(&fresh, plain);
    assert_all(NODE_DONE, 1);
    assert_true(line.bytes < single / 2);
}

/* A restart whose answer was lost is asked for again; by then the node runs the new image, and the
 * old one in its other slot, once READY too, must not be what it is restarted for. */
static void a_restart_asked_for_twice_is_done_once(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), second = test_image_make(1, 2, 5),
                            third = test_image_make(0, 3, 5);
    line_make(1, &old);
    line_update(&second, plain);
    line_update(&third, plain);
    assert_all(NODE_DONE, 0);
    flash_sim = &line.nodes[0].flash;
    const uint8_t restart[2] = {0, WINDOW_RESTART};
    assert_true(
        service_write(&line.nodes[0].service, WINDOW_COMMAND, restart, sizeof restart, false));
    assert_false(line.nodes[0].service.restart_wanted);
}

static void nodes_that_need_no_update_are_left_alone(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), same = test_image_make(1, 1, 5),
                            other = test_image_make(0, 2, 5), less = test_image_make(1, 2, 4);
    line_make(2, &old);
    line_update(&same, plain);
    assert_all(NODE_CURRENT, 0);
    line_update(&other, plain);
    assert_all(NODE_OTHER_SLOT, 0);
    line_update(&less, plain);
    assert_all(NODE_FAILED, 0);
    assert_int_equal(update.nodes[0].result, IMAGE_OLD_COUNTER);
    const struct test_image newest = test_image_make(0, 3, 5), older = test_image_make(1, 2, 5);
    line_make(2, &newest);
    line_update(&older, plain);
    assert_all(NODE_FAILED, 0);
    assert_int_equal(update.nodes[0].result, IMAGE_NOT_NEWER);
}

static void a_node_whose_self_test_fails_goes_back_and_says_what_failed(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    line_make(4, &old);
    line.nodes[2].checks[1] = 6;
    line_update(&fresh, plain);
    for (unsigned i = 0; i < line.count; i++) {
        const bool bad = i == 2;
        assert_int_equal(update.nodes[i].state, bad ? NODE_FAILED : NODE_DONE);
        flash_sim = &line.nodes[i].flash;
        assert_int_equal(boot_choose().slot, bad ? 0 : 1);
    }
    assert_int_equal(update.nodes[2].result, WINDOW_RESULT_SELF_TEST);
    assert_int_equal(update.nodes[2].checks, 6);
    assert_false(update.nodes[2].silent);
    assert_int_equal(line.nodes[2].starts, 3); /* old, new, and at once the old again */
}

static void a_probe_that_was_broken_before_keeps_no_node_from_its_update(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    line_make(2, &old);
    line.nodes[0].checks[0] = line.nodes[0].checks[1] = 4;
    line.nodes[1].checks[0] = 4; /* and here one that is well again */
    for (unsigned i = 0; i < line.count; i++)
        line_start_node(&line.nodes[i]); /* as if they had just lost their power */
    line_update(&fresh, plain);
    assert_all(NODE_DONE, 1);
    assert_int_equal(update.nodes[0].checks, 4);
    assert_int_equal(update.nodes[1].checks, 0);
}

static void a_canary_that_fails_its_self_test_keeps_the_image_from_the_others(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    for (int sample = 0; sample < 2; sample++) {
        line_make(5, &old);
        line.lost_to_each = 50;
        line.nodes[0].never_samples = sample == 0;
        line.nodes[0].checks[1] = 2;
        line_update(&fresh, plain);
        assert_all(NODE_FAILED, 0);
        assert_int_equal(update.nodes[0].result,
                         sample == 0 ? WINDOW_RESULT_NO_SAMPLE : WINDOW_RESULT_SELF_TEST);
        for (unsigned i = 1; i < line.count; i++) {
            assert_int_equal(update.nodes[i].result, WINDOW_RESULT_HELD_BACK);
            assert_int_equal(line.nodes[i].starts, 1);
        }
    }
}

/* The gateway lost its power and knows only that the canary had failed. */
static void an_update_whose_canary_failed_is_not_tried_on_others_after_a_restart(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    line_make(4, &old);
    line.nodes[0].checks[1] = 1;
    uint8_t units[] = {1, 2, 3, 4};
    assert_true(update_start(&update, fresh.bytes, TEST_IMAGE_SIZE, units, 4, plain));
    struct update_request request;
    int64_t again_ms;
    while (!update.canary_failed) {
        if (update_next(&update, line.now_ms, &request, &again_ms) == UPDATE_SEND_REQUEST)
            line_exchange(&request);
        else
            line.now_ms = again_ms;
    }
    line_update(&fresh, (struct update_options){.hold_back = true});
    assert_all(NODE_FAILED, 0);
    for (unsigned i = 1; i < line.count; i++) {
        assert_int_equal(update.nodes[i].result, WINDOW_RESULT_HELD_BACK);
        assert_int_equal(line.nodes[i].starts, 1);
    }
}

/* Cut off when the canary was on trial, and when all were. */
static void an_update_cut_off_during_the_trials_confirms_them_afterwards(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    for (int all = 0; all < 2; all++) {
        line_make(3, &old);
        uint8_t units[] = {1, 2, 3};
        assert_true(update_start(&update, fresh.bytes, TEST_IMAGE_SIZE, units, 3, plain));
        struct update_request request;
        int64_t again_ms;
        while (line.nodes[all ? 2 : 0].starts < 2) {
            if (update_next(&update, line.now_ms, &request, &again_ms) == UPDATE_SEND_REQUEST)
                line_exchange(&request);
            else
                line.now_ms = again_ms;
        }
        line_update(&fresh, plain);
        assert_int_equal(update.nodes[0].state, all ? NODE_CURRENT : NODE_DONE);
        for (unsigned i = 0; i < line.count; i++) {
            flash_sim = &line.nodes[i].flash;
            struct boot_choice choice = boot_choose();
            assert_int_equal(choice.slot, 1);
            assert_false(choice.trial);
        }
    }
}

static void a_mixed_garden_takes_two_sessions(void **state)
{
    (void)state;
    const struct test_image a = test_image_make(0, 1, 5), b = test_image_make(1, 1, 5),
                            fresh[2] = {test_image_make(0, 2, 5), test_image_make(1, 2, 5)};
    line_make(4, &a);
    for (unsigned i = 2; i < 4; i++) { /* two run from slot B */
        flash_sim = &line.nodes[i].flash;
        flash_sim_reset(i);
        assert_int_equal(flash_program(b.header.address, b.bytes, TEST_IMAGE_SIZE), FLASH_OK);
        line_start_node(&line.nodes[i]);
    }
    for (unsigned slot = 0; slot < 2; slot++) {
        line_update(&fresh[slot], plain);
        for (unsigned i = 0; i < 4; i++) {
            const bool takes = (i < 2) == (slot == 1);
            assert_int_equal(update.nodes[i].state, takes       ? NODE_DONE
                                                    : slot == 0 ? NODE_OTHER_SLOT
                                                                : NODE_CURRENT);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        flash_sim = &line.nodes[i].flash;
        assert_int_equal(boot_choose().slot, i < 2 ? 1 : 0);
    }
}

/* Two of five are asked for; what is broadcast must do nothing to the others. */
static void only_nodes_that_are_named_are_updated(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    line_make(5, &old);
    line.units = 2;
    line_update(&fresh, (struct update_options){.others_listen = true});
    for (unsigned i = 0; i < 5; i++) {
        const bool named = i < 2;
        assert_int_equal(line.nodes[i].starts, named ? 2 : 1);
        assert_true(named || !line.nodes[i].service.receive.target.session);
        flash_sim = &line.nodes[i].flash;
        assert_int_equal(boot_choose().slot, named ? 1 : 0);
    }
}

/* Nobody erases a thing for an image that all would refuse in the end. */
static void a_node_that_does_not_know_the_key_is_sent_nothing(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5);
    struct test_image other_key = test_image_make(1, 2, 5), other_place = other_key,
                      no_place = other_key;
    other_key.bytes[IMAGE_SIGNED_SIZE + IMAGE_SIGNATURE_SIZE] ^= 1;
    other_place.header.key = 1; /* where the boot loaders have none */
    test_image_sign(&other_place);
    no_place.header.key = 2;
    test_image_sign(&no_place);
    const struct test_image *const images[] = {&other_key, &other_place, &no_place};
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        for (int dry = 0; dry < 2; dry++) {
            line_make(3, &old);
            line_update(images[i], (struct update_options){.dry_run = dry});
            assert_all(NODE_FAILED, 0);
            assert_int_equal(update.nodes[0].result, IMAGE_UNKNOWN_KEY);
            for (unsigned k = 0; k < line.count; k++)
                assert_false(line.nodes[k].service.receive.target.session);
        }
    }
}

static void a_node_that_can_not_tell_its_keys_judges_the_image_itself(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    struct test_image forged = fresh;
    forged.bytes[IMAGE_SIGNED_SIZE] ^= 1;
    line_make(2, &old);
    line.nodes[0].tells_no_keys = line.nodes[1].tells_no_keys = true;
    line_update(&forged, plain);
    assert_all(NODE_FAILED, 0);
    assert_int_equal(update.nodes[0].result, IMAGE_BAD_SIGNATURE);
    line_update(&fresh, plain);
    assert_all(NODE_DONE, 1);
}

/* What nodes hold of one release must not become part of the next, though the program is the same
 * byte for byte. */
static void two_versions_of_one_program_are_two_images(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), second = test_image_make(1, 2, 5);
    struct test_image third = second;
    third.header.version = 3;
    test_image_sign(&third);
    assert_memory_not_equal(image_id(second.bytes), image_id(third.bytes), WINDOW_ID_SIZE);
    line_make(2, &old);
    const uint8_t units[] = {1, 2};
    assert_true(update_start(&update, second.bytes, TEST_IMAGE_SIZE, units, 2, plain));
    struct update_request request;
    int64_t again_ms;
    while (update.phase != UPDATE_SEND || update.cursor < TEST_BLOCKS / 2) {
        if (update_next(&update, line.now_ms, &request, &again_ms) == UPDATE_SEND_REQUEST)
            line_exchange(&request);
        else
            line.now_ms = again_ms;
    }
    line_update(&third, plain);
    assert_all(NODE_DONE, 1);
    for (unsigned i = 0; i < line.count; i++)
        assert_int_equal(line.nodes[i].service.version, 3);
}

/* One frame must not take the image to go back to from a whole line. */
static void a_session_that_nobody_unlocked_erases_nothing(void **state)
{
    (void)state;
    uint8_t data[WINDOW_SESSION_REGISTERS * 2];
    const uint8_t abandon[] = {0, WINDOW_ABANDON};
    const struct test_image old = test_image_make(0, 1, 1), other = test_image_make(1, 2, 1);
    line_make(1, &old);
    struct service *service = &line.nodes[0].service;
    flash_sim = &line.nodes[0].flash;
    assert_int_equal(flash_program(other.header.address, other.bytes, TEST_IMAGE_SIZE), FLASH_OK);
    struct window_session session = {.hardware = flash_layout()->hardware,
                                     .slot = 1,
                                     .blocks = TEST_BLOCKS,
                                     .block_size = TEST_BLOCK_SIZE};
    memcpy(session.image_id, image_id(other.bytes), sizeof session.image_id);
    memcpy(session.head, other.bytes, sizeof session.head);
    size_t size = window_session_write(&session, data, sizeof data);
    assert_true(service_write(service, WINDOW_SESSION, data, size, false));
    assert_int_equal(service->result, WINDOW_RESULT_LOCKED);
    assert_true(service_write(service, WINDOW_COMMAND, abandon, sizeof abandon, false));
    while (service_step(service))
        ;
    assert_memory_equal(flash_map(other.header.address), other.bytes, TEST_IMAGE_SIZE);
    assert_true(service_write(service, WINDOW_SESSION, data, size, true));
    while (service_step(service))
        ;
    assert_int_equal(*flash_map(other.header.address), 0xFF);
    assert_true(service_write(service, WINDOW_SESSION, data, size, false)); /* the same again */
    assert_int_equal(service->result, WINDOW_RESULT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_that_nobody_unlocked_erases_nothing),
        cmocka_unit_test(thirty_nodes_cost_little_more_than_one),
        cmocka_unit_test(a_dead_node_does_not_hold_the_others),
        cmocka_unit_test(the_first_node_alone_pays_for_a_bad_image),
        cmocka_unit_test(an_update_that_was_cut_off_goes_on_where_it_was),
        cmocka_unit_test(a_restart_asked_for_twice_is_done_once),
        cmocka_unit_test(nodes_that_need_no_update_are_left_alone),
        cmocka_unit_test(a_node_whose_self_test_fails_goes_back_and_says_what_failed),
        cmocka_unit_test(a_probe_that_was_broken_before_keeps_no_node_from_its_update),
        cmocka_unit_test(a_canary_that_fails_its_self_test_keeps_the_image_from_the_others),
        cmocka_unit_test(an_update_whose_canary_failed_is_not_tried_on_others_after_a_restart),
        cmocka_unit_test(an_update_cut_off_during_the_trials_confirms_them_afterwards),
        cmocka_unit_test(a_mixed_garden_takes_two_sessions),
        cmocka_unit_test(only_nodes_that_are_named_are_updated),
        cmocka_unit_test(a_node_that_does_not_know_the_key_is_sent_nothing),
        cmocka_unit_test(a_node_that_can_not_tell_its_keys_judges_the_image_itself),
        cmocka_unit_test(two_versions_of_one_program_are_two_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
