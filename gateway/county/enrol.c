/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/enrol.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/common/hex.h"
#include "gateway/common/log.h"
#include "gateway/county/authority.h"

#define SECRET_BYTES 20
#define SECRET_SIZE  (2 * SECRET_BYTES + 1)
#define HASH_SIZE    (2 * SHA256_DIGEST_LENGTH + 1)
#define ROUTES       4
#define LIST_MAX     1048576 /* 20,000 certificates */

struct enrol {
    const struct settings *settings;
    struct pool *pool;
    struct authority *authority;
    struct web_route routes[ROUTES + 1];
};

static void hash_of(const char *secret, char hash[HASH_SIZE])
{
    uint8_t bytes[SHA256_DIGEST_LENGTH];
    (void)SHA256((const uint8_t *)secret, strlen(secret), bytes);
    hex_write(bytes, sizeof bytes, hash);
}

/* A part of topics; the names of the county's programs are no sites. */
static bool is_site(const char *site)
{
    size_t size = strlen(site);
    return size > 0 && size < AUTHORITY_SITE_SIZE &&
           strspn(site, "abcdefghijklmnopqrstuvwxyz0123456789-") == size &&
           strncmp(site, "ingest", 6) != 0 && strcmp(site, "county") != 0;
}

/* ---- Answers ---- */

/* As RFC 7030 wants it: PKCS #7, in base64. */
static void reply_bundle(struct web_request *request, const uint8_t *der, size_t size)
{
    size_t room = (size + 2) / 3 * 4 + 2;
    char *text = der != NULL ? malloc(room) : NULL;
    if (text == NULL) {
        web_reply_text(request, 500, "no certificate could be made\n");
        return;
    }
    int length = EVP_EncodeBlock((unsigned char *)text, der, (int)size);
    text[length] = '\n';
    web_reply_header(request, "Content-Transfer-Encoding", "base64");
    web_reply(request, 200, "application/pkcs7-mime; smime-type=certs-only", text,
              (size_t)length + 1);
    free(text);
}

/* For the machines of the other brokers (baiye-county-revoked). */
static void revoked(void *context, struct web_request *request)
{
    const struct enrol *enrol = context;
    char *text = malloc(LIST_MAX);
    FILE *file = text != NULL ? fopen(enrol->settings->enrol.crl_file, "re") : NULL;
    size_t size = file != NULL ? fread(text, 1, LIST_MAX, file) : 0;
    if (file != NULL)
        (void)fclose(file);
    if (size > 0 && size < LIST_MAX)
        web_reply(request, 200, "application/x-pem-file", text, size);
    else
        web_reply_text(request, 503, "the list of the revoked can't be read\n");
    free(text);
}

static void cacerts(void *context, struct web_request *request)
{
    const struct enrol *enrol = context;
    const char *files[] = {enrol->settings->enrol.ca_file, enrol->settings->ca_file};
    char why[200];
    size_t size = 0;
    uint8_t *der =
        authority_bundle_files(files, files[1][0] != '\0' ? 2 : 1, &size, why, sizeof why);
    if (der == NULL)
        log_write(LOG_LEVEL_ERROR, "enrolment: %s", why);
    reply_bundle(request, der, size);
    free(der);
}

/* Of base64, with line ends anywhere; malloc'ed. NULL: it is none. */
static uint8_t *decode_body(const struct web_request *request, size_t *size)
{
    size_t given = 0, used = 0;
    const char *body = web_body(request, &given);
    char *text = malloc(given + 1);
    uint8_t *der = malloc(given + 1);
    for (size_t i = 0; text != NULL && i < given; i++) {
        if (strchr("\r\n\t ", body[i]) == NULL || body[i] == '\0')
            text[used++] = body[i];
    }
    int length = text != NULL && der != NULL && used > 0 && used % 4 == 0
                     ? EVP_DecodeBlock(der, (const unsigned char *)text, (int)used)
                     : -1;
    for (size_t i = used; length > 0 && i > used - 2 && text[i - 1] == '='; i--)
        length--;
    free(text);
    *size = length > 0 ? (size_t)length : 0;
    if (length > 0)
        return der;
    free(der);
    return NULL;
}

/* ---- The database ---- */

static bool execute(PGconn *db, const char *sql, int count, const char *const *parameters)
{
    PGresult *result = PQexecParams(db, sql, count, NULL, parameters, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(result);
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!good)
        log_write(LOG_LEVEL_ERROR, "enrolment: PostgreSQL: %s", PQresultErrorMessage(result));
    PQclear(result);
    return good;
}

/* Rows, -1: it failed. */
static int rows_of(PGconn *db, const char *sql, int count, const char *const *parameters)
{
    PGresult *result = PQexecParams(db, sql, count, NULL, parameters, NULL, NULL, 0);
    int rows = PQresultStatus(result) == PGRES_TUPLES_OK ? PQntuples(result) : -1;
    if (rows < 0)
        log_write(LOG_LEVEL_ERROR, "enrolment: PostgreSQL: %s", PQresultErrorMessage(result));
    PQclear(result);
    return rows;
}

