/* SPDX-License-Identifier: Apache-2.0 */
/* stm32flash and the serial boot loader in the part's ROM (AN3155). It stays in contact from one
 * call to the next: the ROM takes the second greeting for half a command, and stm32flash knows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "tools/cli/flash/probe.h"

#define SHORT_S 20
#define ERASE_S 60

static void begin(const struct job *job, struct command *command)
{
    *command = (struct command){0};
    command_add(command, "stm32flash");
    command_add(command, "-b");
    command_add(command, "%u", job->probe->baud);
}

static void end(const struct job *job, struct command *command)
{
    command_add(command, "%s", job->adapter != NULL ? job->adapter : "ADAPTER");
}

/* Ten bits a byte and parity, there and back, twice as long as that. */
static int transfer_s(const struct job *job)
{
    return SHORT_S + (int)(job->size * 11 * 4 / job->probe->baud);
}

static enum probe_result judge(struct job *job, enum probe_result result)
{
    if (result != PROBE_FAILED)
        return result;
    if (probe_said(job, "No such file"))
        return PROBE_NO_PROBE;
    if (probe_said(job, "Device or resource busy"))
        return PROBE_PORT_BUSY;
    if (probe_said(job, "Failed to init device"))
        return PROBE_NO_CHIP;
    if (probe_said(job, "Failed to verify"))
        return PROBE_MISMATCH;
    if (probe_said(job, "Got NACK from device on command"))
        return PROBE_PROTECTED;
    return PROBE_FAILED;
}

static enum probe_result identify(struct job *job, struct chip *chip)
{
    struct command command;
    uint8_t unique[16];
    char path[600];
    const struct board *board = job->board;
    if (job->adapter == NULL && !job->dry_run)
        return PROBE_NO_PROBE;
    begin(job, &command);
    end(job, &command);
    enum probe_result result =
        judge(job, probe_step(job, N_("looking at the chip"), &command, SHORT_S));
    const char *id = strstr(job->child.output, "Device ID");
    if (result != PROBE_OK)
        return result;
    if (!job->dry_run) {
        id = id != NULL ? strstr(id, "0x") : NULL;
        chip->id = id != NULL ? (uint32_t)strtoul(id, NULL, 16) : 0;
        if (chip->id == 0)
            return PROBE_FAILED;
        if (chip->id != board->chip.id)
            return PROBE_OK; /* the caller compares */
    }
    begin(job, &command);
    probe_path(job, "unique.bin", path, sizeof path);
    command_add(&command, "-r");
    command_add(&command, "%s", path);
    command_add(&command, "-S");
    command_add(&command, "0x%08X:%u", board->chip.unique_id, board->chip.unique_size);
    end(job, &command);
    result = judge(job, probe_step(job, N_("reading its identity"), &command, SHORT_S));
    if (result != PROBE_OK || job->dry_run)
        return result;
    if (!probe_take(job, "unique.bin", unique, board->chip.unique_size))
        return PROBE_FAILED;
    probe_hex(unique, board->chip.unique_size, chip->unique);
    return PROBE_OK;
}

static enum probe_result write_protected(enum probe_result result)
{
    return result == PROBE_PROTECTED ? PROBE_WRITE_PROTECTED : result; /* reading was allowed */
}

static enum probe_result write_all(struct job *job)
{
    struct command command;
    begin(job, &command);
    command_add(&command, "-o");
    end(job, &command);
    enum probe_result result = judge(job, probe_step(job, N_("erasing"), &command, ERASE_S));
    if (result != PROBE_OK)
        return write_protected(probe_said(job, "Failed to erase") ? PROBE_PROTECTED : result);
    begin(job, &command);
    command_add(&command, "-w");
    command_add(&command, "%s", job->file);
    command_add(&command, "-v");
    command_add(&command, "-e");
    command_add(&command, "0");
    command_add(&command, "-S");
    command_add(&command, "0x%08X", job->board->chip.flash);
    end(job, &command);
    return write_protected(
        judge(job, probe_step(job, N_("writing and verifying"), &command, transfer_s(job))));
}

static enum probe_result start(struct job *job)
{
    struct command command;
    begin(job, &command);
    command_add(&command, "-g");
    command_add(&command, "0x%08X", job->board->chip.flash);
    end(job, &command);
    return judge(job, probe_step(job, N_("starting"), &command, SHORT_S));
}

static void unlock(const struct job *job, char *out, size_t size)
{
    (void)snprintf(out, size, "stm32flash -b %u -k %s", job->probe->baud, job->adapter);
}

const struct probe_driver probe_serial = {
    "stm32flash", "stm32flash", "the part's serial boot loader (name the adapter with --adapter)",
    identify,     write_all,    start,
    unlock};
