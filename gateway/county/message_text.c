/* SPDX-License-Identifier: Apache-2.0 */
/* A message's bytes and its memory; message.c reads it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "gateway/county/message.h"

#define FIRST_ROOM 131072 /* of a text; grows */
#define KEEP_ROOM  524288 /* of a text: of one that was larger, nothing is kept for the next */

static bool no_memory(char *why, size_t why_size)
{
    (void)snprintf(why, why_size, "no memory");
    return false;
}

static bool text_room(struct message *message, size_t size)
{
    if (size < message->rooms[MESSAGE_TEXT])
        return true;
    char *larger = realloc(message->text, size + 1);
    if (larger == NULL)
        return false;
    message->text = larger;
    message->rooms[MESSAGE_TEXT] = size + 1;
    return true;
}

static bool begin_inflating(struct message *message, const void *payload, size_t size)
{
    if (message->inflater == NULL) {
        message->inflater = calloc(1, sizeof *message->inflater);
        if (message->inflater == NULL || inflateInit(message->inflater) != Z_OK) {
            free(message->inflater);
            message->inflater = NULL;
            return false;
        }
    }
    union { /* zlib reads only, whatever its header says */
        const void *given;
        Bytef *wanted;
    } in = {.given = payload};
    message->inflater->next_in = in.wanted;
    message->inflater->avail_in = (uInt)size;
    return inflateReset(message->inflater) == Z_OK;
}

/* A whole zlib stream of no more than MESSAGE_BYTES_MAX. */
static bool inflate_whole(struct message *message, char *why, size_t why_size)
{
    z_stream *stream = message->inflater;
    size_t room =
        message->rooms[MESSAGE_TEXT] > FIRST_ROOM ? message->rooms[MESSAGE_TEXT] - 1 : FIRST_ROOM;
    int status = Z_OK;
    for (message->size = 0; status == Z_OK; room *= 2) {
        room = room < MESSAGE_BYTES_MAX ? room : MESSAGE_BYTES_MAX;
        if (!text_room(message, room))
            return no_memory(why, why_size);
        stream->next_out = (Bytef *)message->text + message->size;
        stream->avail_out = (uInt)(room - message->size);
        status = inflate(stream, Z_NO_FLUSH);
        message->size = (size_t)((char *)stream->next_out - message->text);
        if (room == MESSAGE_BYTES_MAX || stream->avail_out > 0)
            break;
    }
    if (status == Z_STREAM_END)
        return true;
    (void)snprintf(why, why_size, "it does not inflate");
    return false;
}

static void free_lists(struct message *message)
{
    struct z_stream_s *inflater = message->inflater;
    free(message->text);
    free(message->readings);
    free(message->values);
    free(message->flags);
    free(message->gaps);
    free(message->means);
    free(message->corrections);
    *message = (struct message){.inflater = inflater};
}

bool message_inflate(struct message *message, const void *payload, size_t size, bool deflated,
                     char *why, size_t why_size)
{
    if (size > MESSAGE_BYTES_MAX) {
        (void)snprintf(why, why_size, "larger than %u bytes", MESSAGE_BYTES_MAX);
        return false;
    }
    if (message->rooms[MESSAGE_TEXT] > KEEP_ROOM)
        free_lists(message);
    if (deflated) {
        if (!begin_inflating(message, payload, size))
            return no_memory(why, why_size);
        if (!inflate_whole(message, why, why_size))
            return false;
    } else {
        if (!text_room(message, size))
            return no_memory(why, why_size);
        memcpy(message->text, payload, size);
        message->size = size;
    }
    message->text[message->size] = '\0';
    return true;
}

bool message_parse(struct message *message, const void *payload, size_t size, bool deflated,
                   char *why, size_t why_size)
{
    return message_inflate(message, payload, size, deflated, why, why_size) &&
           message_read(message, why, why_size);
}

void message_free(struct message *message)
{
    free_lists(message);
    if (message->inflater != NULL)
        (void)inflateEnd(message->inflater);
    free(message->inflater);
    message->inflater = NULL;
}
