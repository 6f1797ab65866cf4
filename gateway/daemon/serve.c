/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/serve.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/common/log.h"
#include "gateway/daemon/http/alerts_csv.h"
#include "gateway/daemon/http/certificate.h"
#include "gateway/daemon/http/csv.h"
#include "gateway/daemon/http/health.h"
#include "gateway/daemon/rpc/control.h"

#define REQUESTS_MAX 32 /* from brokers, on their way from the link thread to the loop */

struct serve {
    const struct config *config;
    struct rpc_parts parts;
    struct loop *loop;
    struct bridge *bridge;
    struct auth *auth;
    struct guess *guess;
    struct auth_report report;
    struct log_rate wrong_logins;
    struct loop_timer day; /* looks at the day's wrong logins and at the certificate */
    bool guessed;          /* the alert stands */
    struct http *http;
    struct rpc *rpc;
    struct control *control;
    struct csv *csv;
    struct alerts_csv *alerts_csv;
    struct notify *notify;
    struct health health;
    struct publish_callbacks callbacks;
    atomic_uint requests;
    struct log_rate too_many; /* link thread */
    struct loop_fd watched;
    void (*readable)(void *context, int fd);
    void *readable_context;
};

/* ---- Pages ---- */

/* A screen's account reads no more than the broker's access list lets it see; it is told so. A name
 * that `baiye user` does not know is an account that the operator made at the broker by hand. */
static bool may_see(const struct serve *serve, struct http_request *request)
{
    if (rpc_role(serve->rpc, http_user(request)) != USER_SCREEN)
        return true;
    http_reply_error(request, 403, "forbidden", "a screen does not see this page",
                     "log in as a farmer or technician");
    return false;
}

static void alive_page(void *context, struct http_request *request)
{
    const struct serve *serve = context;
    bool alive = health_alive(&serve->health, NULL);
    http_reply(request, alive ? 200 : 503, "text/plain; charset=utf-8",
               alive ? "alive\n" : "stuck\n", 6);
}

static void ready_page(void *context, struct http_request *request)
{
    const struct serve *serve = context;
    json_t *answer = health_ready(&serve->health);
    bool ready = json_is_true(json_object_get(answer, "ready"));
    char *text = answer != NULL ? json_dumps(answer, JSON_COMPACT) : NULL;
    http_reply(request, ready ? 200 : 503, "application/json", text != NULL ? text : "",
               text != NULL ? strlen(text) : 0);
    free(text);
    json_decref(answer);
}

static void metrics_page(void *context, struct http_request *request)
{
    const struct serve *serve = context;
    size_t size = 0;
    if (!may_see(serve, request))
        return;
    char *text = health_metrics(&serve->health, &size);
    http_reply(request, text != NULL ? 200 : 500, "text/plain; version=0.0.4; charset=utf-8",
               text != NULL ? text : "", size);
    free(text);
}

static void csv_page(void *context, struct http_request *request)
{
    struct serve *serve = context;
    if (may_see(serve, request))
        csv_get(serve->csv, request);
}

static void alerts_csv_page(void *context, struct http_request *request)
{
    struct serve *serve = context;
    if (may_see(serve, request))
        alerts_csv_get(serve->alerts_csv, request);
}

/* The site's own certificate authority (`baiye cert` puts it beside the certificate), for a phone
 * to take in: no secret. */
static void ca_page(void *context, struct http_request *request)
{
    const struct serve *serve = context;
    char path[CONFIG_PATH_SIZE + 8], text[8192];
    certificate_authority_path(serve->config, path, sizeof path);
    FILE *file = serve->config->http_cert_file[0] != '\0' ? fopen(path, "re") : NULL;
    size_t size = file != NULL ? fread(text, 1, sizeof text, file) : 0;
    if (file != NULL)
        (void)fclose(file);
    if (size > 0 && size < sizeof text)
        http_reply(request, 200, "application/x-x509-ca-cert", text, size);
    else
        http_reply_error(request, 404, "unknown", "this gateway has no certificate authority",
                         "baiye cert makes one");
}

static const struct http_page pages[] = {
    {.path = "/alive", .open = true, .get = alive_page},
    {.path = "/ca.crt", .open = true, .get = ca_page},
    {.path = "/ready", .get = ready_page},
    {.path = "/metrics", .get = metrics_page},
    {.path = "/export.csv", .get = csv_page},
    {.path = "/alerts.csv", .get = alerts_csv_page},
    {.path = NULL},
};

/* ---- Requests from brokers ---- */

struct mqtt_request {
    struct loop_task task;
    struct serve *serve;
    struct publish_request request;
    char payload[];
};

