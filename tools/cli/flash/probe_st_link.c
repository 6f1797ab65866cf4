/* SPDX-License-Identifier: Apache-2.0 */
/* st-info and st-flash (stlink-tools) with an ST-Link. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "tools/cli/flash/probe.h"

#define SHORT_S 30
#define LONG_S  180

static void begin(const struct job *job, struct command *command, const char *verb)
{
    *command = (struct command){0};
    command_add(command, "st-flash");
    if (job->adapter != NULL) {
        command_add(command, "--serial");
        command_add(command, "%s", job->adapter);
    }
    command_add(command, "%s", verb);
}

static enum probe_result judge(struct job *job, enum probe_result result)
{
    if (result != PROBE_FAILED)
        return result;
    if (probe_said(job, "Couldn't find any ST-Link") || probe_said(job, "Found 0 stlink"))
        return PROBE_NO_PROBE;
    if (probe_said(job, "LIBUSB_ERROR_ACCESS") || probe_said(job, "LIBUSB_ERROR_BUSY"))
        return PROBE_PORT_BUSY;
    if (probe_said(job, "unknown chip id") || probe_said(job, "Failed to connect to target") ||
        probe_said(job, "Failed to enter SWD"))
        return PROBE_NO_CHIP;
    if (probe_said(job, "Flash memory is read protected") || probe_said(job, "RDP"))
        return PROBE_PROTECTED;
    if (probe_said(job, "write protected"))
        return PROBE_WRITE_PROTECTED;
    if (probe_said(job, "Verification of flash failed"))
        return PROBE_MISMATCH;
    return PROBE_FAILED;
}

/* `size` bytes of memory into a file, and from there. */
static enum probe_result read_memory(struct job *job, const char *step, uint32_t at, size_t size,
                                     const char *name, void *data)
{
    struct command command;
    char path[600];
    probe_path(job, name, path, sizeof path);
    begin(job, &command, "read");
    command_add(&command, "%s", path);
    command_add(&command, "0x%08X", at);
    command_add(&command, "0x%zX", size);
    enum probe_result result = judge(job, probe_step(job, step, &command, LONG_S));
    if (result != PROBE_OK || job->dry_run || data == NULL)
        return result;
    return probe_take(job, name, data, size) ? PROBE_OK : PROBE_FAILED;
}

static enum probe_result identify(struct job *job, struct chip *chip)
{
    struct command command = {0};
    const struct board *board = job->board;
    uint8_t unique[16], protection[4] = {0};
    command_add(&command, "st-info");
    command_add(&command, "--probe");
    enum probe_result result =
        judge(job, probe_step(job, N_("looking at the chip"), &command, SHORT_S));
    if (result == PROBE_OK && !job->dry_run) {
        const char *id = strstr(job->child.output, "chipid:");
        if (probe_said(job, "Found 0 stlink"))
            return PROBE_NO_PROBE;
        chip->id = id != NULL ? (uint32_t)strtoul(id + strlen("chipid:"), NULL, 16) : 0;
        if (chip->id == 0)
            return PROBE_NO_CHIP;
        if (chip->id != board->chip.id)
            return PROBE_OK; /* the caller compares */
    }
    if (result == PROBE_OK && board->chip.protection != 0)
        result = read_memory(job, "looking at its protection", board->chip.protection,
                             sizeof protection, "protection.bin", protection);
    uint32_t bits = protection[0] | (uint32_t)protection[1] << 8;
    chip->protected = (bits & board->chip.protection_mask) != 0;
    if (result == PROBE_OK && !chip->protected)
        result = read_memory(job, "reading its identity", board->chip.unique_id,
                             board->chip.unique_size, "unique.bin", unique);
    if (result == PROBE_OK && !chip->protected && !job->dry_run)
        probe_hex(unique, board->chip.unique_size, chip->unique);
    return result;
}

static enum probe_result write_all(struct job *job)
{
    struct command command;
    uint32_t at = job->board->chip.flash;
    begin(job, &command, "erase");
    enum probe_result result = judge(job, probe_step(job, N_("erasing"), &command, LONG_S));
    if (result != PROBE_OK)
        return result;
    begin(job, &command, "write");
    command_add(&command, "%s", job->file);
    command_add(&command, "0x%08X", at);
    result = judge(job, probe_step(job, N_("writing"), &command, LONG_S));
    if (result != PROBE_OK)
        return result;
    result = read_memory(job, "verifying", at, job->size, "back.bin", NULL);
    return result == PROBE_OK ? probe_compare(job, "back.bin") : result;
}

static enum probe_result start(struct job *job)
{
    struct command command;
    begin(job, &command, "reset");
    return judge(job, probe_step(job, N_("starting"), &command, SHORT_S));
}

static void unlock(const struct job *job, char *out, size_t size)
{
    (void)job;
    (void)snprintf(out, size, "st-flash can't; use OpenOCD or the serial boot loader");
}

const struct probe_driver probe_st_link = {"st-flash", "stlink-tools", "an ST-Link", identify,
                                           write_all,  start,          unlock};
