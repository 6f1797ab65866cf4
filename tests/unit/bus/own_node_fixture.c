/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/bus/own_node_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "protocols/bytes/bytes.h"
#include "protocols/node_log/node_log.h"
#include "protocols/node_map/node_map.h"

struct field_config own_fields[2] = {
    {.metric = "air_temperature",
     .function = 4,
     .type = FIELD_S16,
     .scale = 0.01,
     .min = -40,
     .max = 60,
     .channel = CHANNEL_AIR_TEMPERATURE},
    {.metric = "rainfall",
     .role = ROLE_COUNTER,
     .function = 4,
     .type = FIELD_U32,
     .scale = 0.01,
     .max = 200,
     .channel = CHANNEL_RAINFALL},
};
static struct profile_config profile = {.fields = own_fields, .field_count = 2, .node = true};
struct device_config own_device = {.index = 3,
                                   .every_ms = 60000,
                                   .profile = &profile,
                                   .metric_count = 2,
                                   .metrics = {&own_fields[0], &own_fields[1]}};
const struct wall_ms own_wall = {1795293274123, TIME_TRUSTED};

struct reading readings[OWN_READINGS_MAX];
unsigned reading_count;
struct reading_gap gaps[OWN_GAPS_MAX];
unsigned gap_count;

void own_take_reading(void *context, const struct reading *reading)
{
    (void)context;
    assert_true(reading_count < OWN_READINGS_MAX);
    readings[reading_count++] = *reading;
}

void own_take_gap(void *context, const struct reading_gap *gap)
{
    (void)context;
    assert_true(gap_count < OWN_GAPS_MAX);
    gaps[gap_count++] = *gap;
}

const struct reading_sink own_sink = {.reading = own_take_reading, .gap = own_take_gap};

int own_reset(void **state)
{
    (void)state;
    reading_count = gap_count = 0;
    return 0;
}

bool own_see(struct own_node *node, uint32_t boot, uint32_t seq, uint32_t age_ds, int64_t now_ms)
{
    struct decoded decoded = {
        .believed = true, .boot = boot, .seq = seq, .age_ds = age_ds, .status = NODE_STATUS_TIME};
    return own_node_snapshot(node, &decoded, 60, now_ms);
}

struct asked own_next_within(struct own_node *node, int64_t now_ms, unsigned records_max)
{
    uint8_t pdu[MODBUS_PDU_MAX];
    size_t size = 0;
    uint16_t answer_size;
    node->identified = true; /* or else that is what is asked when nothing else is */
    struct asked asked = {
        .job = own_node_next(node, now_ms, own_wall, records_max, pdu, &size, &answer_size)};
    if (asked.job != OWN_NODE_FETCH)
        return asked;
    struct byte_reader r = byte_reader_init(pdu, size);
    assert_int_equal(byte_read_u8(&r), 23);
    assert_int_equal(byte_read_u16(&r), NODE_LOG_WINDOW);
    asked.words = byte_read_u16(&r);
    assert_int_equal(byte_read_u16(&r), NODE_LOG_WANTED);
    assert_int_equal(byte_read_u16(&r), 3);
    assert_int_equal(byte_read_u8(&r), 6);
    asked.boot = byte_read_u16(&r);
    asked.seq = byte_read_u32(&r);
    assert_false(r.failed);
    assert_int_equal(answer_size, asked.words * 2 + 5);
    return asked;
}

struct asked own_next(struct own_node *node, int64_t now_ms)
{
    return own_next_within(node, now_ms, NODE_LOG_WINDOW_RECORDS);
}

/* The node's answer: `count` records from (boot, seq), the first taken `age_ds` ago. */
void own_give_once(struct own_node *node, uint16_t count, uint16_t boot, uint32_t seq,
                   uint32_t age_ds, uint32_t wall_s, int64_t now_ms)
{
    struct node_log_window window = {.count = count,
                                     .boot = boot,
                                     .seq = seq,
                                     .uptime_ds = 100000 - age_ds,
                                     .interval_ds = 600,
                                     .wall_s = wall_s,
                                     .newest_boot = boot,
                                     .newest_seq = seq + 100,
                                     .now_ds = 100000};
    for (unsigned i = 0; i < count; i++) {
        struct node_values values;
        for (unsigned c = 0; c < CHANNEL_COUNT; c++) {
            values.value[c] = NODE_NO_VALUE;
            values.flag[c] = METRIC_ABSENT;
        }
        values.value[CHANNEL_AIR_TEMPERATURE] = -500 + (int32_t)i;
        values.flag[CHANNEL_AIR_TEMPERATURE] = METRIC_GOOD;
        values.value[CHANNEL_RAINFALL] = 1000 + 20 * (int32_t)i;
        values.flag[CHANNEL_RAINFALL] = METRIC_GOOD;
        node_log_pack(&values, window.records[i]);
    }
    uint16_t words[NODE_LOG_WINDOW_WORDS];
    node_log_window_write(&window, words);
    uint8_t pdu[MODBUS_PDU_MAX];
    size_t send = NODE_LOG_WINDOW_HEAD + (size_t)count * NODE_LOG_RECORD_WORDS;
    struct byte_writer w = byte_writer_init(pdu, sizeof pdu);
    byte_write_u8(&w, 23);
    byte_write_u8(&w, (uint8_t)(send * 2));
    for (size_t i = 0; i < send; i++)
        byte_write_u16(&w, words[i]);
    struct transact_answer answer = {.result = BUS_OK, .pdu = pdu, .pdu_size = w.at};
    own_node_done(node, OWN_NODE_FETCH, &answer, now_ms, own_wall, &own_sink);
}

/* Of what it has lost it is asked twice. */
void own_give(struct own_node *node, uint16_t count, uint16_t boot, uint32_t seq, uint32_t age_ds,
              uint32_t wall_s, int64_t now_ms)
{
    own_give_once(node, count, boot, seq, age_ds, wall_s, now_ms);
    if (node->lost_said)
        own_give_once(node, count, boot, seq, age_ds, wall_s, now_ms);
}

/* What is stored ends with that sample; its counter told so many hundredths. */
void own_go_on(struct own_node *node, struct decode_counters *live, uint32_t boot, uint32_t seq,
               double told)
{
    struct reading_stored before = {.boot = boot,
                                    .seq = seq,
                                    .whole = true,
                                    .boot_count = 1,
                                    .boots = {{boot, true, {told / 100}}}};
    own_node_init(node, &own_device, &before, live);
}
