/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/page.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/common/log.h"
#include "gateway/county/login.h"
#include "gateway/county/message.h"
#include "gateway/county/page_sql.h"
#include "gateway/county/retire.h"
#include "gateway/county/table.h"
#include "gateway/daemon/http/files.h"
#include "gateway/daemon/http/guess.h"
#include "gateway/daemon/http/origin.h"

#define BODY_MOST 1024
#define FILE_MOST 4000000u
#define ROUTES    13
#define COOKIE    "__Host-baiye="
#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "  \
    "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct page {
    struct pool *pool;
    const struct settings *settings;
    struct login_desk *desk;
    int folder_fd; /* -1: there is none */
    char silent_s[16];
    pthread_mutex_t logging; /* guards `log` */
    struct log_rate log;
    struct web_route routes[ROUTES];
};

/* ---- Answers ---- */

static void dress(struct web_request *request)
{
    web_reply_header(request, "Content-Security-Policy", POLICY);
    web_reply_header(request, "X-Frame-Options", "DENY");
    web_reply_header(request, "Cross-Origin-Resource-Policy", "same-origin");
}

static void refuse(struct web_request *request, unsigned status, const char *word)
{
    char body[80];
    int size = snprintf(body, sizeof body, "{\"error\":\"%s\"}", word);
    dress(request);
    web_reply(request, status, "application/json", body, (size_t)size);
}

static void reply_json(struct web_request *request, const char *json)
{
    dress(request);
    web_reply(request, 200, "application/json", json, strlen(json));
}

/* PostgreSQL said no: the operator reads why in the log. */
static void refuse_for(struct page *page, struct web_request *request, const char *why)
{
    pthread_mutex_lock(&page->logging);
    log_limited(&page->log, LOG_LEVEL_ERROR, "page %s: PostgreSQL: %.300s", web_path(request), why);
    pthread_mutex_unlock(&page->logging);
    refuse(request, 503, "database");
}

/* ---- Whose request it is ---- */

static bool read_token(const struct web_request *request, char token[LOGIN_TOKEN_SIZE])
{
    const char *cookies = web_header(request, "Cookie");
    const char *at = cookies != NULL ? strstr(cookies, COOKIE) : NULL;
    size_t size = at != NULL ? strcspn(at + strlen(COOKIE), "; ") : 0;
    if (size != LOGIN_TOKEN_SIZE - 1)
        return false;
    memcpy(token, at + strlen(COOKIE), size);
    token[size] = '\0';
    return true;
}

/* What changes something comes from a page of ours: its browser says so. */
static bool is_ours(const struct web_request *request)
{
    const char *origin = web_header(request, "Origin"), *host = web_header(request, "Host");
    return origin != NULL && host != NULL && origin_is_of(origin, host);
}

/* A connection for the owner of the session; NULL: it has been answered. */
static PGconn *begin(struct page *page, struct web_request *request, char user[LOGIN_NAME_SIZE])
{
    char token[LOGIN_TOKEN_SIZE], why[300];
    if (!read_token(request, token)) {
        refuse(request, 401, "login");
        return NULL;
    }
    PGconn *db = pool_take(page->pool, why, sizeof why);
    enum login_result result = db != NULL ? login_who(db, token, user) : LOGIN_BROKEN;
    if (result == LOGIN_GOOD)
        return db;
    if (result == LOGIN_WRONG)
        refuse(request, 401, "login");
    else
        refuse_for(page, request, db != NULL ? PQerrorMessage(db) : why);
    pool_give(page->pool, db);
    return NULL;
}

/* ---- What is asked for ---- */

/* An argument that is a name; "" when there is none and `optional`. NULL: it is no name. */
static const char *name_of(const struct web_request *request, const char *argument, bool optional)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *value = web_argument(request, argument);
    if (value == NULL)
        return optional ? "" : NULL;
    size_t size = strlen(value);
    return size > 0 && size < 65 && strspn(value, plain) == size ? value : NULL;
}

