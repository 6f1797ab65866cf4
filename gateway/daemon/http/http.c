/* SPDX-License-Identifier: Apache-2.0 */
/* A request goes through these states, each driven by one libwebsockets callback:
 *
 *   LWS_CALLBACK_HTTP -> find what is wanted -> [ask the broker who it is] -> handler -> reply set
 *   LWS_CALLBACK_HTTP_WRITEABLE -> headers -> body in pieces of 4 kB -> done -> next request */
#include "gateway/daemon/http/http.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "gateway/common/log.h"
#include "gateway/daemon/http/files.h"
#include "gateway/daemon/http/origin.h"
#include "gateway/daemon/http/places.h"

#define PIECE           4096
#define LISTEN_RETRY_MS 5000
#define DESCRIPTORS     2048 /* no more than LimitNOFILE allows */
#define HEADERS_MAX     4096 /* max_http_header_data of the loop: no argument is longer */
#define TAKE_S          30
#define KEEP_ALIVE_S    30
#define SEND_BUFFER     65536
#define REALM           "Basic realm=\"Baiye\", charset=\"UTF-8\""

/* libwebsockets 4.1 spins for ever when a connection breaks while it holds a part of our data
 * that the socket did not take. So the socket takes all: it is writable when a third of its buffer
 * is free, and that third is several times the largest piece. Should a part be left all the same,
 * the connection is cut by a timer, the one way that is safe then. */
