/* SPDX-License-Identifier: Apache-2.0 */
/* A table as CSV, which the store gives page by page: one is asked for when the client has taken
 * the one before. Loop thread, except where said. */
#ifndef BAIYE_HTTP_CSV_STREAM_H
#define BAIYE_HTTP_CSV_STREAM_H

#include "gateway/daemon/http/http.h"
#include "gateway/daemon/loop.h"
#include "gateway/daemon/store/store.h"

struct csv_stream;

/* What the tables do each in their own way. */
struct csv_pages {
    const char *header, *file_name;
    /* Is there another page? */
    bool (*more)(struct csv_stream *stream);
    /* Asks for it; csv_stream_paged() follows. */
    enum store_result (*ask)(struct csv_stream *stream);
    /* The page that came, and on to the next; the caller frees it. NULL: no memory. */
    char *(*text)(struct csv_stream *stream, size_t *size);
};

/* The first member of the table's own struct. */
struct csv_stream {
    const struct csv_pages *pages; /* NULL: free */
    struct loop *loop;
    struct http_request *request; /* NULL: the client is gone */
    bool asking, header_sent;
    struct loop_task task;
    enum store_result result;
};

/* The answer to stream->request begins. */
void csv_stream_begin(struct csv_stream *stream);
/* A page came, or none did. Store thread. */
void csv_stream_paged(struct csv_stream *stream, enum store_result result);

#endif
