/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/csv_stream.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static void ask(struct csv_stream *stream)
{
    stream->asking = stream->pages->ask(stream) == STORE_OK;
    if (!stream->asking)
        http_stream_break(stream->request);
}

/* A page arrived: send it; an empty one is passed over. */
static void page_ready(struct loop_task *task)
{
    struct csv_stream *stream =
        (struct csv_stream *)((char *)task - offsetof(struct csv_stream, task));
    size_t size = 0;
    char *text = stream->pages->text(stream, &size);
    stream->asking = false;
    if (stream->request == NULL)
        stream->pages = NULL;
    else if (stream->result != STORE_OK || text == NULL)
        http_stream_break(stream->request);
    else if (size == 0 && stream->pages->more(stream))
        ask(stream);
    else
        http_stream_piece(stream->request, text, size);
    free(text);
}

void csv_stream_paged(struct csv_stream *stream, enum store_result result)
{
    stream->result = result;
    stream->task = (struct loop_task){.run = page_ready};
    loop_post(stream->loop, &stream->task);
}

static void more(void *context, struct http_request *request)
{
    struct csv_stream *stream = context;
    if (!stream->header_sent) {
        stream->header_sent = true;
        http_stream_piece(request, stream->pages->header, strlen(stream->pages->header));
    } else if (stream->pages->more(stream)) {
        ask(stream);
    } else {
        http_stream_piece(request, "", 0);
    }
}

static void gone(void *context)
{
    struct csv_stream *stream = context;
    stream->request = NULL;
    if (!stream->asking)
        stream->pages = NULL;
}

void csv_stream_begin(struct csv_stream *stream)
{
    const struct http_stream http = {.context = stream, .more = more, .gone = gone};
    http_stream_begin(stream->request, "text/csv; charset=utf-8", stream->pages->file_name, &http);
}
