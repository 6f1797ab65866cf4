/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/update/update.h"

#include <string.h>

#include "protocols/bytes/bytes.h"
#include "protocols/modbus/request.h"
#include "protocols/node_map/node_map.h"

#define BLOCK_SIZE    WINDOW_BLOCK_DATA_MAX
#define TRIES_MAX     8    /* unanswered requests in a row before a node counts as silent */
#define ROUNDS_MAX    30   /* of asking and repairing */
#define POLL_MS       500  /* between two looks at a node that erases or verifies */
#define LOOK_TRIES    60   /* such looks: half a minute */
#define START_MS      4000 /* a node takes at least so long to start and to take a sample */
#define RESTART_MS    2000 /* between two looks at a node that starts */
#define SAMPLE_TRIES  30   /* such looks: a minute for the first sample */
#define TESTED_TRIES  6    /* such looks at a node before its update */
#define TRIAL_SHARE   25   /* percent of the line's time, at least, while nodes are on trial */
#define RESTART_TRIES 40   /* and until a node that does not answer counts as lost */

enum { WAITING_BROADCAST = -1, WAITING_NONE = -2 };

/* ---- requests ---- */

static void request_read(struct update_request *request, uint8_t unit, uint16_t address,
                         uint16_t count)
{
    request->unit = unit;
    request->pdu_size = (uint16_t)modbus_read(request->pdu, MODBUS_READ_INPUT, address, count);
}

static void request_write(struct update_request *request, uint8_t unit, uint16_t address,
                          const uint8_t *data, size_t size)
{
    request->unit = unit;
    request->pdu_size = (uint16_t)modbus_write_registers(request->pdu, address, data, size);
}

static void request_session(const struct update *update, struct update_request *request,
                            uint8_t unit)
{
    uint8_t data[WINDOW_SESSION_REGISTERS * 2];
    size_t size = window_session_write(&update->session, data, sizeof data);
    request_write(request, unit, WINDOW_SESSION, data, size);
}

static void request_command(struct update_request *request, uint8_t unit, uint16_t command)
{
    const uint8_t data[2] = {(uint8_t)(command >> 8), (uint8_t)command};
    request_write(request, unit, WINDOW_COMMAND, data, sizeof data);
}

/* A minute long; each node by itself, since it takes no broadcast of that. */
static void request_unlock(struct update_request *request, uint8_t unit)
{
    const uint8_t data[2] = {NODE_UNLOCK_KEY >> 8, NODE_UNLOCK_KEY & 255};
    request_write(request, unit, NODE_UNLOCK, data, sizeof data);
}

static void request_block(const struct update *update, struct update_request *request, uint8_t unit,
                          unsigned number)
{
    uint8_t padded[BLOCK_SIZE], data[WINDOW_BLOCK_HEAD * 2 + BLOCK_SIZE];
    size_t offset = (size_t)number * BLOCK_SIZE, left = update->image_size - offset;
    memset(padded, 0xFF, sizeof padded);
    memcpy(padded, update->image + offset, left < BLOCK_SIZE ? left : BLOCK_SIZE);
    struct window_block block = {
        .number = (uint16_t)number,
        .crc = window_block_crc(update->session.image_id, (uint16_t)number, padded, BLOCK_SIZE),
        .data = padded,
        .size = BLOCK_SIZE};
    size_t size = window_block_write(&block, data, sizeof data);
    request_write(request, unit, WINDOW_BLOCK, data, size);
}

/* ---- start ---- */

bool update_start(struct update *update, const uint8_t *image, size_t size, const uint8_t *units,
                  size_t unit_count, struct update_options options)
{
    *update = (struct update){.image = image,
                              .image_size = size,
                              .dry_run = options.dry_run,
                              .alone = !options.others_listen,
                              .canary_failed = options.hold_back};
    size_t blocks = (size + BLOCK_SIZE - 1) / BLOCK_SIZE;
    if (image_header_read(image, size, &update->header) != IMAGE_OK ||
        update->header.size != size - IMAGE_HEADER_SIZE || blocks > UPDATE_BLOCKS_MAX ||
        unit_count > UPDATE_NODES_MAX)
        return false;
    update->session = (struct window_session){.hardware = update->header.hardware,
                                              .slot = update->header.slot,
                                              .blocks = (uint16_t)blocks,
                                              .block_size = BLOCK_SIZE};
    memcpy(update->session.image_id, image_id(image), sizeof update->session.image_id);
    memcpy(update->session.head, image, sizeof update->session.head);
    for (size_t i = 0; i < unit_count; i++)
        update->nodes[i].unit = units[i];
    update->node_count = (unsigned)unit_count;
    update->waiting = WAITING_NONE;
    return true;
}

