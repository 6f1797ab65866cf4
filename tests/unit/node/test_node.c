/* SPDX-License-Identifier: Apache-2.0 */
/* The whole node on a board in virtual time: bytes in, bytes out, to the microsecond. */
#include "tests/unit/node/unit.h"

#include "firmware/node/self_test.h"
#include "tests/unit/node/lone_node.h"

static void answer_leaves_when_the_line_was_silent_for_t35(void **state)
{
    (void)state;
    run(20 * SECOND_US + 500000);
    uint64_t end_us = arrive_frame(247, read_head, sizeof read_head);
    run_until(end_us + 4011 - 1);
    assert_int_equal(board.sent_frames, 0);
    run_until(end_us + 4011);
    assert_int_equal(board.sent_frames, 1);
    assert_int_equal(board.sent_us, end_us + 4011);
}

static void snapshot_shows_values_flags_and_age(void **state)
{
    (void)state;
    uint16_t w[32];
    air.hundredths[0] = -512;
    air.hundredths[1] = 9321;
    soil.hundredths[0] = 3127;
    soil.flag[1] = METRIC_FAULT;
    soil.hundredths[1] = SENSOR_NO_VALUE;
    soil.hundredths[2] = 18750;
    run(12 * SECOND_US);
    read_words(0, 32, w);
    assert_int_equal(w[0], 1);
    assert_int_equal(w[1], 1);
    assert_int_equal(w[3], 2);
    assert_int_equal(w[4], 20); /* sampled at 0 and at 10 s */
    assert_int_equal(w[9], 10);
    assert_int_equal((int16_t)w[10], -512);
    assert_int_equal(w[11], 9321);
    assert_int_equal(w[12], 3127);
    assert_int_equal(w[13], 0x8000);
    assert_int_equal(w[14], 188);
    assert_int_equal(w[6], METRIC_FAULT << 12);
    assert_int_equal(w[7], 0x4440);
    assert_int_equal(w[15], 0xFFFF);
    assert_int_equal(w[16], 0xFFFF);
    assert_int_equal(w[31], 0);
}

static void there_is_no_value_before_the_first_sample(void **state)
{
    (void)state;
    uint16_t w[22];
    board_init();
    fresh(NULL);
    air.takes_us = soil.takes_us = SECOND_US;
    read_words(0, 22, w);
    assert_int_equal(w[3], 0);
    assert_int_equal(w[4], 0xFFFF);
    assert_int_equal(w[10], 0x8000);
    assert_int_equal(w[6], 0x4444);
}

static void foreign_frames_and_answers_are_not_answered(void **state)
{
    (void)state;
    assert_true(silent(7, read_head, sizeof read_head));
    assert_true(silent(7, "\x04\x02\x00\x01", 4));
    assert_true(silent(247, "\x84\x02", 2));
    size_t n;
    assert_non_null(ask(247, read_head, sizeof read_head, &n));
}

static void newer_frame_drops_the_answer_that_was_not_sent_yet(void **state)
{
    (void)state;
    run(20500000);
    arrive_frame(247, read_head, sizeof read_head);
    uint64_t end_us = arrive_frame(247, "\x03\x00\x01\x00\x01", 5);
    run_until(end_us + SECOND_US);
    assert_int_equal(board.sent_frames, 1);
    assert_int_equal(board.sent[1], 3);
    assert_int_equal(node.link.dropped, 1);
}

static void noise_between_frames_is_stepped_over(void **state)
{
    (void)state;
    uint32_t seed = 7;
    size_t size;
    for (unsigned i = 0; i < 200; i++) {
        uint8_t noise[12];
        for (size_t k = 0; k < sizeof noise; k++)
            noise[k] = (uint8_t)test_random(&seed);
        run_until(arrive(noise, test_random(&seed) % sizeof noise, 0) + 5000);
        arrive("\x00", (size_t)(i % 2), 0); /* a glitch right in front of the request */
        assert_non_null(ask(247, read_head, sizeof read_head, &size));
    }
}

