/* SPDX-License-Identifier: Apache-2.0 */
/* One whole update (receive, mark, trial, confirm or revert) on a simulated NOR flash, with the
 * power cut at every flash operation of it and at pairs of operations. Whatever happens: an image
 * that verifies boots, it is the old or the new one, and the update ends after the power is
 * back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/boot/choose.h"
#include "firmware/boot/receive.h"
#include "firmware/boot/verify.h"
#include "tests/unit/boot/flash_sim.h"
#include "tests/unit/boot/test_image.h"

static struct window_session session_of(const struct test_image *image)
{
    struct window_session session = {.hardware = FLASH_SIM_HARDWARE,
                                     .slot = image->header.slot,
                                     .blocks = TEST_BLOCKS,
                                     .block_size = TEST_BLOCK_SIZE};
    uint8_t header[IMAGE_HEADER_SIZE];
    image_header_write(&image->header, header); /* signed, whatever the bytes are by now */
    memcpy(session.head, header, sizeof session.head);
    memcpy(session.image_id, image->header.hash, sizeof session.image_id);
    return session;
}

static void write_at_bench(const struct test_image *image)
{
    assert_int_equal(flash_program(image->header.address, image->bytes, TEST_IMAGE_SIZE), FLASH_OK);
}

/* The gateway's side: open, blocks that are missing, finish; a session that cannot be mended is
 * opened anew. */
static int transfer(struct receive *receive, const struct test_image *image)
{
    struct window_session session = session_of(image);
    int result = WINDOW_RESULT_FLASH;
    for (int attempt = 0; attempt < 4 && result == WINDOW_RESULT_FLASH; attempt++) {
        result = receive_open(receive, &session);
        while (result == WINDOW_RESULT_BUSY)
            result = receive_step(receive);
        for (uint16_t i = 0; i < TEST_BLOCKS && result == WINDOW_RESULT_OK; i++) {
            const uint8_t *block = image->bytes + i * TEST_BLOCK_SIZE;
            result = receive_block(receive, i, block, TEST_BLOCK_SIZE,
                                   window_block_crc(session.image_id, i, block, TEST_BLOCK_SIZE));
        }
    }
    return result == WINDOW_RESULT_OK ? receive_finish(receive) : result;
}

static uint32_t booted_version(struct boot_choice choice)
{
    struct image_header header;
    assert_in_range(choice.slot, 0, 1);
    assert_int_equal(boot_verify((unsigned)choice.slot, &header), IMAGE_OK);
    return header.version;
}

/* How the update that is tried over and over goes. */
enum fate {
    KEPT,      /* the new image is confirmed */
    GIVEN_UP,  /* it starts and nobody confirms it: the boot loader gives up */
    SENT_BACK, /* it starts and the gateway has it go back */
    FORGED     /* its signature is wrong: it must never start */
};

static uint64_t received_at; /* operations done when the new image was whole, for the first time */

/* One power-up: boots, and when the old image runs, updates; when the new one runs, does what its
 * fate is. True when the garden is where it should be. */
static bool live_once(struct boot_choice choice, const struct test_image *fresh, enum fate fate)
{
    uint32_t version = booted_version(choice);
    assert_true(version == 1 || version == 2);
    struct receive receive;
    receive_init(&receive, (unsigned)choice.slot);
    if (version == 2) {
        assert_int_not_equal(fate, FORGED);
        assert_true(fate == KEPT || choice.trial);
        if (fate == SENT_BACK)
            assert_int_equal(receive_revert(&receive), WINDOW_RESULT_OK);
        return fate == KEPT && receive_confirm(&receive) == WINDOW_RESULT_OK;
    }
    if ((fate == GIVEN_UP || fate == SENT_BACK) && state_read(1).rejected)
        return true;
    int result = transfer(&receive, fresh);
    received_at = received_at != 0 ? received_at : flash_sim->operations;
    assert_int_equal(result, fate == FORGED ? IMAGE_BAD_SIGNATURE : WINDOW_RESULT_OK);
    return fate == FORGED;
}

static unsigned cuts, bricked;

/* Runs power-ups with cuts at the given operations until the update has ended. */
static void live_through(const struct test_image *fresh, enum fate fate, uint64_t cut,
                         uint64_t second_cut)
{
    volatile uint64_t next = second_cut;
    flash_sim->cut_at = cut;
    for (volatile int power_up = 0; power_up < 16; power_up++) {
        if (setjmp(flash_sim->cut) != 0) {
            cuts++;
            flash_sim->cut_at = next;
            next = 0;
            continue;
        }
        struct boot_choice choice = boot_choose();
        if (choice.slot < 0) {
            bricked++;
            return;
        }
        if (live_once(choice, fresh, fate))
            return;
    }
    fail_msg("no end after 16 power-ups; cuts at %llu and %llu", (unsigned long long)cut,
             (unsigned long long)second_cut);
}