static uint16_t map_registers(const struct update *update)
{
    return (uint16_t)((update->session.blocks + 15) / 16);
}

/* What a node's state asks for. */
static void request_for_node(const struct update *update, const struct update_node *node,
                             struct update_request *request)
{
    switch ((enum node_state)node->state) {
    case NODE_TRUSTING:
        request_read(request, node->unit,
                     (uint16_t)(WINDOW_KEYS + WINDOW_KEY_REGISTERS * update->header.key),
                     WINDOW_KEY_REGISTERS);
        break;
    case NODE_LOCKED:
        request_unlock(request, node->unit);
        break;
    case NODE_UNOPENED:
        request_session(update, request, node->unit);
        break;
    case NODE_RECEIVING:
        if (node->counted)
            request_read(request, node->unit, WINDOW_MISSING_COUNT, 3);
        else
            request_read(request, node->unit, WINDOW_BITS, (uint16_t)(1 + map_registers(update)));
        break;
    case NODE_READY:
        request_command(request, node->unit, WINDOW_RESTART);
        break;
    case NODE_HELD_BACK:
        request_command(request, node->unit, WINDOW_ABANDON);
        break;
    case NODE_FIT:
        request_command(request, node->unit, WINDOW_CONFIRM);
        break;
    case NODE_UNFIT:
        request_command(request, node->unit, WINDOW_REVERT);
        break;
    case NODE_RESTARTING:
    case NODE_REVERTING:
        request_read(request, node->unit, WINDOW_BITS, 1);
        break;
    default:
        request_read(request, node->unit, WINDOW_STATUS, WINDOW_STATUS_REGISTERS);
        break;
    }
}

/* ---- which node, which block ---- */

#define STATE(state) (1u << (state))

static bool in_states(const struct update_node *node, unsigned states)
{
    return (states >> node->state & 1) != 0;
}

static unsigned count_in(const struct update *update, unsigned states)
{
    unsigned count = 0;
    for (unsigned i = 0; i < update->node_count; i++)
        count += in_states(&update->nodes[i], states);
    return count;
}

/* One that is to be confirmed goes first, then whoever waits longest: so a node that has to be
 * looked at again and again keeps no other from its turn. Restarted they are as they come: the
 * first is the canary. */
static bool goes_before(const struct update_node *a, const struct update_node *b)
{
    if ((a->state == NODE_FIT) != (b->state == NODE_FIT))
        return a->state == NODE_FIT;
    return a->state != NODE_READY && a->ask_again_ms < b->ask_again_ms;
}

/* The next node in one of `states` whose time has come, with its request; WAITING_NONE and the
 * earliest time otherwise. */
static int next_node(const struct update *update, unsigned states, int64_t now_ms,
                     struct update_request *request, int64_t *again_ms)
{
    int next = WAITING_NONE;
    for (unsigned i = 0; i < update->node_count; i++) {
        const struct update_node *node = &update->nodes[i];
        if (!in_states(node, states))
            continue;
        if (node->ask_again_ms > now_ms)
            *again_ms = node->ask_again_ms < *again_ms ? node->ask_again_ms : *again_ms;
        else if (next == WAITING_NONE || goes_before(node, &update->nodes[next]))
            next = (int)i;
    }
    if (next != WAITING_NONE)
        request_for_node(update, &update->nodes[next], request);
    return next;
}

static void enter(struct update *update, enum update_phase phase)
{
    update->phase = (uint8_t)phase;
    update->cursor = 0;
    if (phase == UPDATE_COLLECT) {
        memset(update->need, 0, sizeof update->need);
        memset(update->asked, 0, sizeof update->asked);
        update->round++;
    }
}

static void fail_node(struct update_node *node, int16_t result, bool silent)
{
    node->state = NODE_FAILED;
    node->result = result;
    node->silent = silent;
}

/* ---- one function a phase: the node asked, WAITING_BROADCAST, or WAITING_NONE ---- */

/* By broadcast, unless somebody would hear it who is not to be updated: whoever has no session
 * takes no blocks. Twice, since a node that missed it would be sent every block alone. */
