/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics, calibration and arbitration: what the node computes. */
#include "tests/unit/node/unit.h"

#include <math.h>

#include "firmware/node/calibration.h"
#include "firmware/node/scan.h"
#include "firmware/node/statistics.h"
#include "protocols/image/factory.h"
#include "tests/unit/node/board.h"

#define SECOND_US UINT64_C(1000000)

static struct node_values one_value(unsigned channel, int32_t value, uint8_t flag)
{
    struct node_values v;
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        v.value[i] = NODE_NO_VALUE;
        v.flag[i] = METRIC_ABSENT;
    }
    v.value[channel] = value;
    v.flag[channel] = flag;
    return v;
}

static int32_t word_pair(const uint16_t *words)
{
    return (int32_t)((uint32_t)words[0] << 16 | words[1]);
}

static void statistics_are_those_of_the_last_whole_window(void **state)
{
    (void)state;
    struct statistics s;
    uint16_t w[STATISTICS_WORDS];
    const int32_t values[] = {-100, 300, 250, -50, 1000, 7};
    statistics_init(&s, 0);
    statistics_fill(&s, 0, w);
    assert_int_equal(w[0], 0);
    assert_int_equal(w[4], 0);
    for (uint32_t i = 0; i < 6; i++) {
        struct node_values v = one_value(0, values[i], METRIC_GOOD);
        statistics_add(&s, &v, i + 1, i * 10 * SECOND_US, 60);
    }
    struct node_values v = one_value(0, 5000, METRIC_RANGE); /* not good: does not count */
    statistics_add(&s, &v, 7, 60 * SECOND_US, 60);
    statistics_fill(&s, 75 * SECOND_US, w);
    assert_int_equal(w[0], 60);
    assert_int_equal(word_pair(w + 1), 6);
    assert_int_equal(w[3], 15);
    assert_int_equal(w[4], 6);
    assert_int_equal(word_pair(w + 5), -100);
    assert_int_equal(word_pair(w + 7), 235); /* 234.5 */
    assert_int_equal(word_pair(w + 9), 1000);
    assert_int_equal(word_pair(w + 11), 409); /* 408.7 */
    assert_int_equal(w[4 + 9], 0);
    assert_int_equal(word_pair(w + 4 + 9 + 1), NODE_NO_VALUE);
    statistics_add(&s, &v, 8, 130 * SECOND_US, 60);
    statistics_fill(&s, 130 * SECOND_US, w);
    assert_int_equal(w[4], 0);
}

static void deviation_agrees_with_floating_point(void **state)
{
    (void)state;
    uint32_t seed = 5;
    for (int round = 0; round < 50; round++) {
        struct statistics s;
        statistics_init(&s, 0);
        uint32_t n = 2 + test_random(&seed) % 3000;
        int32_t range = (int32_t)(1 + test_random(&seed) % 131000);
        double sum = 0;
        double squares = 0;
        for (uint32_t i = 0; i < n; i++) {
            int32_t value = (int32_t)(test_random(&seed) % (uint32_t)range);
            struct node_values v = one_value(CHANNEL_ILLUMINANCE, value, METRIC_GOOD);
            statistics_add(&s, &v, i + 1, i, 60);
            sum += value;
            squares += (double)value * value;
        }
        struct node_values none = one_value(0, 0, METRIC_GOOD);
        statistics_add(&s, &none, n + 1, 60 * SECOND_US, 60);
        const struct statistics_result *r = &s.results[CHANNEL_ILLUMINANCE];
        double mean = sum / n;
        double deviation = sqrt((squares - sum * mean) / (n - 1));
        assert_int_equal(r->n, n);
        assert_true(fabs(r->mean - mean) <= 0.51);
        assert_true(fabs(r->deviation - deviation) <= 1.01);
    }
}

static void write_table(struct calibration *c, uint16_t channel, uint16_t points,
                        const int32_t (*table)[2])
{
    uint16_t w[CALIBRATION_WORDS] = {0};
    w[2] = 20260930 >> 16;
    w[3] = 20260930 & 0xFFFF;
    w[4] = 17;
    w[5] = points;
    for (unsigned i = 0; i < points; i++) {
        for (unsigned k = 0; k < 2; k++) {
            w[6 + 4 * i + 2 * k] = (uint16_t)((uint32_t)table[i][k] >> 16);
            w[7 + 4 * i + 2 * k] = (uint16_t)table[i][k];
        }
    }
    assert_true(calibration_write(c, 0, 1, &channel));
    assert_true(calibration_write(c, 2, CALIBRATION_WORDS - 2, w + 2));
}

