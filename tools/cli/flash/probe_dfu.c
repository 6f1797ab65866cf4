/* SPDX-License-Identifier: Apache-2.0 */
/* dfu-util and the USB boot loader in the part's ROM (AN3156). It names its memory but not the
 * chip, and its USB serial number is the part's identity, folded. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "gateway/common/language.h"
#include "tools/cli/flash/probe.h"

#define SHORT_S 20
#define LONG_S  180

static void begin(const struct job *job, struct command *command)
{
    *command = (struct command){0};
    command_add(command, "dfu-util");
    command_add(command, "-d");
    command_add(command, "%s", job->probe->usb);
    if (job->adapter != NULL) {
        command_add(command, "-S");
        command_add(command, "%s", job->adapter);
    }
}

static void at_address(struct command *command, uint32_t address, const char *modifiers)
{
    command_add(command, "-a");
    command_add(command, "0");
    command_add(command, "-s");
    command_add(command, "0x%08X%s", address, modifiers);
}

static enum probe_result judge(struct job *job, enum probe_result result)
{
    if (result != PROBE_FAILED)
        return result;
    if (probe_said(job, "No DFU capable USB device") || probe_said(job, "Cannot open DFU device"))
        return PROBE_NO_PROBE;
    if (probe_said(job, "errVENDOR") || probe_said(job, "read protection"))
        return PROBE_PROTECTED;
    return PROBE_FAILED;
}

/* The value of key="…" behind `from`. */
static void quoted(const char *from, const char *key, char *out, size_t size)
{
    const char *at = strstr(from, key);
    out[0] = '\0';
    if (at == NULL)
        return;
    at += strlen(key);
    size_t length = strcspn(at, "\"\r\n");
    if (length < size)
        (void)snprintf(out, size, "%.*s", (int)length, at);
}

static enum probe_result identify(struct job *job, struct chip *chip)
{
    struct command command;
    begin(job, &command);
    command_add(&command, "-l");
    enum probe_result result =
        judge(job, probe_step(job, N_("looking for the USB boot loader"), &command, SHORT_S));
    if (result != PROBE_OK || job->dry_run)
        return result;
    const char *found = strstr(job->child.output, "Found DFU");
    const char *alternate = found;
    while (alternate != NULL && strstr(alternate, "alt=0,") != NULL &&
           strstr(alternate, "alt=0,") > strchr(alternate, '\n'))
        alternate = strstr(alternate + 1, "Found DFU");
    if (alternate == NULL)
        return PROBE_NO_PROBE;
    quoted(alternate, "name=\"", chip->memory, sizeof chip->memory);
    quoted(alternate, "serial=\"", chip->unique, sizeof chip->unique);
    for (char *digit = chip->unique; *digit != '\0'; digit++)
        *digit = (char)toupper((unsigned char)*digit);
    bool is_hex = strspn(chip->unique, "0123456789ABCDEF") == strlen(chip->unique);
    return chip->memory[0] != '\0' && is_hex ? PROBE_OK : PROBE_FAILED;
}

static enum probe_result read_back(struct job *job)
{
    struct command command;
    char path[600], length[16];
    probe_path(job, "back.bin", path, sizeof path);
    if (!job->dry_run)
        (void)remove(path); /* dfu-util writes over no file */
    (void)snprintf(length, sizeof length, ":%zu", job->size);
    begin(job, &command);
    at_address(&command, job->board->chip.flash, length);
    command_add(&command, "-U");
    command_add(&command, "%s", path);
    enum probe_result result = judge(job, probe_step(job, N_("verifying"), &command, LONG_S));
    return result == PROBE_OK ? probe_compare(job, "back.bin") : result;
}

static enum probe_result write_all(struct job *job)
{
    struct command command;
    begin(job, &command);
    at_address(&command, job->board->chip.flash, ":mass-erase:force");
    command_add(&command, "-D");
    command_add(&command, "%s", job->file);
    enum probe_result result =
        judge(job, probe_step(job, N_("erasing and writing"), &command, LONG_S));
    return result == PROBE_OK ? read_back(job) : result;
}

/* Leaving goes with a transfer, so a little is read. */
static enum probe_result start(struct job *job)
{
    struct command command;
    char path[600];
    probe_path(job, "start.bin", path, sizeof path);
    if (!job->dry_run)
        (void)remove(path);
    begin(job, &command);
    at_address(&command, job->board->chip.flash, ":64:leave");
    command_add(&command, "-U");
    command_add(&command, "%s", path);
    return judge(job, probe_step(job, N_("starting"), &command, SHORT_S));
}

static void unlock(const struct job *job, char *out, size_t size)
{
    (void)snprintf(out, size, "dfu-util -d %s -a 0 -s 0x%08X:unprotect:force -D /dev/null",
                   job->probe->usb, job->board->chip.flash);
}

const struct probe_driver probe_dfu = {
    "dfu-util", "dfu-util", "the part's USB boot loader", identify, write_all, start, unlock};
