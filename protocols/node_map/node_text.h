/* SPDX-License-Identifier: Apache-2.0 */
/* The words of registers.def, for people: documents and commands have them, firmware does not. Pure
 * data; any thread. */
#ifndef BAIYE_NODE_TEXT_H
#define BAIYE_NODE_TEXT_H

#include <stdint.h>

#include "protocols/node_map/node_map.h"

/* A setting's code is its value in steps of 10^-decimals of the unit. */
struct node_setting_text {
    uint16_t address;
    uint8_t decimals; /* 0 or 2 */
    const char *name, *unit, *text;
};

struct node_channel_text {
    const char *metric, *text; /* its unit, and what else is to be known */
};

/* What is neither setting nor channel. */
struct node_row_text {
    uint16_t address, count;
    uint8_t type;                   /* enum node_type */
    const char *name, *unit, *text; /* the name in capitals, as in NODE_MAP.md's constants */
};

extern const struct node_row_text node_row_texts[];
extern const unsigned node_row_count;
extern const struct node_setting_text node_setting_texts[SETTING_COUNT];
extern const struct node_channel_text node_channel_texts[CHANNEL_COUNT];

#endif