static void everybody_is_answered_until_a_foreign_frame_was_heard(void **state)
{
    (void)state;
    size_t size;
    assert_non_null(ask(0xFF, read_head, sizeof read_head, &size));
    assert_true(silent(9, read_head, sizeof read_head));
    assert_true(silent(0xFF, read_head, sizeof read_head));
    assert_non_null(ask(247, read_head, sizeof read_head, &size));
}

static void power_up_line_lasts_five_seconds_or_until_a_framing_error(void **state)
{
    (void)state;
    board_init();
    start_node(true);
    assert_int_equal(board.line.baud, 19200);
    assert_int_equal(board.line.parity, 'E');
    run(SECOND_US);
    size_t size;
    assert_non_null(ask(247, read_head, sizeof read_head, &size));
    assert_int_equal(read_word(NODE_STATUS) & NODE_STATUS_POWER_UP, NODE_STATUS_POWER_UP);
    run_until(5 * SECOND_US);
    assert_int_equal(board.line.baud, 9600);
    assert_int_equal(board.line.parity, 'N');

    board_power_cycle();
    start_node(true);
    assert_int_equal(board.line.baud, 19200);
    run_until(arrive("\x33", 1, HAL_BYTE_FRAMING) + 1);
    assert_int_equal(board.line.baud, 9600);
}

static void new_address_stays_once_the_node_is_spoken_to_on_it(void **state)
{
    (void)state;
    assert_int_equal(write_word(NODE_ADDRESS, 12), 0); /* answered under the old one */
    assert_int_equal(address(), 12);
    assert_true(silent(247, read_head, sizeof read_head));
    assert_true(silent(12, read_head, sizeof read_head)); /* is it another's? */
    assert_int_equal(read_word(NODE_STATUS) & NODE_STATUS_PROVISIONAL, 0);
    run(70 * SECOND_US);
    assert_int_equal(address(), 12);
    board_power_cycle();
    start_node(false);
    assert_int_equal(address(), 12);
}

/* A slip of the pen: 12 is polled by the gateway, and answers. */
static void address_of_another_node_is_given_back(void **state)
{
    static const uint8_t answers[][16] = {{4, 2, 0, 1}, {0x84, 2}, {6, 0x01, 0x10, 0, 30}};
    static const uint8_t requests[][5] = {{4, 0, 0, 0, 1}, {4, 9, 9, 0, 1}, {6, 0x01, 0x10, 0, 30}};
    static const size_t sizes[] = {4, 2, 5};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(write_word(NODE_ADDRESS, 12), 0);
        assert_int_equal(address(), 12);
        unsigned sent = board.sent_frames;
        uint64_t end_us = arrive_frame(12, requests[i], sizeof requests[i]);
        run_until(end_us + 8000);
        end_us = arrive_frame(12, answers[i], sizes[i]);
        run_until(end_us + SECOND_US);
        assert_int_equal(board.sent_frames, sent);
        assert_int_equal(address(), 247);
        assert_int_equal(read_word(NODE_DUPLICATES), i + 1);
    }
}

static void new_rate_is_taken_back_when_nobody_speaks_on_it(void **state)
{
    (void)state;
    const uint16_t line[] = {12, 3};
    assert_int_equal(write_words(NODE_ADDRESS, 2, line), 0);
    assert_int_equal(board.line.baud, 19200);
    run(59 * SECOND_US);
    assert_int_equal(board.line.baud, 19200);
    run(2 * SECOND_US);
    assert_int_equal(board.line.baud, 9600);
    assert_int_equal(address(), 247);
    size_t size;
    assert_non_null(ask(247, read_head, sizeof read_head, &size));
    assert_int_equal(write_word(NODE_ADDRESS, 248), 3);
    assert_int_equal(write_word(NODE_ADDRESS, 0), 3);
    assert_int_equal(write_word(NODE_BAUD, 8), 3);
    assert_int_equal(write_word(NODE_PARITY, 3), 3);
}