static void take_request(struct loop_task *task)
{
    struct mqtt_request *copy = (struct mqtt_request *)task;
    if (copy->serve->rpc != NULL)
        rpc_mqtt(copy->serve->rpc, &copy->request);
    atomic_fetch_sub(&copy->serve->requests, 1);
    free(copy);
}

static void drop_request(struct loop_task *task)
{
    free(task);
}

/* Link thread. */
static void request_came(void *context, const struct publish_request *request)
{
    struct serve *serve = context;
    struct mqtt_request *copy = NULL;
    if (atomic_fetch_add(&serve->requests, 1) < REQUESTS_MAX)
        copy = malloc(sizeof *copy + request->payload_size + 1);
    if (copy == NULL) {
        atomic_fetch_sub(&serve->requests, 1);
        log_limited(&serve->too_many, LOG_LEVEL_WARNING,
                    "rpc: too many requests at once; the one "
                    "for %s was not taken",
                    request->method);
        return;
    }
    copy->task = (struct loop_task){.run = take_request, .drop = drop_request};
    copy->serve = serve;
    copy->request = *request;
    memcpy(copy->payload, request->payload, request->payload_size);
    copy->payload[request->payload_size] = '\0';
    copy->request.payload = copy->payload;
    loop_post(serve->loop, &copy->task);
}

const struct publish_callbacks *serve_callbacks(struct serve *serve)
{
    return &serve->callbacks;
}

/* ---- Beginning and end ---- */

struct serve *serve_open(const struct config *config)
{
    struct serve *serve = calloc(1, sizeof *serve);
    if (serve == NULL)
        return NULL;
    serve->config = config;
    serve->callbacks = (struct publish_callbacks){.context = serve, .request = request_came};
    serve->loop = loop_open(config->http_cert_file[0] != '\0');
    if (serve->loop == NULL) {
        free(serve);
        return NULL;
    }
    return serve;
}

/* ---- Wrong logins ---- */

/* From so many within a day somebody is trying passwords. */
#define GUESSES_ALERT   100
#define GUESSES_LOOK_MS 60000

static void look_at_guesses(struct serve *serve, const char *peer)
{
    struct guess_stats stats;
    char what[160], what_zh[160];
    guess_stats(serve->guess, loop_now_ms(), &stats);
    bool many = stats.wrong_in_day >= GUESSES_ALERT;
    if (serve->parts.alerts == NULL || many == serve->guessed)
        return;
    serve->guessed = many;
    if (!many) {
        alerts_lower(serve->parts.alerts, ALERTS_GUESSES);
        return;
    }
    (void)snprintf(what, sizeof what, "%u wrong logins within a day, the last one from %s",
                   stats.wrong_in_day, peer);
    (void)snprintf(what_zh, sizeof what_zh, "一天内有 %u 次登录失败，最近一次来自 %s",
                   stats.wrong_in_day, peer);
    struct alerts_event alert = {.id = ALERTS_GUESSES,
                                 .what = what,
                                 .where = "",
                                 .todo = "baiye audit says whose names and from where: find that "
                                         "device, or change the passwords",
                                 .what_zh = what_zh,
                                 .todo_zh = "用 baiye audit 查看来自哪里，找到那台设备或更换密码",
                                 .level = "alarm",
                                 .since_ms = store_now(serve->parts.store).ms};
    alerts_raise(serve->parts.alerts, &alert);
}

/* The timer of the package renews the app's earlier and has the gateway take it: when it is
 * reported, it has failed twice. The others nobody renews by himself. */
#define CERTIFICATE_DAYS_LEAST 30
#define DAY_MS                 INT64_C(86400000)

/* "certificate", "certificate-<broker>", and of an authority "authority", … */
static void certificate_id(const struct certificate *certificate, char *id, size_t size)
{
    static const char *const before[] = {[CERTIFICATE_APP] = ALERTS_CERTIFICATE,
                                         [CERTIFICATE_APP_AUTHORITY] = ALERTS_AUTHORITY,
                                         [CERTIFICATE_CLIENT] = ALERTS_CERTIFICATE "-",
                                         [CERTIFICATE_BROKER_AUTHORITY] = ALERTS_AUTHORITY "-",
                                         [CERTIFICATE_WAY_AUTHORITY] =
                                             ALERTS_AUTHORITY ALERTS_OF_WAY};
    (void)snprintf(id, size, "%s%s", before[certificate->kind], certificate->owner);
}