static void start_with_old(const struct test_image *old, uint32_t seed)
{
    flash_sim_reset(seed);
    write_at_bench(old);
    flash_sim->operations = 0;
}

static void live_with_cuts(const struct test_image *old, const struct test_image *fresh,
                           enum fate fate, uint64_t cut, uint64_t second_cut)
{
    start_with_old(old, (uint32_t)(cut * 31 + second_cut));
    live_through(fresh, fate, cut, second_cut);
    assert_int_equal(booted_version(boot_choose()), fate == KEPT ? 2 : 1);
}

/* Every operation of the update, or a sample; then pairs: both anywhere, and both in what comes
 * after the last block (mark, trials, confirm, give up), which is a small part of the whole. */
static void cut_everywhere(enum fate fate)
{
    const struct test_image old = test_image_make(0, 1, 5);
    struct test_image fresh = test_image_make(1, 2, 5);
    if (fate == FORGED)
        fresh.bytes[IMAGE_SIGNED_SIZE + 7] ^= 1;
    cuts = bricked = 0;
    received_at = 0;
    start_with_old(&old, 1);
    live_through(&fresh, fate, 0, 0);
    const uint64_t operations = flash_sim->operations, begin = received_at;
    assert_true(begin > TEST_BODY_SIZE / 2 && begin <= operations);
    bool full = getenv("BAIYE_FULL") && getenv("BAIYE_FULL")[0] == '1';
    for (uint64_t i = 1; i <= operations; i++) {
        if (full || i + 8 >= begin || i % 61 == 1)
            live_with_cuts(&old, &fresh, fate, i, 0);
    }
    const unsigned pairs = full ? 3000 : 6; /* of each kind and fate: 21,000 in a full run */
    srand(7);
    for (unsigned i = 0; i < pairs; i++) {
        uint64_t first = 1 + (uint64_t)rand() % operations;
        live_with_cuts(&old, &fresh, fate, first, first + 1 + (uint64_t)rand() % operations);
        if (begin == operations)
            continue;
        first = begin - 8 + (uint64_t)rand() % (operations - begin + 8);
        live_with_cuts(&old, &fresh, fate, first, first + 1 + (uint64_t)rand() % 40);
    }
    print_message("operations=%llu after_transfer=%llu cuts=%u bricked=%u\n",
                  (unsigned long long)operations, (unsigned long long)(operations - begin), cuts,
                  bricked);
    assert_int_equal(bricked, 0);
}

static void update_survives_a_cut_at_every_operation(void **state)
{
    (void)state;
    cut_everywhere(KEPT);
}

static void update_that_nobody_confirms_is_given_up_with_a_cut_at_every_operation(void **state)
{
    (void)state;
    cut_everywhere(GIVEN_UP);
}

static void update_that_is_sent_back_goes_back_with_a_cut_at_every_operation(void **state)
{
    (void)state;
    cut_everywhere(SENT_BACK);
}

static void unsigned_image_never_runs_with_a_cut_at_every_operation(void **state)
{
    (void)state;
    cut_everywhere(FORGED);
}

static void start_receiving(struct receive *receive)
{
    const struct test_image old = test_image_make(0, 1, 5);
    start_with_old(&old, 1);
    assert_int_equal(boot_choose().slot, 0);
    receive_init(receive, 0);
}

static void what_is_not_for_this_node_is_refused_with_its_own_code(void **state)
{
    (void)state;
    struct receive receive;
    start_receiving(&receive);
    struct test_image image = test_image_make(1, 2, 4);
    assert_int_equal(transfer(&receive, &image), IMAGE_OLD_COUNTER);

    start_receiving(&receive);
    image = test_image_make(1, 2, 5);
    image.header.hardware++;
    test_image_sign(&image);
    assert_int_equal(transfer(&receive, &image), IMAGE_WRONG_HARDWARE);

    start_receiving(&receive);
    image = test_image_make(0, 2, 5);
    assert_int_equal(transfer(&receive, &image), WINDOW_RESULT_RUNNING_SLOT);
    image.header.slot = 1; /* linked for slot 0, says it is for slot 1 */
    test_image_sign(&image);
    assert_int_equal(transfer(&receive, &image), IMAGE_WRONG_SLOT);

    start_receiving(&receive);
    image = test_image_make(1, 2, 5);
    image.header.key = 1;
    test_image_sign(&image);
    assert_int_equal(transfer(&receive, &image), IMAGE_UNKNOWN_KEY);

    start_receiving(&receive);
    image = test_image_make(1, 2, 5);
    image.bytes[IMAGE_SIGNED_SIZE] ^= 1;
    assert_int_equal(transfer(&receive, &image), IMAGE_BAD_SIGNATURE);

    start_receiving(&receive);
    image = test_image_make(1, 2, 5);
    image.bytes[IMAGE_HEADER_SIZE + 700] ^= 1;
    assert_int_equal(transfer(&receive, &image), IMAGE_BAD_HASH);
}

