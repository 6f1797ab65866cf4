/* SPDX-License-Identifier: Apache-2.0 */
/* The drive that a chip's boot ROM shows at USB: a file is copied onto it. The ROM names the kind
 * of chip, not the piece, and nothing can be read back; that it has taken the whole file shows by
 * its restart, at which the drive is gone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "tools/cli/cli.h"
#include "tools/cli/flash/probe.h"
#include "tools/cli/flash/uf2.h"

#define INFO     "INFO_UF2.TXT"
#define BOARD_ID "Board-ID:"
#define FILE_UF2 "flash.uf2"
#define COPY_S   60
#define GONE_S   20
#define MOUNTS   "/proc/self/mounts"

/* Which chip shows this folder; false: it is no such drive. */
static bool read_info(const char *folder, char *id, size_t size)
{
    char path[CLI_PATH], line[128];
    if (!cli_format(path, sizeof path, "%s/" INFO, folder))
        return false;
    FILE *file = fopen(path, "rbe");
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, BOARD_ID, strlen(BOARD_ID)) != 0)
            continue;
        const char *from = line + strlen(BOARD_ID);
        from += strspn(from, " ");
        (void)snprintf(id, size, "%.*s", (int)strcspn(from, "\r\n"), from);
        found = id[0] != '\0';
    }
    if (file != NULL)
        (void)fclose(file);
    return found;
}

/* "\040" stands for a space in the list of mounts. */
static void unescape(char *path)
{
    char *to = path;
    for (const char *from = path; *from != '\0'; to++) {
        if (strncmp(from, "\\040", 4) == 0) {
            *to = ' ';
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

/* The folder that was named, or the first mounted drive of a boot ROM. */
static bool find_drive(const struct job *job, char *folder, size_t size, char *id, size_t id_size)
{
    char line[2 * CLI_PATH], device[CLI_PATH];
    if (job->adapter != NULL)
        return cli_format(folder, size, "%s", job->adapter) && read_info(folder, id, id_size);
    FILE *file = fopen(MOUNTS, "re");
    bool found = false;
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        char *space = strchr(line, ' ');
        if (space == NULL || !cli_format(device, sizeof device, "%s", space + 1))
            continue;
        device[strcspn(device, " ")] = '\0';
        unescape(device);
        found = cli_format(folder, size, "%s", device) && read_info(folder, id, id_size);
    }
    if (file != NULL)
        (void)fclose(file);
    return found;
}

static enum probe_result identify(struct job *job, struct chip *chip)
{
    char folder[CLI_PATH];
    if (job->dry_run)
        return PROBE_OK;
    return find_drive(job, folder, sizeof folder, chip->memory, sizeof chip->memory)
               ? PROBE_OK
               : PROBE_NO_PROBE;
}

/* `job->file`, which is the flash, as UF2. */
static bool make_file(struct job *job, const char *path)
{
    uint8_t *bytes = malloc(job->size);
    FILE *file = fopen(job->file, "rbe");
    bool good = bytes != NULL && file != NULL && fread(bytes, 1, job->size, file) == job->size &&
                uf2_write(job->board, job->probe, bytes, job->size, true, path);
    if (file != NULL)
        (void)fclose(file);
    free(bytes);
    return good;
}

/* The ROM restarts the chip as soon as it has had the last block, maybe before the copy has ended:
 * what counts is that the drive goes. */
static enum probe_result wait_gone(struct job *job, const char *folder)
{
    char id[96];
    if (job->progress != NULL)
        job->progress(job->context, "waiting for its restart", -1);
    for (int i = 0; i < GONE_S * 10; i++) {
        if (!read_info(folder, id, sizeof id))
            return PROBE_OK;
        (void)usleep(100000);
    }
    return PROBE_LATE;
}

static enum probe_result write_all(struct job *job)
{
    struct command copy = {0};
    char folder[CLI_PATH] = "RPI-RP2", id[96], path[CLI_PATH];
    if (!job->dry_run && !find_drive(job, folder, sizeof folder, id, sizeof id))
        return PROBE_NO_PROBE;
    probe_path(job, FILE_UF2, path, sizeof path);
    if (!job->dry_run && !make_file(job, path))
        return PROBE_FAILED;
    command_add(&copy, "dd");
    command_add(&copy, "if=%s", path);
    command_add(&copy, "of=%s/" FILE_UF2, folder);
    command_add(&copy, "bs=4096");
    command_add(&copy, "conv=fsync");
    enum probe_result result = probe_step(job, N_("copying the file"), &copy, COPY_S);
    if (job->dry_run || (result != PROBE_OK && result != PROBE_FAILED))
        return result;
    enum probe_result gone = wait_gone(job, folder);
    return gone != PROBE_OK && result == PROBE_FAILED ? result : gone;
}

static enum probe_result start(struct job *job)
{
    (void)job; /* the ROM did */
    return PROBE_OK;
}

static void unlock(const struct job *job, char *out, size_t size)
{
    (void)job;
    (void)snprintf(out, size, "nothing: this chip has no such protection");
}

const struct probe_driver probe_uf2 = {
    "dd",
    "coreutils",
    "the drive that the board shows when it is plugged in with its button "
    "held (mounted; or name its folder with --adapter)",
    identify,
    write_all,
    start,
    unlock};