static void broadcast_sets_time_but_neither_address_nor_settings(void **state)
{
    (void)state;
    const uint8_t time[] = {16, 0x05, 0x00, 0, 3, 6, 0x6B, 0x02, 0x35, 0xDA, 0x00, 123};
    const uint8_t new_address[] = {6, 0x07, 0xD0, 0, 5};
    uint16_t w[3];
    assert_true(silent(0, new_address, sizeof new_address));
    assert_int_equal(address(), 247);
    read_words(NODE_TIME, 3, w);
    assert_int_equal(w[0] | w[1] | w[2], 0);
    uint64_t end_us = arrive_frame(0, time, sizeof time);
    run_until(end_us + 2 * SECOND_US);
    assert_int_equal(board.sent_frames, 1);
    uint32_t seconds;
    uint16_t ms;
    wall_at(&node.wall, end_us, &seconds, &ms);
    assert_int_equal(seconds, 0x6B0235DA);
    assert_int_equal(ms, 123);
    read_words(NODE_TIME, 3, w);
    assert_int_equal(w[1], 0x35DA + 2);
}

static void wall_time_is_known_again_after_a_reset(void **state)
{
    (void)state;
    const uint16_t time[] = {0x6B02, 0x35DA, 250};
    uint16_t w[3];
    assert_int_equal(read_word(NODE_STATUS) & NODE_STATUS_TIME, 0);
    assert_int_equal(write_words(NODE_TIME, 3, time), 0);
    run(10 * SECOND_US);
    read_words(NODE_TIME, 3, w);
    start_node(false);
    uint16_t again[3];
    read_words(NODE_TIME, 3, again);
    int32_t later_ms = (again[1] - w[1]) * 1000 + again[2] - w[2];
    assert_int_equal(again[0], w[0]);
    assert_in_range(later_ms, 1, 1000);
    assert_int_equal(read_word(NODE_STATUS) & NODE_STATUS_TIME, NODE_STATUS_TIME);
    board_power_cycle(); /* this board's clock has no cell */
    start_node(false);
    assert_int_equal(read_word(NODE_STATUS) & NODE_STATUS_TIME, 0);
}

/* From the end of a request to the begin of its answer. */
static uint64_t answer_wait_us(void)
{
    uint64_t end_us = arrive_frame(address(), read_head, sizeof read_head);
    run_until(end_us + 500000);
    assert_true(board.sent_us > end_us);
    return board.sent_us - end_us;
}

static void answer_delay_is_kept_over_a_restart(void **state)
{
    (void)state;
    assert_in_range(answer_wait_us(), 0, 49999);
    assert_int_equal(write_word(NODE_UNLOCK, NODE_UNLOCK_KEY), 0);
    assert_int_equal(write_word(NODE_SETTING_DELAY, 50), 0);
    assert_int_equal(write_word(NODE_COMMIT, 1), 0);
    assert_in_range(answer_wait_us(), 50000, 99999);
    board_power_cycle();
    start_node(false);
    assert_in_range(answer_wait_us(), 50000, 99999);
}

static void settings_want_unlock_and_commit(void **state)
{
    (void)state;
    assert_int_equal(write_word(NODE_SETTING_PERIOD, 60), 4);
    assert_int_equal(write_word(NODE_COMMIT, 1), 4);
    assert_int_equal(write_word(NODE_UNLOCK, 0x1234), 3);
    assert_int_equal(write_word(NODE_UNLOCK, NODE_UNLOCK_KEY), 0);
    assert_int_equal(write_word(NODE_SETTING_PERIOD, 0), 3);
    assert_int_equal(write_word(NODE_SETTING_PERIOD, 3601), 3);
    assert_int_equal(write_word(NODE_SETTING_PERIOD, 60), 0);
    assert_int_equal(read_word(NODE_SETTING_PERIOD), 60);
    assert_int_equal(read_word(NODE_PERIOD), 10);
    assert_int_equal(write_word(NODE_COMMIT, 1), 0);
    assert_int_equal(read_word(NODE_PERIOD), 60);
    assert_int_equal(write_word(NODE_SETTING_PERIOD, 30), 0);
    run(61 * SECOND_US); /* the lock falls shut: what was not committed is forgotten */
    assert_int_equal(read_word(NODE_SETTING_PERIOD), 60);
    assert_int_equal(write_word(NODE_SETTING_PERIOD, 30), 4);
    board_power_cycle();
    start_node(false);
    assert_int_equal(read_word(NODE_PERIOD), 60);
}