static int32_t calibrated(const struct calibration *c, unsigned channel, int32_t raw, uint8_t flag,
                          uint8_t *flag_after)
{
    int32_t value = 777;
    *flag_after = flag;
    calibration_apply(c, channel, raw, &value, flag_after);
    return value;
}

static void table_is_interpolated_and_kept(void **state)
{
    (void)state;
    struct calibration c;
    uint8_t flag;
    const int32_t falling[][2] = {{3000, 0}, {2000, 4000}, {1000, 10000}};
    board_init();
    calibration_load(&c);
    assert_int_equal(calibrated(&c, CHANNEL_SOIL_WETNESS, 2500, METRIC_UNCALIBRATED, &flag), 777);
    assert_int_equal(flag, METRIC_UNCALIBRATED);
    write_table(&c, CHANNEL_SOIL_WETNESS, 3, falling);
    assert_int_equal(calibrated(&c, CHANNEL_SOIL_WETNESS, 2500, METRIC_UNCALIBRATED, &flag), 777);
    assert_int_equal(calibration_do(&c, CALIBRATION_STORE, 0, 0), HAL_OK);
    calibration_load(&c);
    assert_int_equal(c.table[CHANNEL_SOIL_WETNESS].date, 20260930);
    assert_int_equal(c.table[CHANNEL_SOIL_WETNESS].operator_id, 17);
    const int32_t want[][2] = {{3000, 0},     {2500, 2000}, {2000, 4000}, {1500, 7000},
                               {1000, 10000}, {500, 13000}, {3100, -400}};
    for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_int_equal(
            calibrated(&c, CHANNEL_SOIL_WETNESS, want[i][0], METRIC_UNCALIBRATED, &flag),
            want[i][1]);
    assert_int_equal(flag, METRIC_GOOD);
    assert_int_equal(calibrated(&c, CHANNEL_AIR_TEMPERATURE, 2500, METRIC_GOOD, &flag), 777);
}

static void one_point_is_an_offset(void **state)
{
    (void)state;
    struct calibration c;
    uint8_t flag;
    const int32_t offset[][2] = {{0, -50}};
    board_init();
    calibration_load(&c);
    write_table(&c, CHANNEL_AIR_HUMIDITY, 1, offset);
    assert_int_equal(calibration_do(&c, CALIBRATION_STORE, 0, 0), HAL_OK);
    assert_int_equal(calibrated(&c, CHANNEL_AIR_HUMIDITY, 1, METRIC_GOOD, &flag), 727);
}

static void tables_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    struct calibration c;
    const int32_t twice[][2] = {{10, 0}, {10, 5}};
    const int32_t to_and_fro[][2] = {{10, 0}, {20, 5}, {15, 7}};
    const int32_t huge[][2] = {{10, 0}, {20, 2000000000}};
    const int32_t good[][2] = {{INT32_MAX, 30000000}, {-INT32_MAX, -30000000}};
    const uint16_t too_many = 6;
    const uint16_t no_channel = CHANNEL_COUNT;
    board_init();
    calibration_load(&c);
    write_table(&c, 0, 2, twice);
    assert_int_equal(calibration_do(&c, CALIBRATION_STORE, 0, 0), HAL_RANGE);
    write_table(&c, 0, 3, to_and_fro);
    assert_int_equal(calibration_do(&c, CALIBRATION_STORE, 0, 0), HAL_RANGE);
    write_table(&c, 0, 2, huge);
    assert_int_equal(calibration_do(&c, CALIBRATION_STORE, 0, 0), HAL_RANGE);
    assert_false(calibration_write(&c, 5, 1, &too_many));
    assert_false(calibration_write(&c, 0, 1, &no_channel));
    assert_int_equal(calibration_do(&c, (enum calibration_command)9, 0, 0), HAL_RANGE);
    assert_int_equal(calibration_do(&c, CALIBRATION_DRY, INT32_MIN, 0), HAL_RANGE);
    uint8_t flag;
    write_table(&c, 0, 2, good);
    assert_int_equal(calibration_do(&c, CALIBRATION_STORE, 0, 0), HAL_OK);
    assert_int_equal(calibrated(&c, 0, INT32_MAX, METRIC_GOOD, &flag), 30000000);
    assert_int_equal(calibrated(&c, 0, 0, METRIC_GOOD, &flag), 0);
}