static int next_open(struct update *update, int64_t now_ms, struct update_request *request)
{
    if (update->cursor > 0) {
        enter(update, UPDATE_ERASE);
        request_session(update, request, 0);
        return WAITING_BROADCAST;
    }
    if (count_in(update, STATE(NODE_CURRENT)) > 0)
        update->alone = false;
    for (unsigned i = 0; i < update->node_count; i++) {
        struct update_node *node = &update->nodes[i];
        node->ask_again_ms = update->alone ? now_ms + POLL_MS : now_ms;
        if (!update->alone && node->state == NODE_JOINED)
            node->state = NODE_UNOPENED;
    }
    if (!update->alone) {
        enter(update, UPDATE_ERASE);
        return WAITING_NONE;
    }
    update->cursor++;
    request_session(update, request, 0);
    return WAITING_BROADCAST;
}

/* Blocks go out once to all, unless every node holds some already: then repair is cheaper. */
static int next_send(struct update *update, struct update_request *request)
{
    bool resumed = true;
    for (unsigned i = 0; i < update->node_count; i++)
        resumed = resumed && (update->nodes[i].state != NODE_RECEIVING || update->nodes[i].resumed);
    if (resumed || update->cursor == update->session.blocks) {
        enter(update, UPDATE_COLLECT);
        return WAITING_NONE;
    }
    request_block(update, request, 0, update->cursor++);
    return WAITING_BROADCAST;
}

/* Nodes that have not reported yet, and those that verify; the rest waits for the repair. */
static int next_collect(struct update *update, int64_t now_ms, struct update_request *request,
                        int64_t *again_ms)
{
    bool open = false, repair = false;
    for (unsigned i = 0; i < update->node_count; i++) {
        struct update_node *node = &update->nodes[i];
        bool receiving = node->state == NODE_RECEIVING;
        if (receiving && update->round > ROUNDS_MAX)
            fail_node(node, 0, true);
        else if ((receiving && !update->asked[i]) || node->state == NODE_UNOPENED ||
                 node->state == NODE_LOCKED) {
            if (node->ask_again_ms <= now_ms) {
                request_for_node(update, node, request);
                return (int)i;
            }
            open = true;
            if (node->ask_again_ms < *again_ms)
                *again_ms = node->ask_again_ms;
        } else if (receiving)
            repair = true;
    }
    if (!open || repair)
        enter(update, repair ? UPDATE_REPAIR : UPDATE_RESTART);
    return WAITING_NONE;
}

static int next_repair(struct update *update, struct update_request *request)
{
    for (; update->cursor < update->session.blocks; update->cursor++) {
        unsigned block = update->cursor;
        if (update->need[block] > 1) {
            request_block(update, request, 0, update->cursor++);
            return WAITING_BROADCAST;
        }
        int owner = update->owner[block];
        if (update->need[block] == 1 && update->nodes[owner].state == NODE_RECEIVING) {
            request_block(update, request, update->nodes[owner].unit, block);
            return owner;
        }
    }
    enter(update, UPDATE_COLLECT);
    return WAITING_NONE;
}

/* One node alone until it is through; then all others by one broadcast, and alone who missed it. */
static int next_restart(struct update *update, int64_t now_ms, struct update_request *request,
                        int64_t *again_ms)
{
    const unsigned coming_up =
        STATE(NODE_RESTARTING) | STATE(NODE_FIT) | STATE(NODE_UNFIT) | STATE(NODE_REVERTING);
    bool canary_out = !update->canary_passed && count_in(update, coming_up) > 0;
    bool all = update->canary_passed && !update->restarted_all && update->alone;
    for (unsigned i = 0; i < update->node_count; i++) {
        struct update_node *node = &update->nodes[i];
        if (node->state == NODE_READY && (update->canary_failed || all)) {
            node->state = update->canary_failed ? NODE_HELD_BACK : NODE_RESTARTING;
            node->ask_again_ms = update->canary_failed ? now_ms : now_ms + START_MS;
        }
    }
    if (all) {
        update->restarted_all = true;
        if (count_in(update, STATE(NODE_RESTARTING)) > 0) {
            request_command(request, 0, WINDOW_RESTART);
            return WAITING_BROADCAST;
        }
    }
    return next_node(update,
                     coming_up | STATE(NODE_HELD_BACK) | (canary_out ? 0 : STATE(NODE_READY)),
                     now_ms, request, again_ms);
}

