/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/config/trial.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/hex.h"
#include "gateway/common/log.h"
#include "gateway/daemon/config/draft.h"
#include "gateway/daemon/config/whole_file.h"

#define PATH_ROOM (2 * CONFIG_PATH_SIZE)
#define VERSION   "1:trial"
#define FORM      VERSION "\nold %s\nnew %s\nvia %s\nbegun %" PRId64 "\nend %" PRId64 "\nstarts %u\n"

static const char state_name[] = "config.trial", yaml_name[] = "config.trial.yaml",
                  undone_name[] = "config.undone", past_name[] = "config.past";

static bool path_in(char out[PATH_ROOM], const char *folder, const char *name)
{
    int length = snprintf(out, PATH_ROOM, "%s/%s", folder, name);
    return length > 0 && length < PATH_ROOM;
}

static int64_t boottime_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void config_trial_hash(const void *data, size_t size, char hash[TRIAL_HASH_SIZE])
{
    uint8_t bytes[SHA256_DIGEST_LENGTH];
    (void)SHA256(data, size, bytes);
    hex_write(bytes, sizeof bytes, hash);
}

bool config_trial_hash_file(const char *file, char hash[TRIAL_HASH_SIZE])
{
    size_t size;
    char *text = whole_file_read(file, &size);
    hash[0] = '\0';
    if (text != NULL)
        config_trial_hash(text, size, hash);
    free(text);
    return text != NULL;
}

/* ---- Beginning one ---- */

/* What a message says of the copy it says of the file. */
static void name_file(struct config_error *error, const char *copy, const char *file)
{
    char text[sizeof error->text];
    size_t size = strlen(copy);
    if (strncmp(error->text, copy, size) != 0)
        return;
    (void)snprintf(text, sizeof text, "%.200s%s", file, error->text + size);
    (void)snprintf(error->text, sizeof error->text, "%s", text);
}

static struct config *refuse(struct config *next, struct config_error *error, const char *file,
                             const char *what)
{
    (void)snprintf(error->text, sizeof error->text, "%.200s:1: %s", file, what);
    config_free(next);
    return NULL;
}

struct config *config_trial_check(const char *folder, const char *yaml, size_t size,
                                  const struct config *config, const char *profiles,
                                  struct config_error *error)
{
    char path[PATH_ROOM];
    if (!path_in(path, folder, yaml_name) || !whole_file_replace(path, yaml, size)) {
        (void)snprintf(error->text, sizeof error->text, "a copy can't be kept in %.200s: %s",
                       folder, strerror(errno));
        return NULL;
    }
    struct config *next = config_load_copy(path, config->file, profiles, error);
    if (next == NULL)
        name_file(error, path, config->file);
    else if (strcmp(next->site, config->site) != 0)
        return refuse(next, error, config->file, "site: it is changed at the gateway only");
    else if (strcmp(next->store_path, config->store_path) != 0)
        return refuse(next, error, config->file, "store: path is changed at the gateway only");
    return next;
}

static bool write_state(const char *folder, const struct config_trial *trial)
{
    char path[PATH_ROOM], text[512];
    int size = snprintf(text, sizeof text, FORM, trial->hash_old, trial->hash, trial->via,
                        trial->begun_ms, trial->end_ms, trial->starts);
    return size > 0 && path_in(path, folder, state_name) &&
           whole_file_replace(path, text, (size_t)size);
}

bool config_trial_begin(const char *folder, struct config_trial *trial, const char *file,
                        uint32_t confirm_s)
{
    char path[PATH_ROOM];
    trial->begun_ms = boottime_ms();
    trial->end_ms = trial->begun_ms + (int64_t)confirm_s * 1000;
    trial->starts = 0;
    return config_trial_hash_file(file, trial->hash_old) && path_in(path, folder, yaml_name) &&
           config_trial_hash_file(path, trial->hash) && write_state(folder, trial);
}

/* ---- The state ---- */

