/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/web.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/common/clock.h"
#include "gateway/common/grow.h"
#include "gateway/common/places.h"
#include "gateway/common/thread.h"

#define PEM_MOST     262144
#define DESCRIPTORS  200  /* of the rest of the program: database, broker, files */
#define LOOK_MS      1000 /* for those whose time is over */
#define HEADERS_MOST 8
/* TLS 1.2 only with forward secrecy and authenticated encryption. */
#define PRIORITIES                                                                                 \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA:-CIPHER-ALL:+AES-256-GCM:"           \
    "+AES-128-GCM:+CHACHA20-POLY1305"

struct web {
    const struct web_route *const *tables;
    struct MHD_Daemon *daemon;
    char *key, *certificate, *authorities;

    pthread_t watch; /* ends those whose time is over */
    bool watching;
    pthread_mutex_t lock; /* ---- everything below ---- */
    pthread_cond_t wake;
    bool closing;
    struct places places;
    struct place place_list[WEB_CONNECTIONS];
};

struct web_request {
    struct MHD_Connection *connection;
    const struct web_route *route; /* NULL: `refused` says what is answered */
    unsigned refused;
    const char *path;
    char *body;
    size_t size, room;
    struct MHD_Response *reply;
    unsigned status;
    struct {
        char name[48], value[256];
    } headers[HEADERS_MOST];
    unsigned header_count;
};

/* ---- What handlers ask ---- */

const char *web_path(const struct web_request *request)
{
    return request->path;
}

const void *web_body(const struct web_request *request, size_t *size)
{
    *size = request->size;
    return request->body != NULL ? request->body : "";
}

