/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/node_map/node_map.h"

const struct node_channel node_channels[CHANNEL_COUNT] = {
#define CHANNEL(id, metric, register, type, decimals, none, bits, offset, step, text)              \
    {(register), NODE_##type, (decimals), (none), (bits), (step), (offset)},
#include "protocols/node_map/registers.def"
};

const struct node_setting node_settings[SETTING_COUNT] = {
#define SETTING(id, name, address, min, max, factory, ...) {(min), (max), (factory)},
#include "protocols/node_map/registers.def"
};

/* The setting's registers follow each other without holes, so that an index is an offset. */
#define SETTING(id, name, address, ...)                                                            \
    _Static_assert((address)-NODE_SETTING_PERIOD == INDEX_##id, "hole in the settings");
#include "protocols/node_map/registers.def"

int32_t node_channel_min(unsigned channel)
{
    return node_channels[channel].pack_offset;
}

int32_t node_channel_max(unsigned channel)
{
    const struct node_channel *c = &node_channels[channel];
    return ((1 << c->pack_bits) - 1 - (int32_t)NODE_PACK_FLAGS) * c->pack_step + c->pack_offset;
}

static int64_t round_to(int64_t value, int64_t step)
{
    return (value >= 0 ? value + step / 2 : value - step / 2) / step;
}

int32_t node_channel_round(unsigned channel, int32_t hundredths, uint8_t *flag)
{
    const struct node_channel *c = &node_channels[channel];
    int64_t value = hundredths;
    if (c->decimals == 0)
        value = round_to(value, 100);
    else if (c->decimals == 3)
        value *= 10;
    value = round_to(value, c->pack_step) * c->pack_step;
    int32_t min = node_channel_min(channel);
    int32_t max = node_channel_max(channel);
    if (channel == CHANNEL_RAINFALL && value > max)
        value %= (int64_t)max + 1;
    if (value >= min && value <= max)
        return (int32_t)value;
    *flag = METRIC_RANGE;
    return value < min ? min : max;
}

void node_values_put(const struct node_values *values, uint16_t registers[NODE_SNAPSHOT_USED])
{
    for (unsigned i = 0; i < 3; i++)
        registers[NODE_FLAGS + i] = 0;
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        const struct node_channel *c = &node_channels[i];
        registers[NODE_FLAGS + i / 4] |= (uint16_t)((values->flag[i] & 15u) << i % 4 * 4);
        uint32_t raw = values->value[i] == NODE_NO_VALUE ? c->no_value : (uint32_t)values->value[i];
        if (c->type == NODE_U32) {
            registers[c->address] = (uint16_t)(raw >> 16);
            registers[c->address + 1] = (uint16_t)raw;
        } else {
            registers[c->address] = (uint16_t)raw;
        }
    }
}

void node_values_get(const uint16_t registers[NODE_SNAPSHOT_USED], struct node_values *values)
{
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        const struct node_channel *c = &node_channels[i];
        values->flag[i] = registers[NODE_FLAGS + i / 4] >> i % 4 * 4 & 15;
        uint32_t raw =
            c->type == NODE_U32 ? node_u32_get(registers + c->address) : registers[c->address];
        if (raw == c->no_value)
            values->value[i] = NODE_NO_VALUE;
        else
            values->value[i] = c->type == NODE_S16 ? (int16_t)raw : (int32_t)raw;
    }
}

int32_t node_saturated(unsigned channel, uint16_t soil)
{
    static const int16_t soils[] = {4500, 4000, 5000, 6000};
    return channel == CHANNEL_SOIL_MOISTURE ? soils[soil % 4] : 10000;
}

uint32_t node_baud(uint16_t code)
{
    static const uint32_t rates[] = {2400, 4800, 9600, 19200, 38400, 57600, 115200, 1200};
    return code < sizeof rates / sizeof rates[0] ? rates[code] : 0;
}
