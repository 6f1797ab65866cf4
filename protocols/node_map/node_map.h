/* SPDX-License-Identifier: Apache-2.0 */
/* The node as the bus sees it: register addresses, channels, settings, all from registers.def. The
 * document NODE_MAP.md and the gateway's profile are generated from the same lines. Pure data and
 * functions; any thread. Numbers are on wires and in memories: append only. */
#ifndef BAIYE_NODE_MAP_H
#define BAIYE_NODE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/metric/metric.h"

#define NODE_MAP_VERSION_NUMBER     1u
#define NODE_SNAPSHOT_SIZE          32u /* registers readable in the snapshot block, the rest 0 */
#define NODE_SNAPSHOT_USED          22u
#define NODE_UNLOCK_KEY             0x4241u /* "BA" */
#define NODE_UNLOCK_S               60u
#define NODE_ADDRESS_FACTORY        247u
#define NODE_BAUD_FACTORY           2u
#define NODE_PROVISIONAL_S          60u
#define NODE_CALIBRATION_POINTS_MAX 5u

/* NODE_BOOT = 0x0001, ... */
enum node_register {
#define ROW(id, address, ...)           NODE_##id = (address),
#define SETTING(id, name, address, ...) NODE_##id = (address),
#include "protocols/node_map/registers.def"
};

/* CHANNEL_AIR_TEMPERATURE = 0, ... CHANNEL_COUNT */
enum node_channel_index {
#define CHANNEL(id, ...) CHANNEL_##id,
#include "protocols/node_map/registers.def"
    CHANNEL_COUNT
};

/* INDEX_SETTING_PERIOD = 0, ... SETTING_COUNT: place in the settings block, and in memory */
enum node_setting_index {
#define SETTING(id, ...) INDEX_##id,
#include "protocols/node_map/registers.def"
    SETTING_COUNT
};

enum node_type { NODE_U16, NODE_S16, NODE_U32, NODE_S32, NODE_BITS, NODE_TEXT };

/* Bits of NODE_STATUS. */
enum node_status {
    NODE_STATUS_TIME = 1 << 0,      /* knows the wall time */
    NODE_STATUS_DEFAULTS = 1 << 1,  /* settings were unreadable: factory settings in force */
    NODE_STATUS_NV = 1 << 2,        /* the memory that stays failed, at a write or from the start */
    NODE_STATUS_SELF_TEST = 1 << 3, /* the last self-test failed */
    NODE_STATUS_UNLOCKED = 1 << 4,
    NODE_STATUS_PROVISIONAL = 1 << 5, /* address or rate on trial */
    NODE_STATUS_UNCOMMITTED = 1 << 6, /* settings written and not committed */
    NODE_STATUS_WATCHDOG = 1 << 7,    /* this boot was made by the watchdog or a fault */
    NODE_STATUS_POWER_UP = 1 << 8,    /* still listens at 19,200 8E1 */
    NODE_STATUS_DUPLICATE = 1 << 9,   /* another node answers at this address */
    NODE_STATUS_COARSE = 1 << 10      /* no crystal: its clock may be minutes off within a day */
};

/* One channel. A value travels in steps of 10^-decimals of its unit; the log packs
 * (value - pack_offset) / pack_step into pack_bits bits, of which the top NODE_PACK_FLAGS codes
 * mean "no value". */
struct node_channel {
    uint16_t address;
    uint8_t type; /* enum node_type: U16, S16 or U32 */
    uint8_t decimals;
    uint32_t no_value;
    uint8_t pack_bits;
    uint8_t pack_step;
    int16_t pack_offset;
};

#define NODE_PACK_FLAGS 8u
#define NODE_NO_VALUE   INT32_MIN /* a channel's value in memory: none */

extern const struct node_channel node_channels[CHANNEL_COUNT];

struct node_setting {
    uint16_t min, max, factory;
};
extern const struct node_setting node_settings[SETTING_COUNT];

/* Values and flags of one sample, in the channels' own steps. */
struct node_values {
    int32_t value[CHANNEL_COUNT]; /* NODE_NO_VALUE: none */
    uint8_t flag[CHANNEL_COUNT];  /* enum metric_flag */
};

/* Hundredths of the unit as the sensors give them, to the channel's steps: rounded, and brought
 * into what the channel can carry (then the flag becomes range). Rain begins again at its end
 * instead. What this returns is what the bus, the log and the store show, bit for bit. */
int32_t node_channel_round(unsigned channel, int32_t hundredths, uint8_t *flag);
/* Largest and smallest value that the channel carries. */
int32_t node_channel_max(unsigned channel);
int32_t node_channel_min(unsigned channel);

/* The snapshot's measurements and flags (registers 6 to 8, 10 to 21) from values; and back. The
 * registers are those from 0 on; others are left alone. */
void node_values_put(const struct node_values *values, uint16_t registers[NODE_SNAPSHOT_USED]);
void node_values_get(const uint16_t registers[NODE_SNAPSHOT_USED], struct node_values *values);

/* A value of 32 bits in two registers, the high word first. */
static inline uint32_t node_u32_get(const uint16_t words[2])
{
    return (uint32_t)words[0] << 16 | words[1];
}
static inline void node_u32_put(uint16_t words[2], uint32_t value)
{
    words[0] = (uint16_t)(value >> 16);
    words[1] = (uint16_t)value;
}

/* Hundredths that the channel has in saturated soil of the kind that NODE_SETTING_SOIL names; other
 * channels than volumetric moisture take saturated for all there can be. */
int32_t node_saturated(unsigned channel, uint16_t soil);
/* Code of NODE_BAUD to rate; 0 when there is none. */
uint32_t node_baud(uint16_t code);

#endif