static void blocks_come_in_any_order_and_twice(void **state)
{
    (void)state;
    struct receive receive;
    start_receiving(&receive);
    const struct test_image image = test_image_make(1, 2, 5);
    struct window_session session = session_of(&image);
    int result = receive_open(&receive, &session);
    while (result == WINDOW_RESULT_BUSY)
        result = receive_step(&receive);
    assert_int_equal(result, WINDOW_RESULT_OK);
    for (unsigned i = TEST_BLOCKS; i-- > 1;) {
        const uint8_t *block = image.bytes + i * TEST_BLOCK_SIZE;
        uint32_t crc = window_block_crc(session.image_id, (uint16_t)i, block, TEST_BLOCK_SIZE);
        for (int twice = 0; twice < 2; twice++)
            assert_int_equal(receive_block(&receive, (uint16_t)i, block, TEST_BLOCK_SIZE, crc), 0);
        assert_int_equal(receive_block(&receive, (uint16_t)(i - 1), block, TEST_BLOCK_SIZE, crc),
                         WINDOW_RESULT_FOREIGN_BLOCK);
    }
    uint8_t bits[(TEST_BLOCKS + 7) / 8];
    receive_missing(&receive, 0, bits, sizeof bits);
    assert_int_equal(bits[0], 0x80);
    assert_int_equal(receive_missing_count(&receive), 1);
    assert_int_equal(receive_finish(&receive), WINDOW_RESULT_INCOMPLETE);
    receive_init(&receive, 0); /* a reset: the session is found again */
    assert_int_equal(receive_open(&receive, &session), WINDOW_RESULT_OK);
    assert_int_equal(receive_missing_count(&receive), 1);
    assert_int_equal(transfer(&receive, &image), WINDOW_RESULT_OK);
}

static void an_image_on_trial_takes_no_update_and_goes_after_three_starts(void **state)
{
    (void)state;
    struct receive receive;
    start_receiving(&receive);
    const struct test_image image = test_image_make(1, 2, 5), next = test_image_make(0, 3, 5);
    assert_int_equal(transfer(&receive, &image), WINDOW_RESULT_OK);
    for (unsigned start = 0; start < STATE_TRIALS; start++) {
        struct boot_choice choice = boot_choose();
        assert_int_equal(choice.slot, 1);
        assert_true(choice.trial);
        receive_init(&receive, 1);
        assert_int_equal(transfer(&receive, &next), WINDOW_RESULT_UNPROVEN);
    }
    struct boot_choice choice = boot_choose();
    assert_int_equal(choice.slot, 0);
    assert_false(choice.trial);
}

static void a_blank_or_foreign_flash_boots_nothing(void **state)
{
    (void)state;
    flash_sim_reset(3);
    assert_int_equal(boot_choose().slot, -1);
    memset(flash_sim->memory, 0x00, sizeof flash_sim->memory);
    assert_int_equal(boot_choose().slot, -1);
}

/* Going back one release is the signer's word, not that of whoever has kept an older image. */
static void an_older_program_comes_with_the_next_counter_only(void **state)
{
    (void)state;
    struct receive receive;
    start_receiving(&receive);
    for (unsigned round = 0; round < 4; round++) {
        unsigned slot = 1 - round % 2;
        const struct test_image image = test_image_make(slot, 9 - round, 6 + round);
        assert_int_equal(transfer(&receive, &image), WINDOW_RESULT_OK);
        struct boot_choice choice = boot_choose();
        assert_int_equal(choice.slot, slot);
        receive_init(&receive, slot);
        assert_int_equal(receive_confirm(&receive), WINDOW_RESULT_OK);
        assert_int_equal(booted_version(boot_choose()), 9 - round);
    }
}

static int open_and_wait(struct receive *receive, const struct window_session *session)
{
    int result = receive_open(receive, session);
    while (result == WINDOW_RESULT_BUSY)
        result = receive_step(receive);
    return result;
}

