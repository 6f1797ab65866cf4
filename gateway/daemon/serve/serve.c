/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/serve/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "gateway/daemon/log.h"
#include "gateway/daemon/serve/http.h"

struct serve {
    const struct config *config;
    struct loop *loop;
    struct bridge *bridge;
    struct auth *auth;
    struct http *http;
};

static void alive_page(void *context, struct http_request *request)
{
    (void)context;
    http_reply(request, 200, "text/plain; charset=utf-8", "alive\n", 6);
}

static void ready_page(void *context, struct http_request *request)
{
    struct serve *serve = context;
    json_t *reasons = json_array();
    if (serve->bridge != NULL && bridge_state(serve->bridge) == BRIDGE_UNKNOWN)
        json_array_append_new(reasons, json_string("the local broker does not answer"));
    if (serve->bridge != NULL && bridge_state(serve->bridge) == BRIDGE_BROKER_OPEN)
        json_array_append_new(reasons, json_string("the local broker lets anybody in"));
    bool ready = json_array_size(reasons) == 0;
    json_t *answer = json_pack("{s:b,s:o}", "ready", (int)ready, "reasons", reasons);
    char *text = answer != NULL ? json_dumps(answer, JSON_COMPACT) : NULL;
    http_reply(request, ready ? 200 : 503, "application/json", text != NULL ? text : "",
               text != NULL ? strlen(text) : 0);
    free(text);
    json_decref(answer);
}

static const struct http_page pages[] = {
    {.path = "/alive", .open = true, .get = alive_page},
    {.path = "/ready", .get = ready_page},
    {.path = NULL},
};

/* The first broker on loopback without TLS is the one that knows the users. */
static void open_bridge(struct serve *serve)
{
    const struct config *config = serve->config;
    for (uint16_t i = 0; i < config->broker_count && serve->bridge == NULL; i++) {
        const struct broker_config *broker = &config->brokers[i];
        if (!broker->tls)
            serve->bridge = bridge_open(serve->loop, broker->host, broker->port);
    }
    if (serve->bridge != NULL)
        serve->auth = auth_open(serve->loop, bridge_broker(serve->bridge));
    else
        log_write(LOG_LEVEL_WARNING, "http: no broker on loopback without TLS is configured: the "
                                     "app has no connection, and nobody can log in");
}

static bool open_http(struct serve *serve)
{
    const struct config *config = serve->config;
    if (config->http_host[0] == '\0')
        return true;
    open_bridge(serve);
    struct http_options options = {
        .host = config->http_host,
        .port = config->http_port,
        .cert_file = config->http_cert_file,
        .key_file = config->http_key_file,
        .app_dir = config->app_dir,
        .bridge = serve->bridge,
        .auth = serve->auth,
        .pages = pages,
        .context = serve,
    };
    serve->http = http_open(serve->loop, &options);
    return serve->http != NULL;
}

struct serve *serve_open(const struct config *config)
{
    struct serve *serve = calloc(1, sizeof *serve);
    if (serve == NULL)
        return NULL;
    serve->config = config;
    serve->loop = loop_open(config->http_cert_file[0] != '\0');
    if (serve->loop == NULL || !open_http(serve)) {
        serve_close(serve);
        return NULL;
    }
    return serve;
}

void serve_close(struct serve *serve)
{
    if (serve == NULL)
        return;
    loop_end(serve->loop);
    http_close(serve->http);
    auth_close(serve->auth);
    bridge_close(serve->bridge);
    loop_close(serve->loop);
    free(serve);
}

void serve_run(struct serve *serve)
{
    loop_run(serve->loop);
}

void serve_stop(struct serve *serve)
{
    loop_stop(serve->loop);
}
