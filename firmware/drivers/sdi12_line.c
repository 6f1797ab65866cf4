/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/drivers/sdi12_line.h"

#include <string.h>

#include "firmware/hal.h"

enum {
    BREAK_US = 12200,                                    /* at least 12 ms */
    MARKING_US = 8500,                                   /* at least 8.33 ms */
    CHARACTER_US = 8334,                                 /* 10 bits at 1200 baud */
    ANSWER_US = 50000 + SDI12_ANSWER_MAX * CHARACTER_US, /* the longest answer, and some pauses */
    LOOK_US = CHARACTER_US, /* how often to look for bytes, should nothing else wake the loop */
    GAP_US = 60000,         /* 1.7 ms on a real line; emulated ones hand bytes over in bursts */
    BUSY_US = 10000,
    MOST_BYTES = 256, /* looked at in one call, should the line babble */
};

enum step { STEP_IDLE, STEP_BREAK, STEP_MARKING, STEP_SENDING, STEP_FIRST, STEP_REST, STEP_LISTEN };

const struct sdi12_rules sdi12_rules_standard = {.first_ms = 80, .inner = 3, .outer = 3};
/* One break and one try: 12.2 + 8.5 + 2 x 8.33 + 40 ms, 36 times is 2.8 s. */
static const struct sdi12_rules rules_scan = {.first_ms = 40, .inner = 1, .outer = 1};

void sdi12_line_init(struct sdi12_line *line)
{
    *line = (struct sdi12_line){.owner = NULL};
}

bool sdi12_line_take(struct sdi12_line *line, const void *owner)
{
    if (line->owner == NULL)
        line->owner = owner;
    return line->owner == owner;
}

void sdi12_line_release(struct sdi12_line *line, const void *owner)
{
    if (line->owner != owner)
        return;
    if (line->step == STEP_BREAK)
        hal_sdi_break(false);
    line->step = STEP_IDLE;
    line->owner = NULL;
}

static void begin_break(struct sdi12_line *line, uint64_t now_us)
{
    line->outer_left--;
    line->inner_left = line->rules.inner;
    hal_sdi_break(true);
    line->step = STEP_BREAK;
    line->due_us = now_us + BREAK_US;
}

bool sdi12_line_ask(struct sdi12_line *line, const struct sdi12_rules *rules, const char *text,
                    size_t length, uint64_t now_us)
{
    if (length < 2 || length >= SDI12_COMMAND_MAX || text[length - 1] != '!')
        return false;
    memcpy(line->command, text, length);
    line->command_length = (uint8_t)length;
    line->rules = *rules;
    line->outer_left = rules->outer;
    line->heard = false;
    line->tries = 0;
    begin_break(line, now_us);
    return true;
}

static void clear_answer(struct sdi12_line *line)
{
    line->length = 0;
    line->garbled = false;
}

void sdi12_line_listen(struct sdi12_line *line, uint64_t until_us)
{
    clear_answer(line);
    line->heard = false;
    line->inner_left = line->outer_left = 0;
    line->due_us = until_us;
    line->step = STEP_LISTEN;
}

static uint64_t done(struct sdi12_line *line, enum sdi12_line_result result)
{
    line->step = STEP_IDLE;
    line->result = result;
    return SDI12_LINE_DONE;
}

static uint64_t send(struct sdi12_line *line, uint64_t now_us)
{
    struct hal_byte old;
    for (int i = 0; i < MOST_BYTES && hal_sdi_receive(&old); i++)
        ; /* a late answer to something else must not be taken for this one's */
    clear_answer(line);
    line->inner_left--;
    line->tries++;
    hal_sdi_send(line->command, line->command_length);
    line->step = STEP_SENDING;
    line->due_us = now_us + line->command_length * (uint64_t)CHARACTER_US;
    return line->due_us;
}

bool sdi12_line_again(struct sdi12_line *line, uint64_t now_us)
{
    line->heard = true;
    if (line->inner_left)
        send(line, now_us);
    else if (line->outer_left)
        begin_break(line, now_us);
    else
        return false;
    return true;
}

/* This try failed: the next one, or the end. */
static uint64_t fail(struct sdi12_line *line, uint64_t now_us)
{
    bool heard = line->heard || line->garbled || line->length;
    if (line->inner_left || line->outer_left) {
        sdi12_line_again(line, now_us);
        line->heard = heard;
        return line->due_us;
    }
    return done(line, heard ? SDI12_LINE_GARBLED : SDI12_LINE_SILENT);
}