/* The phase's nodes are through when none is left to ask now or later. */
static int next_in_phase(struct update *update, int64_t now_ms, struct update_request *request,
                         int64_t *again_ms)
{
    int waiting = WAITING_NONE;
    enum update_phase then = UPDATE_END;
    switch ((enum update_phase)update->phase) {
    case UPDATE_ASK:
        waiting = next_node(update, STATE(NODE_UNKNOWN) | STATE(NODE_TRUSTING) | STATE(NODE_LOCKED),
                            now_ms, request, again_ms);
        then = count_in(update, STATE(NODE_JOINED)) > 0 ? UPDATE_OPEN : UPDATE_RESTART;
        if (update->dry_run)
            then = UPDATE_END;
        break;
    case UPDATE_OPEN:
        return next_open(update, now_ms, request);
    case UPDATE_ERASE:
        waiting = next_node(update, STATE(NODE_LOCKED) | STATE(NODE_JOINED) | STATE(NODE_UNOPENED),
                            now_ms, request, again_ms);
        then = UPDATE_SEND;
        break;
    case UPDATE_SEND:
        return next_send(update, request);
    case UPDATE_COLLECT:
        return next_collect(update, now_ms, request, again_ms);
    case UPDATE_REPAIR:
        return next_repair(update, request);
    case UPDATE_RESTART:
        waiting = next_restart(update, now_ms, request, again_ms);
        break;
    case UPDATE_END:
        return WAITING_NONE;
    }
    if (waiting == WAITING_NONE && *again_ms == INT64_MAX)
        enter(update, then);
    return waiting;
}

enum update_action update_next(struct update *update, int64_t now_ms,
                               struct update_request *request, int64_t *again_ms)
{
    while (update->phase != UPDATE_END) {
        uint8_t phase = update->phase;
        *again_ms = INT64_MAX;
        update->waiting = next_in_phase(update, now_ms, request, again_ms);
        if (update->waiting != WAITING_NONE)
            return UPDATE_SEND_REQUEST;
        if (phase == update->phase)
            return UPDATE_WAIT;
    }
    return UPDATE_FINISHED;
}

/* ---- answers ---- */

static void look_again(struct update_node *node, int64_t now_ms, int64_t pause_ms, uint8_t tries)
{
    node->ask_again_ms = now_ms + pause_ms;
    if (++node->tries >= tries)
        fail_node(node, node->result, true);
}

static bool same_image(const struct update *update, const struct window_status *status)
{
    return memcmp(status->image_id, update->session.image_id, WINDOW_ID_SIZE) == 0;
}

static bool runs_new_slot(const struct update *update, uint16_t bits)
{
    return !(bits & WINDOW_IN_SLOT_1) == (update->header.slot == 0);
}

static void answer_first_status(const struct update *update, struct update_node *node,
                                const struct window_status *status, int64_t now_ms)
{
    /* It has just started: what fails already is known after its first sample. */
    if (!(status->bits & WINDOW_TESTED) && status->version != update->header.version &&
        ++node->tries < TESTED_TRIES) {
        node->ask_again_ms = now_ms + RESTART_MS;
        return;
    }
    if (status->version != update->header.version) {
        node->version_before = status->version;
        node->checks_before = (uint8_t)(status->bits >> WINDOW_TEST_SHIFT);
    } else if (node->version_before == 0)
        node->version_before = status->version;
    if (status->hardware != update->header.hardware)
        fail_node(node, IMAGE_WRONG_HARDWARE, false);
    else if (status->version == update->header.version && !(status->bits & WINDOW_ON_TRIAL))
        node->state = NODE_CURRENT;
    else if (status->version == update->header.version)
        node->state = runs_new_slot(update, status->bits) ? NODE_RESTARTING : NODE_OTHER_SLOT;
    else if (runs_new_slot(update, status->bits))
        node->state = NODE_OTHER_SLOT;
    else if (status->counter > update->header.counter)
        fail_node(node, IMAGE_OLD_COUNTER, false);
    else if (status->counter == update->header.counter && status->version > update->header.version)
        fail_node(node, IMAGE_NOT_NEWER, false);
    else if (update->canary_failed &&
             !(same_image(update, status) && status->bits & (WINDOW_OPEN | WINDOW_READY)))
        fail_node(node, WINDOW_RESULT_HELD_BACK, false);
    else if (update->canary_failed)
        node->state = NODE_HELD_BACK;
    else if (same_image(update, status) && status->bits & WINDOW_READY)
        node->state = NODE_READY;
    else if (update->header.key >= WINDOW_KEYS_MAX)
        fail_node(node, IMAGE_UNKNOWN_KEY, false);
    else
        node->state = NODE_TRUSTING;
    node->resumed = same_image(update, status) && status->bits & WINDOW_OPEN &&
                    status->missing < update->session.blocks;
}