static void registers_that_are_not_there_are_exceptions(void **state)
{
    (void)state;
    size_t size;
    assert_memory_equal(ask(247, "\x04\x00\x20\x00\x01", 5, &size), "\x84\x02", 2);
    assert_memory_equal(ask(247, "\x04\x00\x1F\x00\x02", 5, &size), "\x84\x02", 2);
    assert_memory_equal(ask(247, "\x06\x00\x0A\x00\x01", 5, &size), "\x86\x03", 2);
    assert_memory_equal(ask(247, "\x06\x30\x00\x00\x01", 5, &size), "\x86\x02", 2);
    assert_memory_equal(ask(247, "\x01\x00\x07\x00\x01", 5, &size), "\x81\x02", 2);
}

static void duplicate_address_is_noticed(void **state)
{
    (void)state;
    assert_true(silent(247, "\x04\x04\x00\x01\x02\x03", 6));
    assert_int_equal(read_word(NODE_DUPLICATES), 1);
}

static void node_is_scanned_and_spoken_to_by_its_serial_number(void **state)
{
    (void)state;
    unsigned before = board.sent_frames;
    uint64_t end_us = arrive_frame(0xFD, "\x46\x01", 2);
    run_until(end_us + 200000);
    assert_true(board.sent_frames > before + 5); /* its dominant bits, then the answer */
    assert_int_equal(board.sent_size, 10);
    assert_memory_equal(board.sent, "\xFD\x46\x03\x0D\x00\x12\x34\xF7", 8);
    assert_true(rtu_check(board.sent, board.sent_size));
    end_us = arrive_frame(0xFD, "\x46\x02", 2);
    run_until(end_us + 200000);
    assert_memory_equal(board.sent, "\xFD\x46\x04\xD3\x93", 5);
    size_t size;
    const uint8_t *answer = ask(0xFD, "\x46\x08\x0D\x00\x12\x34\x04\x00\x00\x00\x01", 11, &size);
    assert_non_null(answer);
    assert_int_equal(size, 10);
    assert_memory_equal(answer, "\x46\x09\x0D\x00\x12\x34\x04\x02\x00\x01", 10);
    answer = ask(0xFD, "\x46\x08\x0D\x00\x12\x34\x04\x04\x10\x00\x7D", 11, &size);
    assert_memory_equal(answer + 6, "\x84\x03", 2); /* does not fit the wrapping */
    assert_true(silent(0xFD, "\x46\x08\x0D\x00\x12\x35\x04\x00\x00\x00\x01", 11));
    assert_true(silent(0xFD, "\x46\x10\x00\x64\x00\x00", 6));
}

/* An update under way: what the board would do for it. */
static bool restart_wanted, on_trial;
static unsigned erase_steps; /* left to do */
static int tested = -1;      /* what the node told of its self-test */

static bool update_read(uint16_t first, uint16_t count, uint16_t *values)
{
    memset(values, first == NODE_UPDATE_FIRST ? 0x5A : 0, count * sizeof *values);
    return first == NODE_UPDATE_FIRST;
}

static bool update_write(uint16_t first, uint16_t count, const uint16_t *values, bool unlocked)
{
    (void)unlocked;
    restart_wanted = first == NODE_UPDATE_FIRST && count == 1 && values[0] == 1;
    return restart_wanted;
}

/* A page of flash: 40 ms in which the core stands still while the line goes on. */
static bool update_step(void)
{
    if (erase_steps == 0)
        return false;
    assert_int_equal(node.link.answer_size, 0);
    assert_true(board.now_us >= board.sending_until_us); /* or the driver would stay on */
    board.now_us += 40000;
    return --erase_steps > 0;
}

