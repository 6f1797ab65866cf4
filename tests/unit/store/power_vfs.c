/* SPDX-License-Identifier: Apache-2.0 */
/* Each file has two images: what the medium surely holds (as of the last sync), and what the
 * program sees. Writes since the sync are listed; at the cut each of their sectors reaches the
 * medium or not, by chance. */
#include "tests/unit/store/power_vfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES  16
#define SECTOR 512

struct image {
    uint8_t *data;
    size_t size, room;
};

struct write {
    struct write *next;
    size_t at, size;
    bool truncation; /* to `at` */
    uint8_t data[];
};

struct medium {
    char name[300];
    bool used;
    struct image seen, safe;
    struct write *first, *last;
};

struct handle {
    sqlite3_file base;
    struct medium *medium;
    uint32_t life; /* a handle of before a power cut is dead */
};

static struct {
    pthread_mutex_t lock;
    struct medium files[FILES];
    uint32_t seed, life;
    uint64_t cut_after, fail_at;
    bool off, fail_for_ever, failed;
} vfs = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint32_t chance(void)
{
    vfs.seed = vfs.seed * 1664525u + 1013904223u;
    return vfs.seed >> 8;
}

static void grow(struct image *image, size_t size)
{
    if (size > image->room) {
        size_t room = size * 2 + 4096;
        uint8_t *data = realloc(image->data, room);
        if (data == NULL)
            abort();
        memset(data + image->room, 0, room - image->room);
        image->data = data;
        image->room = room;
    }
    if (size > image->size) {
        memset(image->data + image->size, 0, size - image->size);
        image->size = size;
    }
}

static void image_write(struct image *image, size_t at, const uint8_t *data, size_t size)
{
    grow(image, at + size);
    memcpy(image->data + at, data, size);
}

static void image_cut(struct image *image, size_t size)
{
    if (size < image->size)
        image->size = size;
}

static void forget_writes(struct medium *medium)
{
    while (medium->first != NULL) {
        struct write *write = medium->first;
        medium->first = write->next;
        free(write);
    }
    medium->last = NULL;
}

static void note_write(struct medium *medium, size_t at, const void *data, size_t size, bool cut)
{
    struct write *write = malloc(sizeof *write + size);
    if (write == NULL)
        abort();
    *write = (struct write){.at = at, .size = size, .truncation = cut};
    if (size > 0)
        memcpy(write->data, data, size);
    if (medium->last != NULL)
        medium->last->next = write;
    else
        medium->first = write;
    medium->last = write;
}

/* What of the unsynced writes has reached the medium. */
static void lose_power(void)
{
    vfs.off = true;
    vfs.life++;
    for (unsigned i = 0; i < FILES; i++) {
        struct medium *medium = &vfs.files[i];
        uint32_t mood = chance() % 4; /* none, all, or some of them */
        for (struct write *w = medium->first; w != NULL; w = w->next) {
            if (w->truncation && (mood == 1 || (mood > 1 && chance() % 2 == 0)))
                image_cut(&medium->safe, w->at);
            for (size_t at = 0; !w->truncation && at < w->size; at += SECTOR) {
                size_t size = w->size - at < SECTOR ? w->size - at : SECTOR;
                if (mood == 1 || (mood > 1 && chance() % 2 == 0))
                    image_write(&medium->safe, w->at + at, w->data + at, size);
            }
        }
        forget_writes(medium);
        medium->seen.size = 0;
        grow(&medium->seen, medium->safe.size);
        if (medium->safe.size > 0)
            memcpy(medium->seen.data, medium->safe.data, medium->safe.size);
    }
}

/* Counts an operation; true when it must fail. */
static bool fails(bool changes)
{
    if (vfs.off)
        return true;
    if (vfs.fail_at > 0) {
        if (vfs.fail_at == 1) {
            vfs.failed = true;
            vfs.fail_at = vfs.fail_for_ever ? 1 : 0;
            return true;
        }
        vfs.fail_at--;
    }
    if (changes && vfs.cut_after > 0 && --vfs.cut_after == 0) {
        lose_power();
        return true;
    }
    return false;
}

static bool dead(const struct handle *handle)
{
    return handle->life != vfs.life;
}

/* ---- A file ---- */