static void dry_and_saturated_are_captured_in_either_order(void **state)
{
    (void)state;
    struct calibration c;
    uint8_t flag;
    const uint16_t channel = CHANNEL_SOIL_WETNESS;
    board_init();
    calibration_load(&c);
    calibration_write(&c, 0, 1, &channel);
    assert_int_equal(calibration_do(&c, CALIBRATION_SATURATED, 21000, 10000), HAL_OK);
    assert_int_equal(calibration_do(&c, CALIBRATION_DRY, 45000, 10000), HAL_OK);
    assert_int_equal(calibration_do(&c, CALIBRATION_STORE, 0, 0), HAL_OK);
    assert_int_equal(calibrated(&c, channel, 33000, METRIC_UNCALIBRATED, &flag), 5000);
    assert_int_equal(calibration_do(&c, CALIBRATION_FACTORY, 0, 0), HAL_OK);
    assert_int_equal(calibration_do(&c, CALIBRATION_CLEAR, 0, 0), HAL_OK);
    assert_int_equal(calibrated(&c, channel, 33000, METRIC_UNCALIBRATED, &flag), 777);
    assert_int_equal(calibration_do(&c, CALIBRATION_RESTORE, 0, 0), HAL_OK);
    calibration_load(&c);
    assert_int_equal(calibrated(&c, channel, 33000, METRIC_UNCALIBRATED, &flag), 5000);
}

/* A board fresh from `baiye flash`: memory empty, a page in flash. */
static void write_factory_page(const struct calibration_table *of_wetness)
{
    uint8_t tables[CALIBRATION_SIZE] = {0};
    struct byte_writer w = byte_writer_init(tables + CHANNEL_SOIL_WETNESS * CALIBRATION_TABLE_SIZE,
                                            CALIBRATION_TABLE_SIZE);
    calibration_table_write(of_wetness, &w);
    const struct factory factory = {1, 42, tables, sizeof tables};
    assert_true(factory_write(&factory, board.factory_page, sizeof board.factory_page) > 0);
    board.has_factory_page = true;
}

static void calibration_from_the_factory_page_counts_where_the_memory_has_none(void **state)
{
    (void)state;
    static const struct calibration_table from_bench = {
        .date = 20261122, .points = 2, .raw = {0, 100}, .hundredths = {0, 1000}};
    static const int32_t of_technician[][2] = {{0, 500}};
    struct calibration c;
    uint8_t flag;
    const unsigned channel = CHANNEL_SOIL_WETNESS;
    board_init();
    write_factory_page(&from_bench);
    calibration_load(&c);
    assert_int_equal(calibrated(&c, channel, 50, METRIC_UNCALIBRATED, &flag), 500);
    assert_int_equal(flag, METRIC_GOOD);
    write_table(&c, (uint16_t)channel, 1, of_technician);
    assert_int_equal(calibration_do(&c, CALIBRATION_STORE, 0, 0), HAL_OK);
    calibration_load(&c);
    assert_int_equal(calibrated(&c, channel, 50, METRIC_GOOD, &flag), 1277);
    assert_int_equal(calibration_do(&c, CALIBRATION_RESTORE, 0, 0), HAL_OK);
    assert_int_equal(calibrated(&c, channel, 50, METRIC_UNCALIBRATED, &flag), 500);
    board_init();
    write_factory_page(&from_bench);
    board.factory_page[100] ^= 1; /* torn: not believed */
    calibration_load(&c);
    assert_int_equal(calibrated(&c, channel, 50, METRIC_UNCALIBRATED, &flag), 777);
}

