/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/publish/worker/tls_why.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define STEP_S   3 /* of connecting, and of each read and write */
#define AGAIN_MS 300000

/* A connected socket whose reads and writes end; -1: none. */
static int reach(const struct broker_url *url)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    struct timeval limit = {.tv_sec = STEP_S};
    char port[8];
    int fd = -1;
    (void)snprintf(port, sizeof port, "%u", url->port);
    if (getaddrinfo(url->host, port, &hints, &found) != 0)
        return -1;
    for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* connect(), too */
        if (connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

static void describe_error(const char *what, char *why, size_t size)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    (void)snprintf(why, size, "TLS: %.36s: %.48s", what, reason != NULL ? reason : "no answer");
}

/* The files of the entry; false: one of them is no good. */
static bool use_files(SSL_CTX *context, const struct broker_config *broker, char *why, size_t size)
{
    const char *ca = broker->ca_file, *cert = broker->cert_file, *key = broker->key_file;
    const char *bad = NULL;
    if (ca[0] != '\0' ? SSL_CTX_load_verify_locations(context, ca, NULL) != 1
                      : SSL_CTX_set_default_verify_paths(context) != 1)
        bad = "ca_file";
    else if (cert[0] != '\0' && SSL_CTX_use_certificate_chain_file(context, cert) != 1)
        bad = "cert_file";
    else if (cert[0] != '\0' && SSL_CTX_use_PrivateKey_file(context, key[0] != '\0' ? key : cert,
                                                            SSL_FILETYPE_PEM) != 1)
        bad = "key_file";
    if (bad != NULL)
        describe_error(bad, why, size);
    return bad == NULL;
}

static bool expect_name(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1)
        return true;
    char name[CONFIG_HOST_SIZE]; /* OpenSSL's macro takes no constant */
    (void)snprintf(name, sizeof name, "%s", host);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

/* true: it failed. By TLS 1.3 a client's certificate is judged after the handshake: a broker that
 * refuses it says so where its first bytes are expected; one that takes it waits for ours. Who says
 * nothing in time has refused nothing. */
static bool fails(SSL *ssl, char *why, size_t size)
{
    char byte;
    ERR_clear_error();
    int done = SSL_connect(ssl);
    if (done != 1) {
        long verdict = SSL_get_verify_result(ssl);
        if (SSL_get_error(ssl, done) == SSL_ERROR_WANT_READ)
            return false;
        if (verdict != X509_V_OK)
            (void)snprintf(why, size, "TLS: the broker's certificate is refused: %s",
                           X509_verify_cert_error_string(verdict));
        else
            describe_error("the handshake failed", why, size);
        return true;
    }
    int got = SSL_peek(ssl, &byte, 1);
    if (got > 0 || SSL_get_error(ssl, got) != SSL_ERROR_SSL)
        return false;
    describe_error("the broker refuses our certificate", why, size);
    return true;
}

/* false: the handshake succeeds, or does not even begin. */
static bool find_out(const struct broker_config *broker, const struct broker_url *url, char *why,
                     size_t size)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL)
        return false;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    bool failed = !use_files(context, broker, why, size);
    int fd = failed ? -1 : reach(url);
    SSL *ssl = fd >= 0 ? SSL_new(context) : NULL;
    if (ssl != NULL && expect_name(ssl, url->host) && SSL_set_fd(ssl, fd) == 1)
        failed = fails(ssl, why, size);
    SSL_free(ssl);
    SSL_CTX_free(context);
    if (fd >= 0)
        close(fd);
    return failed;
}

bool tls_failed(struct tls_verdict *verdict, const struct broker_config *broker,
                const struct broker_url *url, const char *said, int64_t now_ms)
{
    if (!url->tls)
        return false;
    if (strcmp(said, verdict->said) != 0 || now_ms - verdict->asked_ms > AGAIN_MS) {
        (void)snprintf(verdict->said, sizeof verdict->said, "%s", said);
        if (!find_out(broker, url, verdict->why, sizeof verdict->why))
            verdict->why[0] = '\0';
        verdict->asked_ms = now_ms;
    }
    return verdict->why[0] != '\0';
}
