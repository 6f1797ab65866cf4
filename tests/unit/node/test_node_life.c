/* SPDX-License-Identifier: Apache-2.0 */
/* What a node does by itself, and what of it the bus shows: samples, log, calibration, black
 * box. */
#include "tests/unit/node/unit.h"

#include "firmware/drivers/rain_gauge.h"
#include "firmware/drivers/supply.h"
#include "protocols/node_log/node_log.h"
#include "tests/unit/node/lone_node.h"

static void sensor_that_never_ends_is_a_fault_and_disturbs_no_other(void **state)
{
    (void)state;
    uint16_t w[22];
    soil.hangs = true;
    run(15 * SECOND_US);
    read_words(0, 22, w);
    assert_in_range(w[3], 1, 2);
    assert_int_equal(w[10], 1234);
    assert_int_equal(w[12], 0x8000);
    assert_int_equal(w[6] >> 8, METRIC_FAULT << 4 | METRIC_FAULT);
    assert_true(board.fed > 10);
}

static void period_is_kept_without_drift_over_every_wrap_of_32_bits(void **state)
{
    (void)state;
    const uint64_t wraps[] = {UINT32_MAX, UINT32_MAX * UINT64_C(1000)}; /* of us, of ms */
    for (unsigned i = 0; i < 2; i++) {
        board_init();
        board.now_us = wraps[i] - 100 * SECOND_US;
        start_node(false);
        uint64_t start_us = board.now_us;
        for (uint32_t n = 1; n <= 20; n++) {
            run_until(start_us + (n - 1) * 10 * SECOND_US + SECOND_US);
            assert_int_equal(node.sampler.sample.seq, n);
            assert_true(node.sampler.sample.taken_us == start_us + (n - 1) * 10 * SECOND_US);
            size_t size;
            assert_non_null(ask(247, read_head, sizeof read_head, &size));
        }
        assert_int_equal(node.sampler.late, 0);
        struct node_log_window w;
        log_window(&node.log, 0, 0, &w);
        assert_int_equal(w.count, 11);
    }
}

static void node_slower_than_its_period_keeps_a_period_of_its_own(void **state)
{
    (void)state;
    soil.takes_us = 1300000;
    assert_int_equal(write_word(NODE_UNLOCK, NODE_UNLOCK_KEY), 0);
    assert_int_equal(write_word(NODE_SETTING_PERIOD, 1), 0);
    assert_int_equal(write_word(NODE_COMMIT, 1), 0);
    run(20 * SECOND_US);
    uint32_t seq = node.sampler.sample.seq;
    uint32_t head = node.log.head;
    run(200 * SECOND_US);
    assert_int_equal(node.sampler.sample.seq, seq + 100);
    assert_int_equal(node.sampler.late, 0);
    assert_true(node.log.head - head <= 100 + 5); /* and does not fill the log with markers */
}

static void log_window_gives_what_the_snapshots_showed(void **state)
{
    (void)state;
    uint16_t shown[30][NODE_SNAPSHOT_USED];
    for (uint32_t n = 0; n < 30; n++) {
        air.hundredths[0] = (int32_t)(n * 37) - 300;
        soil.hundredths[2] = (int32_t)n * 1234;
        run_until(n * 10 * SECOND_US + 5 * SECOND_US);
        read_words(0, NODE_SNAPSHOT_USED, shown[n]);
    }
    uint32_t seq = 1;
    while (seq <= 30) {
        const uint8_t pdu[] = {23, 0x04, 0x10, 0, 125, 0x04, 0x00, 0,
                               3,  6,    0,    1, 0,   0,    0,    (uint8_t)seq};
        size_t size;
        const uint8_t *answer = ask(247, pdu, sizeof pdu, &size);
        assert_non_null(answer);
        assert_int_equal(size, 252);
        uint16_t words[125];
        for (unsigned i = 0; i < 125; i++)
            words[i] = (uint16_t)(answer[2 + 2 * i] << 8 | answer[3 + 2 * i]);
        struct node_log_window w;
        assert_true(node_log_window_read(words, 125, &w));
        assert_int_equal(w.boot, 1);
        assert_int_equal(w.seq, seq);
        assert_int_equal(w.newest_seq, 30);
        for (uint16_t i = 0; i < w.count; i++) {
            struct node_values logged;
            struct node_values live;
            node_log_unpack(w.records[i], &logged);
            node_values_get(shown[seq - 1 + i], &live);
            assert_memory_equal(logged.value, live.value, sizeof live.value);
            assert_memory_equal(logged.flag, live.flag, sizeof live.flag);
        }
        seq += w.count;
    }
}

