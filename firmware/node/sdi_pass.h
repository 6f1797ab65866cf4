/* SPDX-License-Identifier: Apache-2.0 */
/* Lets a technician talk to the SDI-12 probes through the node: one command, one answer. Waits for
 * the line like a sensor does, so measurements go on. */
#ifndef BAIYE_NODE_SDI_PASS_H
#define BAIYE_NODE_SDI_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/drivers/sdi12_line.h"

#define SDI_PASS_COMMAND_WORDS 4u
#define SDI_PASS_ANSWER_WORDS  42u
#define SDI_PASS_WORDS         (SDI_PASS_COMMAND_WORDS + 1 + SDI_PASS_ANSWER_WORDS)

enum sdi_pass_state {
    SDI_PASS_IDLE = 0,
    SDI_PASS_BUSY = 1,
    SDI_PASS_ANSWERED = 2,
    SDI_PASS_SILENT = 3,
    SDI_PASS_GARBLED = 4
};

struct sdi_pass {
    struct sdi12_line *line; /* NULL: the board has none */
    uint8_t state;           /* enum sdi_pass_state */
    bool asked;
    uint8_t length;
    char command[2 * SDI_PASS_COMMAND_WORDS];
    char answer[2 * SDI_PASS_ANSWER_WORDS];
};

/* The registers from NODE_SDI12_COMMAND on; the command reads 0. */
void sdi_pass_fill(const struct sdi_pass *pass, uint16_t *words);
/* Words of the command's registers. False: no line, busy, or no command. */
bool sdi_pass_write(struct sdi_pass *pass, const uint16_t *words, uint16_t count);
/* When to be called again. */
uint64_t sdi_pass_poll(struct sdi_pass *pass, uint64_t now_us);

#endif
