/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/commission/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/clock.h"
#include "gateway/common/language.h"
#include "gateway/daemon/config/config.h"
#include "gateway/daemon/config/yaml_edit.h"
#include "tools/cli/cli.h"
#include "tools/cli/reload.h"

#define FILE_MAX 1048576L
#define LOOK_NS  200000000

/* What the process on its own tells the one that waits. */
struct outcome {
    enum trial_end end;
    bool works[TRIAL_DEVICES_MAX];
    char why[512];
};

char *trial_read(const char *path)
{
    errno = 0;
    FILE *file = fopen(path, "re");
    char *text = file != NULL ? calloc(1, FILE_MAX + 1) : NULL;
    size_t size = text != NULL ? fread(text, 1, FILE_MAX, file) : 0;
    bool good = size > 0 && size < FILE_MAX && strlen(text) == size;
    if (file != NULL)
        (void)fclose(file);
    if (good)
        return text;
    if (errno != 0)
        cli_cant_read(path, errno);
    else
        cli_complain("can't read %s: %s", path, _("it is no text"));
    free(text);
    return NULL;
}

/* The text with those devices of which `with` is true. NULL: `why`. */
static char *text_with(const struct trial *trial, const char *text, const bool *with, char *why,
                       size_t size)
{
    const char *items[TRIAL_DEVICES_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < trial->count; i++) {
        if (with[i])
            items[count++] = trial->devices[i].item;
    }
    return yaml_add_devices(text, trial->bus, items, count, why, size);
}

/* Judged beside the file, so that what it names by relative paths is found. */
bool trial_is_right(const char *config_file, const char *text, char *why, size_t size)
{
    char path[CLI_PATH];
    struct config_error error;
    (void)snprintf(why, size, _("%s can't be written"), config_file);
    if (!cli_format(path, sizeof path, "%s.trial", config_file) ||
        !cli_write_file(path, text, strlen(text), 0640))
        return false;
    struct config *config = config_load(path, NULL, &error);
    if (config == NULL)
        (void)snprintf(why, size, _("the new configuration would not be right: %.400s"),
                       error.text);
    config_free(config);
    (void)unlink(path);
    return config != NULL;
}

bool trial_keep(const char *config, const char *text)
{
    char from[CLI_PATH], to[CLI_PATH];
    for (int i = TRIAL_KEPT - 1; i >= 1; i--) {
        if (!cli_format(from, sizeof from, "%s.%d", config, i) ||
            !cli_format(to, sizeof to, "%s.%d", config, i + 1))
            return false;
        if (rename(from, to) != 0 && errno != ENOENT)
            return false;
    }
    return cli_format(to, sizeof to, "%s.1", config) &&
           cli_write_file(to, text, strlen(text), 0640);
}

/* A new reference to the answer; NULL: none. */
static json_t *ask(const char *socket_path, const char *method, json_t *params)
{
    struct talk talk;
    if (!talk_try(&talk, socket_path)) {
        json_decref(params);
        return NULL;
    }
    json_t *answer = talk_ask_quietly(&talk, method, params);
    talk_close(&talk);
    return answer;
}

/* Its poll was good; or its turn, which may be a minute from now, has not come, or one frame was
 * lost, and it answers. */
static bool answers(const char *socket_path, const char *name, bool last)
{
    json_t *answer = ask(socket_path, "stats", json_pack("{s:s}", "device", name));
    const json_t *result = json_object_get(answer, "result");
    bool good = json_is_true(json_object_get(result, "online")) && talk_integer(result, "good") > 0;
    bool waits = result != NULL && talk_integer(result, "polls") < 2 &&
                 talk_integer(result, "exceptions") == 0; /* it refuses what its profile asks */
    json_decref(answer);
    if (good || !last || !waits)
        return good;
    answer = ask(socket_path, "read", json_pack("{s:s,s:i}", "device", name, "register", 0));
    const char *error = talk_text(json_object_get(answer, "error"), "code");
    good = answer != NULL && (error[0] == '\0' || strcmp(error, "exception") == 0);
    json_decref(answer);
    return good;
}