static const char *time_of(const struct web_request *request, const char *argument)
{
    const char *value = web_argument(request, argument);
    size_t size = value != NULL ? strlen(value) : 0;
    return size > 0 && size < 14 && strspn(value, "0123456789") == size ? value : NULL;
}

/* parameters[0] is filled in here. Any other that is NULL: what was asked for is no such thing. */
static void answer(struct page *page, struct web_request *request, const char *sql, int count,
                   const char **parameters, void (*reply)(struct web_request *, PGresult *))
{
    char user[LOGIN_NAME_SIZE];
    PGconn *db = begin(page, request, user);
    if (db == NULL)
        return;
    bool good = true;
    parameters[0] = user;
    for (int i = 0; i < count; i++)
        good = good && parameters[i] != NULL;
    PGresult *result = good ? PQexecParams(db, sql, count, NULL, parameters, NULL, NULL, 0) : NULL;
    if (!good)
        refuse(request, 400, "argument");
    else if (PQresultStatus(result) != PGRES_TUPLES_OK)
        refuse_for(page, request, PQresultErrorMessage(result));
    else
        reply(request, result);
    PQclear(result);
    pool_give(page->pool, db);
    parameters[0] = NULL;
}

static void reply_text(struct web_request *request, PGresult *result)
{
    if (PQntuples(result) == 1)
        reply_json(request, PQgetvalue(result, 0, 0));
    else
        refuse(request, 404, "garden");
}

static void reply_table(struct web_request *request, PGresult *result)
{
    size_t size = 0;
    char *text = table_csv(result, &size);
    if (text == NULL) {
        refuse(request, 503, "memory");
        return;
    }
    dress(request);
    web_reply_header(request, "Content-Disposition", "attachment");
    web_reply(request, 200, "text/csv; charset=utf-8", text, size);
    free(text);
}

static void get_gardens(void *context, struct web_request *request)
{
    struct page *page = context;
    const char *parameters[] = {NULL, page->silent_s};
    answer(page, request, page_gardens, 2, parameters, reply_text);
}

static void get_gardens_table(void *context, struct web_request *request)
{
    struct page *page = context;
    const char *parameters[] = {NULL, page->silent_s};
    answer(page, request, page_gardens_table, 2, parameters, reply_table);
}

static void get_garden(void *context, struct web_request *request)
{
    const char *parameters[] = {NULL, name_of(request, "site", false)};
    answer(context, request, page_garden, 2, parameters, reply_text);
}

static void get_hours(void *context, struct web_request *request)
{
    const char *parameters[] = {NULL,
                                name_of(request, "site", false),
                                name_of(request, "device", false),
                                name_of(request, "metric", false),
                                time_of(request, "from"),
                                time_of(request, "to")};
    bool table = strcmp(web_path(request), "/county/hours.csv") == 0;
    answer(context, request, table ? page_hours_table : page_hours, 6, parameters,
           table ? reply_table : reply_text);
}

static void get_days(void *context, struct web_request *request)
{
    const char *parameters[] = {NULL, name_of(request, "site", true)};
    bool table = strcmp(web_path(request), "/county/days.csv") == 0;
    answer(context, request, table ? page_days_table : page_days, 2, parameters,
           table ? reply_table : reply_text);
}

/* ---- Coming and going ---- */

/* The texts of those keys; false: it is no such object. */
static bool read_body(struct web_request *request, json_t **root, const char *a, const char **one,
                      const char *b, const char **two)
{
    size_t size = 0;
    const void *body = web_body(request, &size);
    *root = json_loadb(body, size, 0, NULL);
    return b != NULL ? json_unpack(*root, "{s:s,s:s}", a, one, b, two) == 0
                     : json_unpack(*root, "{s:s}", a, one) == 0;
}