static void roomy_socket(struct lws *wsi)
{
    int size = SEND_BUFFER;
    (void)setsockopt(lws_get_socket_fd(wsi), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

int http_write(struct lws *wsi, uint8_t *data, size_t size, enum lws_write_protocol how)
{
    if (lws_write(wsi, data, size, how) < (int)size)
        return -1;
    if (lws_partial_buffered(wsi))
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    return 0;
}

enum reply_state { REPLY_NONE, REPLY_HEAD, REPLY_BODY };

struct http_request {
    struct http *http; /* NULL: no request is being answered */
    struct lws *wsi;
    const struct http_page *page;
    bool head;
    enum reply_state state;
    unsigned status;
    const char *type;
    struct file file; /* fd -1: the answer is in memory */
    uint64_t left;    /* of the file */
    char *body;
    size_t size, at;
    bool streaming, stream_ended, broken;
    struct http_stream stream;
    char file_name[64];
    struct auth_wait wait;
    bool waiting;
    char user[BROKER_CHECK_NAME_MAX + 1];
};

struct http {
    struct places places;
    struct place place_list[PLACES_MAX];
    struct loop *loop;
    struct http_options options;
    struct lws_vhost *vhost;
    int app_fd;
    struct loop_timer retry;
    struct log_state said;
    struct http_stats stats;
};

static struct http *http_of(struct lws *wsi)
{
    return lws_vhost_user(lws_get_vhost(wsi));
}

struct bridge *bridge_of(struct lws *wsi)
{
    return http_of(wsi)->options.bridge;
}

void http_stats(const struct http *http, struct http_stats *stats)
{
    *stats = http->stats;
    stats->connections = http->places.taken;
}

bool http_argument(struct http_request *request, const char *name, char *out, size_t size)
{
    char pair[HEADERS_MAX + 1]; /* libwebsockets decoded it when it came in */
    size_t name_size = strlen(name);
    out[0] = '\0';
    for (int i = 0;; i++) {
        int got =
            lws_hdr_copy_fragment(request->wsi, pair, sizeof pair, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (got < 0)
            return false;
        if ((size_t)got <= name_size || memcmp(pair, name, name_size) != 0 ||
            pair[name_size] != '=')
            continue;
        size_t left = (size_t)got - name_size - 1;
        if (left < size && memchr(pair + name_size + 1, '\0', left) == NULL) {
            memcpy(out, pair + name_size + 1, left);
            out[left] = '\0';
        }
        return true;
    }
}

/* ---- The answer ---- */

static void request_end(struct http_request *request)
{
    if (request->http == NULL)
        return;
    if (request->waiting)
        auth_forget(request->http->options.auth, &request->wait);
    if (request->file.fd >= 0)
        close(request->file.fd);
    free(request->body);
    if (request->streaming)
        request->stream.gone(request->stream.context);
    place_busy(request->wsi, false);
    memset(request, 0, sizeof *request);
}

static void reply_ready(struct http_request *request, unsigned status, const char *type)
{
    request->status = status;
    request->type = type;
    request->state = REPLY_HEAD;
    lws_callback_on_writable(request->wsi);
}

static void set_body(struct http_request *request, const void *data, size_t size)
{
    free(request->body);
    request->at = 0;
    request->size = 0;
    request->body = malloc(size + 1);
    if (request->body == NULL) {
        request->broken = true;
        return;
    }
    memcpy(request->body, data, size);
    request->size = size;
}

const char *http_user(const struct http_request *request)
{
    return request->user;
}

void http_reply(struct http_request *request, unsigned status, const char *type, const void *body,
                size_t size)
{
    set_body(request, body, size);
    reply_ready(request, status, type);
}

void http_reply_error(struct http_request *request, unsigned status, const char *code,
                      const char *message, const char *hint)
{
    json_t *error =
        json_pack("{s:{s:s,s:s,s:s}}", "error", "code", code, "message", message, "hint", hint);
    char *text = error != NULL ? json_dumps(error, JSON_COMPACT) : NULL;
    http_reply(request, status, "application/json", text != NULL ? text : "{}",
               text != NULL ? strlen(text) : 2);
    free(text);
    json_decref(error);
}

void http_stream_begin(struct http_request *request, const char *type, const char *file_name,
                       const struct http_stream *stream)
{
    request->streaming = true;
    request->stream = *stream;
    int size = snprintf(request->file_name, sizeof request->file_name, "%s", file_name);
    (void)size; /* a long name is cut */
    reply_ready(request, 200, type);
}

/* Pieces go as HTTP chunks, so that a cut connection can't pass for a whole file. */
void http_stream_piece(struct http_request *request, const void *data, size_t size)
{
    enum { FRAME = 24 }; /* size in hex and two line ends */
    char *chunk = malloc(FRAME + size);
    int head_size = chunk != NULL ? snprintf(chunk, FRAME, "%zx\r\n", size) : -1;
    if (head_size < 0) {
        free(chunk);
        http_stream_break(request);
        return;
    }
    if (size > 0)
        memcpy(chunk + head_size, data, size);
    size_t at = (size_t)head_size + size;
    chunk[at++] = '\r';
    chunk[at++] = '\n';
    free(request->body);
    request->body = chunk;
    request->size = at;
    request->at = 0;
    request->stream_ended = size == 0;
    lws_callback_on_writable(request->wsi);
}

void http_stream_break(struct http_request *request)
{
    request->broken = true;
    lws_callback_on_writable(request->wsi);
}

struct head {
    struct lws *wsi;
    uint8_t data[LWS_PRE + 2048];
    uint8_t *at;
    bool failed;
};

static void head_add(struct head *head, const char *name, const char *value)
{
    if (lws_add_http_header_by_name(head->wsi, (const uint8_t *)name, (const uint8_t *)value,
                                    (int)strlen(value), &head->at,
                                    head->data + sizeof head->data) != 0)
        head->failed = true;
}

/* Only what a browser put there itself may go back to it. */
static bool host_is_plain(const char *host)
{
    return host[0] != '\0' &&
           host[strspn(host,
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]")] ==
               '\0';
}

/* The page may talk to its own gateway only; Safari doesn't count ws: under 'self'. */
static void head_add_policy(struct head *head)
{
    char host[128] = "", policy[640];
    if (lws_hdr_copy(head->wsi, host, sizeof host, WSI_TOKEN_HOST) <= 0 || !host_is_plain(host))
        host[0] = '\0';
    int size =
        snprintf(policy, sizeof policy,
                 "default-src 'self'; img-src 'self' data: blob:; connect-src 'self'%s%s%s%s; "
                 "object-src 'none'; base-uri 'none'; form-action 'self'; "
                 "frame-ancestors 'none'",
                 host[0] != '\0' ? " ws://" : "", host, host[0] != '\0' ? " wss://" : "", host);
    if (size > 0 && (size_t)size < sizeof policy)
        head_add(head, "content-security-policy:", policy);
}

static void head_add_length(struct head *head, const struct http_request *request)
{
    char text[128];
    if (request->streaming) {
        head_add(head, "transfer-encoding:", "chunked");
        int size = snprintf(text, sizeof text, "attachment; filename=\"%s\"", request->file_name);
        if (size > 0)
            head_add(head, "content-disposition:", text);
        return;
    }
    if (request->status == 304)
        return;
    uint64_t length = request->file.fd >= 0 ? request->file.size : request->size;
    if (lws_add_http_header_content_length(head->wsi, length, &head->at,
                                           head->data + sizeof head->data) != 0)
        head->failed = true;
}

static int send_head(struct http_request *request)
{
    struct head head = {.wsi = request->wsi};
    head.at = head.data + LWS_PRE;
    uint8_t *end = head.data + sizeof head.data;
    if (lws_add_http_header_status(request->wsi, request->status, &head.at, end) != 0)
        return -1;
    if (request->status != 304)
        head_add(&head, "content-type:", request->type);
    head_add_length(&head, request);
    if (request->file.etag[0] != '\0') {
        head_add(&head, "etag:", request->file.etag);
        head_add(&head, "cache-control:", request->file.cache_control);
        head_add(&head, "vary:", "Accept-Encoding");
        if (request->file.gzip)
            head_add(&head, "content-encoding:", "gzip");
        head_add_policy(&head);
    } else {
        head_add(&head, "cache-control:", "no-store");
    }
    if (request->status == 401)
        head_add(&head, "www-authenticate:", REALM);
    if (request->status == 503)
        head_add(&head, "retry-after:", "2");
    head_add(&head, "x-content-type-options:", "nosniff");
    head_add(&head, "referrer-policy:", "no-referrer");
    if (head.failed)
        return -1;
    return lws_finalize_write_http_header(request->wsi, head.data + LWS_PRE, &head.at, end);
}

/* The next piece of file or body into `out`; 0: nothing left, -1: the file shrank. */
static ssize_t next_piece(struct http_request *request, uint8_t *out)
{
    if (request->file.fd >= 0) {
        size_t wanted = request->left < PIECE ? (size_t)request->left : PIECE;
        ssize_t got = wanted > 0 ? read(request->file.fd, out, wanted) : 0;
        if (got < 0 || (got == 0 && wanted > 0))
            return -1;
        request->left -= (uint64_t)got;
        return got;
    }
    size_t size = request->size - request->at < PIECE ? request->size - request->at : PIECE;
    if (size > 0)
        memcpy(out, request->body + request->at, size);
    request->at += size;
    return (ssize_t)size;
}

static int reply_done(struct http_request *request)
{
    struct lws *wsi = request->wsi;
    request_end(request);
    return lws_http_transaction_completed(wsi) != 0 ? -1 : 0;
}

static int send_body(struct http_request *request)
{
    uint8_t out[LWS_PRE + PIECE];
    ssize_t size = next_piece(request, out + LWS_PRE);
    if (size < 0)
        return -1;
    bool all = request->file.fd >= 0 ? request->left == 0 : request->at == request->size;
    bool last = all && (!request->streaming || request->stream_ended);
    if (size > 0 && http_write(request->wsi, out + LWS_PRE, (size_t)size,
                               last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < 0)
        return -1;
    request->http->stats.bytes_out += (uint64_t)size;
    if (last)
        return reply_done(request);
    lws_set_timeout(request->wsi, PENDING_TIMEOUT_HTTP_CONTENT, TAKE_S);
    if (!all)
        lws_callback_on_writable(request->wsi);
    else
        request->stream.more(request->stream.context, request);
    return 0;
}

static int writable(struct http_request *request)
{
    if (request->http == NULL || request->state == REPLY_NONE)
        return 0;
    if (request->broken)
        return -1;
    if (request->state == REPLY_BODY)
        return send_body(request);
    if (send_head(request) != 0)
        return -1;
    if (request->head || request->status == 304)
        return reply_done(request);
    request->state = REPLY_BODY;
    if (request->streaming)
        request->stream.more(request->stream.context, request);
    else
        lws_callback_on_writable(request->wsi);
    return 0;
}

/* ---- What is wanted, and by whom ---- */

/* The app's folder may come later: there was no descriptor left, or it is installed only now. */
static bool open_app(struct http *http)
{
    const char *path = http->options.app_dir;
    if (http->app_fd < 0 && path[0] != '\0')
        http->app_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return http->app_fd >= 0;
}

static void serve_file(struct http_request *request, const char *path)
{
    struct http *http = request->http;
    char accepted[128] = "", known[128] = "";
    (void)lws_hdr_copy(request->wsi, accepted, sizeof accepted, WSI_TOKEN_HTTP_ACCEPT_ENCODING);
    (void)lws_hdr_copy(request->wsi, known, sizeof known, WSI_TOKEN_HTTP_IF_NONE_MATCH);
    int status = open_app(http)
                     ? files_open(http->app_fd, path, files_gzip_taken(accepted), &request->file)
                     : 404;
    if (status != 0) {
        static const char none[] = "There is no such page here.\n";
        request->file = (struct file){.fd = -1};
        http_reply(request, (unsigned)status, "text/plain; charset=utf-8", none, sizeof none - 1);
        return;
    }
    request->left = request->file.size;
    bool same = known[0] != '\0' && files_etag_matches(known, request->file.etag);
    if (request->file.size == 0 && !same) { /* nothing to read: answer from memory */
        close(request->file.fd);
        request->file.fd = -1;
    }
    reply_ready(request, same ? 304 : 200, request->file.type);
}

static void let_in(struct http_request *request, enum auth_result result)
{
    switch (result) {
    case AUTH_YES:
        request->page->get(request->http->options.context, request);
        break;
    case AUTH_NO:
        request->http->stats.unauthorised++;
        request->user[0] = '\0';
        http_reply_error(request, 401, "unauthorised", "user and password are needed",
                         "log in as a user of this gateway's broker (baiye user add)");
        break;
    case AUTH_LATER:
        request->http->stats.unauthorised++;
        http_reply_error(request, 429, "later", "too many wrong passwords came from your address",
                         "wait some minutes, then log in with the right one");
        break;
    case AUTH_BUSY:
        http_reply_error(request, 503, "busy", "too many logins at once", "try again in seconds");
        break;
    default:
        http_reply_error(request, 503, "no-broker", "the local broker does not answer",
                         "users are checked by the broker: see whether mosquitto runs");
        break;
    }
}

static void auth_done(struct auth_wait *wait, enum auth_result result)
{
    struct http_request *request = wait->context;
    request->waiting = false;
    let_in(request, result);
}

static bool host_is_ours(struct lws *wsi)
{
    char host[128] = "";
    if (http_of(wsi)->options.cert_file[0] != '\0' ||
        lws_hdr_total_length(wsi, WSI_TOKEN_HOST) == 0)
        return true; /* a certificate says who we are; without a Host it is no browser */
    return lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) > 0 && origin_is_loopback(host);
}

static void guard(struct http_request *request)
{
    char header[320] = "", password[BROKER_CHECK_SECRET_MAX + 1] = "", peer[GUESS_PEER_SIZE] = "";
    struct auth *auth = request->http->options.auth;
    enum auth_result result = AUTH_NO;
    if (!host_is_ours(request->wsi)) {
        http_reply_error(request, 403, "host", "this gateway goes by another name",
                         "call it 127.0.0.1 or localhost; for the farm's network it needs TLS");
        return;
    }
    if (auth == NULL)
        result = AUTH_BROKEN;
    else if (lws_hdr_copy(request->wsi, header, sizeof header, WSI_TOKEN_HTTP_AUTHORIZATION) > 0 &&
             auth_basic(header, request->user, password))
        result =
            auth_request(auth, request->user, password,
                         lws_get_peer_simple(request->wsi, peer, sizeof peer) != NULL ? peer : "",
                         &request->wait);
    explicit_bzero(header, sizeof header);
    explicit_bzero(password, sizeof password);
    request->waiting = result == AUTH_WAIT;
    if (!request->waiting)
        let_in(request, result);
}

/* Says no at once and hangs up. */
static int refuse(struct lws *wsi, unsigned status)
{
    struct head head = {.wsi = wsi};
    head.at = head.data + LWS_PRE;
    uint8_t *end = head.data + sizeof head.data;
    if (lws_add_http_common_headers(wsi, status, "text/plain", 0, &head.at, end) != 0)
        return -1;
    if (status == 405)
        head_add(&head, "allow:", "GET, HEAD");
    int failed = lws_finalize_write_http_header(wsi, head.data + LWS_PRE, &head.at, end);
    (void)failed; /* hangs up all the same */
    return -1;
}

/* 0, or the status of why this request is none of ours. A body would never be read, and must not
 * be waited for either: libwebsockets 4.1 turns round for ever over a body that came in the same
 * packet as the request before it. */
static unsigned unwanted(struct lws *wsi)
{
    char length[24] = "";
    if (lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) == 0 &&
        lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) == 0)
        return 405;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return 400;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) == 0)
        return 0;
    (void)lws_hdr_copy(wsi, length, sizeof length, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    return strcmp(length, "0") == 0 ? 0 : 413;
}

static int start(struct lws *wsi, struct http_request *request, const char *path)
{
    struct http *http = http_of(wsi);
    request_end(request);
    *request = (struct http_request){.http = http, .wsi = wsi, .file.fd = -1};
    request->wait = (struct auth_wait){.context = request, .done = auth_done};
    request->head = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
    http->stats.requests++;
    unsigned status = unwanted(wsi);
    if (status != 0)
        return refuse(wsi, status);
    for (const struct http_page *page = http->options.pages; page->path != NULL; page++) {
        if (strcmp(page->path, path) == 0)
            request->page = page;
    }
    if (request->page == NULL)
        serve_file(request, path);
    else if (request->page->open)
        request->page->get(http->options.context, request);
    else
        guard(request);
    return 0;
}

/* A browser's script may open the bridge only from a page that this gateway served itself. */
static bool origin_is_ours(struct lws *wsi)
{
    char origin[160] = "", host[128] = "";
    if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) == 0)
        return true; /* not a browser: it could write any */
    if (lws_hdr_copy(wsi, origin, sizeof origin, WSI_TOKEN_ORIGIN) <= 0 ||
        lws_hdr_copy(wsi, host, sizeof host, WSI_TOKEN_HOST) <= 0)
        return false;
    return origin_is_of(origin, host);
}