static bool update_restart(void)
{
    return restart_wanted;
}

static unsigned well;

static void update_well(void)
{
    well++;
}

static bool update_on_trial(void)
{
    return on_trial;
}

static void update_tested(uint16_t failed)
{
    tested = failed;
}

static uint32_t update_version(void)
{
    return 0xFE07FFFE;
}

static const struct node_update update = {update_read,    update_write,    update_step,
                                          update_restart, update_on_trial, update_tested,
                                          update_well,    update_version};

static int with_update(void **state)
{
    fresh(state);
    node.config.update = &update;
    restart_wanted = on_trial = false;
    erase_steps = 0;
    tested = -1;
    return 0;
}

static void restart_waits_until_its_answer_has_left(void **state)
{
    (void)state;
    size_t size;
    assert_int_equal(read_word(NODE_UPDATE_FIRST), 0x5A5A);
    assert_memory_equal(ask(247, "\x06\x20\x01\x00\x01", 5, &size), "\x86\x02", 2);
    unsigned before = board.sent_frames;
    if (setjmp(board.cut) == 0) {
        write_word(NODE_UPDATE_FIRST, 1);
        fail_msg("it did not restart");
    }
    assert_int_equal(board.sent_frames, before + 1);
    assert_true(board.now_us >= board.sending_until_us);
    start_node(false);
    assert_int_equal(read_word(NODE_RESET_CAUSE), HAL_RESET_SOFTWARE);
}

/* What its image was signed as: that is what an update compares. */
static void a_program_in_a_slot_has_the_version_of_its_image(void **state)
{
    (void)state;
    size_t size;
    assert_int_equal(read_word(NODE_VERSION), 254);
    assert_int_equal(read_word(NODE_VERSION + 1), 7);
    assert_int_equal(read_word(NODE_VERSION + 2), 65534);
    const uint8_t *said = ask(247, "\x11", 1, &size);
    assert_memory_equal(said + 4, "Baiye node 254.7.65534 ", 23);
    said = ask(247, "\x2B\x0E\x04\x02", 4, &size);
    assert_memory_equal(said + size - 11, "254.7.65534", 11);
    node.config.update = NULL;
    said = ask(247, "\x11", 1, &size);
    assert_memory_equal(said + 4, "Baiye node 0.1.0 ", 17);
    assert_int_equal(read_word(NODE_VERSION + 1), 1);
}

static void slow_steps_of_an_update_lose_no_request_and_hold_no_answer(void **state)
{
    (void)state;
    erase_steps = 110;
    unsigned asked = 0;
    uint64_t end_us = 0;
    const unsigned before = board.sent_frames;
    while (erase_steps > 0) { /* every other one is for somebody else */
        end_us = arrive_frame(asked % 2 ? 5 : 247, read_head, sizeof read_head);
        asked++;
        run_until(end_us + 70000);
    }
    run(100000);
    assert_true(asked >= 15);
    assert_int_equal(board.sent_frames - before, (asked + 1) / 2);
    assert_int_equal(node.link.server.counters.bus_messages, asked);
    assert_int_equal(node.link.receiver.bad_runs, 0);
}

static void a_program_on_trial_that_nobody_confirms_starts_over(void **state)
{
    (void)state;
    on_trial = true;
    if (setjmp(board.cut) == 0) {
        run_until(NODE_TRIAL_US - 1);
        run_until(NODE_TRIAL_US + SECOND_US);
        fail_msg("it did not restart");
    }
    assert_in_range(board.now_us, NODE_TRIAL_US, NODE_TRIAL_US + SECOND_US);
    start_node(false);
    node.config.update = &update;
    on_trial = false;
    run_until(2 * NODE_TRIAL_US); /* confirmed: it stays */
}