/* The node runs 3 in slot 1, and can go back to 2 in slot 0. Whoever has heard or kept what was
 * sent before, or has no key, takes that from it neither by a session nor by a replay. */
static void nothing_is_erased_for_what_is_not_signed_and_newer(void **state)
{
    (void)state;
    struct receive receive;
    flash_sim_reset(7);
    const struct test_image before = test_image_make(0, 2, 5), runs = test_image_make(1, 3, 5);
    write_at_bench(&before);
    write_at_bench(&runs);
    receive_init(&receive, 1);
    const struct {
        uint32_t version, counter;
        int result;
    } replayed[] = {{1, 5, IMAGE_NOT_NEWER},   {2, 5, IMAGE_NOT_NEWER}, {3, 5, IMAGE_NOT_NEWER},
                    {9, 4, IMAGE_OLD_COUNTER}, {0, 5, IMAGE_NOT_NEWER}, {3, 0, IMAGE_OLD_COUNTER}};
    uint64_t operations = flash_sim->operations;
    for (size_t i = 0; i < sizeof replayed / sizeof replayed[0]; i++) {
        const struct test_image old = test_image_make(0, replayed[i].version, replayed[i].counter);
        struct window_session session = session_of(&old);
        assert_int_equal(open_and_wait(&receive, &session), replayed[i].result);
    }
    const struct test_image newer = test_image_make(0, 4, 5);
    for (unsigned byte = 0; byte < IMAGE_HEAD_SIZE; byte += 3) { /* none of it may be made up */
        struct window_session session = session_of(&newer);
        session.head[byte] ^= 1;
        assert_true(open_and_wait(&receive, &session) < 0);
        assert_false(receive.erasing || receive_is_open(&receive, &session));
    }
    struct window_session blank = session_of(&newer), other_slot = session_of(&newer);
    memset(blank.head, 0, sizeof blank.head);
    assert_int_equal(open_and_wait(&receive, &blank), IMAGE_NO_MAGIC);
    const struct test_image elsewhere = test_image_make(1, 4, 5);
    memcpy(other_slot.head, elsewhere.bytes, sizeof other_slot.head);
    assert_int_equal(open_and_wait(&receive, &other_slot), IMAGE_WRONG_SLOT);
    assert_int_equal(flash_sim->operations, operations);
    struct image_header header;
    assert_int_equal(boot_verify(0, &header), IMAGE_OK);
    assert_int_equal(transfer(&receive, &newer), WINDOW_RESULT_OK);
}

static void blocks_of_an_older_image_are_refused_behind_the_head_of_a_newer_one(void **state)
{
    (void)state;
    struct receive receive;
    start_receiving(&receive); /* 1, counter 5 */
    const struct test_image newer = test_image_make(1, 2, 5), older = test_image_make(1, 1, 5);
    struct window_session session = session_of(&newer);
    assert_int_equal(open_and_wait(&receive, &session), WINDOW_RESULT_OK);
    for (uint16_t i = 0; i < TEST_BLOCKS; i++) {
        const uint8_t *block = older.bytes + i * TEST_BLOCK_SIZE;
        uint32_t crc = window_block_crc(session.image_id, i, block, TEST_BLOCK_SIZE);
        assert_int_equal(receive_block(&receive, i, block, TEST_BLOCK_SIZE, crc), WINDOW_RESULT_OK);
    }
    assert_int_equal(receive_finish(&receive), IMAGE_NOT_NEWER);
    assert_int_equal(boot_choose().slot, 0);
}

/* The old image has rotted in its flash: an unproven one is better than none. */
static void the_only_image_that_verifies_is_started_whatever_its_marks(void **state)
{
    (void)state;
    struct receive receive;
    start_receiving(&receive);
    const struct test_image image = test_image_make(1, 2, 5);
    assert_int_equal(transfer(&receive, &image), WINDOW_RESULT_OK);
    assert_int_equal(flash_program(flash_layout()->slot[0] + 1000, "\0\0", 2), FLASH_OK);
    for (unsigned start = 0; start < 2 * STATE_TRIALS; start++) {
        struct boot_choice choice = boot_choose();
        assert_int_equal(choice.slot, 1);
        assert_true(choice.trial);
    }
    receive_init(&receive, 1);
    assert_int_equal(receive_revert(&receive), WINDOW_RESULT_NO_OTHER);
    assert_int_equal(boot_choose().slot, 1);
    assert_int_equal(receive_confirm(&receive), WINDOW_RESULT_OK);
    assert_false(boot_choose().trial);
}