/* Exactly what write_state() writes; anything else is none. */
static bool parse(const char *text, struct config_trial *trial)
{
    char again[512];
    *trial = (struct config_trial){0};
    /* NOLINTNEXTLINE(cert-err34-c): what was read is written again and compared */
    if (sscanf(text,
               VERSION "\nold %64[0-9a-f]\nnew %64[0-9a-f]\nvia %32[a-z0-9-]\nbegun %" SCNd64
                       "\nend %" SCNd64 "\nstarts %u\n",
               trial->hash_old, trial->hash, trial->via, &trial->begun_ms, &trial->end_ms,
               &trial->starts) != 6)
        return false;
    (void)snprintf(again, sizeof again, FORM, trial->hash_old, trial->hash, trial->via,
                   trial->begun_ms, trial->end_ms, trial->starts);
    return strcmp(again, text) == 0;
}

bool config_trial_read(const char *folder, struct config_trial *trial)
{
    char path[PATH_ROOM];
    size_t size;
    char *text = path_in(path, folder, state_name) ? whole_file_read(path, &size) : NULL;
    bool good = text != NULL && parse(text, trial);
    if (text != NULL && !good)
        (void)unlink(path); /* of another version, or damaged: the file counts */
    free(text);
    return good;
}

int64_t config_trial_left_ms(const struct config_trial *trial)
{
    int64_t now_ms = boottime_ms();
    return now_ms >= trial->begun_ms && now_ms < trial->end_ms ? trial->end_ms - now_ms : 0;
}

static void forget(const char *folder)
{
    char path[PATH_ROOM];
    if (path_in(path, folder, state_name))
        (void)unlink(path);
    (void)whole_file_sync_folder(folder);
    if (path_in(path, folder, yaml_name))
        (void)unlink(path);
}

void config_trial_undo(const char *folder, const struct config_trial *trial, const char *why)
{
    char path[PATH_ROOM], text[TRIAL_HASH_SIZE + TRIAL_WHY_SIZE + 8];
    int size = snprintf(text, sizeof text, "1:%s %.*s", trial->hash, TRIAL_WHY_SIZE - 1, why);
    if (size > 0 && path_in(path, folder, undone_name) &&
        !whole_file_replace(path, text, (size_t)size))
        log_write(LOG_LEVEL_WARNING, "%s can't be written: %s", path, strerror(errno));
    forget(folder);
    log_write(LOG_LEVEL_WARNING, "the configuration on trial (%.8s, by %s) is undone: %s",
              trial->hash, trial->via, why);
}

bool config_trial_undone(const char *folder, char hash[TRIAL_HASH_SIZE], char why[TRIAL_WHY_SIZE])
{
    char path[PATH_ROOM];
    size_t size;
    char *text = path_in(path, folder, undone_name) ? whole_file_read(path, &size) : NULL;
    why[0] = '\0';
    bool good = text != NULL && sscanf(text, "1:%64[0-9a-f] %255[^\n]", hash, why) >= 1;
    free(text);
    return good;
}

/* ---- A start ---- */

/* NULL: it goes on; "" : it was confirmed, and the daemon fell over before it could say so. */
static const char *why_over(const struct config_trial *trial, const char *file, const char *yaml)
{
    char hash[TRIAL_HASH_SIZE];
    if (config_trial_hash_file(file, hash) && strcmp(hash, trial->hash) == 0)
        return "";
    if (strcmp(hash, trial->hash_old) != 0)
        return "the file has been changed at the gateway meanwhile";
    if (!config_trial_hash_file(yaml, hash) || strcmp(hash, trial->hash) != 0)
        return "its copy is damaged";
    if (config_trial_left_ms(trial) == 0)
        return "nobody confirmed it in time, or the gateway was switched off";
    return trial->starts >= TRIAL_STARTS_MAX ? "the gateway fell over by it again and again" : NULL;
}

