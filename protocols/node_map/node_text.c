/* SPDX-License-Identifier: Apache-2.0 */
#include "protocols/node_map/node_text.h"

const struct node_setting_text node_setting_texts[SETTING_COUNT] = {
#define SETTING(id, name, address, min, max, factory, decimals, unit, text)                        \
    {(address), (decimals), (name), (unit), (text)},
#include "protocols/node_map/registers.def"
};

const struct node_channel_text node_channel_texts[CHANNEL_COUNT] = {
#define CHANNEL(id, metric, register, type, decimals, none, bits, offset, step, text)              \
    {(metric), (text)},
#include "protocols/node_map/registers.def"
};

const struct node_row_text node_row_texts[] = {
#define ROW(id, register, count, type, access, unit, text)                                         \
    {(register), (count), NODE_##type, #id, (unit), (text)},
#include "protocols/node_map/registers.def"
};
const unsigned node_row_count = sizeof node_row_texts / sizeof node_row_texts[0];
