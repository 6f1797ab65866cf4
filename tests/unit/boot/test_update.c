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
#include "firmware/boot/service.h"
#include "firmware/boot/verify.h"
#include "gateway/daemon/update/update.h"
#include "tests/unit/boot/flash_sim.h"
#include "tests/unit/boot/test_image.h"

#define NODES          30
#define FRAME_OVERHEAD 3u /* unit identifier and CRC */

struct line_node {
    struct flash_sim flash;
    struct service service;
    bool dead;
    bool never_starts; /* the new image hangs: the watchdog bites until it is given up */
};

struct line {
    struct line_node nodes[NODES];
    unsigned count;
    unsigned lost_to_all, lost_to_each; /* per mille of frames */
    uint64_t bytes;
    uint32_t random;
    int64_t now_ms;
};

static struct line line;
static struct update update;

static bool chance(unsigned per_mille)
{
    line.random ^= line.random << 13;
    line.random ^= line.random >> 17;
    line.random ^= line.random << 5;
    return line.random % 1000 < per_mille;
}

static void start_node(struct line_node *node)
{
    flash_sim = &node->flash;
    struct boot_choice choice = boot_choose();
    for (unsigned i = 0; choice.trial && node->never_starts && i < STATE_TRIALS; i++)
        choice = boot_choose();
    assert_in_range(choice.slot, 0, 1);
    service_init(&node->service, (unsigned)choice.slot);
}

static void make_line(unsigned count, const struct test_image *old)
{
    memset(&line, 0, sizeof line);
    line.count = count;
    line.random = 12345;
    for (unsigned i = 0; i < count; i++) {
        flash_sim = &line.nodes[i].flash;
        flash_sim_reset(i);
        assert_int_equal(flash_program(old->header.address, old->bytes, TEST_IMAGE_SIZE), FLASH_OK);
        start_node(&line.nodes[i]);
    }
}

/* What the node's Modbus server does with one request; the answer's size, 0: none. */
static size_t serve(struct line_node *node, const struct update_request *request, uint8_t *answer)
{
    const uint8_t *pdu = request->pdu;
    uint16_t address = (uint16_t)(pdu[1] << 8 | pdu[2]), count = (uint16_t)(pdu[3] << 8 | pdu[4]);
    flash_sim = &node->flash;
    if (node->dead)
        return 0;
    if (pdu[0] == 16) {
        assert_true(service_write(&node->service, address, pdu + 6, pdu[5]));
        memcpy(answer, pdu, 5);
        return 5;
    }
    answer[0] = 4;
    answer[1] = (uint8_t)(count * 2);
    assert_true(service_read(&node->service, address, count, answer + 2));
    return 2 + answer[1];
}

static void run_idle(struct line_node *node)
{
    flash_sim = &node->flash;
    while (service_step(&node->service))
        ;
    if (node->service.restart_wanted)
        start_node(node);
}

static void exchange(const struct update_request *request)
{
    uint8_t answer[256];
    size_t size = 0;
    line.bytes += request->pdu_size + FRAME_OVERHEAD;
    line.now_ms += 300;
    bool lost = chance(line.lost_to_all);
    for (unsigned i = 0; i < line.count; i++) {
        bool heard = !lost && !chance(line.lost_to_each);
        if (heard && (request->unit == 0 || request->unit == i + 1))
            size = serve(&line.nodes[i], request, answer);
        run_idle(&line.nodes[i]);
    }
    if (request->unit == 0 || size == 0) {
        update_answered(&update, line.now_ms, NULL, 0);
        return;
    }
    line.bytes += size + FRAME_OVERHEAD;
    bool answer_lost = chance(line.lost_to_all) || chance(line.lost_to_each);
    update_answered(&update, line.now_ms, answer_lost ? NULL : answer, size);
}