/* Signed with a key that it does not know, it would refuse the image after the whole transfer. */
static void answer_key(const struct update *update, struct update_node *node, const uint8_t *data)
{
    struct byte_reader r = byte_reader_init(data, 2 * WINDOW_KEY_REGISTERS);
    uint32_t known = byte_read_u32(&r);
    if (known != 0 && known == image_key_id(image_point(update->image)))
        node->state = update->dry_run ? NODE_JOINED : NODE_LOCKED;
    else
        fail_node(node, IMAGE_UNKNOWN_KEY, false);
}

/* All erase alike: as soon as one node is open, the others are believed to be, and one that is not
 * says so when it is asked what it misses. */
static void answer_session_status(struct update *update, struct update_node *node,
                                  const struct window_status *status, int64_t now_ms)
{
    bool same = same_image(update, status);
    if (same && status->bits & WINDOW_OPEN) {
        for (unsigned i = 0; i < update->node_count; i++) {
            if (update->nodes[i].state == NODE_JOINED)
                update->nodes[i].state = NODE_RECEIVING;
        }
    } else if (same && status->bits & WINDOW_ERASING) {
        look_again(node, now_ms, POLL_MS, LOOK_TRIES);
    } else {
        /* It may speak of another session: what was sent to all it need not have heard. */
        bool refused = node->tries > 0 && status->result < 0 && status->result > WINDOW_RESULT_BUSY;
        node->result = status->result;
        node->state = NODE_LOCKED;
        if (refused)
            fail_node(node, status->result, false);
        else
            look_again(node, now_ms, 0, TRIES_MAX);
    }
}

/* How far a node is that should be receiving; true: it is, and may miss blocks. */
static bool still_receives(struct update_node *node, uint16_t bits, int64_t now_ms)
{
    if (bits & WINDOW_READY)
        node->state = NODE_READY;
    else if (bits & WINDOW_ERASING)
        look_again(node, now_ms, POLL_MS, LOOK_TRIES);
    else if (!(bits & WINDOW_OPEN)) {
        node->state = NODE_LOCKED;
        look_again(node, now_ms, 0, TRIES_MAX);
    } else
        return true;
    return false;
}

static void answer_map(struct update *update, unsigned i, const uint8_t *bits, int64_t now_ms)
{
    bool whole = true;
    for (unsigned block = 0; block < update->session.blocks; block++) {
        if (bits[block / 8] & 0x80u >> block % 8) {
            whole = false;
            update->owner[block] = (uint8_t)i;
            if (update->need[block] < UINT8_MAX)
                update->need[block]++;
        }
    }
    update->nodes[i].counted = true;
    if (whole)
        look_again(&update->nodes[i], now_ms, POLL_MS, LOOK_TRIES); /* it verifies */
    else
        update->asked[i] = true;
}

/* Missing, result, bits. A session that ended without READY was refused by the node itself. */
static void answer_count(struct update_node *node, const uint8_t *data, int64_t now_ms)
{
    struct byte_reader r = byte_reader_init(data, 6);
    uint16_t missing = byte_read_u16(&r);
    int16_t result = (int16_t)byte_read_u16(&r);
    uint16_t bits = byte_read_u16(&r);
    if (!(bits & (WINDOW_OPEN | WINDOW_READY | WINDOW_ERASING)) && result < 0)
        fail_node(node, result, false);
    else if (still_receives(node, bits, now_ms)) {
        node->counted = missing == 0;
        if (missing == 0)
            look_again(node, now_ms, POLL_MS, LOOK_TRIES);
    }
}

static void find_unfit(struct update *update, struct update_node *node, int16_t result)
{
    node->state = NODE_UNFIT;
    node->result = result;
    node->tries = 0;
    update->canary_failed = !update->canary_passed;
}

/* What failed before the update as well is not the image's fault: a probe that was broken must not
 * keep its node from ever being updated. */
static void judge(struct update *update, struct update_node *node, uint8_t failed)
{
    node->checks = failed;
    if (failed & ~node->checks_before)
        find_unfit(update, node, WINDOW_RESULT_SELF_TEST);
    else
        node->state = NODE_FIT;
}