static int upgrade(struct lws *wsi, const char *to)
{
    struct http *http = http_of(wsi);
    char path[32] = "", protocol[32] = "";
    /* libwebsockets comes here with a freed header table after it refused an upgrade itself. */
    if (lws_hdr_total_length(wsi, WSI_TOKEN_UPGRADE) == 0 || strcasecmp(to, "websocket") != 0)
        return -1;
    (void)lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI);
    (void)lws_hdr_copy(wsi, protocol, sizeof protocol, WSI_TOKEN_PROTOCOL);
    if (strcmp(path, BRIDGE_PATH) != 0 || http->options.bridge == NULL)
        return refuse(wsi, 404);
    if (strcmp(protocol, "mqtt") != 0)
        return refuse(wsi, 400);
    if (!host_is_ours(wsi) || !origin_is_ours(wsi))
        return refuse(wsi, 403);
    int status = bridge_admit(http->options.bridge);
    if (status != 0)
        return refuse(wsi, (unsigned)status);
    place_websocket(wsi);
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t size)
{
    struct http_request *request = user;
    (void)size;
    switch (reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return place_none(&http_of(wsi)->places);
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        place_take(&http_of(wsi)->places, wsi);
        roomy_socket(wsi);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        place_release(&http_of(wsi)->places, wsi);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return upgrade(wsi, in);
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: /* a WebSocket without subprotocol */
    case LWS_CALLBACK_RAW_ADOPT:                  /* the CONNECT method */
    case LWS_CALLBACK_RAW_RX:
        return -1;
    case LWS_CALLBACK_HTTP:
        place_busy(wsi, true);
        return start(wsi, request, in);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return writable(request);
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
        if (request != NULL)
            request_end(request);
        return 0;
    default:
        return 0;
    }
}

