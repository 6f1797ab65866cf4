/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/outcome.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/common/plain.h"
#include "tools/cli/cli.h"

/* What is kept is in memory and on no disk: it may be a key. */
static struct {
    const char *command;
    json_t *members, *complaints;
    int kept, out; /* what would have been printed, and where the object goes */
} outcome;

bool outcome_begin(const char *command)
{
    int kept = memfd_create("said", MFD_CLOEXEC);
    int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (kept < 0 || out < 0 || dup2(kept, STDOUT_FILENO) < 0)
        return false;
    outcome.command = command;
    outcome.members = json_object();
    outcome.complaints = json_array();
    outcome.kept = kept;
    outcome.out = out;
    return true;
}

bool outcome_wanted(void)
{
    return outcome.command != NULL;
}

void outcome_add(const char *key, json_t *value)
{
    if (outcome_wanted())
        (void)json_object_set_new(outcome.members, key, value);
    else
        json_decref(value);
}

void outcome_append(const char *key, json_t *value)
{
    json_t *list = json_object_get(outcome.members, key);
    if (list == NULL) {
        list = json_array();
        outcome_add(key, list);
    }
    if (outcome_wanted())
        (void)json_array_append_new(list, value);
    else
        json_decref(value);
}

void outcome_complain(const char *text)
{
    if (outcome_wanted())
        (void)json_array_append_new(outcome.complaints, json_string(text));
}

/* A line of other than UTF-8 is left out: JSON can't hold it. */
static json_t *lines_of(int kept)
{
    json_t *said = json_array();
    char *line = NULL;
    size_t room = 0;
    FILE *in = lseek(kept, 0, SEEK_SET) == 0 ? fdopen(kept, "r") : NULL;
    while (in != NULL && getline(&line, &room, in) > 0) {
        size_t length = strcspn(line, "\n");
        line[plain_text(line, length)] = '\0';
        (void)json_array_append_new(said, json_string(line));
    }
    free(line);
    if (in != NULL)
        (void)fclose(in);
    return said;
}

bool outcome_print(void)
{
    if (!outcome_wanted())
        return true;
    (void)fflush(stdout);
    (void)dup2(outcome.out, STDOUT_FILENO);
    json_t *all = json_pack("{s:s}", "command", outcome.command);
    (void)json_object_update(all, outcome.members);
    (void)json_object_set_new(all, "said", lines_of(outcome.kept));
    (void)json_object_set(all, "complaints", outcome.complaints);
    talk_dump(all);
    bool arrived = fflush(stdout) == 0 && ferror(stdout) == 0;
    json_decref(all);
    json_decref(outcome.members);
    json_decref(outcome.complaints);
    (void)close(outcome.out);
    outcome.command = NULL;
    outcome.members = NULL;
    return arrived;
}