static void confirm_and_revert_answer_only_what_is_on_trial(void **state)
{
    (void)state;
    struct receive receive;
    start_receiving(&receive);
    assert_int_equal(receive_confirm(&receive), WINDOW_RESULT_NOT_ON_TRIAL);
    assert_int_equal(receive_revert(&receive), WINDOW_RESULT_NOT_ON_TRIAL);
    const struct test_image image = test_image_make(1, 2, 5);
    assert_int_equal(transfer(&receive, &image), WINDOW_RESULT_OK);
    assert_int_equal(boot_choose().slot, 1);
    receive_init(&receive, 1);
    assert_int_equal(receive_revert(&receive), WINDOW_RESULT_OK);
    assert_int_equal(receive_confirm(&receive), WINDOW_RESULT_NOT_ON_TRIAL); /* too late */
    assert_int_equal(boot_choose().slot, 0);
    receive_init(&receive, 0);
    assert_int_equal(transfer(&receive, &image), WINDOW_RESULT_OK); /* and tried once more */
    assert_int_equal(boot_choose().slot, 1);
    receive_init(&receive, 1);
    assert_int_equal(receive_confirm(&receive), WINDOW_RESULT_OK);
    assert_int_equal(receive_revert(&receive), WINDOW_RESULT_NOT_ON_TRIAL);
}

/* Blocks that were heard in an earlier session and are played back. */
static void replayed_blocks_have_a_code_of_their_own(void **state)
{
    (void)state;
    struct receive receive;
    start_receiving(&receive);
    const struct test_image image = test_image_make(1, 2, 5), earlier = test_image_make(1, 1, 5);
    struct window_session session = session_of(&image), before = session_of(&earlier);
    int result = receive_open(&receive, &session);
    while (result == WINDOW_RESULT_BUSY)
        result = receive_step(&receive);
    const uint8_t *block = earlier.bytes;
    uint32_t crc = window_block_crc(before.image_id, 0, block, TEST_BLOCK_SIZE);
    assert_int_equal(receive_block(&receive, 0, block, TEST_BLOCK_SIZE, crc),
                     WINDOW_RESULT_FOREIGN_BLOCK);
    assert_int_equal(receive_block(&receive, TEST_BLOCKS, block, TEST_BLOCK_SIZE, crc),
                     WINDOW_RESULT_BAD_BLOCK);
    assert_int_equal(receive_missing_count(&receive), TEST_BLOCKS);
    block = image.bytes;
    crc = window_block_crc(session.image_id, 0, block, TEST_BLOCK_SIZE);
    assert_int_equal(receive_block(&receive, 0, block, TEST_BLOCK_SIZE, crc), WINDOW_RESULT_OK);
    assert_int_equal(receive_abandon(&receive), WINDOW_RESULT_OK);
    assert_int_equal(receive_block(&receive, 1, block, TEST_BLOCK_SIZE, crc),
                     WINDOW_RESULT_NOT_OPEN); /* the session is over */
}

static void every_reason_is_said_in_words(void **state)
{
    (void)state;
    for (int result = IMAGE_NOT_NEWER; result <= IMAGE_OK; result++)
        assert_null(strstr(window_result_text(result), "unknown result"));
    for (int result = WINDOW_RESULT_LOCKED; result <= WINDOW_RESULT_BUSY; result++)
        assert_null(strstr(window_result_text(result), "unknown result"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blank_or_foreign_flash_boots_nothing),
        cmocka_unit_test(what_is_not_for_this_node_is_refused_with_its_own_code),
        cmocka_unit_test(blocks_come_in_any_order_and_twice),
        cmocka_unit_test(an_image_on_trial_takes_no_update_and_goes_after_three_starts),
        cmocka_unit_test(every_reason_is_said_in_words),
        cmocka_unit_test(an_older_program_comes_with_the_next_counter_only),
        cmocka_unit_test(nothing_is_erased_for_what_is_not_signed_and_newer),
        cmocka_unit_test(blocks_of_an_older_image_are_refused_behind_the_head_of_a_newer_one),
        cmocka_unit_test(update_survives_a_cut_at_every_operation),
        cmocka_unit_test(update_that_nobody_confirms_is_given_up_with_a_cut_at_every_operation),
        cmocka_unit_test(update_that_is_sent_back_goes_back_with_a_cut_at_every_operation),
        cmocka_unit_test(unsigned_image_never_runs_with_a_cut_at_every_operation),
        cmocka_unit_test(the_only_image_that_verifies_is_started_whatever_its_marks),
        cmocka_unit_test(confirm_and_revert_answer_only_what_is_on_trial),
        cmocka_unit_test(replayed_blocks_have_a_code_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
