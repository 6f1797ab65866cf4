/* SPDX-License-Identifier: Apache-2.0 */
/* Power fails at every byte that a node writes in a life of its own: while it counts its boot, logs
 * samples, is given settings and a calibration, and counts an hour of service. Whatever was in
 * force before or after the write that was cut is in force again; nothing third, and nothing else
 * is lost. */
#include "tests/unit/node/unit.h"

#include "firmware/node/node.h"
#include "tests/unit/node/board.h"

#define SECOND_US UINT64_C(1000000)

enum { OLD_PERIOD = 20, NEW_PERIOD = 30, OLD_RAW = 1000, NEW_RAW = 2000, SAMPLES_BEFORE = 40 };

static struct node node;
static struct fake_sensor air;
static struct node_probe probe;
static uint32_t shown_seq; /* the newest sample that the bus could have read before the cut */
static uint16_t shown_boot;

static void start_node(void)
{
    fake_sensor_init(&air);
    probe = (struct node_probe){&air.sensor, {CHANNEL_AIR_TEMPERATURE, -1, -1, -1}, 0};
    const struct node_config config = {
        .probes = &probe, .probe_count = 1, .no_power_up_line = true};
    node_init(&node, &config);
}

static void run(uint64_t us)
{
    uint64_t until_us = board.now_us + us;
    while (board.now_us < until_us) {
        uint64_t due_us = node_poll(&node);
        shown_boot = node.black_box.boot;
        shown_seq = node.sampler.sample.seq;
        board.now_us = due_us < until_us ? due_us : until_us;
    }
}

static void set_period(uint16_t period_s)
{
    node.settings.written[INDEX_SETTING_PERIOD] = period_s;
    assert_int_equal(settings_commit(&node.settings), HAL_OK);
}

static void calibrate(int32_t raw)
{
    node.calibration.channel = CHANNEL_AIR_TEMPERATURE;
    node.calibration.edit = (struct calibration_table){.points = 1};
    node.calibration.edit.raw[0] = raw;
    assert_int_equal(calibration_do(&node.calibration, CALIBRATION_STORE, 0, 0), HAL_OK);
}

/* Everything that a node ever writes, once. */
static void live(void)
{
    start_node();
    run(2 * SECOND_US);
    set_period(NEW_PERIOD);
    calibrate(NEW_RAW);
    node.link.line.address = 9; /* as after a change that was spoken to */
    assert_int_equal(settings_store_line(&node.settings, &node.link.line), HAL_OK);
    run(25 * SECOND_US);
    node.black_box.hour_us = board.now_us; /* an hour of service is full */
    run(SECOND_US);
}

static bool cut_at(uint64_t byte)
{
    shown_seq = 0;
    board.cut_at = board.nv_written + byte;
    volatile bool cut = true; /* a register is what it was at setjmp, or not */
    if (setjmp(board.cut) == 0) {
        live();
        cut = false;
    }
    board.cut_at = 0;
    return cut;
}

static bool in_log(uint16_t boot, uint32_t seq)
{
    struct node_log_window w;
    log_window(&node.log, boot, seq, &w);
    return w.count > 0 && w.boot == boot && w.seq == seq;
}

static void check_after(uint16_t boot_before)
{
    board_power_cycle();
    start_node();
    uint16_t boot = node.black_box.boot;
    assert_true(boot == boot_before + 1 || boot == boot_before + 2);
    assert_true(boot > node.log.newest_boot); /* no two samples share a name */
    assert_int_equal(node.black_box.reset_counts[HAL_RESET_POWER], boot);
    assert_in_range(node.black_box.lifetime_h, 0, 1);
    assert_false(node.settings.defaults);
    uint16_t period_s = node.settings.value[INDEX_SETTING_PERIOD];
    assert_true(period_s == OLD_PERIOD || period_s == NEW_PERIOD);
    assert_true(node.settings.line.address == 9 || node.settings.line.address == 247);
    const struct calibration_table *table = &node.calibration.table[CHANNEL_AIR_TEMPERATURE];
    assert_int_equal(table->points, 1);
    assert_true(table->raw[0] == OLD_RAW || table->raw[0] == NEW_RAW);
    for (uint32_t seq = 1; seq <= SAMPLES_BEFORE; seq++)
        assert_true(in_log(boot_before, seq));
    for (uint32_t seq = 1; seq <= shown_seq; seq++)
        assert_true(in_log(shown_boot, seq));
    run(SECOND_US); /* and it goes on */
    assert_true(in_log(boot, 1));
}

static void power_cut_at_every_byte_of_a_life_leaves_before_or_after(void **state)
{
    (void)state;
    static uint8_t before[HAL_NV_SIZE];
    board_init();
    start_node();
    set_period(OLD_PERIOD);
    calibrate(OLD_RAW);
    while (node.sampler.sample.seq < SAMPLES_BEFORE)
        run(SECOND_US);
    uint16_t boot = node.black_box.boot;
    memcpy(before, board.nv, sizeof before);
    uint64_t cuts = 0;
    for (bool cut = true; cut; cuts++) {
        memcpy(board.nv, before, sizeof before);
        board_power_cycle();
        cut = cut_at(cuts + 1);
        check_after(boot);
    }
    assert_true(cuts > 700); /* boot, two settings, calibration, hour, self-test, samples */
    assert_int_equal(node.settings.value[INDEX_SETTING_PERIOD], NEW_PERIOD);
    assert_int_equal(node.calibration.table[CHANNEL_AIR_TEMPERATURE].raw[0], NEW_RAW);
    assert_int_equal(node.settings.line.address, 9);
    assert_int_equal(node.black_box.lifetime_h, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_cut_at_every_byte_of_a_life_leaves_before_or_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