const char *web_argument(const struct web_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *web_header(const struct web_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

bool web_basic(const struct web_request *request, char *user, size_t user_size, char *password,
               size_t password_size)
{
    char *given = NULL;
    char *name = MHD_basic_auth_get_username_password(request->connection, &given);
    bool good =
        name != NULL && given != NULL && strlen(name) < user_size && strlen(given) < password_size;
    (void)snprintf(user, user_size, "%s", good ? name : "");
    (void)snprintf(password, password_size, "%s", good ? given : "");
    if (given != NULL)
        explicit_bzero(given, strlen(given));
    MHD_free(name);
    MHD_free(given);
    return good;
}

const void *web_certificate(const struct web_request *request, size_t *size)
{
    unsigned count = 0;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    const gnutls_datum_t *chain =
        info != NULL ? gnutls_certificate_get_peers(info->tls_session, &count) : NULL;
    *size = chain != NULL && count > 0 ? chain[0].size : 0;
    return *size > 0 ? chain[0].data : NULL;
}

void web_peer(const struct web_request *request, char *out, size_t size)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info != NULL ? info->client_addr : NULL;
    socklen_t length = address != NULL && address->sa_family == AF_INET6
                           ? sizeof(struct sockaddr_in6)
                           : sizeof(struct sockaddr_in);
    out[0] = '\0';
    if (address != NULL &&
        getnameinfo(address, length, out, (socklen_t)size, NULL, 0, NI_NUMERICHOST) != 0)
        out[0] = '\0';
}

void web_reply_header(struct web_request *request, const char *name, const char *value)
{
    unsigned at = request->header_count;
    if (at == HEADERS_MOST || strlen(name) >= sizeof request->headers[0].name ||
        strlen(value) >= sizeof request->headers[0].value)
        return;
    (void)snprintf(request->headers[at].name, sizeof request->headers[0].name, "%s", name);
    (void)snprintf(request->headers[at].value, sizeof request->headers[0].value, "%s", value);
    request->header_count++;
}

static void add_headers(struct web_request *request, const char *type)
{
    struct MHD_Response *reply = request->reply;
    bool cached = false;
    for (unsigned i = 0; i < request->header_count; i++) {
        (void)MHD_add_response_header(reply, request->headers[i].name, request->headers[i].value);
        cached = cached || strcasecmp(request->headers[i].name, "Cache-Control") == 0;
    }
    if (!cached)
        (void)MHD_add_response_header(reply, "Cache-Control", "no-store");
    (void)MHD_add_response_header(reply, "Content-Type", type);
    (void)MHD_add_response_header(reply, "X-Content-Type-Options", "nosniff");
    (void)MHD_add_response_header(reply, "Referrer-Policy", "no-referrer");
}

void web_reply(struct web_request *request, unsigned status, const char *type, const void *body,
               size_t size)
{
    if (request->reply != NULL)
        return;
    request->reply =
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    request->status = status;
    if (request->reply != NULL)
        add_headers(request, type);
}

void web_reply_text(struct web_request *request, unsigned status, const char *text)
{
    web_reply(request, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* ---- A request's way ---- */

static bool path_fits(const char *pattern, const char *path)
{
    size_t size = strlen(pattern);
    if (size > 0 && pattern[size - 1] == '*')
        return strncmp(pattern, path, size - 1) == 0;
    return strcmp(pattern, path) == 0;
}

static bool method_fits(const char *route, const char *method)
{
    return strcmp(route, method) == 0 || (strcmp(route, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static void find_route(const struct web *web, struct web_request *request, const char *method)
{
    request->refused = MHD_HTTP_NOT_FOUND;
    for (size_t i = 0; web->tables[i] != NULL; i++) {
        for (const struct web_route *route = web->tables[i]; route->method != NULL; route++) {
            if (!path_fits(route->path, request->path))
                continue;
            request->refused = MHD_HTTP_METHOD_NOT_ALLOWED;
            if (method_fits(route->method, method)) {
                request->route = route;
                return;
            }
        }
    }
}

static void refuse(struct web_request *request, unsigned status)
{
    request->route = NULL;
    request->refused = status;
}

/* What a body will be is said beforehand; one that comes in chunks is counted. */
static void judge_length(struct web_request *request)
{
    const char *said = web_header(request, "Content-Length");
    if (request->route == NULL || said == NULL)
        return;
    if (strspn(said, "0123456789") != strlen(said))
        refuse(request, MHD_HTTP_BAD_REQUEST);
    else if (strtoull(said, NULL, 10) > request->route->body_most)
        refuse(request, MHD_HTTP_CONTENT_TOO_LARGE);
}

static struct web_request *begin(const struct web *web, struct MHD_Connection *connection,
                                 const char *path, const char *method)
{
    struct web_request *request = calloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    request->connection = connection;
    request->path = path;
    find_route(web, request, method);
    judge_length(request);
    return request;
}

static void take_body(struct web_request *request, const char *data, size_t size)
{
    if (request->route == NULL)
        return;
    if (size > request->route->body_most - request->size) {
        refuse(request, MHD_HTTP_CONTENT_TOO_LARGE);
        return;
    }
    char *body = grow_array(request->body, &request->room, request->size + size + 1, 1);
    if (body == NULL) {
        refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE);
        return;
    }
    request->body = body;
    memcpy(request->body + request->size, data, size);
    request->size += size;
    request->body[request->size] = '\0';
}

static const char *refusal_text(unsigned status)
{
    switch (status) {
    case MHD_HTTP_METHOD_NOT_ALLOWED:
        return "That method is not for this address.\n";
    case MHD_HTTP_CONTENT_TOO_LARGE:
        return "What was sent is too long.\n";
    case MHD_HTTP_NOT_FOUND:
        return "There is nothing of that name here.\n";
    default:
        return "That could not be done.\n";
    }
}

static enum MHD_Result answer(struct web_request *request)
{
    if (request->route != NULL)
        request->route->run(request->route->context, request);
    else
        web_reply_text(request, request->refused, refusal_text(request->refused));
    if (request->reply == NULL)
        web_reply_text(request, MHD_HTTP_INTERNAL_SERVER_ERROR, refusal_text(0));
    return request->reply != NULL
               ? MHD_queue_response(request->connection, request->status, request->reply)
               : MHD_NO;
}

/* ---- Places ---- */

static int64_t now_ms(void)
{
    return clock_now().mono_ms;
}

/* At a connection's begin and end; its socket is open at both. One of the server's threads. */
static void on_connection(void *context, struct MHD_Connection *connection, void **own,
                          enum MHD_ConnectionNotificationCode what)
{
    struct web *web = context;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct place *evicted;
    pthread_mutex_lock(&web->lock);
    if (what == MHD_CONNECTION_NOTIFY_STARTED && info != NULL)
        *own = places_take(&web->places, info->connect_fd, now_ms(), &evicted);
    else if (what == MHD_CONNECTION_NOTIFY_CLOSED && *own != NULL)
        places_release(&web->places, *own);
    pthread_mutex_unlock(&web->lock);
}

static void set_busy(struct web *web, struct MHD_Connection *connection, bool busy)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct place *place = info != NULL ? info->socket_context : NULL;
    pthread_mutex_lock(&web->lock);
    if (place != NULL)
        place_set_busy(place, busy, now_ms());
    pthread_mutex_unlock(&web->lock);
}

/* libmicrohttpd ends who says nothing; who sends or takes a byte now and then has no end there. */
static void *watch_main(void *context)
{
    struct web *web = context;
    pthread_mutex_lock(&web->lock);
    while (!web->closing) {
        struct timespec until = clock_timespec((now_ms() + LOOK_MS) * 1000000);
        (void)pthread_cond_timedwait(&web->wake, &web->lock, &until);
        (void)places_end_overdue(&web->places, WEB_REQUEST_S * 1000, WEB_ANSWER_S * 1000, now_ms());
    }
    pthread_mutex_unlock(&web->lock);
    return NULL;
}

/* Three kinds of calls: the head, a piece of the body, the end. What is refused by its head is
 * answered at once, and its body is not waited for. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *path, const char *method, const char *version,
                                  const char *data, size_t *size, void **own)
{
    (void)version;
    struct web *web = context;
    struct web_request *request = *own;
    if (request == NULL) {
        *own = request = begin(web, connection, path, method);
        return request == NULL ? MHD_NO : request->route != NULL ? MHD_YES : answer(request);
    }
    if (request->reply != NULL) /* refused: what still comes is dropped */
        *size = 0;
    if (*size > 0) {
        take_body(request, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (request->reply != NULL)
        return MHD_YES;
    set_busy(web, connection, true);
    return answer(request);
}

static void on_end(void *context, struct MHD_Connection *connection, void **own,
                   enum MHD_RequestTerminationCode why)
{
    struct web_request *request = *own;
    (void)why;
    if (request == NULL)
        return;
    set_busy(context, connection, false);
    if (request->reply != NULL)
        MHD_destroy_response(request->reply);
    free(request->body);
    free(request);
    *own = NULL;
}

/* ---- The server ---- */

/* As many as there are descriptors for: with none left nobody would be taken in, and so nobody
 * sent away. */
static uint32_t connections_most(void)
{
    struct rlimit limit;
    const rlim_t wanted = WEB_CONNECTIONS + DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return WEB_CONNECTIONS;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t left = limit.rlim_cur > 2 * DESCRIPTORS ? limit.rlim_cur - DESCRIPTORS : DESCRIPTORS;
    return left < WEB_CONNECTIONS ? (uint32_t)left : WEB_CONNECTIONS;
}

/* malloc'ed; NULL: `why`. */
static char *read_pem(const char *what, const char *path, char *why, size_t why_size)
{
    FILE *file = fopen(path, "re");
    char *text = file != NULL ? malloc(PEM_MOST + 1) : NULL;
    size_t size = text != NULL ? fread(text, 1, PEM_MOST, file) : 0;
    if (size == 0) {
        (void)snprintf(why, why_size, "%s %s can't be read", what, path);
        free(text);
        text = NULL;
    } else {
        text[size] = '\0';
    }
    if (file != NULL)
        (void)fclose(file);
    return text;
}

static bool read_keys(struct web *web, const struct web_settings *settings, char *why,
                      size_t why_size)
{
    bool ask = settings->client_ca_file[0] != '\0';
    web->certificate = read_pem("cert_file", settings->cert_file, why, why_size);
    web->key = read_pem("key_file", settings->key_file, why, why_size);
    web->authorities = ask ? read_pem("ca_file", settings->client_ca_file, why, why_size) : NULL;
    return web->certificate != NULL && web->key != NULL && (!ask || web->authorities != NULL);
}

/* A socket that listens; -1: `why`. */
static int listen_at(const struct web_settings *settings, char *why, size_t why_size)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];
    int yes = 1, fd = -1;
    (void)snprintf(port, sizeof port, "%u", settings->port);
    int bad = getaddrinfo(settings->host, port, &hints, &found);
    if (bad == 0)
        fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
                    bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 512) != 0)) {
        (void)close(fd);
        fd = -1;
    }
    if (found != NULL)
        freeaddrinfo(found);
    if (fd < 0)
        (void)snprintf(why, why_size, "can't listen on %s:%u%s%s", settings->host, settings->port,
                       bad != 0 ? ": " : "", bad != 0 ? gai_strerror(bad) : "");
    return fd;
}