static void reply_login(struct web_request *request, enum login_result result, const char *token,
                        unsigned wait_s)
{
    char text[160];
    if (result == LOGIN_GOOD) {
        (void)snprintf(text, sizeof text,
                       COOKIE "%s; Path=/; Secure; HttpOnly; SameSite=Strict; "
                              "Max-Age=%d",
                       token, LOGIN_LASTS_S);
        web_reply_header(request, "Set-Cookie", text);
        reply_json(request, "{}");
    } else if (result == LOGIN_LATER) {
        (void)snprintf(text, sizeof text, "%u", wait_s);
        web_reply_header(request, "Retry-After", text);
        refuse(request, 429, "later");
    } else {
        refuse(request, result == LOGIN_WRONG ? 401 : 503,
               result == LOGIN_WRONG ? "wrong" : "database");
    }
}

static void post_login(void *context, struct web_request *request)
{
    struct page *page = context;
    char token[LOGIN_TOKEN_SIZE] = "", why[300], peer[GUESS_PEER_SIZE];
    const char *user = NULL, *password = NULL;
    unsigned wait_s = 0;
    json_t *root = NULL;
    enum login_result result = LOGIN_BROKEN;
    if (!is_ours(request) || !read_body(request, &root, "user", &user, "password", &password)) {
        json_decref(root);
        refuse(request, 400, "login");
        return;
    }
    web_peer(request, peer, sizeof peer);
    PGconn *db = pool_take(page->pool, why, sizeof why);
    if (db != NULL)
        result = login_begin(page->desk, db, user, password, peer, token, &wait_s);
    pool_give(page->pool, db);
    json_decref(root);
    reply_login(request, result, token, wait_s);
}