static void answer_restarting(struct update *update, struct update_node *node, uint16_t bits,
                              int64_t now_ms)
{
    bool new_slot = runs_new_slot(update, bits);
    if (new_slot && bits & WINDOW_TESTED)
        judge(update, node, (uint8_t)(bits >> WINDOW_TEST_SHIFT));
    else if (new_slot && node->tries + 1 >= SAMPLE_TRIES)
        find_unfit(update, node, WINDOW_RESULT_NO_SAMPLE);
    else if (!new_slot && bits & WINDOW_REJECTED)
        fail_node(node, WINDOW_RESULT_REVERTED, false);
    else {
        if (!new_slot && bits & WINDOW_READY && node->tries % 3 == 2)
            node->state = NODE_READY; /* it never heard that it should restart */
        look_again(node, now_ms, RESTART_MS, RESTART_TRIES);
    }
    if (node->state == NODE_FAILED)
        update->canary_failed = !update->canary_passed;
}

/* It keeps the reason why it was sent back. When it does not go, its own time limit and the boot
 * loader see to it. */
static void answer_reverting(const struct update *update, struct update_node *node, uint16_t bits,
                             int64_t now_ms)
{
    if (!runs_new_slot(update, bits) || node->tries + 1 >= SAMPLE_TRIES) {
        fail_node(node, node->result, false);
        return;
    }
    if (node->tries % 3 == 2)
        node->state = NODE_UNFIT; /* it never heard that it should */
    look_again(node, now_ms, RESTART_MS, RESTART_TRIES);
}

static bool is_answer_to_read(const uint8_t *pdu, size_t size, size_t registers)
{
    return size == 2 + registers * 2 && pdu[0] == MODBUS_READ_INPUT && pdu[1] == registers * 2;
}

/* False: the answer is not to what this node was asked. */
static bool answer_read(struct update *update, unsigned i, const uint8_t *pdu, size_t size,
                        int64_t now_ms)
{
    struct update_node *node = &update->nodes[i];
    struct window_status status;
    uint16_t bits = 0;
    if (size >= 4)
        bits = (uint16_t)(pdu[2] << 8 | pdu[3]);
    if (node->state == NODE_TRUSTING) {
        if (!is_answer_to_read(pdu, size, WINDOW_KEY_REGISTERS))
            return false;
        answer_key(update, node, pdu + 2);
    } else if (node->state == NODE_RECEIVING && node->counted) {
        if (!is_answer_to_read(pdu, size, 3))
            return false;
        answer_count(node, pdu + 2, now_ms);
    } else if (node->state == NODE_RECEIVING) {
        if (!is_answer_to_read(pdu, size, 1u + map_registers(update)))
            return false;
        if (still_receives(node, bits, now_ms))
            answer_map(update, i, pdu + 4, now_ms);
    } else if (node->state == NODE_RESTARTING || node->state == NODE_REVERTING) {
        if (!is_answer_to_read(pdu, size, 1))
            return false;
        if (node->state == NODE_RESTARTING)
            answer_restarting(update, node, bits, now_ms);
        else
            answer_reverting(update, node, bits, now_ms);
    } else {
        if (!is_answer_to_read(pdu, size, WINDOW_STATUS_REGISTERS) ||
            !window_status_read(pdu + 2, size - 2, &status))
            return false;
        if (node->state == NODE_UNKNOWN)
            answer_first_status(update, node, &status, now_ms);
        else
            answer_session_status(update, node, &status, now_ms);
    }
    return true;
}

/* A write was acknowledged. */
static void answer_write(struct update *update, struct update_node *node, int64_t now_ms)
{
    switch ((enum node_state)node->state) {
    case NODE_LOCKED:
        node->state = update->phase == UPDATE_ASK ? NODE_JOINED : NODE_UNOPENED;
        break;
    case NODE_UNOPENED:
        node->state = update->phase == UPDATE_ERASE ? NODE_JOINED : NODE_RECEIVING;
        node->counted = false;
        node->ask_again_ms = now_ms + POLL_MS;
        break;
    case NODE_RECEIVING: /* the block that it alone missed */
        update->cursor++;
        node->tries = 0;
        break;
    case NODE_READY:
        node->state = NODE_RESTARTING;
        node->ask_again_ms = now_ms + START_MS;
        break;
    case NODE_HELD_BACK:
        fail_node(node, WINDOW_RESULT_HELD_BACK, false);
        break;
    case NODE_FIT:
        node->state = NODE_DONE;
        update->canary_passed = true;
        break;
    case NODE_UNFIT:
        node->state = NODE_REVERTING;
        node->ask_again_ms = now_ms + START_MS;
        break;
    default:
        break;
    }
}