static void power_cut_leaves_the_old_calibration_or_the_new(void **state)
{
    (void)state;
    static struct calibration c;
    static uint64_t n;
    uint8_t flag;
    const int32_t old[][2] = {{0, 100}};
    const int32_t new[][2] = {{0, 200}};
    board_init();
    calibration_load(&c);
    write_table(&c, 0, 1, old);
    calibration_do(&c, CALIBRATION_STORE, 0, 0);
    write_table(&c, 0, 1, old);
    calibration_do(&c, CALIBRATION_STORE, 0, 0);
    for (n = 1; n < 470; n += 3) {
        static uint8_t before[HAL_NV_SIZE];
        memcpy(before, board.nv, sizeof before);
        calibration_load(&c);
        write_table(&c, 0, 1, new);
        board.cut_at = board.nv_written + n;
        if (setjmp(board.cut) == 0)
            calibration_do(&c, CALIBRATION_STORE, 0, 0);
        board.cut_at = 0;
        calibration_load(&c);
        int32_t value = calibrated(&c, 0, 5, METRIC_GOOD, &flag);
        assert_true(value == 877 || value == 977);
        memcpy(board.nv, before, sizeof before);
    }
}

/* A line with some nodes: what one sends ends 10 bits later for all the others. Returns who won,
 * -1: nobody. Clocks are off by a few bits. */
static int arbitrate(struct scan *nodes, unsigned count, uint32_t baud, uint64_t end_us)
{
    uint32_t bit_us = 1000000 / baud;
    int winner = -1;
    uint64_t now_us = end_us;
    uint64_t over_us = end_us + 40 * UINT64_C(14) * bit_us + 40000;
    while (now_us < over_us) {
        uint64_t next_us = over_us;
        for (unsigned i = 0; i < count; i++) {
            uint64_t due_us = scan_due_us(&nodes[i]);
            if (due_us < next_us)
                next_us = due_us;
        }
        now_us = next_us > now_us ? next_us : now_us + 1;
        bool dominant = false;
        for (unsigned i = 0; i < count; i++) {
            enum scan_step step = scan_poll(&nodes[i], now_us);
            dominant |= step == SCAN_DOMINANT;
            if (step == SCAN_WON) {
                assert_int_equal(winner, -1);
                winner = (int)i;
            }
        }
        for (unsigned i = 0; dominant && i < count; i++)
            scan_heard(&nodes[i], now_us + 10 * bit_us);
    }
    return winner;
}

static void smallest_serial_wins_and_each_is_found_once(void **state)
{
    (void)state;
    uint32_t seed = 12;
    for (int round = 0; round < 60; round++) {
        uint32_t baud = round % 2 ? 9600 : 115200;
        unsigned count = 1 + test_random(&seed) % 12;
        uint32_t serials[12];
        struct scan nodes[12];
        memset(nodes, 0, sizeof nodes);
        for (unsigned i = 0; i < count; i++)
            serials[i] = 0x0D000000 + test_random(&seed) % 0x10000;
        bool told[12] = {false};
        uint32_t last = 0;
        uint64_t end_us = 5000000;
        for (unsigned found = 0; found <= count; found++) {
            for (unsigned i = 0; i < count; i++)
                scan_begin(&nodes[i], serials[i], found == 0, baud, end_us);
            int winner = arbitrate(nodes, count, baud, end_us);
            assert_true(winner >= 0);
            if (found == count) {
                assert_true(nodes[winner].found); /* says "end" */
                break;
            }
            assert_false(told[winner]);
            assert_true(serials[winner] >= last);
            last = serials[winner];
            told[winner] = nodes[winner].found = true;
            end_us += SECOND_US;
        }
    }
}

static void node_that_was_asleep_too_long_does_not_take_part(void **state)
{
    (void)state;
    struct scan s = {0};
    scan_begin(&s, 0x0D000001, true, 9600, 1000);
    assert_int_equal(scan_poll(&s, scan_due_us(&s) + 50000), SCAN_WAIT);
    assert_true(scan_due_us(&s) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_are_those_of_the_last_whole_window),
        cmocka_unit_test(deviation_agrees_with_floating_point),
        cmocka_unit_test(table_is_interpolated_and_kept),
        cmocka_unit_test(one_point_is_an_offset),
        cmocka_unit_test(tables_that_make_no_sense_are_refused),
        cmocka_unit_test(dry_and_saturated_are_captured_in_either_order),
        cmocka_unit_test(calibration_from_the_factory_page_counts_where_the_memory_has_none),
        cmocka_unit_test(power_cut_leaves_the_old_calibration_or_the_new),
        cmocka_unit_test(smallest_serial_wins_and_each_is_found_once),
        cmocka_unit_test(node_that_was_asleep_too_long_does_not_take_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
