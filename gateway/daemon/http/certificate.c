/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/certificate.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#define CHAIN_MOST 1000u /* certificates that are looked at in one file */

static bool is_authority(enum certificate_kind kind)
{
    return kind != CERTIFICATE_APP && kind != CERTIFICATE_CLIENT;
}

static bool end_of(const X509 *x509, int64_t *end_ms)
{
    struct tm end;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(x509), &end) != 1)
        return false;
    *end_ms = (int64_t)timegm(&end) * 1000;
    return true;
}

bool certificate_end(const struct certificate *certificate, int64_t *end_ms)
{
    FILE *file = fopen(certificate->path, "re");
    bool last = is_authority(certificate->kind), any = false;
    for (unsigned n = 0; file != NULL && n < CHAIN_MOST; n++) {
        int64_t one_ms;
        X509 *x509 = PEM_read_X509(file, NULL, NULL, NULL);
        if (x509 == NULL)
            break;
        if (end_of(x509, &one_ms) && (!any || (last ? one_ms > *end_ms : one_ms < *end_ms))) {
            *end_ms = one_ms;
            any = true;
        }
        X509_free(x509);
    }
    ERR_clear_error(); /* that the file is over */
    if (file != NULL)
        (void)fclose(file);
    return any;
}

void certificate_authority_path(const struct config *config, char *path, size_t size)
{
    const char *cert = config->http_cert_file, *slash = strrchr(cert, '/');
    (void)snprintf(path, size, "%.*sca.pem", slash != NULL ? (int)(slash - cert) + 1 : 0, cert);
}

/* ---- Which there are ---- */

struct walk {
    size_t count, wanted;
    struct certificate *found; /* NULL: they are counted only */
};

static void pass(struct walk *walk, enum certificate_kind kind, const char *owner, const char *path)
{
    static const struct {
        const char *before, *after;
    } names[] = {{"app", ""}, {"app", " ca"}, {"", ""}, {"", " ca"}, {"notify ", " ca"}};
    struct certificate *found = walk->found;
    if (path[0] == '\0' || walk->count++ != walk->wanted || found == NULL)
        return;
    found->kind = kind;
    found->owner = owner;
    (void)snprintf(found->path, sizeof found->path, "%s", path);
    (void)snprintf(found->name, sizeof found->name, "%s%s%s", names[kind].before, owner,
                   names[kind].after);
}

static void walk_all(const struct config *config, struct walk *walk)
{
    char authority[CONFIG_PATH_SIZE + 8];
    certificate_authority_path(config, authority, sizeof authority);
    pass(walk, CERTIFICATE_APP, "", config->http_cert_file);
    if (config->http_cert_file[0] != '\0' && access(authority, R_OK) == 0)
        pass(walk, CERTIFICATE_APP_AUTHORITY, "", authority);
    for (uint16_t i = 0; i < config->broker_count; i++) {
        const struct broker_config *broker = &config->brokers[i];
        pass(walk, CERTIFICATE_CLIENT, broker->name, broker->cert_file);
        pass(walk, CERTIFICATE_BROKER_AUTHORITY, broker->name, broker->ca_file);
    }
    for (uint16_t i = 0; i < config->way_count; i++)
        pass(walk, CERTIFICATE_WAY_AUTHORITY, config->ways[i].name, config->ways[i].ca_file);
}

struct certificate certificate_at(const struct config *config, size_t index)
{
    struct certificate found = {.owner = ""};
    struct walk walk = {.wanted = index, .found = &found};
    walk_all(config, &walk);
    return found;
}

size_t certificate_count(const struct config *config)
{
    struct walk walk = {.found = NULL};
    walk_all(config, &walk);
    return walk.count;
}