static void boot_counts_and_the_cause_of_reset_are_kept(void **state)
{
    (void)state;
    assert_int_equal(read_word(NODE_BOOT), 1);
    assert_int_equal(read_word(NODE_RESET_CAUSE), HAL_RESET_POWER);
    start_node(false); /* RAM kept, no word left */
    assert_int_equal(read_word(NODE_BOOT), 2);
    assert_int_equal(read_word(NODE_RESET_CAUSE), HAL_RESET_WATCHDOG);
    if (setjmp(board.cut) == 0)
        black_box_restart();
    start_node(false);
    assert_int_equal(read_word(NODE_RESET_CAUSE), HAL_RESET_SOFTWARE);
    board.fault = (struct hal_fault){.pc = 0x08001234, .lr = 1, .status = 2};
    start_node(false);
    assert_int_equal(read_word(NODE_RESET_CAUSE), HAL_RESET_FAULT);
    assert_int_equal(read_word(NODE_FAULT + 1), 0x1234);
    start_node(false); /* the same fault is not counted again */
    assert_int_equal(read_word(NODE_RESET_CAUSE), HAL_RESET_WATCHDOG);
    board_power_cycle();
    start_node(false);
    uint16_t counts[HAL_RESET_CAUSE_COUNT];
    read_words(NODE_RESET_COUNTS, HAL_RESET_CAUSE_COUNT, counts);
    assert_int_equal(counts[HAL_RESET_POWER], 2);
    assert_int_equal(counts[HAL_RESET_WATCHDOG], 2);
    assert_int_equal(counts[HAL_RESET_SOFTWARE], 1);
    assert_int_equal(counts[HAL_RESET_FAULT], 1);
    assert_int_equal(read_word(NODE_BOOT), 6);
}

static void watchdog_is_fed_only_while_the_line_makes_progress(void **state)
{
    (void)state;
    run(20 * SECOND_US);
    assert_in_range(board.fed, 15, 25); /* once a second, not at every turn */
    board.stuck_sending = true;
    arrive_frame(247, read_head, sizeof read_head);
    run(10 * SECOND_US);
    unsigned fed = board.fed;
    run(30 * SECOND_US);
    assert_int_equal(board.fed, fed);
    board.stuck_sending = false;
    start_node(false);
    assert_int_equal(read_word(NODE_RESET_CAUSE), HAL_RESET_WATCHDOG);
    assert_int_equal(read_word(NODE_MISSED_CHECK_IN), TASK_WATCHDOG_LINK);
}

static void still_air_is_flagged_stuck_and_fog_is_not(void **state)
{
    (void)state;
    air.hundredths[1] = 10000;
    run(11 * 3600 * SECOND_US + 5 * SECOND_US);
    assert_int_equal(node.sampler.sample.values.flag[CHANNEL_AIR_TEMPERATURE], METRIC_GOOD);
    run(1 * 3600 * SECOND_US + 10 * SECOND_US);
    assert_int_equal(node.sampler.sample.values.flag[CHANNEL_AIR_TEMPERATURE], METRIC_STUCK);
    assert_int_equal(node.sampler.sample.values.flag[CHANNEL_AIR_HUMIDITY], METRIC_GOOD);
    assert_int_equal(node.sampler.sample.values.flag[CHANNEL_SOIL_TEMPERATURE], METRIC_GOOD);
    air.raw[0]++;
    run(10 * SECOND_US);
    assert_int_equal(node.sampler.sample.values.flag[CHANNEL_AIR_TEMPERATURE], METRIC_GOOD);
}