static int file_close(sqlite3_file *file)
{
    (void)file;
    return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *out, int size, sqlite3_int64 at)
{
    struct handle *handle = (struct handle *)file;
    int rc = SQLITE_OK;
    pthread_mutex_lock(&vfs.lock);
    const struct image *image = &handle->medium->seen;
    if (dead(handle) || fails(false)) {
        rc = SQLITE_IOERR_READ;
    } else {
        size_t from = (size_t)at, want = (size_t)size;
        size_t have = from < image->size ? image->size - from : 0;
        have = have < want ? have : want;
        if (have > 0)
            memcpy(out, image->data + from, have);
        memset((uint8_t *)out + have, 0, want - have);
        rc = have < want ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
    }
    pthread_mutex_unlock(&vfs.lock);
    return rc;
}

static int file_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 at)
{
    struct handle *handle = (struct handle *)file;
    pthread_mutex_lock(&vfs.lock);
    bool bad = dead(handle);
    if (!bad) { /* the write under way when the power goes may itself be torn */
        bool cut = vfs.cut_after == 1 && !vfs.off;
        if (cut)
            note_write(handle->medium, (size_t)at, data, (size_t)size, false);
        bad = fails(true);
    }
    if (!bad) {
        note_write(handle->medium, (size_t)at, data, (size_t)size, false);
        image_write(&handle->medium->seen, (size_t)at, data, (size_t)size);
    }
    pthread_mutex_unlock(&vfs.lock);
    return bad ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct handle *handle = (struct handle *)file;
    pthread_mutex_lock(&vfs.lock);
    bool bad = dead(handle) || fails(true);
    if (!bad) {
        note_write(handle->medium, (size_t)size, NULL, 0, true);
        image_cut(&handle->medium->seen, (size_t)size);
    }
    pthread_mutex_unlock(&vfs.lock);
    return bad ? SQLITE_IOERR_TRUNCATE : SQLITE_OK;
}