/* %1$s whose, %2$s "ends" or "ended", %3$s the date. */
static const struct certificate_words {
    const char *what, *todo, *what_zh, *todo_zh;
} certificate_words[] = {
    [CERTIFICATE_APP] = {"the app's certificate%1$s %2$s on %3$s and has not been renewed",
                         "as root: baiye cert --renew says why; without the authority's key here: "
                         "baiye cert --ca-key",
                         "手机页面的证书%1$s%2$s %3$s 到期，没有自动更新",
                         "以 root 运行 baiye cert --renew 看原因；密钥不在本机时用 --ca-key"},
    [CERTIFICATE_APP_AUTHORITY] =
        {"the farm's own authority%1$s, by which phones know the gateway, %2$s on %3$s",
         "as root: baiye cert --new-ca --host NAME; every phone takes the new one in",
         "手机用来认主机的农场根证书%1$s%2$s %3$s 到期",
         "以 root 运行 baiye cert --new-ca --host 名称，每部手机重新信任一次"},
    [CERTIFICATE_CLIENT] =
        {"the certificate by which broker %1$.40s knows the gateway %2$s on %3$s",
         "ask the broker's operator for a new one, put it in the place of cert_file and key_file",
         "主机在消息服务器 %1$.40s 用的证书%2$s %3$s 到期",
         "向消息服务器管理员要新证书，替换 cert_file 和 key_file"},
    [CERTIFICATE_BROKER_AUTHORITY] =
        {"the authority by which the gateway knows broker %1$.40s %2$s on %3$s",
         "ask the broker's operator for the new authority, put it in the place of ca_file",
         "主机用来认消息服务器 %1$.40s 的根证书%2$s %3$s 到期",
         "向消息服务器管理员要新的根证书，替换 ca_file"},
    [CERTIFICATE_WAY_AUTHORITY] =
        {"the authority by which the gateway knows the service of way %1$.40s %2$s on %3$s",
         "ask the service's operator for the new authority, put it in the place of ca_file",
         "主机用来认告警渠道 %1$.40s 的根证书%2$s %3$s 到期",
         "向该服务的管理员要新的根证书，替换 ca_file"},
};

static void raise_certificate(struct serve *serve, const struct certificate *certificate,
                              const char *id, bool over, int64_t end_ms)
{
    char what[200], what_zh[200], date[16] = "";
    const struct certificate_words *words = &certificate_words[certificate->kind];
    time_t end = (time_t)(end_ms / 1000);
    struct tm utc;
    if (gmtime_r(&end, &utc) != NULL)
        (void)strftime(date, sizeof date, "%Y-%m-%d", &utc);
    (void)snprintf(what, sizeof what, words->what, certificate->owner, over ? "ended" : "ends",
                   date);
    (void)snprintf(what_zh, sizeof what_zh, words->what_zh, certificate->owner,
                   over ? "已于" : "将于", date);
    struct alerts_event alert = {.id = id,
                                 .what = what,
                                 .where = "",
                                 .todo = words->todo,
                                 .what_zh = what_zh,
                                 .todo_zh = words->todo_zh,
                                 .level = over ? "alarm" : "watch",
                                 .since_ms = store_now(serve->parts.store).ms};
    alerts_raise(serve->parts.alerts, &alert);
}

/* Read anew each time: most are put there by hand. */
static void look_at_certificates(struct serve *serve)
{
    struct wall_ms now = store_now(serve->parts.store);
    if (serve->parts.alerts == NULL || now.trust != TIME_TRUSTED)
        return;
    bool authority = false; /* the app's own is there */
    for (size_t i = 0, count = certificate_count(serve->config); i < count; i++) {
        struct certificate certificate = certificate_at(serve->config, i);
        char id[sizeof ALERTS_AUTHORITY ALERTS_OF_WAY + CONFIG_NAME_SIZE];
        int64_t end_ms;
        certificate_id(&certificate, id, sizeof id);
        authority = authority || certificate.kind == CERTIFICATE_APP_AUTHORITY;
        if (!certificate_end(&certificate, &end_ms))
            continue; /* http, and the publisher, say that it can't be read */
        if (end_ms - now.ms >= CERTIFICATE_DAYS_LEAST * DAY_MS)
            alerts_lower(serve->parts.alerts, id);
        else
            raise_certificate(serve, &certificate, id, end_ms < now.ms, end_ms);
    }
    if (!authority)
        alerts_lower(serve->parts.alerts, ALERTS_AUTHORITY);
}

static void day_looked_at(struct loop_timer *timer)
{
    struct serve *serve = timer->context;
    if (serve->guess != NULL)
        look_at_guesses(serve, "?");
    look_at_certificates(serve);
    loop_timer_start(serve->loop, &serve->day, GUESSES_LOOK_MS);
}

