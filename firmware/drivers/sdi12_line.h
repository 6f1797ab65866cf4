/* SPDX-License-Identifier: Apache-2.0 */
/* The host's end of one SDI-12 line: wakes the probes with a break, sends a command, gathers the
 * answer, tries again as the standard asks. Never waits: each call says when to call next.
 *
 *   break 12.2 ms │ marking 8.4 ms │ command, 8.33 ms a character │ answer begins within 15 ms
 *                                        └── up to `inner` times, ──┘
 *   └───────────────── all of it up to `outer` times ───────────────┘
 *
 * One owner at a time takes the line; the others come back later. Main loop only. */
#ifndef BAIYE_SDI12_LINE_H
#define BAIYE_SDI12_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocols/sdi12/sdi12.h"

#define SDI12_LINE_DONE UINT64_MAX /* of the poll functions: look at `result` */

/* How a command is tried. The first byte of an answer is due 15 ms + one character after the
 * command; more than 87 ms of silence would put the probe to sleep. */
struct sdi12_rules {
    uint16_t first_ms; /* wait for the first byte */
    uint8_t inner;     /* tries after one break */
    uint8_t outer;     /* breaks */
};
extern const struct sdi12_rules sdi12_rules_standard; /* 3 x 3, as the standard asks at least */

enum sdi12_line_result {
    SDI12_LINE_ANSWER = 0,   /* answer[0..length) ends in CR LF */
    SDI12_LINE_SILENT = -1,  /* no one answered */
    SDI12_LINE_GARBLED = -2, /* bytes came, with wrong parity, cut off or too long */
};

struct sdi12_line {
    const void *owner; /* NULL: free */
    enum sdi12_line_result result;
    char answer[SDI12_ANSWER_MAX];
    uint8_t length;
    uint16_t tries; /* of the exchange so far */
    /* The line's own. */
    struct sdi12_rules rules;
    uint64_t due_us;    /* end of the present step */
    uint64_t cut_us;    /* an answer not ended by then is cut off */
    uint64_t last_us;   /* arrival of its last byte */
    uint8_t step;       /* enum in sdi12_line.c */
    uint8_t inner_left; /* tries left after this break */
    uint8_t outer_left;
    bool garbled; /* a byte with an error is in the answer, or some try ended so */
    bool heard;   /* some try received something */
    uint8_t command_length;
    char command[SDI12_COMMAND_MAX];
};

void sdi12_line_init(struct sdi12_line *line);
/* True when `owner` has the line now (or had it already). */
bool sdi12_line_take(struct sdi12_line *line, const void *owner);
/* Only the owner's call has an effect; an exchange under way is dropped. */
void sdi12_line_release(struct sdi12_line *line, const void *owner);

/* Begins an exchange; text[0..length) is a whole command with its '!', at most 5 characters.
 * False when it is not. Any form is sent, so this is also the technician's pass-through. */
bool sdi12_line_ask(struct sdi12_line *line, const struct sdi12_rules *rules, const char *text,
                    size_t length, uint64_t now_us);
/* Only listens, for the service request, until `until_us`. */
void sdi12_line_listen(struct sdi12_line *line, uint64_t until_us);
/* When to be called next, or SDI12_LINE_DONE. */
uint64_t sdi12_line_poll(struct sdi12_line *line, uint64_t now_us);
/* Tries the same command once more when tries are left, after an answer that the caller could not
 * use; false: they are used up. */
bool sdi12_line_again(struct sdi12_line *line, uint64_t now_us);

/* Who is on the line: asks '0'..'9' and 'a'..'z', each once, in less than 3 s. */
#define SDI12_SCAN_ADDRESSES 36
struct sdi12_scan {
    struct sdi12_line *line;
    uint64_t present; /* bit 0 is '0', bit 10 is 'a' */
    uint8_t next;
};
char sdi12_scan_address(unsigned bit);
void sdi12_scan_start(struct sdi12_scan *scan, struct sdi12_line *line);
/* When to be called next, or SDI12_LINE_DONE; queues for the line like everybody else. */
uint64_t sdi12_scan_poll(struct sdi12_scan *scan, uint64_t now_us);

#endif
