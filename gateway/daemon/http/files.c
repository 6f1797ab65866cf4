/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MAX_BYTES 200

static const struct {
    const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".webp", "image/webp"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
    {".wasm", "application/wasm"},
    {".mp3", "audio/mpeg"},
    {".ogg", "audio/ogg"},
    {".wav", "audio/wav"},
};

static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

bool files_path_plain(const char *path)
{
    if (path[0] != '/' || strlen(path) > PATH_MAX_BYTES)
        return false;
    for (size_t i = 1; path[i] != '\0'; i++) {
        bool starts_part = path[i - 1] == '/';
        if (starts_part && (path[i] == '.' || path[i] == '/'))
            return false;
        if (path[i] != '/' && !plain(path[i]))
            return false;
    }
    return true;
}

static const char *files_type(const char *path)
{
    const char *suffix = strrchr(path, '.');
    for (size_t i = 0; suffix != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].suffix, suffix) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

bool files_gzip_taken(const char *accept_encoding)
{
    const char *at = strstr(accept_encoding, "gzip");
    if (at == NULL)
        return false;
    at += strlen("gzip");
    at += strspn(at, " ");
    if (*at != ';')
        return true;
    const char *q = strstr(at, "q=");
    const char *comma = strchr(at, ',');
    if (q == NULL || (comma != NULL && q > comma))
        return true;
    return strtod(q + 2, NULL) > 0;
}

bool files_etag_matches(const char *if_none_match, const char *etag)
{
    return strcmp(if_none_match, "*") == 0 || strstr(if_none_match, etag) != NULL;
}

static int open_plain(int folder_fd, const char *name, struct file *file)
{
    struct stat info;
    file->fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file->fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 404 : 500;
    if (fstat(file->fd, &info) < 0 || !S_ISREG(info.st_mode)) {
        close(file->fd);
        file->fd = -1;
        return 404;
    }
    file->size = (uint64_t)info.st_size;
    int size =
        snprintf(file->etag, sizeof file->etag, "\"%llx-%llx-%llx%09lx\"",
                 (unsigned long long)info.st_ino, (unsigned long long)info.st_size,
                 (unsigned long long)info.st_mtim.tv_sec, (unsigned long)info.st_mtim.tv_nsec);
    return size > 0 && (size_t)size < sizeof file->etag ? 0 : 500;
}

int files_open(int folder_fd, const char *path, bool gzip_taken, struct file *file)
{
    char name[PATH_MAX_BYTES + 8];
    *file = (struct file){.fd = -1};
    if (!files_path_plain(path))
        return 404;
    bool page = strchr(strrchr(path, '/'), '.') == NULL;
    const char *wanted = page ? "index.html" : path + 1;
    file->type = files_type(wanted);
    /* The build puts a hash of the contents into the names under assets/: they never change. */
    file->cache_control =
        strncmp(wanted, "assets/", 7) == 0 ? "public, max-age=31536000, immutable" : "no-cache";
    int size = snprintf(name, sizeof name, "%s.gz", wanted);
    if (gzip_taken && size > 0 && open_plain(folder_fd, name, file) == 0) {
        file->gzip = true;
        return 0;
    }
    return open_plain(folder_fd, wanted, file);
}