/* Held until the transaction ends: of two at once, the other finds it used. */
static int take_token(PGconn *db, const char *site, const char *secret)
{
    char hash[HASH_SIZE];
    const char *parameters[] = {hash, site};
    hash_of(secret, hash);
    return rows_of(db,
                   "UPDATE token SET used = now() WHERE hash = $1 AND site = $2 AND used IS NULL"
                   " AND until > now() RETURNING site",
                   2, parameters);
}

static bool note_certificate(PGconn *db, const char *site, const struct authority_issued *issued)
{
    char until[24];
    const char *parameters[] = {issued->serial, site, until};
    (void)snprintf(until, sizeof until, "%lld", (long long)issued->until_s);
    return execute(db,
                   "INSERT INTO certificate (serial, site, until) VALUES ($1, $2,"
                   " to_timestamp($3::int8))",
                   3, parameters);
}

/* ---- Giving one ---- */

/* In a transaction: what is not given is not noted, and its token is as it was. */
static void give(struct enrol *enrol, struct web_request *request, PGconn *db, const char *site)
{
    struct authority_issued issued = {.der = NULL};
    char why[200] = "the body must be base64 of a request (PKCS #10)";
    size_t size = 0, bundle_size = 0;
    uint8_t *der = decode_body(request, &size);
    bool good =
        der != NULL && authority_issue(enrol->authority, site, der, size, &issued, why, sizeof why);
    free(der);
    if (!good) {
        web_reply_text(request, 400, why);
        return;
    }
    uint8_t *bundle = authority_bundle(&issued, &bundle_size);
    if (bundle != NULL && note_certificate(db, site, &issued) && execute(db, "COMMIT", 0, NULL)) {
        log_write(LOG_LEVEL_NOTICE, "site %s: certificate %s given", site, issued.serial);
        reply_bundle(request, bundle, bundle_size);
    }
    free(bundle);
    free(issued.der);
}

static void ask_for_login(struct web_request *request)
{
    web_reply_header(request, "WWW-Authenticate", "Basic realm=\"enrolment\", charset=\"UTF-8\"");
    web_reply_text(request, 401, "site and token are needed; a token counts once, for 24 hours\n");
}

static void enroll(void *context, struct web_request *request)
{
    struct enrol *enrol = context;
    char site[AUTHORITY_SITE_SIZE], secret[SECRET_SIZE], why[300];
    if (!web_basic(request, site, sizeof site, secret, sizeof secret) || !is_site(site)) {
        ask_for_login(request);
        return;
    }
    PGconn *db = pool_take(enrol->pool, why, sizeof why);
    int found = db != NULL && execute(db, "BEGIN", 0, NULL) ? take_token(db, site, secret) : -1;
    if (found < 0)
        web_reply_text(request, 503, "the database does not answer; later again\n");
    else if (found == 0)
        ask_for_login(request);
    else
        give(enrol, request, db, site);
    pool_give(enrol->pool, db); /* what was not committed is rolled back */
}

static bool is_revoked(const struct enrol *enrol, PGconn *db, const char *serial)
{
    return authority_is_revoked(enrol->settings->enrol.crl_file, serial) ||
           rows_of(db, "SELECT FROM certificate WHERE serial = $1 AND revoked IS NOT NULL", 1,
                   &serial) != 0;
}

/* Who has a garden's key could else fill the disk with certificates. Of those that are over the
 * rows go. */
static bool has_enough(PGconn *db, const char *site)
{
    return !execute(
               db, "DELETE FROM certificate WHERE site = $1 AND until < now() - interval '30 days'",
               1, &site) ||
           rows_of(db, "SELECT FROM certificate WHERE site = $1 AND at > now() - interval '1 day'",
                   1, &site) >= ENROL_A_DAY;
}

static void reenroll(void *context, struct web_request *request)
{
    struct enrol *enrol = context;
    char site[AUTHORITY_SITE_SIZE], serial[AUTHORITY_SERIAL_SIZE], why[300];
    size_t size = 0;
    const void *der = web_certificate(request, &size);
    if (!authority_is_own(enrol->authority, der, size, site, serial) || !is_site(site)) {
        web_reply_text(request, 403, "a certificate of this county that is good is needed\n");
        return;
    }
    PGconn *db = pool_take(enrol->pool, why, sizeof why);
    if (db == NULL || !execute(db, "BEGIN", 0, NULL))
        web_reply_text(request, 503, "the database does not answer; later again\n");
    else if (is_revoked(enrol, db, serial))
        web_reply_text(request, 403, "this certificate is revoked\n");
    else if (has_enough(db, site))
        web_reply_text(request, 429, "this garden has had its certificates of a day\n");
    else
        give(enrol, request, db, site);
    pool_give(enrol->pool, db);
}

