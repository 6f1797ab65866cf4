/* SPDX-License-Identifier: Apache-2.0 */
/* The node's end of the RS-485 line: takes bytes from the board, finds frames, has requests served,
 * and sends the answer when the line has been silent for t3.5. Keeps the rules of who is meant
 * (address, broadcast, 0xFF), of changes on trial and of the power-up window.
 *
 * Scan and requests by serial number follow the published Fast Modbus extension (scan.h).
 *
 * An answer is built when its request is complete and held until the silence is over. Another frame
 * in the meantime means that the master has given up: then the answer is dropped. */
#ifndef BAIYE_NODE_LINK_H
#define BAIYE_NODE_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/hal.h"
#include "firmware/node/scan.h"
#include "firmware/node/settings.h"
#include "protocols/modbus/rtu.h"
#include "protocols/modbus/server.h"

struct link {
    struct rtu_receiver receiver;
    struct modbus_server server;
    struct settings *settings;
    struct line_settings line;   /* in force; differs from the stored while on trial */
    struct line_settings wanted; /* comes in force after the answer */
    bool change;                 /* `wanted` waits */
    uint32_t forced_silence_us;  /* 0: the standard's, or the board's floor */
    uint64_t trial_until_us;     /* 0: no trial */
    uint64_t tried_us;           /* end of the first request to an address on trial; 0: none yet */
    uint64_t power_up_until_us;  /* 0: listens on its own settings */
    uint64_t request_end_us;     /* of the request being served */
    struct scan scan;
    uint32_t baud;      /* that the port runs at */
    bool foreign_heard; /* since power-up: 0xFF is not answered any more */
    bool sending;
    uint64_t send_by_us; /* an answer that could not be sent by then is not wanted any more */
    uint16_t answer_size;
    uint8_t answer[RTU_FRAME_MAX];
    uint16_t framing_errors, parity_errors, dropped, duplicates; /* wrap */
};

struct link_options {
    uint32_t silence_us; /* 0: the standard's, or the board's floor */
    bool power_up;       /* listen at 19,200 8E1 first */
};

/* `settings` are loaded; both outlive the link. */
void link_init(struct link *l, const struct modbus_model *model, struct settings *settings,
               const struct link_options *options, uint64_t now_us);
/* When to be called again, apart from when something was received or sent. */
uint64_t link_poll(struct link *l, uint64_t now_us);
/* False: an answer has been leaving for longer than it can take. */
bool link_is_well(const struct link *l, uint64_t now_us);
/* After the answer that is being built: on trial, until spoken to or NODE_PROVISIONAL_S are
 * over. */
void link_want_line(struct link *l, const struct line_settings *line);

#endif
