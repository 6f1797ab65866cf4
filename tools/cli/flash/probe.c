/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/flash/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/language.h"
#include "tools/cli/cli.h"

const struct probe_driver *probe_driver(const struct board_probe *probe)
{
    static const struct probe_driver *const drivers[PROBE_KINDS] = {
        [PROBE_OPENOCD] = &probe_openocd, [PROBE_ST_LINK] = &probe_st_link,
        [PROBE_SERIAL] = &probe_serial,   [PROBE_DFU] = &probe_dfu,
        [PROBE_UF2] = &probe_uf2,
    };
    return drivers[probe->kind];
}

enum probe_result probe_identify(struct job *job, struct chip *chip)
{
    const struct probe_driver *driver = probe_driver(job->probe);
    *chip = (struct chip){0};
    if (!job->dry_run && !child_there(driver->program))
        return PROBE_NO_TOOL;
    enum probe_result result = driver->identify(job, chip);
    if (job->dry_run)
        return result;
    bool by_name = probe_is_by_name(job->probe->kind);
    bool known = by_name ? chip->memory[0] != '\0' : chip->id != 0;
    bool right =
        by_name ? strcmp(chip->memory, job->probe->memory) == 0 : chip->id == job->board->chip.id;
    if (known && !right)
        return PROBE_WRONG_CHIP;
    return chip->protected ? PROBE_PROTECTED : result;
}

struct watch {
    struct job *job;
    const char *step;
};

/* Any "12.3%" or "(12%)" in a line is how far it is. */
static void watch_line(void *context, const char *text)
{
    const struct watch *watch = context;
    const char *sign = strchr(text, '%');
    if (sign == NULL || watch->job->progress == NULL)
        return;
    const char *digits = sign;
    while (digits > text && strchr("0123456789.", digits[-1]) != NULL)
        digits--;
    double percent = strtod(digits, NULL);
    if (digits < sign && percent >= 0 && percent <= 100)
        watch->job->progress(watch->job->context, watch->step, (int)percent);
}

enum probe_result probe_step(struct job *job, const char *step, const struct command *command,
                             int timeout_s)
{
    struct watch watch = {job, step};
    if (job->dry_run) {
        (void)printf("%s:\n", gettext(step));
        command_print(command);
        return PROBE_OK;
    }
    if (job->progress != NULL)
        job->progress(job->context, step, -1);
    child_run(command, timeout_s, &job->child, watch_line, &watch);
    switch (job->child.end) {
    case CHILD_MISSING:
        return PROBE_NO_TOOL;
    case CHILD_INTERRUPTED:
        return PROBE_INTERRUPTED;
    case CHILD_LATE:
        return PROBE_LATE;
    case CHILD_KILLED:
        return PROBE_FAILED;
    case CHILD_DONE:
        break;
    }
    return job->child.code == 0 ? PROBE_OK : PROBE_FAILED;
}

void probe_path(const struct job *job, const char *name, char *path, size_t size)
{
    if (job->dry_run)
        (void)snprintf(path, size, "%s", name);
    else
        (void)snprintf(path, size, "%s/%s", job->folder, name);
}

bool probe_take(const struct job *job, const char *name, void *data, size_t size)
{
    char path[CLI_PATH];
    probe_path(job, name, path, sizeof path);
    FILE *file = fopen(path, "rbe");
    if (file == NULL)
        return false;
    bool good = fread(data, 1, size, file) == size;
    (void)fclose(file);
    return good;
}

enum probe_result probe_compare(struct job *job, const char *name)
{
    if (job->dry_run)
        return PROBE_OK;
    uint8_t *read = malloc(job->size), *wanted = malloc(job->size);
    FILE *file = fopen(job->file, "rbe");
    bool same = read != NULL && wanted != NULL && file != NULL &&
                fread(wanted, 1, job->size, file) == job->size &&
                probe_take(job, name, read, job->size) && memcmp(read, wanted, job->size) == 0;
    if (file != NULL)
        (void)fclose(file);
    free(read);
    free(wanted);
    return same ? PROBE_OK : PROBE_MISMATCH;
}

void probe_hex(const uint8_t *data, size_t size, char *out)
{
    for (size_t i = 0; i < size; i++)
        (void)snprintf(out + 2 * i, 3, "%02X", data[i]);
}

bool probe_said(const struct job *job, const char *words)
{
    return strstr(job->child.output, words) != NULL;
}
