/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/config/last_good.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/daemon/config/draft.h"
#include "gateway/daemon/config/profile.h"
#include "gateway/daemon/config/whole_file.h"

#define PATH_ROOM (2 * CONFIG_PATH_SIZE)

const char *last_good_folder(void)
{
    const char *folder = getenv("STATE_DIRECTORY"); /* systemd.exec(5) */
    return folder != NULL && folder[0] == '/' && strchr(folder, ':') == NULL ? folder : NULL;
}

static bool path_in(char out[PATH_ROOM], const char *folder, const char *name)
{
    int length = snprintf(out, PATH_ROOM, "%s/%s", folder, name);
    return length > 0 && length < PATH_ROOM;
}

static bool copy(const char *from, const char *to)
{
    size_t size;
    char *text = whole_file_read(from, &size);
    bool good = text != NULL && whole_file_write(to, text, size);
    free(text);
    return good;
}

static bool same(const char *one, const char *other)
{
    size_t size, other_size;
    char *text = whole_file_read(one, &size), *other_text = whole_file_read(other, &other_size);
    bool equal = text != NULL && other_text != NULL && size == other_size &&
                 memcmp(text, other_text, size) == 0;
    free(text);
    free(other_text);
    return equal;
}

/* ---- The two folders ---- */

/* Of the file config.good, by folder: the version of this form and the folder. */
static const char marks[3][5] = {"", "1:1\n", "1:2\n"};

/* 1 or 2; 0: none counts. */
static unsigned current(const char *folder)
{
    char path[PATH_ROOM];
    size_t size = 0;
    char *text = path_in(path, folder, "config.good") ? whole_file_read(path, &size) : NULL;
    unsigned which = 0;
    for (unsigned i = 1; i <= 2 && text != NULL; i++) {
        if (size == strlen(marks[i]) && memcmp(text, marks[i], size) == 0)
            which = i;
    }
    free(text);
    return which;
}

static bool make_current(const char *folder, unsigned which)
{
    char path[PATH_ROOM];
    return path_in(path, folder, "config.good") &&
           whole_file_replace(path, marks[which], strlen(marks[which]));
}

/* What a folder holds, one file after the other: its path there and where it comes from. NULL
 * `from`: the origin. Gives false to end. */
typedef bool (*each_file)(const char *from, const char *to, const struct config *config);

static bool for_each_file(const struct config *config, const char *kept, each_file each)
{
    char to[PATH_ROOM], from[PATH_ROOM], name[CONFIG_NAME_SIZE + 16];
    const char *profiles = config->profile_dir[0] != '\0' ? config->profile_dir : NULL;
    if (!path_in(to, kept, "origin") || !each(NULL, to, config) ||
        !path_in(to, kept, "baiye.yaml") || !each(config->file, to, config))
        return false;
    for (unsigned i = 0; i < config->profile_count; i++) {
        (void)snprintf(name, sizeof name, "profiles/%s.yaml", config->profiles[i].name);
        if (!profile_find(config->profiles[i].name, profiles, from, sizeof from) ||
            !path_in(to, kept, name) || !each(from, to, config))
            return false;
    }
    return true;
}

static bool copy_one(const char *from, const char *to, const struct config *config)
{
    return from != NULL ? copy(from, to) : whole_file_write(to, config->file, strlen(config->file));
}

static bool is_origin(const char *path, const char *file)
{
    size_t size;
    char *text = whole_file_read(path, &size);
    bool equal = text != NULL && size == strlen(file) && memcmp(text, file, size) == 0;
    free(text);
    return equal;
}

static bool same_one(const char *from, const char *to, const struct config *config)
{
    return from != NULL ? same(from, to) : is_origin(to, config->file);
}

static bool folder_of(char out[PATH_ROOM], const char *folder, unsigned which)
{
    return path_in(out, folder, which == 1 ? "config.1" : "config.2");
}

static bool make_folder(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

bool last_good_keep(const struct config *config, const char *folder)
{
    char kept[PATH_ROOM], profiles[PATH_ROOM];
    unsigned now = current(folder), next = now == 1 ? 2 : 1;
    if (now != 0 && folder_of(kept, folder, now) && for_each_file(config, kept, same_one))
        return true;
    if (!folder_of(kept, folder, next) || !path_in(profiles, kept, "profiles") ||
        !make_folder(kept) || !make_folder(profiles) || !for_each_file(config, kept, copy_one))
        return false;
    struct config_error error;
    struct config *copied = config_load_last_good(kept, config->file, &error);
    bool good = copied != NULL && make_current(folder, next);
    config_free(copied);
    return good;
}

struct config *last_good_load(const char *file, const char *folder)
{
    char kept[PATH_ROOM], origin[PATH_ROOM];
    unsigned which = current(folder);
    struct config_error error;
    if (which == 0 || !folder_of(kept, folder, which) || !path_in(origin, kept, "origin") ||
        !is_origin(origin, file))
        return NULL;
    return config_load_last_good(kept, file, &error);
}
