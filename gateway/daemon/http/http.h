/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 in the loop's thread: the app's files, the WebSocket bridge, and pages made by
 * handlers. The app's files and pages marked `open` are for everybody; all others need a user of
 * the local broker (HTTP Basic). Only GET and HEAD; no request body is ever read.
 *
 * Without TLS only a browser that calls us by a name of loopback gets more than the app's files.
 *
 * Bounds: HTTP_CONNECTIONS_MAX connections (places.h), 4 kB of headers each, 10 s for a request to
 * arrive, 30 s for each piece of an answer to be taken. */
#ifndef BAIYE_HTTP_HTTP_H
#define BAIYE_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/http/auth.h"
#include "gateway/daemon/http/bridge.h"

struct http;
struct http_request;

/* A page made by a program. `get` answers at once or later with http_reply(), or in pieces. */
struct http_page {
    const char *path;
    bool open; /* no user needed */
    void (*get)(void *context, struct http_request *request);
};

struct http_options {
    const char *host;
    uint16_t port;
    const char *cert_file, *key_file;                   /* "" : no TLS */
    const char *app_dir;                                /* "" : no app */
    struct bridge *bridge;                              /* NULL: no local broker */
    struct auth *auth;                                  /* NULL: nobody gets in */
    const struct http_page *pages;                      /* ends with path NULL */
    void *context;                                      /* for the pages, and for: */
    void (*report)(void *context, const char *trouble); /* can't listen; NULL: it can. Or NULL */
};

/* Listens; when the address can't be had, says so and tries again every 5 s. The strings and
 * pages must outlive it. NULL: out of memory. */
struct http *http_open(struct loop *loop, const struct http_options *options);
/* After loop_end(), which ends the connections. */
void http_close(struct http *http);

struct http_stats {
    uint32_t connections;
    uint64_t requests, unauthorised, bytes_out;
    bool listening;
};
void http_stats(const struct http *http, struct http_stats *stats);

/* One answer. Copies the body. `type` has its charset. */
void http_reply(struct http_request *request, unsigned status, const char *type, const void *body,
                size_t size);
/* JSON {"error":{"code","message","hint"}}. */
void http_reply_error(struct http_request *request, unsigned status, const char *code,
                      const char *message, const char *hint);

/* Whose request it is; "" where no user was needed. Valid as long as the request. */
const char *http_user(const struct http_request *request);

/* An answer in pieces: after http_stream_begin() `more` is called whenever the last piece is
 * gone, and then gives the next one, now or later, by http_stream_piece(); size 0 ends it. `gone`
 * is called when the request ends either way: the request must not be touched afterwards. */
struct http_stream {
    void *context;
    void (*more)(void *context, struct http_request *request);
    void (*gone)(void *context);
};
void http_stream_begin(struct http_request *request, const char *type, const char *file_name,
                       const struct http_stream *stream);
void http_stream_piece(struct http_request *request, const void *data, size_t size);
/* Something broke after the beginning: the connection is cut, so that the client sees it. */
void http_stream_break(struct http_request *request);

/* The first query argument of that name, decoded; false: there is none. One that is longer than
 * the buffer or holds a NUL is there and empty: nothing valid is. */
bool http_argument(struct http_request *request, const char *name, char *out, size_t size);

#endif