/* ---- The room ---- */

struct enrol *enrol_open(const struct settings *settings, struct pool *pool, char *why,
                         size_t why_size)
{
    struct enrol *enrol = calloc(1, sizeof *enrol);
    if (enrol == NULL)
        return NULL;
    enrol->settings = settings;
    enrol->pool = pool;
    enrol->authority =
        authority_load(settings->enrol.ca_file, settings->enrol.key_file, why, why_size);
    const struct web_route routes[ROUTES] = {
        {"GET", "/.well-known/est/cacerts", 0, cacerts, enrol},
        {"GET", "/revoked/gateways.crl", 0, revoked, enrol},
        {"POST", "/.well-known/est/simpleenroll", ENROL_BODY_MAX, enroll, enrol},
        {"POST", "/.well-known/est/simplereenroll", ENROL_BODY_MAX, reenroll, enrol}};
    memcpy(enrol->routes, routes, sizeof routes);
    if (enrol->authority != NULL)
        return enrol;
    free(enrol);
    return NULL;
}

void enrol_close(struct enrol *enrol)
{
    if (enrol == NULL)
        return;
    authority_free(enrol->authority);
    free(enrol);
}

const struct web_route *enrol_routes(const struct enrol *enrol)
{
    return enrol->routes;
}

/* ---- For the operator ---- */

static bool check_site(const char *site, char *why, size_t why_size)
{
    if (is_site(site))
        return true;
    (void)snprintf(why, why_size,
                   "\"%.40s\" is no site: small letters, digits and '-'; not ingest or county",
                   site);
    return false;
}

bool enrol_token(PGconn *db, const struct settings *settings, const char *site,
                 char token[ENROL_TOKEN_SIZE], char *why, size_t why_size)
{
    uint8_t random[SECRET_BYTES];
    char secret[SECRET_SIZE], hash[HASH_SIZE], authority[65];
    const char *parameters[] = {hash, site};
    if (!check_site(site, why, why_size) ||
        !authority_fingerprint(settings->ca_file, authority, why, why_size))
        return false;
    bool good = RAND_bytes(random, sizeof random) == 1;
    hex_write(random, sizeof random, secret);
    hash_of(secret, hash);
    good = good &&
           execute(db, "DELETE FROM token WHERE until < now() - interval '30 days'", 0, NULL) &&
           execute(db, "INSERT INTO token (hash, site) VALUES ($1, $2)", 2, parameters) &&
           execute(db, "DELETE FROM retired WHERE site = $1", 1, parameters + 1) &&
           execute(db, "UPDATE gateway SET retired = NULL WHERE site = $1 AND retired IS NOT NULL",
                   1, parameters + 1);
    if (!good)
        (void)snprintf(why, why_size, "no token can be kept: %.200s", PQerrorMessage(db));
    (void)snprintf(token, ENROL_TOKEN_SIZE, "%s:%s:%s", site, secret, authority);
    return good;
}

static bool put_on_list(const struct settings *settings, const PGresult *serials, char *why,
                        size_t why_size)
{
    size_t count = (size_t)PQntuples(serials);
    const char **list = calloc(count + 1, sizeof *list);
    struct authority *authority =
        authority_load(settings->enrol.ca_file, settings->enrol.key_file, why, why_size);
    for (size_t i = 0; list != NULL && i < count; i++)
        list[i] = PQgetvalue(serials, (int)i, 0);
    bool good = list != NULL && authority != NULL &&
                authority_revoke(authority, settings->enrol.crl_file, list, count, why, why_size);
    authority_free(authority);
    free(list);
    return good;
}

int enrol_revoke(PGconn *db, const struct settings *settings, const char *site, char *why,
                 size_t why_size)
{
    if (!check_site(site, why, why_size))
        return -1;
    PGresult *serials =
        execute(db, "BEGIN", 0, NULL) && execute(db, "DELETE FROM token WHERE site = $1", 1, &site)
            ? PQexecParams(db,
                           "UPDATE certificate SET revoked = COALESCE(revoked, now())"
                           " WHERE site = $1 AND until > now() RETURNING serial",
                           1, NULL, &site, NULL, NULL, 0)
            : NULL;
    bool good = PQresultStatus(serials) == PGRES_TUPLES_OK;
    if (!good)
        (void)snprintf(why, why_size, "%.200s", PQerrorMessage(db));
    int count = good ? PQntuples(serials) : -1;
    /* The list first: a row that says so is not what the brokers look at. */
    good = good && put_on_list(settings, serials, why, why_size) && execute(db, "COMMIT", 0, NULL);
    PQclear(serials);
    return good ? count : -1;
}