static void calibration_is_behind_the_lock_and_changes_the_next_sample(void **state)
{
    (void)state;
    run(SECOND_US);
    assert_int_equal(write_word(NODE_CALIBRATION_CHANNEL, CHANNEL_SOIL_MOISTURE), 0);
    assert_int_equal(write_word(NODE_CALIBRATION_COMMAND, 2), 4);
    assert_int_equal(write_word(NODE_UNLOCK, NODE_UNLOCK_KEY), 0);
    assert_int_equal(write_word(NODE_CALIBRATION_COMMAND, 2), 0); /* raw 4321 is dry */
    soil.raw[0] = 8321;
    run(10 * SECOND_US);
    assert_int_equal(write_word(NODE_CALIBRATION_COMMAND, 3), 0); /* 8321: 45 % */
    assert_int_equal(write_word(NODE_CALIBRATION_COMMAND, 1), 0);
    soil.raw[0] = 6321;
    run(10 * SECOND_US);
    assert_int_equal(read_word(12), 2250);
    uint16_t raw[2 * CHANNEL_COUNT];
    read_words(NODE_RAW, 2 * CHANNEL_COUNT, raw);
    assert_int_equal(raw[5], 6321);
}

static void statistics_are_read_in_one_request(void **state)
{
    (void)state;
    uint16_t w[94];
    run(620 * SECOND_US);
    read_words(NODE_STATISTICS, 94, w);
    assert_int_equal(w[0], 600);
    assert_int_equal(w[4], 60);
    assert_int_equal(w[6], 1234);
    assert_int_equal(w[8], 1234);
    assert_int_equal(w[12], 0);
}

static void rain_and_supply_are_channels_like_others(void **state)
{
    (void)state;
    static struct rain_gauge rain;
    static struct supply supply;
    const struct node_probe wired[] = {{&rain.sensor, {CHANNEL_RAINFALL, -1, -1, -1}, 0},
                                       {&supply.sensor, {CHANNEL_BATTERY_VOLTAGE, -1, -1, -1}, 0}};
    const struct node_config config = {.probes = wired, .probe_count = 2, .no_power_up_line = true};
    uint16_t w[2];
    board.supply_mv = 12400;
    rain_gauge_init(&rain, &node.settings.value[INDEX_SETTING_TIP]);
    supply_init(&supply);
    node_init(&node, &config);
    run(SECOND_US);
    board.pulses = 7;
    run(10 * SECOND_US);
    read_words(17, 2, w);
    assert_int_equal(w[1], 140);
    assert_int_equal(read_word(19), 12400);
    assert_int_equal(write_word(NODE_UNLOCK, NODE_UNLOCK_KEY), 0);
    assert_int_equal(write_word(NODE_SETTING_TIP, 50), 0);
    assert_int_equal(write_word(NODE_COMMIT, 1), 0);
    board.pulses = 8;
    run(10 * SECOND_US);
    read_words(17, 2, w);
    assert_int_equal(w[1], 190);
    board.supply_mv = 6000;
    run(10 * SECOND_US);
    read_words(6, 2, w);
    assert_int_equal(w[1] >> 12, METRIC_RANGE); /* channel 7 */
}

static void black_box_has_the_least_supply_and_the_latest_turn(void **state)
{
    (void)state;
    static struct supply supply;
    const struct node_probe wired[] = {{&supply.sensor, {CHANNEL_BATTERY_VOLTAGE, -1, -1, -1}, 0}};
    const struct node_config config = {.probes = wired, .probe_count = 1, .no_power_up_line = true};
    supply_init(&supply);
    node_init(&node, &config);
    run(SECOND_US);
    assert_int_equal(read_word(NODE_SUPPLY_LEAST), 0xFFFF);
    const int mv[] = {12000, 9310, 11000};
    for (unsigned i = 0; i < 3; i++) {
        board.supply_mv = mv[i];
        run(10 * SECOND_US);
    }
    assert_int_equal(read_word(NODE_SUPPLY_LEAST), 9310);
    assert_int_equal(read_word(NODE_LATE_MOST), 0);
    uint64_t due_us = node_poll(&node);
    board.now_us = due_us + 2340; /* something held it up */
    run(SECOND_US);
    assert_int_equal(read_word(NODE_LATE_MOST), 23);
}

static void self_test_finds_what_is_broken(void **state)
{
    (void)state;
    run(2 * SECOND_US);
    assert_int_equal(read_word(NODE_SELF_TEST), 0);
    board.supply_mv = 5000;
    soil.hangs = true;
    run(20 * SECOND_US);
    size_t size;
    assert_non_null(ask(247, "\x05\x00\x02\xFF\x00", 5, &size));
    assert_int_equal(read_word(NODE_SELF_TEST), 4 | 8);
    board.nv_broken = true;
    assert_non_null(ask(247, "\x05\x00\x02\xFF\x00", 5, &size));
    assert_int_equal(read_word(NODE_SELF_TEST), 2 | 4 | 8);
    assert_int_equal(read_word(NODE_STATUS) & NODE_STATUS_SELF_TEST, NODE_STATUS_SELF_TEST);
}

