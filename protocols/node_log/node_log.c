/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/node_log/node_log.h"

#include <string.h>

#include "protocols/bytes/bytes.h"
#include "protocols/modbus/crc16.h"

#define MARKER_BIT 0x80000000u

/* The flags that a value can carry, by their code in the log. */
static const uint8_t flag_of_code[4] = {METRIC_GOOD, METRIC_RANGE, METRIC_STUCK,
                                        METRIC_UNCALIBRATED};

/* Bits from the highest of the first byte on. The packing is a compile-time table of 159 bits, so
 * they always fit. */
struct bits {
    uint8_t *bytes;
    unsigned at;
};

static void put_bits(struct bits *b, uint32_t value, unsigned count)
{
    for (unsigned i = count; i-- > 0; b->at++) {
        if (value >> i & 1)
            b->bytes[b->at / 8] |= (uint8_t)(0x80u >> b->at % 8);
    }
}

static uint32_t get_bits(const uint8_t *bytes, unsigned *at, unsigned count)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < count; i++, (*at)++)
        value = value << 1 | ((uint32_t)bytes[*at / 8] >> (7 - *at % 8) & 1u);
    return value;
}

/* Rain and battery are counted and measured, never calibrated or stuck: one bit does. */
static unsigned flag_bits(unsigned channel)
{
    return channel == CHANNEL_RAINFALL || channel == CHANNEL_BATTERY_VOLTAGE ? 1 : 2;
}

/* As many bytes as the values take bits. */
struct value_bits {
#define CHANNEL(id, metric, register, type, decimals, none, bits, ...) char id[bits];
#include "protocols/node_map/registers.def"
};
_Static_assert(1 + sizeof(struct value_bits) + sizeof(char[2][CHANNEL_COUNT]) - 2 <= 160,
               "a sample does not fit its slot");

static uint32_t value_code(unsigned channel, int32_t value, uint8_t flag)
{
    const struct node_channel *c = &node_channels[channel];
    uint32_t top = (1u << c->pack_bits) - 1;
    if (value == NODE_NO_VALUE)
        return top - flag % NODE_PACK_FLAGS;
    if (value < node_channel_min(channel))
        value = node_channel_min(channel);
    if (value > node_channel_max(channel))
        value = node_channel_max(channel);
    return (uint32_t)((value - c->pack_offset) / c->pack_step);
}

static uint32_t flag_code(uint8_t flag, unsigned bits)
{
    for (uint32_t code = 0; code < 1u << bits; code++) {
        if (flag_of_code[code] == flag)
            return code;
    }
    return 1; /* range: not good, and no more can be said */
}

void node_log_pack(const struct node_values *values, uint8_t packed[NODE_LOG_PACKED_SIZE])
{
    struct bits b = {packed, 1}; /* the first bit tells samples from markers */
    memset(packed, 0, NODE_LOG_PACKED_SIZE);
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        bool none = values->value[i] == NODE_NO_VALUE;
        put_bits(&b, value_code(i, values->value[i], values->flag[i]), node_channels[i].pack_bits);
        put_bits(&b, none ? 0 : flag_code(values->flag[i], flag_bits(i)), flag_bits(i));
    }
}

void node_log_unpack(const uint8_t packed[NODE_LOG_PACKED_SIZE], struct node_values *values)
{
    unsigned at = 1;
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        const struct node_channel *c = &node_channels[i];
        uint32_t top = (1u << c->pack_bits) - 1;
        uint32_t code = get_bits(packed, &at, c->pack_bits);
        uint32_t flag = get_bits(packed, &at, flag_bits(i));
        if (top - code < NODE_PACK_FLAGS) {
            values->value[i] = NODE_NO_VALUE;
            values->flag[i] = (uint8_t)(top - code);
        } else {
            values->value[i] = (int32_t)code * c->pack_step + c->pack_offset;
            values->flag[i] = flag_of_code[flag];
        }
    }
}

/* CRC over what a slot is, then over what is in it. */
static uint16_t sample_crc(const struct node_log_identity *identity, const uint8_t *packed)
{
    uint8_t who[14];
    struct byte_writer w = byte_writer_init(who, sizeof who);
    byte_write_u32(&w, identity->place);
    byte_write_u16(&w, identity->boot);
    byte_write_u32(&w, identity->seq);
    byte_write_u32(&w, identity->uptime_ds);
    return crc16_modbus(crc16_modbus(CRC16_INITIAL, who, sizeof who), packed, NODE_LOG_PACKED_SIZE);
}

void node_log_sample_write(const struct node_log_identity *identity,
                           const uint8_t packed[NODE_LOG_PACKED_SIZE],
                           uint8_t slot[NODE_LOG_SLOT_SIZE])
{
    struct byte_writer w = byte_writer_init(slot, NODE_LOG_SLOT_SIZE);
    byte_write_span(&w, packed, NODE_LOG_PACKED_SIZE);
    byte_write_u16(&w, sample_crc(identity, packed));
}

