/* SPDX-License-Identifier: Apache-2.0 */
/* The app's files: from one folder, by a path that a browser sent. Only plain names are looked up
 * (letters, digits, - _ . and no leading dot in any part), so nothing outside the folder can be
 * named. NAME.gz beside NAME is sent to browsers that take gzip. */
#ifndef BAIYE_HTTP_FILES_H
#define BAIYE_HTTP_FILES_H

#include <stdbool.h>
#include <stdint.h>

struct file {
    int fd;
    uint64_t size;
    const char *type; /* Content-Type */
    const char *cache_control;
    bool gzip;     /* Content-Encoding: gzip */
    char etag[64]; /* with its quotes */
};

/* Opens what `path` ("/", "/assets/x.js", …) names. 0, or the HTTP status that says why not. The
 * caller closes file->fd. A path without a dot in its last part is a page of the app:
 * index.html. */
int files_open(int folder_fd, const char *path, bool gzip_taken, struct file *file);

/* May such a path be looked up at all? */
bool files_path_plain(const char *path);
/* Does an Accept-Encoding header take gzip? */
bool files_gzip_taken(const char *accept_encoding);
/* Does an If-None-Match header name this ETag? */
bool files_etag_matches(const char *if_none_match, const char *etag);

#endif
