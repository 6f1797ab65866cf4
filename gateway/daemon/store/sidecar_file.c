/* SPDX-License-Identifier: Apache-2.0 */
/* Small files next to the store, PATH.NAME, replaced as a whole: what must be there also when the
 * store itself cannot be read. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/daemon/store/impl.h"
#include "gateway/daemon/store/store.h"

#define TEXT_MOST 1000u

static void name_of(const char *path, const char *name, const char *more, char *out, size_t size)
{
    (void)snprintf(out, size, "%s.%s%s", path, name, more);
}

size_t sidecar_load(const char *path, const char *name, char *text, size_t size)
{
    char file[DB_PATH_SIZE + 32];
    size_t used = 0;
    name_of(path, name, "", file, sizeof file);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t got = read(fd, text, size - 1);
        used = got > 0 ? (size_t)got : 0;
        close(fd);
    }
    text[used] = '\0';
    return used;
}

static bool write_whole(const char *file, const char *text, size_t size)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return false;
    bool good = write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
    return close(fd) == 0 && good;
}

/* Makes the rename itself survive a power cut. */
static void sync_folder(const char *path)
{
    char folder[DB_PATH_SIZE];
    (void)snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        (void)snprintf(folder, sizeof folder, ".");
    else
        slash[slash == folder ? 1 : 0] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd); /* best effort: some file systems do not know it */
    close(fd);
}

bool sidecar_save(const char *path, const char *name, const char *text)
{
    char file[DB_PATH_SIZE + 32], fresh[DB_PATH_SIZE + 40];
    name_of(path, name, "", file, sizeof file);
    name_of(path, name, ".new", fresh, sizeof fresh);
    if (!write_whole(fresh, text, strlen(text)) || rename(fresh, file) != 0)
        return false;
    sync_folder(path);
    return true;
}

/* ---- For others ---- */

struct sidecar_task {
    struct task task;
    char name[16];
    char text[TEXT_MOST];
};

/* In whatever state the store is: that is what the file is for. */
static bool sidecar_run(struct store *store, struct task *task, enum store_result state)
{
    struct sidecar_task *own = (struct sidecar_task *)task;
    (void)state;
    if (!sidecar_save(store->path, own->name, own->text))
        log_limited(&store->sidecar_log, LOG_LEVEL_WARNING, "store: %s.%s cannot be written: %s",
                    store->path, own->name, strerror(errno));
    free(own);
    return false;
}

size_t store_read_sidecar(const struct store *store, const char *name, char *text, size_t size)
{
    return sidecar_load(store->path, name, text, size);
}

enum store_result store_write_sidecar(struct store *store, const char *name, const char *text)
{
    struct sidecar_task task = {.task.run = sidecar_run};
    if ((size_t)snprintf(task.name, sizeof task.name, "%s", name) >= sizeof task.name ||
        (size_t)snprintf(task.text, sizeof task.text, "%s", text) >= sizeof task.text)
        return STORE_INVALID;
    return task_post_copy(store, &task.task, sizeof task);
}