static void post_logout(void *context, struct web_request *request)
{
    struct page *page = context;
    char token[LOGIN_TOKEN_SIZE], why[300];
    PGconn *db = is_ours(request) && read_token(request, token)
                     ? pool_take(page->pool, why, sizeof why)
                     : NULL;
    if (db != NULL)
        login_end(db, token);
    pool_give(page->pool, db);
    web_reply_header(request, "Set-Cookie",
                     COOKIE "; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    reply_json(request, "{}");
}

static void reply_seen(struct web_request *request, PGresult *result)
{
    if (PQntuples(result) > 0)
        reply_json(request, "{}");
    else
        refuse(request, 404, "garden");
}

static void post_seen(void *context, struct web_request *request)
{
    const char *parameters[2] = {NULL};
    json_t *root = NULL;
    if (!is_ours(request) || !read_body(request, &root, "site", &parameters[1], NULL, NULL))
        refuse(request, 400, "argument");
    else
        answer(context, request, page_seen, 2, parameters, reply_seen);
    json_decref(root);
}

/* The garden is one that `user` may give up. */
static bool may_retire(PGconn *db, const char *user, const char *site)
{
    const char *parameters[] = {user, site};
    PGresult *result = PQexecParams(db, page_may_retire, 2, NULL, parameters, NULL, NULL, 0);
    bool good = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0;
    PQclear(result);
    return good;
}

static void retire(struct page *page, struct web_request *request, const char *site, bool remove)
{
    char user[LOGIN_NAME_SIZE], why[300];
    struct retired done;
    PGconn *db = begin(page, request, user);
    if (db == NULL)
        return;
    if (!may_retire(db, user, site)) {
        refuse(request, 404, "garden");
    } else if (retire_garden(db, page->settings, site, remove, user, &done, why, sizeof why)) {
        log_write(LOG_LEVEL_NOTICE, "site %s: retired by %s, data %s", site, user,
                  remove ? "removed" : "kept");
        reply_json(request, "{}");
    } else {
        refuse_for(page, request, why);
    }
    pool_give(page->pool, db);
}

static void post_retire(void *context, struct web_request *request)
{
    const char *site = NULL, *data = NULL;
    bool remove = false;
    json_t *root = NULL;
    if (!is_ours(request) || !read_body(request, &root, "site", &site, "data", &data) ||
        !retire_word(data, &remove))
        refuse(request, 400, "argument");
    else
        retire(context, request, site, remove);
    json_decref(root);
}

/* ---- Files ---- */

static void reply_file(struct web_request *request, const struct file *file)
{
    size_t size = file->size <= FILE_MOST ? (size_t)file->size : FILE_MOST;
    char *text = size == file->size ? malloc(size + 1) : NULL;
    ssize_t got = text != NULL ? read(file->fd, text, size) : -1;
    dress(request);
    if (got == (ssize_t)size) {
        web_reply_header(request, "Cache-Control", file->cache_control);
        web_reply_header(request, "ETag", file->etag);
        if (file->gzip)
            web_reply_header(request, "Content-Encoding", "gzip");
        web_reply_header(request, "Vary", "Accept-Encoding");
        web_reply(request, 200, file->type, text, size);
    } else {
        web_reply_text(request, 500, "The file can't be read.\n");
    }
    free(text);
}

static void get_file(void *context, struct web_request *request)
{
    const struct page *page = context;
    const char *encodings = web_header(request, "Accept-Encoding");
    const char *known = web_header(request, "If-None-Match");
    struct file file = {.fd = -1};
    bool gzip = encodings != NULL && files_gzip_taken(encodings);
    int status =
        page->folder_fd >= 0 ? files_open(page->folder_fd, web_path(request), gzip, &file) : 404;
    if (status != 0) {
        dress(request);
        web_reply_text(request, (unsigned)status, "There is nothing of that name here.\n");
    } else if (known != NULL && files_etag_matches(known, file.etag)) {
        web_reply_header(request, "ETag", file.etag);
        web_reply(request, 304, file.type, "", 0);
    } else {
        reply_file(request, &file);
    }
    if (file.fd >= 0)
        close(file.fd);
}

/* ---- Beginning and end ---- */

static const struct web_route plan[ROUTES] = {
    {"GET", "/county/gardens", 0, get_gardens, NULL},
    {"GET", "/county/gardens.csv", 0, get_gardens_table, NULL},
    {"GET", "/county/garden", 0, get_garden, NULL},
    {"GET", "/county/hours", 0, get_hours, NULL},
    {"GET", "/county/hours.csv", 0, get_hours, NULL},
    {"GET", "/county/days", 0, get_days, NULL},
    {"GET", "/county/days.csv", 0, get_days, NULL},
    {"POST", "/county/login", BODY_MOST, post_login, NULL},
    {"POST", "/county/logout", BODY_MOST, post_logout, NULL},
    {"POST", "/county/seen", BODY_MOST, post_seen, NULL},
    {"POST", "/county/retire", BODY_MOST, post_retire, NULL},
    {"GET", "/*", 0, get_file, NULL},
    {.method = NULL},
};

struct page *page_open(struct pool *pool, const struct settings *settings)
{
    struct page *page = calloc(1, sizeof *page);
    if (page == NULL)
        return NULL;
    page->pool = pool;
    page->settings = settings;
    page->folder_fd = open(settings->page_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(page->silent_s, sizeof page->silent_s, "%u", settings->silent_s);
    pthread_mutex_init(&page->logging, NULL);
    memcpy(page->routes, plan, sizeof plan);
    for (unsigned i = 0; i + 1 < ROUTES; i++)
        page->routes[i].context = page;
    page->desk = login_open();
    if (page->desk != NULL)
        return page;
    page_close(page);
    return NULL;
}

void page_close(struct page *page)
{
    if (page == NULL)
        return;
    login_close(page->desk);
    pthread_mutex_destroy(&page->logging);
    if (page->folder_fd >= 0)
        close(page->folder_fd);
    free(page);
}

const struct web_route *page_routes(const struct page *page)
{
    return page->routes;
}