/* Takes what has arrived; true when the answer has ended. Turning the wire round may leave a
 * glitch before the address, which is skipped. */
static bool gather(struct sdi12_line *line)
{
    struct hal_byte byte;
    for (int i = 0; i < MOST_BYTES && line->length < SDI12_ANSWER_MAX - 1; i++) {
        if (!hal_sdi_receive(&byte))
            return false;
        if (line->length == 0 && (byte.errors || !sdi12_address_valid((char)byte.value))) {
            line->heard = true;
            continue;
        }
        if (byte.errors || (line->length && byte.time_us > line->last_us + GAP_US))
            line->garbled = true; /* two pieces with a gap may look like another, whole answer */
        line->last_us = byte.time_us;
        line->answer[line->length++] = (char)byte.value;
        line->answer[line->length] = '\0';
        if (byte.value == '\n')
            return true;
    }
    return line->length == SDI12_ANSWER_MAX - 1;
}

static uint64_t look_again(uint64_t now_us, uint64_t limit_us)
{
    uint64_t look_us = now_us + LOOK_US;
    return look_us < limit_us ? look_us : limit_us;
}

static uint64_t receive(struct sdi12_line *line, uint64_t now_us)
{
    if (gather(line)) {
        bool whole = line->length >= 2 && line->answer[line->length - 1] == '\n' &&
                     line->answer[line->length - 2] == '\r';
        if (whole && !line->garbled)
            return done(line, SDI12_LINE_ANSWER);
        line->garbled = true;
        return fail(line, now_us);
    }
    if (line->step == STEP_FIRST && line->length)
        line->step = STEP_REST;
    if (line->step == STEP_REST) {
        uint64_t silent_us = line->last_us + GAP_US;
        line->due_us = silent_us < line->cut_us ? silent_us : line->cut_us;
    }
    if (now_us >= line->due_us)
        return fail(line, now_us);
    return look_again(now_us, line->due_us);
}

uint64_t sdi12_line_poll(struct sdi12_line *line, uint64_t now_us)
{
    switch ((enum step)line->step) {
    case STEP_IDLE:
        return SDI12_LINE_DONE;
    case STEP_BREAK:
        if (now_us < line->due_us)
            return line->due_us;
        hal_sdi_break(false);
        line->step = STEP_MARKING;
        line->due_us = now_us + MARKING_US;
        return line->due_us;
    case STEP_MARKING:
        if (now_us < line->due_us)
            return line->due_us;
        return send(line, now_us);
    case STEP_SENDING:
        if (now_us < line->due_us && hal_sdi_sending())
            return line->due_us;
        line->step = STEP_FIRST;
        line->cut_us = now_us + ANSWER_US;
        line->due_us = now_us + line->rules.first_ms * UINT64_C(1000);
        return receive(line, now_us);
    case STEP_FIRST:
    case STEP_REST:
    case STEP_LISTEN:
        return receive(line, now_us);
    }
    return SDI12_LINE_DONE;
}

char sdi12_scan_address(unsigned bit)
{
    return (char)(bit < 10 ? '0' + bit : 'a' + (bit - 10));
}

void sdi12_scan_start(struct sdi12_scan *scan, struct sdi12_line *line)
{
    *scan = (struct sdi12_scan){.line = line};
}

/* Asks the next address; false at the end of the list. */
static bool scan_ask(struct sdi12_scan *scan, uint64_t now_us)
{
    if (scan->next == SDI12_SCAN_ADDRESSES)
        return false;
    const char command[2] = {sdi12_scan_address(scan->next++), '!'};
    return sdi12_line_ask(scan->line, &rules_scan, command, sizeof command, now_us);
}

uint64_t sdi12_scan_poll(struct sdi12_scan *scan, uint64_t now_us)
{
    struct sdi12_line *line = scan->line;
    bool mine = line->owner == scan;
    if (!sdi12_line_take(line, scan))
        return now_us + BUSY_US;
    if (!mine)
        scan_ask(scan, now_us);
    uint64_t next_us = sdi12_line_poll(line, now_us);
    if (next_us != SDI12_LINE_DONE)
        return next_us;
    char asked = sdi12_scan_address(scan->next - 1U), address;
    if (line->result == SDI12_LINE_ANSWER &&
        sdi12_address_parse(line->answer, line->length, &address) == SDI12_OK && address == asked)
        scan->present |= UINT64_C(1) << (scan->next - 1);
    if (scan_ask(scan, now_us))
        return line->due_us;
    sdi12_line_release(line, scan);
    return SDI12_LINE_DONE;
}