static void no_answer(struct update *update, struct update_node *node, int64_t now_ms)
{
    bool restarting = in_states(node, STATE(NODE_RESTARTING) | STATE(NODE_FIT) | STATE(NODE_UNFIT) |
                                          STATE(NODE_REVERTING));
    if (node->state == NODE_RECEIVING && update->phase == UPDATE_REPAIR)
        update->cursor++; /* the next round asks again */
    look_again(node, now_ms, restarting ? RESTART_MS : POLL_MS,
               restarting ? RESTART_TRIES : TRIES_MAX);
    if (restarting && node->state == NODE_FAILED)
        update->canary_failed = !update->canary_passed;
}

void update_answered(struct update *update, int64_t now_ms, const uint8_t *pdu, size_t size)
{
    /* These states follow each other in a circle when a node misses what it is sent: only their
     * tries bound it, so they are not forgotten there. */
    const unsigned circle = STATE(NODE_LOCKED) | STATE(NODE_JOINED) | STATE(NODE_UNOPENED) |
                            STATE(NODE_RECEIVING) | STATE(NODE_READY) | STATE(NODE_RESTARTING) |
                            STATE(NODE_UNFIT) | STATE(NODE_REVERTING);
    if (update->waiting < 0)
        return;
    unsigned i = (unsigned)update->waiting;
    struct update_node *node = &update->nodes[i];
    struct update_node before = *node;
    if (pdu != NULL && size == 5 && pdu[0] == MODBUS_WRITE_REGISTERS)
        answer_write(update, node, now_ms);
    else if (pdu != NULL && size == 2 && (pdu[0] & MODBUS_EXCEPTION_BIT) != 0 &&
             node->state == NODE_TRUSTING)
        node->state =
            update->dry_run
                ? NODE_JOINED
                : NODE_LOCKED; /* an older firmware does not say; it judges the image itself */
    else if (pdu != NULL && size == 2 && (pdu[0] & MODBUS_EXCEPTION_BIT) != 0)
        fail_node(node, WINDOW_RESULT_NO_SLOTS, false);
    else if (pdu == NULL || !answer_read(update, i, pdu, size, now_ms))
        no_answer(update, node, now_ms);
    bool circling = in_states(node, circle) && in_states(&before, circle);
    if (update->asked[i] || (node->state != before.state && !circling))
        node->tries = 0;
}

int64_t update_pause_ms(int64_t took_ms, unsigned share)
{
    return took_ms * (100 - (int64_t)share) / (int64_t)share;
}

/* A trial ends by itself after 15 minutes (NODE_TRIAL_US of the firmware), so 247 nodes have 3.6 s
 * each. A look and a confirmation take 0.1 s of a line with 9600 baud, 0.5 s with 1200; on a line
 * full of polls the look waits another 2 s for its turn, the confirmation goes first. */
unsigned update_share(const struct update *update, unsigned share)
{
    const unsigned on_trial = STATE(NODE_RESTARTING) | STATE(NODE_FIT) | STATE(NODE_UNFIT);
    bool hurry = update->phase == UPDATE_RESTART && count_in(update, on_trial) > 0;
    return hurry && share < TRIAL_SHARE ? TRIAL_SHARE : share;
}

bool update_hurries(const struct update *update)
{
    return update->waiting >= 0 && update->nodes[update->waiting].state == NODE_FIT;
}

unsigned update_progress(const struct update *update)
{
    const unsigned over =
        STATE(NODE_DONE) | STATE(NODE_CURRENT) | STATE(NODE_OTHER_SLOT) | STATE(NODE_FAILED);
    switch ((enum update_phase)update->phase) {
    case UPDATE_SEND:
        return 700 * update->cursor / update->session.blocks;
    case UPDATE_COLLECT:
    case UPDATE_REPAIR:
        return 700 + 200 * update->cursor / update->session.blocks;
    case UPDATE_RESTART:
        return 900 + 100 * count_in(update, over) / (update->node_count + 1);
    case UPDATE_END:
        return 1000;
    default:
        return 0;
    }
}