/* ---- Listening ---- */

static const struct lws_protocols protocols[] = {
    {.name = "http", .callback = callback, .per_session_data_size = sizeof(struct http_request)},
    {.name = "mqtt",
     .callback = bridge_callback,
     .per_session_data_size = sizeof(void *),
     .rx_buffer_size = BRIDGE_BUFFER / 2,
     .tx_packet_size = BRIDGE_BUFFER},
    {.name = NULL},
};

/* Does a socket of this process listen there? libwebsockets makes its host without one when there
 * is no descriptor left, and does not say so. */
static bool listens(uint16_t port)
{
    for (int fd = 0; fd < DESCRIPTORS; fd++) {
        struct sockaddr_in6 address = {0}; /* its port is where that of IPv4 is */
        socklen_t size = sizeof address, option_size = sizeof(int);
        int accepts = 0;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &option_size) == 0 &&
            accepts != 0 && getsockname(fd, (struct sockaddr *)&address, &size) == 0 &&
            (address.sin6_family == AF_INET || address.sin6_family == AF_INET6) &&
            ntohs(address.sin6_port) == port)
            return true;
    }
    return false;
}

static void tell(struct http *http)
{
    const struct http_options *options = &http->options;
    char trouble[160];
    bool good = http->stats.listening, tls = options->cert_file[0] != '\0';
    (void)snprintf(trouble, sizeof trouble,
                   "can't listen on %s:%u%s: address in use, not there yet, a bad certificate, or "
                   "no file descriptor left",
                   options->host, options->port, tls ? " (TLS)" : "");
    if (good)
        log_change(&http->said, 1, LOG_LEVEL_NOTICE, "http: listening on %s:%u%s", options->host,
                   options->port, tls ? " (TLS)" : "");
    else
        log_change(&http->said, 0, LOG_LEVEL_ERROR, "http: %s; trying again", trouble);
    if (options->report != NULL)
        options->report(options->context, good ? NULL : trouble);
}