static struct config *try_it(const char *folder, struct config_trial *trial, const char *yaml,
                             const char *file, const char *profiles)
{
    struct config_error error;
    trial->starts++;
    if (!write_state(folder, trial)) {
        config_trial_undo(folder, trial, "its state can't be kept");
        return NULL;
    }
    struct config *config = config_load_copy(yaml, file, profiles, &error);
    if (config == NULL)
        config_trial_undo(folder, trial, error.text);
    else
        config->trial = true;
    return config;
}

struct config *config_trial_load(const char *file, const char *profiles, const char *folder)
{
    struct config_trial trial;
    char yaml[PATH_ROOM];
    if (!path_in(yaml, folder, yaml_name) || !config_trial_read(folder, &trial))
        return NULL;
    const char *why = why_over(&trial, file, yaml);
    if (why == NULL)
        return try_it(folder, &trial, yaml, file, profiles);
    if (why[0] != '\0')
        config_trial_undo(folder, &trial, why);
    else
        forget(folder);
    return NULL;
}

/* ---- Confirming it ---- */

bool config_trial_replace(const char *file, const char *yaml, size_t size)
{
    return whole_file_replace(file, yaml, size);
}

static bool can_replace(const char *file)
{
    char folder[CONFIG_PATH_SIZE];
    const char *slash = strrchr(file, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - file) : 1,
                   slash != NULL ? file : ".");
    return access(folder, W_OK) == 0;
}

enum config_trial_way config_trial_way(const struct config *config)
{
    if (access(config->config_socket, W_OK) == 0)
        return TRIAL_BY_HELPER;
    return can_replace(config->file) ? TRIAL_BY_ITSELF : TRIAL_NOT;
}

static int is_past(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Names begin with a number of fixed length: the oldest come first. `next`: behind the last. */
static void thin_past(const char *past, unsigned *next)
{
    struct dirent **names = NULL;
    char path[PATH_ROOM + 256];
    int count = scandir(past, &names, is_past, alphasort);
    *next = 1;
    if (count > 0)
        *next = (unsigned)strtoul(names[count - 1]->d_name, NULL, 10) + 1;
    for (int i = 0; i < count; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", past, names[i]->d_name);
        if (i <= count - TRIAL_PAST_MAX)
            (void)unlink(path);
        free(names[i]);
    }
    free(names);
}

static bool keep_past(const char *folder, const struct config_trial *trial, const char *file)
{
    char past[PATH_ROOM], path[PATH_ROOM + 96];
    unsigned next;
    size_t size;
    if (!path_in(past, folder, past_name) || (mkdir(past, 0700) != 0 && errno != EEXIST))
        return false;
    thin_past(past, &next);
    (void)snprintf(path, sizeof path, "%s/%08u-%s.yaml", past, next, trial->hash_old);
    char *text = whole_file_read(file, &size);
    bool good = text != NULL && whole_file_write(path, text, size) && whole_file_sync_folder(past);
    free(text);
    return good;
}

char *config_trial_accept(const char *folder, const struct config_trial *trial,
                          const struct config *config, size_t *size, char *why, size_t why_size)
{
    char path[PATH_ROOM], hash[TRIAL_HASH_SIZE] = "";
    char *yaml = path_in(path, folder, yaml_name) ? whole_file_read(path, size) : NULL;
    if (yaml != NULL)
        config_trial_hash(yaml, *size, hash);
    bool same = strcmp(hash, trial->hash) == 0;
    bool unchanged =
        config_trial_hash_file(config->file, hash) && strcmp(hash, trial->hash_old) == 0;
    if (same && unchanged && keep_past(folder, trial, config->file))
        return yaml;
    (void)snprintf(why, why_size, "%s%s",
                   !same        ? "the copy of it is damaged"
                   : !unchanged ? "the file has been changed at the gateway meanwhile"
                                : "the file that is there can't be kept: ",
                   same && unchanged ? strerror(errno) : "");
    free(yaml);
    return NULL;
}

void config_trial_done(const char *folder)
{
    forget(folder);
}
