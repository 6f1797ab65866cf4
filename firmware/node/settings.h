/* SPDX-License-Identifier: Apache-2.0 */
/* The node's settings: those in force, those written and waiting for the commit, and the address
 * and rate of the line. Kept in two copies (redundant_record.h). */
#ifndef BAIYE_NODE_SETTINGS_H
#define BAIYE_NODE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/hal.h"
#include "firmware/node/redundant_record.h"
#include "protocols/node_map/node_map.h"

struct line_settings {
    uint8_t address;   /* 1..247; 0: not known, the memory does not answer */
    uint8_t baud_code; /* of node_baud() */
    uint8_t parity;    /* 0 none, 1 even, 2 odd */
};

struct settings {
    struct redundant_record record;
    struct line_settings line;       /* as stored; on trial others may be in force */
    uint16_t value[SETTING_COUNT];   /* in force */
    uint16_t written[SETTING_COUNT]; /* what a commit would put in force */
    bool defaults;                   /* neither copy was good */
    bool damaged;                    /* and yet there was something: it is not a new node */
};

/* Loads, or puts the factory settings in force where there are none. An error: the memory did not
 * answer, so the node has no address (0) until a later try succeeds. */
enum hal_result settings_load(struct settings *s);
/* What was written comes in force once it is stored; on an error nothing changes. */
enum hal_result settings_commit(struct settings *s);
void settings_forget(struct settings *s);
/* Factory values of everything but the line; stored and in force. */
enum hal_result settings_factory(struct settings *s);
enum hal_result settings_store_line(struct settings *s, const struct line_settings *line);
bool settings_uncommitted(const struct settings *s);
bool line_settings_valid(const struct line_settings *line);
/* As hal_bus_open() wants it. */
struct hal_line line_settings_hal(const struct line_settings *line);

#endif