static int file_sync(sqlite3_file *file, int flags)
{
    struct handle *handle = (struct handle *)file;
    (void)flags;
    pthread_mutex_lock(&vfs.lock);
    bool bad = dead(handle) || fails(true);
    if (!bad) {
        struct medium *medium = handle->medium;
        medium->safe.size = 0;
        grow(&medium->safe, medium->seen.size);
        if (medium->seen.size > 0)
            memcpy(medium->safe.data, medium->seen.data, medium->seen.size);
        forget_writes(medium);
    }
    pthread_mutex_unlock(&vfs.lock);
    return bad ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    struct handle *handle = (struct handle *)file;
    pthread_mutex_lock(&vfs.lock);
    *size = (sqlite3_int64)handle->medium->seen.size;
    bool bad = dead(handle) || fails(false);
    pthread_mutex_unlock(&vfs.lock);
    return bad ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level)
{
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int file_reserved(sqlite3_file *file, int *out)
{
    (void)file;
    *out = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int what, void *arg)
{
    (void)file;
    (void)what;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *file)
{
    (void)file;
    return SECTOR;
}

static int characteristics(sqlite3_file *file)
{
    (void)file;
    return 0; /* nothing is promised */
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, /* no shared memory: exclusive locking needs none */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_lock,
    .xCheckReservedLock = file_reserved,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
};

/* ---- The file system ---- */

static struct medium *find(const char *name)
{
    for (unsigned i = 0; i < FILES; i++) {
        if (vfs.files[i].used && strcmp(vfs.files[i].name, name) == 0)
            return &vfs.files[i];
    }
    return NULL;
}

static struct medium *create(const char *name)
{
    for (unsigned i = 0; i < FILES; i++) {
        if (vfs.files[i].used)
            continue;
        vfs.files[i].used = true;
        (void)snprintf(vfs.files[i].name, sizeof vfs.files[i].name, "%s", name);
        return &vfs.files[i];
    }
    abort();
}

static int vfs_open(sqlite3_vfs *self, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct handle *handle = (struct handle *)file;
    (void)self;
    pthread_mutex_lock(&vfs.lock);
    bool bad = fails(false);
    struct medium *medium = bad ? NULL : find(name != NULL ? name : "temporary");
    if (!bad && medium == NULL && (flags & SQLITE_OPEN_CREATE) != 0)
        medium = create(name != NULL ? name : "temporary");
    handle->base.pMethods = medium != NULL ? &methods : NULL;
    handle->medium = medium;
    handle->life = vfs.life;
    pthread_mutex_unlock(&vfs.lock);
    if (out != NULL)
        *out = flags;
    return medium != NULL ? SQLITE_OK : SQLITE_CANTOPEN;
}

/* Deleting a name is taken to be safe at once: SQLite's WAL does not depend on it. */
static int vfs_delete(sqlite3_vfs *self, const char *name, int sync)
{
    (void)self;
    (void)sync;
    pthread_mutex_lock(&vfs.lock);
    bool bad = fails(true);
    struct medium *medium = bad ? NULL : find(name);
    if (medium != NULL) {
        forget_writes(medium);
        free(medium->seen.data);
        free(medium->safe.data);
        memset(medium, 0, sizeof *medium);
    }
    pthread_mutex_unlock(&vfs.lock);
    return bad ? SQLITE_IOERR_DELETE : SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *self, const char *name, int flags, int *out)
{
    (void)self;
    (void)flags;
    pthread_mutex_lock(&vfs.lock);
    bool bad = fails(false);
    *out = !bad && find(name) != NULL;
    pthread_mutex_unlock(&vfs.lock);
    return bad ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

static int vfs_path(sqlite3_vfs *self, const char *name, int size, char *out)
{
    (void)self;
    (void)snprintf(out, (size_t)size, "%s", name);
    return SQLITE_OK;
}

static sqlite3_vfs *below;

static int vfs_random(sqlite3_vfs *self, int size, char *out)
{
    (void)self;
    return below->xRandomness(below, size, out);
}

static int vfs_sleep(sqlite3_vfs *self, int us)
{
    (void)self;
    return us;
}

static int vfs_time(sqlite3_vfs *self, double *out)
{
    (void)self;
    return below->xCurrentTime(below, out);
}

static int vfs_error(sqlite3_vfs *self, int size, char *out)
{
    (void)self;
    (void)size;
    (void)out;
    return 5; /* EIO */
}

void power_vfs_register(void)
{
    static sqlite3_vfs own = {.iVersion = 1,
                              .szOsFile = sizeof(struct handle),
                              .mxPathname = 299,
                              .zName = "power",
                              .xOpen = vfs_open,
                              .xDelete = vfs_delete,
                              .xAccess = vfs_access,
                              .xFullPathname = vfs_path,
                              .xRandomness = vfs_random,
                              .xSleep = vfs_sleep,
                              .xCurrentTime = vfs_time,
                              .xGetLastError = vfs_error};
    below = sqlite3_vfs_find(NULL);
    if (sqlite3_vfs_register(&own, 1) != SQLITE_OK)
        abort();
}

void power_vfs_clear(void)
{
    pthread_mutex_lock(&vfs.lock);
    for (unsigned i = 0; i < FILES; i++) {
        forget_writes(&vfs.files[i]);
        free(vfs.files[i].seen.data);
        free(vfs.files[i].safe.data);
        memset(&vfs.files[i], 0, sizeof vfs.files[i]);
    }
    vfs.off = vfs.failed = false;
    vfs.cut_after = vfs.fail_at = 0;
    pthread_mutex_unlock(&vfs.lock);
}

void power_vfs_seed(uint32_t seed)
{
    pthread_mutex_lock(&vfs.lock);
    vfs.seed = seed;
    pthread_mutex_unlock(&vfs.lock);
}

void power_vfs_cut_after(uint64_t operations)
{
    pthread_mutex_lock(&vfs.lock);
    vfs.cut_after = operations;
    pthread_mutex_unlock(&vfs.lock);
}

void power_vfs_fail_at(uint64_t operation, bool for_ever)
{
    pthread_mutex_lock(&vfs.lock);
    vfs.fail_at = operation;
    vfs.fail_for_ever = for_ever;
    vfs.failed = false;
    pthread_mutex_unlock(&vfs.lock);
}

bool power_vfs_is_off(void)
{
    pthread_mutex_lock(&vfs.lock);
    bool off = vfs.off;
    pthread_mutex_unlock(&vfs.lock);
    return off;
}

bool power_vfs_has_failed(void)
{
    pthread_mutex_lock(&vfs.lock);
    bool failed = vfs.failed;
    pthread_mutex_unlock(&vfs.lock);
    return failed;
}

void power_vfs_on(void)
{
    pthread_mutex_lock(&vfs.lock);
    vfs.off = false;
    vfs.cut_after = 0;
    pthread_mutex_unlock(&vfs.lock);
}
