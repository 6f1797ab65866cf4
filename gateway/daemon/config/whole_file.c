/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/config/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/daemon/config/config.h"

#define FILE_MOST (1u << 20) /* as yaml_open() */

char *whole_file_read(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = fd >= 0 ? malloc(FILE_MOST + 2) : NULL;
    ssize_t got = 0;
    *size = 0;
    while (
        text != NULL && *size <= FILE_MOST &&
        ((got = read(fd, text + *size, FILE_MOST + 1 - *size)) > 0 || (got < 0 && errno == EINTR)))
        *size += got > 0 ? (size_t)got : 0;
    if (text != NULL && (got < 0 || *size > FILE_MOST)) {
        errno = got < 0 ? errno : EFBIG;
        free(text);
        text = NULL;
    }
    if (text != NULL)
        text[*size] = '\0';
    if (fd >= 0)
        (void)close(fd);
    return text;
}

static bool write_all(int fd, const char *text, size_t size)
{
    size_t at = 0;
    while (at < size) {
        ssize_t put = write(fd, text + at, size - at);
        if (put < 0 && errno != EINTR)
            return false;
        at += put > 0 ? (size_t)put : 0;
    }
    return true;
}

/* Without a change of owner where there is none: the unit leaves the daemon no chown(2), not even
 * one of its own file to itself. */
static bool take_rights(int fd, const struct stat *like)
{
    struct stat own;
    return fstat(fd, &own) == 0 &&
           ((own.st_uid == like->st_uid && own.st_gid == like->st_gid) ||
            fchown(fd, like->st_uid, like->st_gid) == 0) &&
           fchmod(fd, like->st_mode & 07777) == 0;
}

/* `like`: whose owner and rights it takes; NULL: of this user alone. */
static bool write_file(const char *path, const char *text, size_t size, const struct stat *like)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool good = fd >= 0 && (like == NULL || take_rights(fd, like));
    good = good && write_all(fd, text, size) && fsync(fd) == 0;
    if (fd >= 0 && close(fd) != 0)
        good = false;
    return good;
}

bool whole_file_write(const char *path, const char *text, size_t size)
{
    return write_file(path, text, size, NULL);
}

bool whole_file_sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd);
    return good;
}

bool whole_file_replace(const char *path, const char *text, size_t size)
{
    char fresh[2 * CONFIG_PATH_SIZE + 8], folder[2 * CONFIG_PATH_SIZE];
    int length = snprintf(fresh, sizeof fresh, "%s.new", path);
    const char *slash = strrchr(path, '/');
    struct stat before;
    if (length <= 0 || (size_t)length >= sizeof fresh || slash == NULL)
        return false;
    (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    return write_file(fresh, text, size, stat(path, &before) == 0 ? &before : NULL) &&
           rename(fresh, path) == 0 && whole_file_sync_folder(folder);
}
