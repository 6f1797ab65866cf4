/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye enrol`: how a gateway joins a county. By a token, which says who the county is, it asks
 * for a certificate of its own by EST (RFC 7030); the key is made here and stays here. Later it
 * renews the certificate by itself. */
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/language.h"
#include "gateway/daemon/rpc/users.h"
#include "tools/cli/cli.h"
#include "tools/cli/enrol_keys.h"
#include "tools/cli/outcome.h"

#define ANSWER_MOST 65536u
#define FILE_MOST   65536u
#define TRANSFER_S  60
#define CONNECT_S   20
#define SECRET_SIZE 65
#define PRINT_SIZE  65
#define URL_SIZE    256

struct enrolment {
    const char *folder;
    char url[URL_SIZE];
    char site[USER_NAME_SIZE], secret[SECRET_SIZE], print[PRINT_SIZE];
    char url_file[CLI_PATH], ca_file[CLI_PATH], cert_file[CLI_PATH], key_file[CLI_PATH];
};

/* ---- Files ---- */

static bool make_paths(struct enrolment *it)
{
    return cli_format(it->url_file, CLI_PATH, "%s/enrol.url", it->folder) &&
           cli_format(it->ca_file, CLI_PATH, "%s/county-ca.crt", it->folder) &&
           cli_format(it->cert_file, CLI_PATH, "%s/gateway.crt", it->folder) &&
           cli_format(it->key_file, CLI_PATH, "%s/gateway.key", it->folder);
}

/* malloc'ed; NULL and a complaint. */
static char *read_text(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = file != NULL ? malloc(FILE_MOST + 1) : NULL;
    size_t size = text != NULL ? fread(text, 1, FILE_MOST, file) : 0;
    if (text != NULL)
        text[size] = '\0';
    else
        cli_complain("can't read %s: %s", path, strerror(errno));
    if (file != NULL)
        (void)fclose(file);
    return text;
}

/* The daemon reads them by its group, which is the one of the folder above. */
static bool make_folder(const struct enrolment *it)
{
    char above[CLI_PATH];
    struct stat status;
    if (mkdir(it->folder, 0750) != 0 && errno != EEXIST) {
        cli_complain("can't make %s: %s", it->folder, strerror(errno));
        return false;
    }
    return cli_folder(it->folder, above, sizeof above) && stat(above, &status) == 0 &&
           (geteuid() != 0 || chown(it->folder, (uid_t)-1, status.st_gid) == 0) &&
           chmod(it->folder, 0750) == 0;
}

static bool write_text(const struct enrolment *it, const char *path, const char *text)
{
    struct stat status;
    bool good = cli_write_file(path, text, strlen(text), 0640) && stat(it->folder, &status) == 0;
    if (good && geteuid() == 0 && chown(path, (uid_t)-1, status.st_gid) != 0) {
        cli_complain("can't give %s to the gateway's group: %s", path, strerror(errno));
        good = false;
    }
    return good;
}

/* ---- Asking the county ---- */

struct answer {
    char text[ANSWER_MOST + 1];
    size_t size;
};

static size_t take(char *data, size_t one, size_t count, void *context)
{
    struct answer *answer = context;
    size_t size = one * count;
    if (size > ANSWER_MOST - answer->size)
        return 0;
    memcpy(answer->text + answer->size, data, size);
    answer->size += size;
    answer->text[answer->size] = '\0';
    return size;
}

/* Who asks and how; `ca` NULL: whoever answers is believed (what it says is compared). */
struct question {
    const char *path, *body, *ca;
    const char *user, *password;      /* or */
    const char *cert_file, *key_file; /* or neither */
};

static bool set_up(CURL *curl, const struct enrolment *it, const struct question *question,
                   struct answer *answer, char *problem)
{
    char url[URL_SIZE + 64];
    struct curl_blob ca = {.data = (void *)(uintptr_t)question->ca,
                           .len = question->ca != NULL ? strlen(question->ca) : 0,
                           .flags = CURL_BLOB_COPY};
    bool good =
        cli_format(url, sizeof url, "%s/.well-known/est/%s", it->url, question->path) &&
        curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TRANSFER_S) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer) == CURLE_OK;
    if (question->ca != NULL)
        return good && curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &ca) == CURLE_OK;
    return good && curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK;
}

static bool set_who(CURL *curl, const struct question *question, struct curl_slist *headers)
{
    bool good = true;
    if (question->body != NULL)
        good = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, question->body) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
    if (question->user != NULL)
        good = good && curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_USERNAME, question->user) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_PASSWORD, question->password) == CURLE_OK;
    if (question->cert_file != NULL)
        good = good && curl_easy_setopt(curl, CURLOPT_SSLCERT, question->cert_file) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_SSLKEY, question->key_file) == CURLE_OK;
    return good;
}

static int judge(const struct enrolment *it, CURL *curl, CURLcode code, const char *problem,
                 struct answer *answer)
{
    long status = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) {
        cli_complain("%s: %s", it->url, problem[0] != '\0' ? problem : curl_easy_strerror(code));
        return code == CURLE_PEER_FAILED_VERIFICATION ? EX_NOPERM : EX_UNAVAILABLE;
    }
    if (status == 200)
        return EX_OK;
    answer->text[strcspn(answer->text, "\r\n")] = '\0';
    cli_complain("%s refuses (%ld): %.200s", it->url, status, answer->text);
    return status >= 500 ? EX_TEMPFAIL : EX_NOPERM;
}

/* 0: `answer` is what it said; else the exit code, after a complaint. */
static int ask(const struct enrolment *it, const struct question *question, struct answer *answer)
{
    char problem[CURL_ERROR_SIZE] = "";
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/pkcs10");
    int code = EX_OSERR;
    *answer = (struct answer){.size = 0};
    if (curl != NULL && headers != NULL && set_up(curl, it, question, answer, problem) &&
        set_who(curl, question, headers)) {
        CURLcode result = curl_easy_perform(curl);
        code = judge(it, curl, result, problem, answer);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return code;
}

/* ---- The first time ---- */

/* What the county says of itself counts when it is what the token says. */
static int fetch_authority(const struct enrolment *it, char **ca)
{
    static struct answer answer;
    const struct question question = {.path = "cacerts"};
    int code = ask(it, &question, &answer);
    if (code != EX_OK)
        return code;
    *ca = enrol_find_print(answer.text, it->print);
    if (*ca != NULL)
        return EX_OK;
    cli_complain("%s is not the county that the token is of: it has another authority", it->url);
    return EX_NOPERM;
}

/* Asks for a certificate of `key`; as PEM, to be freed. */
static int fetch_certificate(const struct enrolment *it, struct question *question, EVP_PKEY *key,
                             char **certificate)
{
    static struct answer answer;
    char *request = enrol_request(key, it->site);
    question->body = request;
    int code = request != NULL ? ask(it, question, &answer) : EX_OSERR;
    free(request);
    if (code != EX_OK)
        return code;
    *certificate = enrol_find_key(answer.text, key);
    if (*certificate != NULL)
        return EX_OK;
    cli_complain("%s: its answer holds no certificate of this gateway's key", it->url);
    return EX_PROTOCOL;
}

static void say_entry(const struct enrolment *it)
{
    char host[URL_SIZE];
    const char *from = it->url + strlen("https://");
    (void)snprintf(host, sizeof host, "%.*s", (int)strcspn(from, ":/"), from);
    outcome_add("site", json_string(it->site));
    outcome_add("url", json_string(it->url));
    outcome_add("certificate", json_string(it->cert_file));
    outcome_add("key", json_string(it->key_file));
    cli_say(_("%s has its certificate; baiye-enrol.timer renews it.\n"
              "Put this into `mqtt:` of its configuration, then `baiye reload`:\n\n"),
            it->site);
    (void)printf("  - name: county\n    url: mqtts://%s:8883\n    ca_file: %s\n"
                 "    cert_file: %s\n    key_file: %s\n    requests: county\n"
                 "    consumer: required\n    encoding: deflate\n    batch: 10min\n"
                 "    keepalive: 240s\n    send: [readings, alerts, forecast, site, status]\n",
                 host, it->ca_file, it->cert_file, it->key_file);
}

static int enrol(const struct enrolment *it)
{
    char *ca = NULL, *certificate = NULL, *key_text = enrol_new_key();
    EVP_PKEY *key = key_text != NULL ? enrol_read_key(key_text) : NULL;
    int code = key != NULL ? fetch_authority(it, &ca) : EX_OSERR;
    struct question question = {
        .path = "simpleenroll", .ca = ca, .user = it->site, .password = it->secret};
    if (code == EX_OK && !make_folder(it))
        code = EX_CANTCREAT;
    if (code == EX_OK)
        code = fetch_certificate(it, &question, key, &certificate);
    if (code == EX_OK &&
        !(write_text(it, it->key_file, key_text) && write_text(it, it->ca_file, ca) &&
          write_text(it, it->url_file, it->url) && write_text(it, it->cert_file, certificate)))
        code = EX_CANTCREAT;
    if (code == EX_OK)
        say_entry(it);
    EVP_PKEY_free(key);
    if (key_text != NULL)
        explicit_bzero(key_text, strlen(key_text));
    free(key_text);
    free(certificate);
    free(ca);
    return code;
}

/* ---- Later ---- */

static bool read_url(struct enrolment *it)
{
    char *text = read_text(it->url_file);
    bool good = text != NULL && cli_format(it->url, sizeof it->url, "%s", text);
    it->url[strcspn(it->url, "\r\n")] = '\0';
    free(text);
    return good;
}

/* The key stays: the one file that changes is replaced whole. */
static int renew_now(struct enrolment *it, const char *key_text)
{
    char *ca = read_text(it->ca_file), *certificate = NULL;
    EVP_PKEY *key = enrol_read_key(key_text);
    struct question question = {
        .path = "simplereenroll", .ca = ca, .cert_file = it->cert_file, .key_file = it->key_file};
    int code = ca != NULL && key != NULL && read_url(it)
                   ? fetch_certificate(it, &question, key, &certificate)
                   : EX_NOINPUT;
    if (code == EX_OK && !write_text(it, it->cert_file, certificate))
        code = EX_CANTCREAT;
    if (code == EX_OK) {
        cli_say(_("%s: the certificate is renewed\n"), it->site);
        outcome_add("renewed", json_string(it->cert_file));
    }
    EVP_PKEY_free(key);
    free(certificate);
    free(ca);
    return code;
}

static int renew(struct enrolment *it, bool now)
{
    char *text = read_text(it->cert_file),
         *key_text = text != NULL ? read_text(it->key_file) : NULL;
    X509 *certificate = text != NULL ? enrol_read_certificate(text) : NULL;
    int code = EX_NOINPUT;
    if (key_text != NULL && certificate != NULL &&
        enrol_site(certificate, it->site, sizeof it->site))
        code = now || enrol_is_due(certificate) ? renew_now(it, key_text) : EX_OK;
    else if (key_text != NULL)
        cli_complain("%s holds no gateway's certificate: `baiye enrol URL TOKEN`", it->cert_file);
    X509_free(certificate);
    if (key_text != NULL)
        explicit_bzero(key_text, strlen(key_text));
    free(key_text);
    free(text);
    return code;
}

/* ---- What is wanted ---- */

static const char usage[] = N_(
    "Usage: baiye enrol URL TOKEN [--dir DIR] [--json]\n"
    "       baiye enrol --renew [--now] [--dir DIR] [--json]\n"
    "Joins the county at URL (https://HOST:PORT) by a token of its operator: makes a key, which\n"
    "stays here, and gets a certificate for it.\n"
    "  --dir DIR   where the files go (/etc/baiye/county)\n"
    "  --renew     a new certificate when no more than a third of the time is left;\n"
    "              baiye-enrol.timer does this every day\n"
    "  --now       whatever is left\n");

static bool read_token(struct enrolment *it, const char *token)
{
    char rest[2] = "";
    return strlen(token) < 200 &&
           sscanf(token, "%32[a-z0-9-]:%64[0-9a-f]:%64[0-9a-f]%1s", it->site, it->secret, it->print,
                  rest) == 3 &&
           strlen(it->print) == PRINT_SIZE - 1;
}

static bool read_address(struct enrolment *it, const char *url)
{
    size_t size = strlen(url);
    while (size > 0 && url[size - 1] == '/')
        size--;
    return strncmp(url, "https://", 8) == 0 && size > 8 && strpbrk(url, "@ \"'\\\n") == NULL &&
           cli_format(it->url, sizeof it->url, "%.*s", (int)size, url);
}

static int run(struct enrolment *it, bool again, bool now, int count, char **words)
{
    if (again && count == 0)
        return renew(it, now);
    if (again || now || count != 2)
        return cli_usage(usage);
    if (!read_address(it, words[0])) {
        cli_complain("%s: write https://HOST:PORT", words[0]);
        return EX_USAGE;
    }
    if (!read_token(it, words[1])) {
        cli_complain("that is no token: copy it whole, SITE:SECRET:AUTHORITY");
        return EX_USAGE;
    }
    return enrol(it);
}

int cli_enrol(int argc, char **argv)
{
    static const struct option longs[] = {{"dir", required_argument, NULL, 'd'},
                                          {"renew", no_argument, NULL, 'r'},
                                          {"now", no_argument, NULL, 'n'},
                                          {NULL, 0, NULL, 0}};
    static struct enrolment it = {.folder = "/etc/baiye/county"};
    bool again = false, now = false;
    int letter;
    while ((letter = cli_option(argc, argv, "", longs)) != -1) {
        if (letter == 'd')
            it.folder = optarg;
        else if (letter == 'r')
            again = true;
        else if (letter == 'n')
            now = true;
        else {
            return cli_usage(usage);
        }
    }
    if (!make_paths(&it) || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return EX_OSERR;
    int code = run(&it, again, now, argc - optind, argv + optind);
    explicit_bzero(it.secret, sizeof it.secret);
    return code;
}
