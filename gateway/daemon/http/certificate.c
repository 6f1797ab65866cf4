/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/certificate.h"

#include <stdio.h>
#include <time.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

bool certificate_end(const char *path, int64_t *end_ms)
{
    struct tm end;
    FILE *file = fopen(path, "re");
    X509 *x509 = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    bool ok = x509 != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(x509), &end) == 1;
    if (ok)
        *end_ms = (int64_t)timegm(&end) * 1000;
    X509_free(x509);
    if (file != NULL)
        (void)fclose(file);
    return ok;
}

struct certificate certificate_at(const struct config *config, size_t index)
{
    bool own = config->http_cert_file[0] != '\0';
    if (own && index == 0)
        return (struct certificate){.name = "app", .path = config->http_cert_file};
    index -= own;
    for (uint16_t i = 0; i < config->broker_count; i++) {
        const struct broker_config *broker = &config->brokers[i];
        if (broker->cert_file[0] != '\0' && index-- == 0)
            return (struct certificate){broker->name, broker->cert_file, broker};
    }
    return (struct certificate){.name = "", .path = ""};
}

size_t certificate_count(const struct config *config)
{
    size_t count = config->http_cert_file[0] != '\0';
    for (uint16_t i = 0; i < config->broker_count; i++)
        count += config->brokers[i].cert_file[0] != '\0';
    return count;
}