void node_log_marker_write(const struct node_log_marker *marker, uint8_t slot[NODE_LOG_SLOT_SIZE])
{
    struct byte_writer w = byte_writer_init(slot, NODE_LOG_SLOT_SIZE);
    byte_write_u32(&w, marker->next.place | MARKER_BIT);
    byte_write_u16(&w, marker->next.boot);
    byte_write_u32(&w, marker->next.seq);
    byte_write_u32(&w, marker->next.uptime_ds);
    byte_write_u16(&w, marker->interval_ds);
    byte_write_u32(&w, marker->wall_s);
    byte_write_u16(&w, crc16_modbus(CRC16_INITIAL, slot, NODE_LOG_PACKED_SIZE));
}

static bool marker_read(const uint8_t *slot, struct node_log_marker *marker)
{
    struct byte_reader r = byte_reader_init(slot, NODE_LOG_SLOT_SIZE);
    uint32_t place = byte_read_u32(&r);
    marker->next.place = place & ~MARKER_BIT;
    marker->next.boot = byte_read_u16(&r);
    marker->next.seq = byte_read_u32(&r);
    marker->next.uptime_ds = byte_read_u32(&r);
    marker->interval_ds = byte_read_u16(&r);
    marker->wall_s = byte_read_u32(&r);
    return (place & MARKER_BIT) &&
           byte_read_u16(&r) == crc16_modbus(CRC16_INITIAL, slot, NODE_LOG_PACKED_SIZE);
}

enum node_log_kind node_log_slot_read(const uint8_t slot[NODE_LOG_SLOT_SIZE],
                                      const struct node_log_identity *expected,
                                      struct node_log_marker *marker)
{
    if (slot[0] & 0x80) {
        struct node_log_marker found;
        if (!marker_read(slot, &found) || found.next.place != expected->place)
            return NODE_LOG_NOTHING;
        *marker = found;
        return NODE_LOG_MARKER;
    }
    struct byte_reader r = byte_reader_init(slot + NODE_LOG_PACKED_SIZE, 2);
    return byte_read_u16(&r) == sample_crc(expected, slot) ? NODE_LOG_SAMPLE : NODE_LOG_NOTHING;
}

static uint16_t high(uint32_t value)
{
    return (uint16_t)(value >> 16);
}

void node_log_window_write(const struct node_log_window *window,
                           uint16_t words[NODE_LOG_WINDOW_WORDS])
{
    const uint16_t head[NODE_LOG_WINDOW_HEAD] = {window->count,
                                                 window->boot,
                                                 high(window->seq),
                                                 (uint16_t)window->seq,
                                                 high(window->uptime_ds),
                                                 (uint16_t)window->uptime_ds,
                                                 window->interval_ds,
                                                 high(window->wall_s),
                                                 (uint16_t)window->wall_s,
                                                 window->wall_ms,
                                                 window->newest_boot,
                                                 high(window->newest_seq),
                                                 (uint16_t)window->newest_seq,
                                                 high(window->now_ds),
                                                 (uint16_t)window->now_ds};
    memset(words, 0, NODE_LOG_WINDOW_WORDS * sizeof *words);
    memcpy(words, head, sizeof head);
    for (size_t i = 0; i < window->count; i++) {
        uint16_t *record = words + NODE_LOG_WINDOW_HEAD + i * NODE_LOG_RECORD_WORDS;
        for (size_t k = 0; k < NODE_LOG_RECORD_WORDS; k++)
            record[k] = (uint16_t)(window->records[i][2 * k] << 8 | window->records[i][2 * k + 1]);
    }
}

bool node_log_window_read(const uint16_t *words, size_t count, struct node_log_window *window)
{
    if (count < NODE_LOG_WINDOW_HEAD || words[0] > NODE_LOG_WINDOW_RECORDS)
        return false;
    *window = (struct node_log_window){
        .count = words[0],
        .boot = words[1],
        .seq = node_u32_get(words + 2),
        .uptime_ds = node_u32_get(words + 4),
        .interval_ds = words[6],
        .wall_s = node_u32_get(words + 7),
        .wall_ms = words[9],
        .newest_boot = words[10],
        .newest_seq = node_u32_get(words + 11),
        .now_ds = node_u32_get(words + 13),
    };
    size_t whole = (count - NODE_LOG_WINDOW_HEAD) / NODE_LOG_RECORD_WORDS;
    if (window->count > whole)
        window->count = (uint16_t)whole;
    for (size_t i = 0; i < window->count; i++) {
        const uint16_t *record = words + NODE_LOG_WINDOW_HEAD + i * NODE_LOG_RECORD_WORDS;
        for (size_t k = 0; k < NODE_LOG_RECORD_WORDS; k++) {
            window->records[i][2 * k] = (uint8_t)(record[k] >> 8);
            window->records[i][2 * k + 1] = (uint8_t)record[k];
        }
    }
    return true;
}