/* A name that no user has is not written down: it may be a password in the wrong field. */
static void wrong_login(void *context, const char *user, const char *peer, const char *via)
{
    struct serve *serve = context;
    const char *name = rpc_role(serve->rpc, user) != USER_UNKNOWN ? user : "no user";
    log_limited(&serve->wrong_logins, LOG_LEVEL_WARNING,
                "login: wrong password for %s from %s (%s)", name, peer, via);
    rpc_wrong_login(serve->rpc, name, peer, via);
    look_at_guesses(serve, peer);
}

/* The first broker on loopback without TLS is the one that knows the users. */
static void open_bridge(struct serve *serve)
{
    const struct config *config = serve->config;
    for (uint16_t i = 0; i < config->broker_count && serve->bridge == NULL; i++) {
        const struct broker_config *broker = &config->brokers[i];
        if (!broker->url.tls && !broker->url.websocket)
            serve->bridge = bridge_open(serve->loop, broker->url.host, broker->url.port,
                                        serve->guess, &serve->report);
    }
    if (serve->bridge != NULL)
        serve->auth =
            auth_open(serve->loop, bridge_broker(serve->bridge), serve->guess, &serve->report);
    else
        log_write(LOG_LEVEL_WARNING, "http: no broker on loopback without TLS is configured: the "
                                     "app has no connection, and nobody can log in");
}

static void report_http(void *context, const char *trouble)
{
    const struct serve *serve = context;
    if (serve->parts.alerts != NULL)
        alerts_web_trouble(serve->parts.alerts, trouble);
}

static bool open_http(struct serve *serve)
{
    const struct config *config = serve->config;
    if (config->http_host[0] == '\0')
        return true;
    serve->report = (struct auth_report){.context = serve, .wrong = wrong_login};
    serve->guess = guess_open();
    if (serve->guess == NULL)
        return false;
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
        .report = report_http,
    };
    serve->http = http_open(serve->loop, &options);
    serve->health.bridge = serve->bridge;
    serve->health.http = serve->http;
    serve->health.guess = serve->guess;
    return serve->http != NULL;
}

static json_t *stats_of(void *context)
{
    const struct serve *serve = context;
    return health_stats(&serve->health);
}

bool serve_start(struct serve *serve, const struct rpc_parts *parts, struct listener *listener)
{
    serve->parts = *parts;
    serve->parts.stats = stats_of;
    serve->parts.context = serve;
    serve->health = (struct health){.config = serve->config,
                                    .parts = &serve->parts,
                                    .listener = listener,
                                    .loop = serve->loop,
                                    .started_ms = loop_now_ms(),
                                    .stuck_ms = notify_stuck_ms()};
    serve->rpc = rpc_open(serve->loop, serve->config, &serve->parts);
    serve->csv = csv_open(serve->loop, serve->config, parts->store);
    serve->alerts_csv = alerts_csv_open(serve->loop, parts->store);
    if (serve->rpc == NULL || serve->csv == NULL || serve->alerts_csv == NULL || !open_http(serve))
        return false;
    serve->day = (struct loop_timer){.context = serve, .expired = day_looked_at};
    loop_timer_start(serve->loop, &serve->day, 0);
    if (serve->config->control_socket[0] != '\0') {
        serve->control = control_open(serve->loop, serve->config->control_socket, serve->rpc);
        if (serve->control == NULL)
            return false;
    }
    serve->notify = notify_open(serve->loop, &serve->health);
    return serve->notify != NULL;
}

static void watched_event(struct loop_fd *fd, enum loop_event event)
{
    struct serve *serve = fd->context;
    if (event == LOOP_READABLE)
        serve->readable(serve->readable_context, fd->fd);
}

bool serve_watch(struct serve *serve, int fd, void (*readable)(void *context, int fd),
                 void *context)
{
    serve->watched = (struct loop_fd){.fd = fd, .context = serve, .event = watched_event};
    serve->readable = readable;
    serve->readable_context = context;
    return loop_watch(serve->loop, &serve->watched) == 0;
}

void serve_run(struct serve *serve)
{
    loop_run(serve->loop);
}

void serve_stop(struct serve *serve)
{
    loop_stop(serve->loop);
}

void serve_end(struct serve *serve)
{
    notify_close(serve->notify);
    serve->notify = NULL;
    loop_timer_stop(&serve->day);
    loop_end(serve->loop);
}

void serve_close(struct serve *serve)
{
    if (serve == NULL)
        return;
    serve_end(serve);
    loop_drop_tasks(serve->loop);
    control_close(serve->control);
    http_close(serve->http);
    csv_close(serve->csv);
    alerts_csv_close(serve->alerts_csv);
    rpc_close(serve->rpc);
    serve->rpc = NULL;
    auth_close(serve->auth);
    bridge_close(serve->bridge);
    guess_close(serve->guess);
    loop_close(serve->loop);
    free(serve);
}