static bool start(struct web *web, int fd)
{
    struct MHD_OptionItem trust[] = {{MHD_OPTION_HTTPS_MEM_TRUST, 0, web->authorities},
                                     {MHD_OPTION_END, 0, NULL}};
    web->daemon = MHD_start_daemon(
        MHD_USE_TLS | MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, web,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_HTTPS_MEM_KEY, web->key, MHD_OPTION_HTTPS_MEM_CERT,
        web->certificate, MHD_OPTION_HTTPS_PRIORITIES, PRIORITIES, MHD_OPTION_THREAD_POOL_SIZE,
        (unsigned)WEB_THREADS, MHD_OPTION_CONNECTION_LIMIT, (unsigned)WEB_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)WEB_QUIET_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)32768, MHD_OPTION_NOTIFY_COMPLETED, on_end, web, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, web, MHD_OPTION_ARRAY, web->authorities != NULL ? trust : trust + 1,
        MHD_OPTION_END);
    return web->daemon != NULL;
}

struct web *web_open(const struct web_settings *settings, const struct web_route *const *tables,
                     char *why, size_t why_size)
{
    struct web *web = calloc(1, sizeof *web);
    if (web == NULL)
        return NULL;
    web->tables = tables;
    web->places = (struct places){.list = web->place_list,
                                  .room = WEB_CONNECTIONS,
                                  .most = connections_most(),
                                  .spare = WEB_SPARE,
                                  .share = WEB_SHARE};
    thread_init_lock(&web->lock, &web->wake);
    web->watching = thread_start(&web->watch, watch_main, web);
    if (!web->watching) {
        (void)snprintf(why, why_size, "no thread for its connections can be had");
        web_close(web);
        return NULL;
    }
    int fd = read_keys(web, settings, why, why_size) ? listen_at(settings, why, why_size) : -1;
    if (fd >= 0 && start(web, fd))
        return web;
    if (fd >= 0) {
        (void)snprintf(why, why_size, "cert_file %s and key_file %s are no pair that TLS takes",
                       settings->cert_file, settings->key_file);
        (void)close(fd);
    }
    web_close(web);
    return NULL;
}

void web_close(struct web *web)
{
    if (web == NULL)
        return;
    if (web->watching) {
        pthread_mutex_lock(&web->lock);
        web->closing = true;
        pthread_cond_signal(&web->wake);
        pthread_mutex_unlock(&web->lock);
        pthread_join(web->watch, NULL);
    }
    if (web->daemon != NULL)
        MHD_stop_daemon(web->daemon);
    pthread_cond_destroy(&web->wake);
    pthread_mutex_destroy(&web->lock);
    if (web->key != NULL)
        explicit_bzero(web->key, strlen(web->key));
    free(web->key);
    free(web->certificate);
    free(web->authorities);
    free(web);
}

uint16_t web_port(const struct web *web)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info != NULL ? info->port : 0;
}
