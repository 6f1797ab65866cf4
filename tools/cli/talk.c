/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/grow.h"
#include "gateway/common/language.h"
#include "gateway/common/plain.h"
#include "tools/cli/cli.h"
#include "tools/cli/words.h"

#define LINE_FIRST 65536 /* of an answer; grows */

bool talk_try(struct talk *talk, const char *socket_path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *talk = (struct talk){.fd = -1};
    if (!cli_format(address.sun_path, sizeof address.sun_path, "%s", socket_path))
        return false;
    talk->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (talk->fd >= 0 && connect(talk->fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return true;
    int error = errno;
    talk_close(talk);
    errno = error;
    return false;
}

bool talk_open(struct talk *talk, const char *socket_path)
{
    if (talk_try(talk, socket_path))
        return true;
    cli_complain("no gateway answers at %s: %s%s", socket_path, strerror(errno),
                 errno == EACCES ? _("; be root or in group baiye")
                                 : _("; is baiyed running (systemctl status baiyed)?"));
    return false;
}

void talk_close(struct talk *talk)
{
    if (talk->fd >= 0)
        close(talk->fd);
    free(talk->line);
    *talk = (struct talk){.fd = -1};
}

static bool send_line(struct talk *talk, const char *method, json_t *params)
{
    json_t *request = json_pack("{s:i,s:s,s:o}", "id", 1, "method", method, "params", params);
    char *text = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
    bool ok = text != NULL;
    for (size_t at = 0, size = ok ? strlen(text) : 0; ok && at < size;) {
        ssize_t sent = send(talk->fd, text + at, size - at, MSG_NOSIGNAL);
        ok = sent > 0 || errno == EINTR;
        at += sent > 0 ? (size_t)sent : 0;
    }
    ok = ok && send(talk->fd, "\n", 1, MSG_NOSIGNAL) == 1;
    free(text);
    json_decref(request);
    return ok;
}

/* Texts may come from anyone who reached a broker: what is printed of them must not move the cursor
 * or write backwards. */
static void make_plain(json_t *value)
{
    size_t index;
    const char *key;
    json_t *item;
    if (json_is_string(value)) {
        size_t size = json_string_length(value);
        char *text = malloc(size + 1);
        if (text != NULL) {
            memcpy(text, json_string_value(value), size);
            (void)json_string_setn(value, text, plain_text(text, size));
        }
        free(text);
    }
    json_array_foreach (value, index, item) {
        make_plain(item);
    }
    json_object_foreach (value, key, item) {
        make_plain(item);
    }
}

/* One line as JSON; NULL: the daemon hung up. */
static json_t *receive_line(struct talk *talk)
{
    for (;;) {
        char *end = talk->size > 0 ? memchr(talk->line, '\n', talk->size) : NULL;
        if (end != NULL) {
            size_t used = (size_t)(end - talk->line) + 1;
            json_t *line = json_loadb(talk->line, used - 1, 0, NULL);
            if (!talk->raw)
                make_plain(line);
            talk->size -= used;
            memmove(talk->line, talk->line + used, talk->size);
            return line;
        }
        if (talk->size == talk->room) {
            char *bigger = grow_array(talk->line, &talk->room,
                                      talk->room > 0 ? talk->room + 1 : LINE_FIRST, 1);
            if (bigger == NULL)
                return NULL;
            talk->line = bigger;
        }
        ssize_t got = recv(talk->fd, talk->line + talk->size, talk->room - talk->size, 0);
        if (got == 0 || (got < 0 && errno != EINTR))
            return NULL;
        talk->size += got > 0 ? (size_t)got : 0;
    }
}

json_t *talk_ask_quietly(struct talk *talk, const char *method, json_t *params)
{
    return send_line(talk, method, params) ? receive_line(talk) : NULL;
}

json_t *talk_ask(struct talk *talk, const char *method, json_t *params,
                 void (*progress)(const json_t *body))
{
    json_t *line = send_line(talk, method, params) ? receive_line(talk) : NULL;
    while (json_object_get(line, "progress") != NULL) {
        if (progress != NULL)
            progress(json_object_get(line, "progress"));
        json_decref(line);
        line = receive_line(talk);
    }
    if (line == NULL)
        cli_complain("the gateway hung up before it answered");
    return line;
}

const char *talk_words(const char *text)
{
    const char *words = text[0] != '\0' ? gettext(text) : text; /* "" is the catalogue's header */
    return words != text || !language_chinese() ? words : words_with_names(text);
}

bool talk_failed(const json_t *answer)
{
    const json_t *error = json_object_get(answer, "error");
    if (error == NULL)
        return false;
    const char *hint = json_string_value(json_object_get(error, "hint"));
    const char *message = talk_text(error, "message");
    if (hint == NULL || hint[0] == '\0')
        cli_complain("%s", talk_words(message));
    else
        cli_complain("%s; %s", talk_words(message), talk_words(hint));
    return true;
}

void talk_dump(const json_t *result)
{
    char *text = json_dumps(result, JSON_COMPACT | JSON_REAL_PRECISION(8));
    char *plain = text != NULL ? plain_json(text) : NULL;
    (void)puts(plain != NULL ? plain : "null");
    free(plain);
    free(text);
}

bool talk_options(int argc, char **argv, struct talk_options *options)
{
    static const struct option longs[] = {TALK_OPTIONS, {NULL, 0, NULL, 0}};
    int letter;
    bool good = true;
    *options = (struct talk_options){.socket_path = CLI_SOCKET};
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter == 's')
            options->socket_path = optarg;
        else if (letter == 'j')
            options->json = true;
        else if (letter != 'c')
            good = false;
    }
    return good;
}

void talk_site_time(struct talk *talk)
{
    json_t *answer = talk_ask_quietly(talk, "time", json_object());
    const char *zone = talk_text(json_object_get(answer, "result"), "timezone");
    if (zone[0] != '\0' && setenv("TZ", zone, 1) == 0)
        tzset();
    json_decref(answer);
}

int talk_once(const struct talk_options *options, const char *method, json_t *params,
              void (*progress)(const json_t *body), void (*print)(const json_t *result))
{
    struct talk talk;
    if (!talk_open(&talk, options->socket_path)) {
        json_decref(params);
        return EX_UNAVAILABLE;
    }
    talk.raw = options->json;
    if (!options->json)
        talk_site_time(&talk);
    json_t *answer = talk_ask(&talk, method, params, options->json ? NULL : progress);
    talk_close(&talk);
    if (answer == NULL)
        return EX_UNAVAILABLE;
    bool failed = talk_failed(answer);
    if (!failed)
        (options->json ? talk_dump : print)(json_object_get(answer, "result"));
    json_decref(answer);
    return failed ? 1 : EX_OK;
}

const char *talk_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

const char *talk_hint(const json_t *object)
{
    return talk_text(object, language_chinese() ? "hint_zh" : "hint");
}

long long talk_integer(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}
