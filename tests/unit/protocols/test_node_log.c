/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/node/unit.h"

#include "protocols/node_log/node_log.h"

static const uint8_t value_flags[] = {METRIC_GOOD, METRIC_RANGE, METRIC_STUCK, METRIC_UNCALIBRATED};

/* Any sample that a node can have, after node_channel_round(). */
static void random_values(uint32_t *seed, struct node_values *v)
{
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        uint32_t r = test_random(seed);
        if (r % 5 == 0) {
            v->value[i] = NODE_NO_VALUE;
            v->flag[i] = (uint8_t)(r >> 8 & 7);
            continue;
        }
        bool simple = i == CHANNEL_RAINFALL || i == CHANNEL_BATTERY_VOLTAGE;
        v->flag[i] = value_flags[(r >> 8) % (simple ? 2 : 4)];
        int32_t min = node_channel_min(i);
        int32_t max = node_channel_max(i);
        int32_t value = min + (int32_t)(test_random(seed) % (uint32_t)(max - min + 1));
        value -= (value - min) % node_channels[i].pack_step;
        v->value[i] = r % 7 == 0 ? min : r % 7 == 1 ? max : value;
    }
}

static void assert_same(const struct node_values *a, const struct node_values *b)
{
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        assert_int_equal(a->value[i], b->value[i]);
        assert_int_equal(a->flag[i], b->flag[i]);
    }
}

static void every_sample_comes_back_from_log_and_registers_bit_for_bit(void **state)
{
    (void)state;
    uint32_t seed = 99;
    for (int n = 0; n < 20000; n++) {
        struct node_values in;
        struct node_values out;
        random_values(&seed, &in);
        uint8_t packed[NODE_LOG_PACKED_SIZE];
        node_log_pack(&in, packed);
        assert_int_equal(packed[0] & 0x80, 0);
        node_log_unpack(packed, &out);
        assert_same(&in, &out);
        uint16_t registers[NODE_SNAPSHOT_USED] = {0};
        node_values_put(&in, registers);
        node_values_get(registers, &out);
        assert_same(&in, &out);
    }
}

static void packing_is_fixed_for_ever(void **state)
{
    (void)state;
    struct node_values v = {
        .value = {1821, 9350, 3127, 1540, 187, 54612, 1240, 12600, NODE_NO_VALUE, -315},
        .flag = {0, METRIC_STUCK, 0, 0, 0, METRIC_RANGE, 0, 0, METRIC_ABSENT, 0}};
    static const uint8_t want[NODE_LOG_PACKED_SIZE] = {0x3D, 0x1A, 0x49, 0x0D, 0x28, 0x0E, 0x37,
                                                       0x50, 0x01, 0x76, 0x35, 0x55, 0x10, 0x13,
                                                       0x60, 0x9D, 0x9F, 0xD8, 0xB1, 0xA8};
    uint8_t packed[NODE_LOG_PACKED_SIZE];
    node_log_pack(&v, packed);
    assert_memory_equal(packed, want, sizeof want);
}

static void values_are_rounded_to_what_the_channel_carries(void **state)
{
    (void)state;
    uint8_t flag = METRIC_GOOD;
    assert_int_equal(node_channel_round(CHANNEL_AIR_TEMPERATURE, -1234, &flag), -1234);
    assert_int_equal(node_channel_round(CHANNEL_SOIL_CONDUCTIVITY, 18750, &flag), 188);
    assert_int_equal(node_channel_round(CHANNEL_ILLUMINANCE, 5461249, &flag), 54612);
    assert_int_equal(node_channel_round(CHANNEL_BATTERY_VOLTAGE, 1261, &flag), 12620);
    assert_int_equal(node_channel_round(CHANNEL_SOIL_WETNESS, 4567, &flag), 4570);
    assert_int_equal(node_channel_round(CHANNEL_RAINFALL, 262135, &flag), 262135);
    assert_int_equal(node_channel_round(CHANNEL_RAINFALL, 262136 + 40, &flag), 40);
    assert_int_equal(flag, METRIC_GOOD);
    assert_int_equal(node_channel_round(CHANNEL_AIR_TEMPERATURE, 20000, &flag),
                     node_channel_max(CHANNEL_AIR_TEMPERATURE));
    assert_int_equal(flag, METRIC_RANGE);
}

