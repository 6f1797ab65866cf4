/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/upgrade_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MOST 1024

const char *upgrade_folder(void)
{
    const char *folder = getenv("BAIYED_UPGRADE");
    return folder != NULL && folder[0] == '/' ? folder : NULL;
}

/* `line` ends with `end`; a value that is too long is cut. */
static void take(const char *line, const char *end, const char *key, char *out, size_t size)
{
    size_t length = strlen(key);
    if ((size_t)(end - line) > length && strncmp(line, key, length) == 0 && line[length] == ' ')
        (void)snprintf(out, size, "%.*s", (int)(end - line - (ptrdiff_t)length - 1),
                       line + length + 1);
}

void upgrade_state_parse(const char *text, struct upgrade_state *state)
{
    *state = (struct upgrade_state){.state = ""};
    for (const char *line = text; *line != '\0';) {
        const char *end = line + strcspn(line, "\n");
        take(line, end, "state", state->state, sizeof state->state);
        take(line, end, "from", state->from, sizeof state->from);
        take(line, end, "to", state->to, sizeof state->to);
        take(line, end, "at", state->at, sizeof state->at);
        take(line, end, "why", state->why, sizeof state->why);
        line = *end == '\n' ? end + 1 : end;
    }
}

void upgrade_state_read(struct upgrade_state *state)
{
    char path[256], text[FILE_MOST + 1] = "";
    const char *folder = upgrade_folder();
    int length = folder != NULL ? snprintf(path, sizeof path, "%s/state", folder) : 0;
    FILE *file = length > 0 && (size_t)length < sizeof path ? fopen(path, "re") : NULL;
    if (file != NULL) {
        text[fread(text, 1, FILE_MOST, file)] = '\0';
        (void)fclose(file);
    }
    upgrade_state_parse(text, state);
}

bool upgrade_is_undone(const struct upgrade_state *state)
{
    return strcmp(state->state, "undone") == 0 || strcmp(state->state, "undoing") == 0;
}

bool upgrade_is_version(const char *text)
{
    size_t length = strlen(text);
    return text[0] >= '0' && text[0] <= '9' && length < UPGRADE_VERSION_SIZE &&
           strspn(text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.+~-") ==
               length;
}

bool upgrade_is_suite(const char *text)
{
    return strcmp(text, "canary") == 0 || strcmp(text, "early") == 0 || strcmp(text, "stable") == 0;
}