static void run_update(const struct test_image *image)
{
    uint8_t units[NODES];
    for (unsigned i = 0; i < line.count; i++)
        units[i] = (uint8_t)(i + 1);
    assert_true(update_start(&update, image->bytes, TEST_IMAGE_SIZE, units, line.count, false));
    struct update_request request;
    int64_t again_ms;
    for (unsigned step = 0; step < 100000; step++) {
        switch (update_next(&update, line.now_ms, &request, &again_ms)) {
        case UPDATE_SEND_REQUEST:
            exchange(&request);
            break;
        case UPDATE_WAIT:
            assert_true(again_ms > line.now_ms && again_ms < INT64_MAX);
            line.now_ms = again_ms;
            break;
        case UPDATE_FINISHED:
            assert_int_equal(update_progress(&update), 1000);
            return;
        }
    }
    fail_msg("the update does not end");
}

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
    make_line(1, old);
    run_update(fresh);
    assert_all(NODE_DONE, 1);
    return line.bytes;
}

static double ratio_with(unsigned lost_to_all, unsigned lost_to_each)
{
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    uint64_t single = lossless_bytes(&old, &fresh);
    make_line(NODES, &old);
    line.lost_to_all = lost_to_all;
    line.lost_to_each = lost_to_each;
    run_update(&fresh);
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
    make_line(4, &old);
    line.nodes[2].dead = true;
    run_update(&fresh);
    for (unsigned i = 0; i < line.count; i++)
        assert_int_equal(update.nodes[i].state, i == 2 ? NODE_FAILED : NODE_DONE);
    assert_true(update.nodes[2].silent);
}

static void the_first_node_alone_pays_for_a_bad_image(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), fresh = test_image_make(1, 2, 5);
    make_line(5, &old);
    for (unsigned i = 0; i < line.count; i++)
        line.nodes[i].never_starts = true;
    run_update(&fresh);
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
    make_line(3, &old);
    uint8_t units[] = {1, 2, 3};
    assert_true(update_start(&update, fresh.bytes, TEST_IMAGE_SIZE, units, 3, false));
    struct update_request request;
    int64_t again_ms;
    while (update.phase != UPDATE_SEND || update.cursor < TEST_BLOCKS * 3 / 4) {
        if (update_next(&update, line.now_ms, &request, &again_ms) == UPDATE_SEND_REQUEST)
            exchange(&request);
        else
            line.now_ms = again_ms;
    }
    for (unsigned i = 0; i < line.count; i++) /* and the nodes lose power as well */
        start_node(&line.nodes[i]);
    line.bytes = 0;
    run_update(&fresh);
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
    make_line(1, &old);
    run_update(&second);
    run_update(&third);
    assert_all(NODE_DONE, 0);
    flash_sim = &line.nodes[0].flash;
    const uint8_t restart[2] = {0, WINDOW_RESTART};
    assert_true(service_write(&line.nodes[0].service, WINDOW_COMMAND, restart, sizeof restart));
    assert_false(line.nodes[0].service.restart_wanted);
}

static void nodes_that_need_no_update_are_left_alone(void **state)
{
    (void)state;
    const struct test_image old = test_image_make(0, 1, 5), same = test_image_make(1, 1, 5),
                            other = test_image_make(0, 2, 5), less = test_image_make(1, 2, 4);
    make_line(2, &old);
    run_update(&same);
    assert_all(NODE_CURRENT, 0);
    run_update(&other);
    assert_all(NODE_OTHER_SLOT, 0);
    run_update(&less);
    assert_all(NODE_FAILED, 0);
    assert_int_equal(update.nodes[0].result, IMAGE_OLD_COUNTER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thirty_nodes_cost_little_more_than_one),
        cmocka_unit_test(a_dead_node_does_not_hold_the_others),
        cmocka_unit_test(the_first_node_alone_pays_for_a_bad_image),
        cmocka_unit_test(an_update_that_was_cut_off_goes_on_where_it_was),
        cmocka_unit_test(a_restart_asked_for_twice_is_done_once),
        cmocka_unit_test(nodes_that_need_no_update_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
