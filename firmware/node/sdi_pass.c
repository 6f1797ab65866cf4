/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/sdi_pass.h"

#include <string.h>

#define LINE_TAKEN_US 20000u /* look again then */

void sdi_pass_fill(const struct sdi_pass *pass, uint16_t *words)
{
    words[SDI_PASS_COMMAND_WORDS] = pass->state;
    for (size_t i = 0; i < sizeof pass->answer; i++) {
        unsigned character = (uint8_t)pass->answer[i];
        uint16_t *word = &words[SDI_PASS_COMMAND_WORDS + 1 + i / 2];
        *word = (uint16_t)(*word | character << (i % 2 ? 0 : 8));
    }
}

bool sdi_pass_write(struct sdi_pass *pass, const uint16_t *words, uint16_t count)
{
    if (pass->line == NULL || pass->state == SDI_PASS_BUSY)
        return false;
    char command[sizeof pass->command] = {0};
    for (size_t i = 0; i < count; i++) {
        command[2 * i] = (char)(words[i] >> 8 & 0x7F);
        command[2 * i + 1] = (char)(words[i] & 0x7F);
    }
    const char *end = memchr(command, '!', sizeof command);
    if (end == NULL)
        return false;
    memcpy(pass->command, command, sizeof command);
    memset(pass->answer, 0, sizeof pass->answer);
    pass->length = (uint8_t)(end - command + 1);
    pass->state = SDI_PASS_BUSY;
    pass->asked = false;
    return true;
}

static void finish(struct sdi_pass *pass)
{
    struct sdi12_line *line = pass->line;
    size_t length = line->length;
    if (line->result == SDI12_LINE_ANSWER) {
        if (length >= 2)
            length -= 2; /* CR LF */
        if (length > sizeof pass->answer)
            length = sizeof pass->answer;
        memcpy(pass->answer, line->answer, length);
        pass->state = SDI_PASS_ANSWERED;
    } else {
        pass->state = line->result == SDI12_LINE_SILENT ? SDI_PASS_SILENT : SDI_PASS_GARBLED;
    }
    sdi12_line_release(line, pass);
}

uint64_t sdi_pass_poll(struct sdi_pass *pass, uint64_t now_us)
{
    if (pass->state != SDI_PASS_BUSY)
        return UINT64_MAX;
    if (!pass->asked) {
        if (!sdi12_line_take(pass->line, pass))
            return now_us + LINE_TAKEN_US;
        pass->asked =
            sdi12_line_ask(pass->line, &sdi12_rules_standard, pass->command, pass->length, now_us);
        if (!pass->asked) {
            pass->state = SDI_PASS_GARBLED;
            sdi12_line_release(pass->line, pass);
            return UINT64_MAX;
        }
    }
    uint64_t due_us = sdi12_line_poll(pass->line, now_us);
    if (due_us != SDI12_LINE_DONE)
        return due_us > now_us ? due_us : now_us + 1000;
    finish(pass);
    return UINT64_MAX;
}