static void the_update_hears_of_the_self_test_after_the_first_sample(void **state)
{
    (void)state;
    size_t size;
    soil.takes_us = SECOND_US;
    assert_non_null(ask(247, "\x05\x00\x02\xFF\x00", 5, &size));
    assert_int_equal(tested, -1); /* no sample yet: it says nothing of the sensors */
    run(2 * SECOND_US);
    assert_int_equal(tested, 0);
    board.supply_mv = 6000;
    assert_non_null(ask(247, "\x05\x00\x02\xFF\x00", 5, &size));
    assert_int_equal(tested, SELF_TEST_SUPPLY);
}

static void random_frames_never_stop_the_node(void **state)
{
    (void)state;
    uint32_t seed = 0xBA17E;
    size_t size;
    uint32_t frames = test_count(100000, 10000000);
    for (uint32_t i = 0; i < frames; i++) {
        uint8_t pdu[40];
        size_t n = 1 + test_random(&seed) % sizeof pdu;
        for (size_t k = 0; k < n; k++)
            pdu[k] = (uint8_t)test_random(&seed);
        pdu[0] %= 48;
        if (pdu[0] == 8)
            pdu[0] = 3; /* listen only would end the test */
        if (n > 2 && pdu[1] == 0x07 && pdu[2] >= 0xC0)
            pdu[1] = 0; /* and so would another address */
        uint64_t end_us = arrive_frame(247, pdu, n);
        run_until(end_us + 20000);
        if (board.sending_until_us > board.now_us) /* half duplex: nobody is heard meanwhile */
            run_until(board.sending_until_us);
        if (i % 1000 == 0)
            assert_non_null(ask(247, read_head, sizeof read_head, &size));
    }
    assert_true(node.sampler.sample.seq > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(answer_leaves_when_the_line_was_silent_for_t35, fresh),
        cmocka_unit_test_setup(snapshot_shows_values_flags_and_age, fresh),
        cmocka_unit_test_setup(there_is_no_value_before_the_first_sample, fresh),
        cmocka_unit_test_setup(foreign_frames_and_answers_are_not_answered, fresh),
        cmocka_unit_test_setup(newer_frame_drops_the_answer_that_was_not_sent_yet, fresh),
        cmocka_unit_test_setup(noise_between_frames_is_stepped_over, fresh),
        cmocka_unit_test_setup(everybody_is_answered_until_a_foreign_frame_was_heard, fresh),
        cmocka_unit_test_setup(power_up_line_lasts_five_seconds_or_until_a_framing_error, fresh),
        cmocka_unit_test_setup(new_address_stays_once_the_node_is_spoken_to_on_it, fresh),
        cmocka_unit_test_setup(address_of_another_node_is_given_back, fresh),
        cmocka_unit_test_setup(new_rate_is_taken_back_when_nobody_speaks_on_it, fresh),
        cmocka_unit_test_setup(broadcast_sets_time_but_neither_address_nor_settings, fresh),
        cmocka_unit_test_setup(wall_time_is_known_again_after_a_reset, fresh),
        cmocka_unit_test_setup(settings_want_unlock_and_commit, fresh),
        cmocka_unit_test_setup(answer_delay_is_kept_over_a_restart, fresh),
        cmocka_unit_test_setup(registers_that_are_not_there_are_exceptions, fresh),
        cmocka_unit_test_setup(duplicate_address_is_noticed, fresh),
        cmocka_unit_test_setup(node_is_scanned_and_spoken_to_by_its_serial_number, fresh),
        cmocka_unit_test_setup(a_program_in_a_slot_has_the_version_of_its_image, with_update),
        cmocka_unit_test_setup(restart_waits_until_its_answer_has_left, with_update),
        cmocka_unit_test_setup(slow_steps_of_an_update_lose_no_request_and_hold_no_answer,
                               with_update),
        cmocka_unit_test_setup(a_program_on_trial_that_nobody_confirms_starts_over, with_update),
        cmocka_unit_test_setup(the_update_hears_of_the_self_test_after_the_first_sample,
                               with_update),
        cmocka_unit_test_setup(random_frames_never_stop_the_node, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