/* How many of them answer, within the trial's time. */
static unsigned watch(const struct trial *trial, const bool *with, bool *works)
{
    const struct timespec look = {.tv_nsec = LOOK_NS};
    unsigned wanted = 0, good = 0;
    for (unsigned i = 0; i < trial->count; i++)
        wanted += with[i];
    bool last = false;
    for (int64_t until_ms = clock_mono_ms() + trial->wait_s * INT64_C(1000); good < wanted && !last;
         (void)nanosleep(&look, NULL)) {
        last = clock_mono_ms() >= until_ms;
        for (unsigned i = 0; i < trial->count; i++) {
            if (with[i] && !works[i] && answers(trial->socket, trial->devices[i].name, last)) {
                works[i] = true;
                good++;
            }
        }
    }
    return good;
}

/* Writes the file and has it taken. */
static bool take(const struct trial *trial, const char *text, char *why, size_t size)
{
    struct reloaded end;
    if (!cli_write_file(trial->config, text, strlen(text), 0640)) {
        (void)snprintf(why, size, _("%s can't be written"), trial->config);
        return false;
    }
    if (reload_gateway(trial->socket, &end) == EX_OK)
        return true;
    (void)snprintf(why, size, "%.500s", end.why);
    return false;
}

/* In the process on its own. */
static void try_it(const struct trial *trial, const char *old, struct outcome *outcome)
{
    bool all[TRIAL_DEVICES_MAX];
    char ignored[512];
    memset(all, 1, sizeof all);
    outcome->end = TRIAL_REFUSED;
    char *text = text_with(trial, old, all, outcome->why, sizeof outcome->why);
    if (text == NULL || !trial_is_right(trial->config, text, outcome->why, sizeof outcome->why) ||
        !trial_keep(trial->config, old)) {
        free(text);
        return;
    }
    outcome->why[0] = '\0';
    outcome->end = TRIAL_UNDONE;
    unsigned good = take(trial, text, outcome->why, sizeof outcome->why)
                        ? watch(trial, all, outcome->works)
                        : 0;
    free(text);
    if (good == trial->count) {
        outcome->end = TRIAL_KEPT_ALL;
        return;
    }
    text = good > 0 ? text_with(trial, old, outcome->works, ignored, sizeof ignored) : NULL;
    if (text != NULL && take(trial, text, outcome->why, sizeof outcome->why))
        outcome->end = TRIAL_KEPT_SOME;
    else if (!take(trial, old, ignored, sizeof ignored) && outcome->why[0] == '\0')
        (void)snprintf(outcome->why, sizeof outcome->why, "%s", ignored);
    free(text);
}

static void be_alone(const struct trial *trial, const char *old, int tell)
{
    struct outcome outcome = {0};
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)setsid();
    for (int i = 0; nowhere >= 0 && i <= STDERR_FILENO; i++)
        (void)dup2(nowhere, i);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    try_it(trial, old, &outcome);
    ssize_t told = write(tell, &outcome, sizeof outcome); /* to nobody, if it was ended */
    _exit(told == (ssize_t)sizeof outcome ? 0 : 1);
}

static enum trial_end wait_for(struct trial *trial, int listen)
{
    struct outcome outcome = {0};
    size_t got = 0;
    while (got < sizeof outcome) {
        ssize_t size = read(listen, (char *)&outcome + got, sizeof outcome - got);
        if (size == 0 || (size < 0 && errno != EINTR))
            break;
        got += size > 0 ? (size_t)size : 0;
    }
    if (got < sizeof outcome) {
        cli_complain("the trial of the new configuration was killed; `baiye check` looks at it, "
                     "%s.1 is the one before",
                     trial->config);
        return TRIAL_UNDONE;
    }
    if (outcome.why[0] != '\0')
        cli_complain("%s", outcome.why);
    for (unsigned i = 0; i < trial->count; i++)
        trial->devices[i].works = outcome.works[i] && outcome.end <= TRIAL_KEPT_SOME;
    return outcome.end;
}

enum trial_end trial_run(struct trial *trial)
{
    int pipe_fds[2];
    char *old = trial_read(trial->config);
    bool good = old != NULL && pipe2(pipe_fds, O_CLOEXEC) == 0;
    enum trial_end end = TRIAL_REFUSED;
    pid_t child = good ? fork() : -1;
    if (child == 0)
        be_alone(trial, old, pipe_fds[1]);
    if (good)
        (void)close(pipe_fds[1]);
    if (child > 0) {
        end = wait_for(trial, pipe_fds[0]);
        (void)waitpid(child, NULL, 0);
    }
    if (good)
        (void)close(pipe_fds[0]);
    free(old);
    return end;
}