static void sample_passes_only_as_what_it_is(void **state)
{
    (void)state;
    const struct node_log_identity me = {70, 3, 41, 4711};
    uint8_t packed[NODE_LOG_PACKED_SIZE] = {0x12, 0x34};
    uint8_t slot[NODE_LOG_SLOT_SIZE];
    struct node_log_marker marker;
    node_log_sample_write(&me, packed, slot);
    assert_int_equal(node_log_slot_read(slot, &me, &marker), NODE_LOG_SAMPLE);
    struct node_log_identity other = me;
    other.place += NODE_LOG_SLOTS; /* an earlier lap */
    assert_int_equal(node_log_slot_read(slot, &other, &marker), NODE_LOG_NOTHING);
    other = me;
    other.seq++;
    assert_int_equal(node_log_slot_read(slot, &other, &marker), NODE_LOG_NOTHING);
    other = me;
    other.boot++;
    assert_int_equal(node_log_slot_read(slot, &other, &marker), NODE_LOG_NOTHING);
    other = me;
    other.uptime_ds++;
    assert_int_equal(node_log_slot_read(slot, &other, &marker), NODE_LOG_NOTHING);
    for (unsigned bit = 0; bit < NODE_LOG_SLOT_SIZE * 8; bit++) {
        slot[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(node_log_slot_read(slot, &me, &marker), NODE_LOG_NOTHING);
        slot[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void marker_comes_back_and_knows_its_place(void **state)
{
    (void)state;
    const struct node_log_marker in = {{64, 3, 40, 4700}, 600, 1795293274};
    struct node_log_marker out = {{0}, 0, 0};
    uint8_t slot[NODE_LOG_SLOT_SIZE];
    node_log_marker_write(&in, slot);
    struct node_log_identity at = {.place = 64};
    assert_int_equal(node_log_slot_read(slot, &at, &out), NODE_LOG_MARKER);
    assert_int_equal(out.next.boot, 3);
    assert_int_equal(out.next.seq, 40);
    assert_int_equal(out.next.uptime_ds, 4700);
    assert_int_equal(out.interval_ds, 600);
    assert_int_equal(out.wall_s, 1795293274);
    at.place += NODE_LOG_SLOTS;
    assert_int_equal(node_log_slot_read(slot, &at, &out), NODE_LOG_NOTHING);
}

static void ring_holds_what_is_promised(void **state)
{
    (void)state;
    assert_true(NODE_LOG_SLOT_SIZE <= 24);
    assert_int_equal(NODE_LOG_SLOTS % NODE_LOG_STRETCH, 0);
    assert_true(NODE_LOG_SLOTS - NODE_LOG_SLOTS / NODE_LOG_STRETCH - NODE_LOG_STRETCH >= 1300);
    assert_true(NODE_LOG_SIZE < 32768);
}

static void window_comes_back_as_far_as_it_was_read(void **state)
{
    (void)state;
    struct node_log_window in = {.count = 11,
                                 .boot = 5,
                                 .seq = 0x10002,
                                 .uptime_ds = 0x30004,
                                 .interval_ds = 600,
                                 .wall_s = 1795293274,
                                 .wall_ms = 123,
                                 .newest_boot = 6,
                                 .newest_seq = 0x50006,
                                 .now_ds = 0x70008};
    for (unsigned i = 0; i < 11; i++)
        memset(in.records[i], (int)(0x11 + i), NODE_LOG_PACKED_SIZE);
    uint16_t words[NODE_LOG_WINDOW_WORDS];
    node_log_window_write(&in, words);
    struct node_log_window out;
    assert_true(node_log_window_read(words, NODE_LOG_WINDOW_WORDS, &out));
    uint16_t again[NODE_LOG_WINDOW_WORDS];
    node_log_window_write(&out, again);
    assert_memory_equal(words, again, sizeof words);
    assert_true(node_log_window_read(words, NODE_LOG_WINDOW_HEAD + 25, &out));
    assert_int_equal(out.count, 2);
    assert_false(node_log_window_read(words, NODE_LOG_WINDOW_HEAD - 1, &out));
    words[0] = 12;
    assert_false(node_log_window_read(words, NODE_LOG_WINDOW_WORDS, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_comes_back_from_log_and_registers_bit_for_bit),
        cmocka_unit_test(packing_is_fixed_for_ever),
        cmocka_unit_test(values_are_rounded_to_what_the_channel_carries),
        cmocka_unit_test(sample_passes_only_as_what_it_is),
        cmocka_unit_test(marker_comes_back_and_knows_its_place),
        cmocka_unit_test(ring_holds_what_is_promised),
        cmocka_unit_test(window_comes_back_as_far_as_it_was_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
