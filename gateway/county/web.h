/* SPDX-License-Identifier: Apache-2.0 */
/* The county's HTTPS: a table of routes, answered by a few threads of its own. A handler may wait
 * for the database; a request comes to it whole. TLS 1.2 and later by libmicrohttpd and GnuTLS.
 * Who asks is the route's to judge: user and password of HTTP Basic, and the certificate that the
 * client showed, are handed over as they came (of a certificate is known only that its key is
 * there). Whatever strangers do, others find a place and each connection an end
 * (gateway/common/places.h). */
#ifndef BAIYE_COUNTY_WEB_H
#define BAIYE_COUNTY_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/common/config_error.h"

#define WEB_THREADS     4
#define WEB_CONNECTIONS 2000
#define WEB_SPARE       50                    /* places kept free: then who is least wanted goes */
#define WEB_SHARE       (WEB_CONNECTIONS / 4) /* of one address, when places are short */
#define WEB_QUIET_S     30                    /* a connection that says nothing is closed */
#define WEB_REQUEST_S   60                    /* however it comes, handshake included */
#define WEB_ANSWER_S    300                   /* however it is taken */
#define WEB_BODY_MAX    1048576u

struct web;
struct web_request;

struct web_settings {
    char host[200]; /* "" : no server */
    uint16_t port;
    char cert_file[CONFIG_PATH_SIZE], key_file[CONFIG_PATH_SIZE];
    /* Client certificates of these authorities are asked for; "" : none are. */
    char client_ca_file[CONFIG_PATH_SIZE];
};

struct web_route {
    const char *method; /* "GET" answers HEAD too; NULL: the end of a table */
    const char *path;   /* "/x", or "/x/" and a star for all that begins so */
    size_t body_most;   /* bytes; 0: none is taken. At most WEB_BODY_MAX; more is answered by 413 */
    /* In a thread of the server. Ends with one web_reply(); without one it is a 500. */
    void (*run)(void *context, struct web_request *request);
    void *context;
};

/* `tables`: of routes, NULL-terminated; the first that fits counts. They and `settings` are used as
 * long as the server runs. NULL: `why` (the address, the certificate). */
struct web *web_open(const struct web_settings *settings, const struct web_route *const *tables,
                     char *why, size_t why_size);
/* Requests that are being answered end first. */
void web_close(struct web *web);
/* The port listened to; of use when the settings' is 0. */
uint16_t web_port(const struct web *web);

/* ---- For handlers ---- */
const char *web_path(const struct web_request *request); /* decoded, without arguments */
const void *web_body(const struct web_request *request, size_t *size);
/* An argument or a header; NULL: there is none. Valid until the handler returns. */
const char *web_argument(const struct web_request *request, const char *name);
const char *web_header(const struct web_request *request, const char *name);
/* false: no HTTP Basic; `out` of each is then empty. What does not fit is no login. */
bool web_basic(const struct web_request *request, char *user, size_t user_size, char *password,
               size_t password_size);
/* DER of the certificate that the client showed; NULL: none. Valid until the handler returns. */
const void *web_certificate(const struct web_request *request, size_t *size);
/* Address of whoever asks, as text. */
void web_peer(const struct web_request *request, char *out, size_t size);
/* Goes out with the reply that follows. */
void web_reply_header(struct web_request *request, const char *name, const char *value);
/* Copies `body`. Once a request; a second one is dropped. */
void web_reply(struct web_request *request, unsigned status, const char *type, const void *body,
               size_t size);
void web_reply_text(struct web_request *request, unsigned status, const char *text);

#endif