static void listen_now(struct loop_timer *timer)
{
    struct http *http = timer->context;
    const struct http_options *options = &http->options;
    bool tls = options->cert_file[0] != '\0';
    struct lws_context_creation_info info = {
        .vhost_name = "http",
        .iface = options->host,
        .port = options->port,
        .protocols = protocols,
        .user = http,
        .keepalive_timeout = KEEP_ALIVE_S,
        .timeout_secs = 10,
        .alpn = "http/1.1",
        .ssl_cert_filepath = tls ? options->cert_file : NULL,
        .ssl_private_key_filepath = tls ? options->key_file : NULL,
        /* Of TLS 1.2 only what has forward secrecy and is authenticated encryption. */
        .ssl_cipher_list = "ECDHE+AESGCM:ECDHE+CHACHA20",
        .ssl_options_set = (long)(SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_RENEGOTIATION),
        .options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
                   (tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
    };
    http->vhost = lws_create_vhost(loop_context(http->loop), &info);
    http->stats.listening = http->vhost != NULL && listens(options->port);
    if (http->vhost != NULL && !http->stats.listening) {
        lws_vhost_destroy(http->vhost);
        http->vhost = NULL;
    }
    tell(http);
    if (http->vhost == NULL)
        loop_timer_start(http->loop, &http->retry, LISTEN_RETRY_MS);
}

struct http *http_open(struct loop *loop, const struct http_options *options)
{
    struct http *http = calloc(1, sizeof *http);
    if (http == NULL)
        return NULL;
    http->loop = loop;
    http->options = *options;
    http->app_fd = -1;
    place_begin(&http->places, http->place_list);
    if (!open_app(http) && options->app_dir[0] != '\0')
        log_write(LOG_LEVEL_WARNING, "http: no app in %s: %s", options->app_dir, strerror(errno));
    http->retry = (struct loop_timer){.context = http, .expired = listen_now};
    listen_now(&http->retry);
    return http;
}

void http_close(struct http *http)
{
    if (http == NULL)
        return;
    loop_timer_stop(&http->retry);
    if (http->app_fd >= 0)
        close(http->app_fd);
    free(http);
}
