/* SPDX-License-Identifier: Apache-2.0 */
/* OpenOCD and whatever adapter the board's scripts name. Three calls: look, write, start; each ends
 * with the chip halted or running, and OpenOCD gone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "gateway/common/text.h"
#include "tools/cli/flash/probe.h"

#define SHORT_S 30
#define LONG_S  240

static void begin(const struct job *job, struct command *command)
{
    *command = (struct command){0};
    command_add(command, "openocd");
    for (unsigned i = 0; i < job->probe->script_count; i++) {
        command_add(command, "-f");
        command_add(command, "%s", job->probe->scripts[i]);
    }
    if (job->adapter != NULL) {
        command_add(command, "-c");
        command_add(command, "adapter serial %s", job->adapter);
    }
    command_add(command, "-c");
    command_add(command, "init");
    command_add(command, "-c");
    command_add(command, "reset halt");
}

static enum probe_result judge(struct job *job, enum probe_result result)
{
    static const struct {
        const char *words;
        enum probe_result result;
    } known[] = {
        {"open failed", PROBE_NO_PROBE},
        {"unable to find a matching", PROBE_NO_PROBE},
        {"Error on socket 'connect'", PROBE_NO_PROBE},
        {"no device found", PROBE_NO_PROBE},
        {"Failed to connect: Connection refused", PROBE_NO_PROBE},
        {"LIBUSB_ERROR_ACCESS", PROBE_PORT_BUSY},
        {"LIBUSB_ERROR_BUSY", PROBE_PORT_BUSY},
        {"init mode failed", PROBE_NO_CHIP},
        {"JTAG scan chain interrogation failed", PROBE_NO_CHIP},
        {"Error connecting DP", PROBE_NO_CHIP},
        {"checksum mismatch", PROBE_MISMATCH},
        {"contents differ", PROBE_MISMATCH},
        {"stm32x device protected", PROBE_WRITE_PROTECTED},
        {"Device Security Bit Set", PROBE_PROTECTED},
    };
    for (size_t i = 0; result == PROBE_FAILED && i < sizeof known / sizeof *known; i++) {
        if (probe_said(job, known[i].words))
            result = known[i].result;
    }
    return result;
}

/* "baiye-NAME 0x20036410 …": the words of memory that were read. */
static unsigned words_of(const struct job *job, const char *name, uint32_t *words, unsigned most)
{
    const char *at = strstr(job->child.output, name);
    unsigned count = 0;
    if (at == NULL)
        return 0;
    for (at += strlen(name); count < most && *at == ' '; count++) {
        char *after;
        words[count] = (uint32_t)strtoul(at, &after, 0);
        if (after == at)
            break;
        at = after;
    }
    return count;
}

static enum probe_result identify(struct job *job, struct chip *chip)
{
    struct command command;
    const struct board *board = job->board;
    uint32_t id, protection, unique[4];
    unsigned words = board->chip.unique_size / 4;
    begin(job, &command);
    command_add(&command, "-c");
    command_add(&command, "echo \"baiye-id [read_memory 0x%08X 32 1]\"", board->chip.id_register);
    if (board->chip.protection != 0) {
        command_add(&command, "-c");
        command_add(&command, "echo \"baiye-protection [read_memory 0x%08X 32 1]\"",
                    board->chip.protection);
    }
    command_add(&command, "-c");
    command_add(&command, "echo \"baiye-unique [read_memory 0x%08X 32 %u]\"", board->chip.unique_id,
                words);
    command_add(&command, "-c");
    command_add(&command, "shutdown");
    enum probe_result result =
        judge(job, probe_step(job, N_("looking at the chip"), &command, SHORT_S));
    if (job->dry_run)
        return result;
    if (words_of(job, "baiye-id", &id, 1) == 1)
        chip->id = id & board->chip.id_mask;
    if (words_of(job, "baiye-protection", &protection, 1) == 1)
        chip->protected = (protection & board->chip.protection_mask) != 0;
    if (words_of(job, "baiye-unique", unique, words) == words) {
        for (unsigned i = 0; i < 4 * words; i++) {
            uint8_t byte = (uint8_t)(unique[i / 4] >> 8 * (i % 4));
            probe_hex(&byte, 1, chip->unique + (size_t)2 * i);
        }
        return result;
    }
    return result == PROBE_OK ? PROBE_FAILED : result;
}

static enum probe_result write_all(struct job *job)
{
    struct command command;
    begin(job, &command);
    command_add(&command, "-c");
    command_add(&command, "flash erase_sector 0 0 last");
    command_add(&command, "-c");
    command_add(&command, "flash write_image {%s} 0x%08X bin", job->file, job->board->chip.flash);
    command_add(&command, "-c");
    command_add(&command, "shutdown");
    enum probe_result result =
        judge(job, probe_step(job, N_("erasing and writing"), &command, LONG_S));
    if (result != PROBE_OK)
        return result;
    begin(job, &command);
    command_add(&command, "-c");
    command_add(&command, "verify_image {%s} 0x%08X bin", job->file, job->board->chip.flash);
    command_add(&command, "-c");
    command_add(&command, "shutdown");
    return judge(job, probe_step(job, N_("verifying"), &command, LONG_S));
}

static enum probe_result start(struct job *job)
{
    struct command command;
    begin(job, &command);
    command_add(&command, "-c");
    command_add(&command, "reset run");
    command_add(&command, "-c");
    command_add(&command, "shutdown");
    return judge(job, probe_step(job, N_("starting"), &command, SHORT_S));
}

static void unlock(const struct job *job, char *out, size_t size)
{
    (void)snprintf(out, size, "openocd");
    for (unsigned i = 0; i < job->probe->script_count; i++)
        (void)text_add(out, size, " -f %s", job->probe->scripts[i]);
    (void)text_add(out, size,
                   " -c 'init; reset halt; %s; reset halt; shutdown', then power off and on",
                   job->probe->unlock[0] != '\0' ? job->probe->unlock
                                                 : "(the unlock command of its flash driver)");
}

const struct probe_driver probe_openocd = {
    "openocd", "openocd", "a debug probe by OpenOCD", identify, write_all, start, unlock};