static void lamp_goes_off_by_itself(void **state)
{
    (void)state;
    size_t size;
    assert_non_null(ask(247, "\x05\x00\x00\xFF\x00", 5, &size));
    assert_true(board.indicator);
    run(58 * SECOND_US);
    assert_true(board.indicator);
    run(3 * SECOND_US);
    assert_false(board.indicator);
}

static void conductivity_is_brought_to_25_degrees_by_the_coefficient_set(void **state)
{
    (void)state;
    soil.hundredths[1] = 3500;  /* °C */
    soil.hundredths[2] = 36000; /* 360 µS/cm */
    run(11 * SECOND_US);
    assert_int_equal(read_word(14), 360); /* as shipped the probe is trusted to do it */
    assert_int_equal(write_word(NODE_UNLOCK, NODE_UNLOCK_KEY), 0);
    assert_int_equal(write_word(NODE_SETTING_CONDUCTIVITY, 200), 0);
    assert_int_equal(write_word(NODE_COMMIT, 1), 0);
    run(10 * SECOND_US);
    assert_int_equal(read_word(14), 300); /* 2 %/K, 10 K */
    soil.hundredths[1] = SENSOR_NO_VALUE;
    soil.flag[1] = METRIC_FAULT;
    run(10 * SECOND_US);
    assert_int_equal(read_word(14), 0xFFFF); /* not compensated is not given as if it were */
    assert_int_equal(read_word(NODE_FLAGS + 1) & 15, METRIC_FAULT);
}

static void capture_keeps_date_and_operator(void **state)
{
    (void)state;
    const uint16_t date[] = {20261122 >> 16, 20261122 & 0xFFFF, 7};
    uint16_t w[4];
    run(SECOND_US);
    assert_int_equal(write_word(NODE_CALIBRATION_CHANNEL, CHANNEL_SOIL_MOISTURE), 0);
    assert_int_equal(write_words(NODE_CALIBRATION_DATE, 3, date), 4); /* locked */
    assert_int_equal(write_word(NODE_UNLOCK, NODE_UNLOCK_KEY), 0);
    assert_int_equal(write_words(NODE_CALIBRATION_DATE, 3, date), 0);
    assert_int_equal(write_word(NODE_CALIBRATION_COMMAND, 2), 0); /* 4321 is dry */
    soil.raw[0] = 8321;
    run(10 * SECOND_US);
    assert_int_equal(write_word(NODE_CALIBRATION_COMMAND, 3), 0);
    assert_int_equal(write_word(NODE_CALIBRATION_COMMAND, 1), 0);
    board_power_cycle();
    start_node(false);
    assert_int_equal(write_word(NODE_CALIBRATION_CHANNEL, CHANNEL_SOIL_MOISTURE), 0);
    read_words(NODE_CALIBRATION_DATE, 4, w);
    assert_memory_equal(w, date, sizeof date);
    assert_int_equal(w[3], 2); /* points */
    assert_int_equal(read_word(NODE_CALIBRATION_TABLE + 1), 4321);
    assert_int_equal(read_word(NODE_CALIBRATION_TABLE + 5), 8321);
}

static uint16_t counter(uint8_t which)
{
    const uint8_t pdu[] = {8, 0, which, 0, 0};
    size_t size;
    const uint8_t *answer = ask(247, pdu, sizeof pdu, &size);
    assert_int_equal(size, 5);
    return (uint16_t)(answer[3] << 8 | answer[4]);
}

