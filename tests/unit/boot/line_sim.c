/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/boot/line_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/boot/choose.h"
#include "protocols/node_map/node_map.h"

#define FRAME_OVERHEAD 3u   /* unit identifier and CRC */
#define SAMPLE_MS      3000 /* from a node's start to its first sample */

struct line line;
struct update update;

static bool chance(unsigned per_mille)
{
    line.random ^= line.random << 13;
    line.random ^= line.random >> 17;
    line.random ^= line.random << 5;
    return line.random % 1000 < per_mille;
}

void line_start_node(struct line_node *node)
{
    flash_sim = &node->flash;
    struct boot_choice choice = boot_choose();
    for (unsigned i = 0; choice.trial && node->never_starts && i < STATE_TRIALS; i++)
        choice = boot_choose();
    assert_in_range(choice.slot, 0, 1);
    service_init(&node->service, (unsigned)choice.slot);
    node->unlocked_until_ms = 0;
    node->starts++;
    node->tested_at_ms = line.now_ms + SAMPLE_MS;
    if (choice.trial && node->never_samples)
        node->tested_at_ms = INT64_MAX;
}

void line_make(unsigned count, const struct test_image *old)
{
    memset(&line, 0, sizeof line);
    line.count = line.units = count;
    line.random = 12345;
    line.old_version = old->header.version;
    for (unsigned i = 0; i < count; i++) {
        flash_sim = &line.nodes[i].flash;
        flash_sim_reset(i);
        assert_int_equal(flash_program(old->header.address, old->bytes, TEST_IMAGE_SIZE), FLASH_OK);
        line_start_node(&line.nodes[i]);
        line.nodes[i].tested_at_ms = 0; /* it has run for long */
        service_tested(&line.nodes[i].service, 0);
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
    if (pdu[0] == 16 && address == NODE_UNLOCK) {
        assert_int_not_equal(request->unit, 0);
        node->unlocked_until_ms = line.now_ms + NODE_UNLOCK_S * 1000;
        memcpy(answer, pdu, 5);
        return 5;
    }
    if (pdu[0] == 16) {
        bool unlocked = line.now_ms < node->unlocked_until_ms;
        assert_true(service_write(&node->service, address, pdu + 6, pdu[5], unlocked));
        memcpy(answer, pdu, 5);
        return 5;
    }
    if (node->tells_no_keys && address == WINDOW_KEYS) {
        answer[0] = 0x84;
        answer[1] = 2; /* illegal address */
        return 2;
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
    if (line.now_ms >= node->tested_at_ms) {
        bool fresh = node->service.version != line.old_version;
        service_tested(&node->service, node->checks[fresh]);
    }
    if (node->service.restart_wanted)
        line_start_node(node);
}

void line_exchange(const struct update_request *request)
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

void line_update(const struct test_image *image, struct update_options options)
{
    uint8_t units[NODES];
    for (unsigned i = 0; i < line.units; i++)
        units[i] = (uint8_t)(i + 1);
    assert_true(update_start(&update, image->bytes, TEST_IMAGE_SIZE, units, line.units, options));
    struct update_request request;
    int64_t again_ms;
    for (unsigned step = 0; step < 100000; step++) {
        switch (update_next(&update, line.now_ms, &request, &again_ms)) {
        case UPDATE_SEND_REQUEST:
            line_exchange(&request);
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