/* Function 8, 0x0B to 0x12, each by what it counts on the line. */
static void every_counter_of_function_8_counts_what_the_line_did(void **state)
{
    (void)state;
    size_t size;
    assert_non_null(ask(247, "\x08\x00\x0A\x00\x00", 5, &size)); /* clears them */
    assert_true(silent(33, "\x03\x00\x00\x00\x01", 5));          /* somebody else's */
    assert_true(silent(0, "\x06\x01\x00\x00\x00", 5));           /* everybody's */
    assert_int_equal(ask(247, "\x03\x77\x00\x00\x01", 5, &size)[0], 0x83);
    run_until(arrive("\xF7\x03\x00\x00\x00\x01\x00\x00", 8, 0) + 50000); /* bad CRC */
    run_until(arrive("\x00", 1, HAL_BYTE_OVERRUN) + 50000);
    assert_int_equal(counter(0x0B), 4); /* this request included */
    assert_int_equal(counter(0x0C), 1);
    assert_int_equal(counter(0x0D), 1);
    assert_int_equal(counter(0x0E), 6); /* broadcast, exception, and these four */
    assert_int_equal(counter(0x0F), 1);
    assert_int_equal(counter(0x10), 0);
    assert_int_equal(counter(0x11), 0);
    assert_int_equal(counter(0x12), 1);
    uint16_t words[8];
    read_words(NODE_LINE_COUNTS, 8, words);
    assert_int_equal(words[1], 1);
    assert_int_equal(words[7], 1);
}

/* Turns of the main loop until then, each look at the clock taking `look_us`. */
static unsigned live_until(uint64_t until_us, unsigned look_us)
{
    unsigned turns = 0;
    board.look_us = look_us;
    while (board.now_us < until_us) {
        node_turn(&node);
        turns++;
    }
    board.look_us = 0;
    return turns;
}

static uint16_t awake_by_the_board(void)
{
    return (uint16_t)((board.now_us - board.slept_us) * 1000 / board.now_us);
}

/* Nobody asks, a sample every ten seconds: no tick wakes it, and it says so. */
static void a_node_that_has_nothing_to_do_sleeps_and_says_so(void **state)
{
    (void)state;
    unsigned turns = live_until(60 * SECOND_US, 50);
    uint16_t idle = node_awake(&node, board.now_us);
    assert_int_equal(idle, awake_by_the_board());
    assert_in_range(turns, 6, 120);
    assert_in_range(idle, 0, 5);
    /* The same on a part a hundred times as slow. */
    live_until(120 * SECOND_US, 5000);
    uint16_t busy = node_awake(&node, board.now_us);
    assert_in_range(awake_by_the_board(), busy, busy + 5); /* the looks before and after a sleep */
    assert_true(busy > 2 * (idle + 1));
}

static void the_share_of_time_awake_can_be_read(void **state)
{
    (void)state;
    live_until(60 * SECOND_US, 5000);
    uint16_t said = node_awake(&node, board.now_us);
    assert_in_range(said, 1, 999);
    assert_in_range(read_word(NODE_AWAKE), said, said + 5); /* the request itself */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sensor_that_never_ends_is_a_fault_and_disturbs_no_other, fresh),
        cmocka_unit_test_setup(period_is_kept_without_drift_over_every_wrap_of_32_bits, fresh),
        cmocka_unit_test_setup(node_slower_than_its_period_keeps_a_period_of_its_own, fresh),
        cmocka_unit_test_setup(log_window_gives_what_the_snapshots_showed, fresh),
        cmocka_unit_test_setup(boot_counts_and_the_cause_of_reset_are_kept, fresh),
        cmocka_unit_test_setup(watchdog_is_fed_only_while_the_line_makes_progress, fresh),
        cmocka_unit_test_setup(still_air_is_flagged_stuck_and_fog_is_not, fresh),
        cmocka_unit_test_setup(calibration_is_behind_the_lock_and_changes_the_next_sample, fresh),
        cmocka_unit_test_setup(conductivity_is_brought_to_25_degrees_by_the_coefficient_set, fresh),
        cmocka_unit_test_setup(capture_keeps_date_and_operator, fresh),
        cmocka_unit_test_setup(every_counter_of_function_8_counts_what_the_line_did, fresh),
        cmocka_unit_test_setup(statistics_are_read_in_one_request, fresh),
        cmocka_unit_test_setup(rain_and_supply_are_channels_like_others, fresh),
        cmocka_unit_test_setup(black_box_has_the_least_supply_and_the_latest_turn, fresh),
        cmocka_unit_test_setup(self_test_finds_what_is_broken, fresh),
        cmocka_unit_test_setup(a_node_that_has_nothing_to_do_sleeps_and_says_so, fresh),
        cmocka_unit_test_setup(the_share_of_time_awake_can_be_read, fresh),
        cmocka_unit_test_setup(lamp_goes_off_by_itself, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
