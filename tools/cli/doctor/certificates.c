/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: do they hold today, for how long, and do the keys belong to them? */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tools/cli/cli.h"
#include "tools/cli/doctor/doctor.h"

#define SOON_DAYS 30

static X509 *read_certificate(const char *path)
{
    FILE *file = fopen(path, "re");
    X509 *certificate = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    if (file != NULL)
        (void)fclose(file);
    return certificate;
}

/* 1: it belongs to the certificate, 0: not, -1: it can't be read (permissions say why). */
static int fits_key(const X509 *certificate, const char *path)
{
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = file != NULL ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    int fits = key == NULL ? -1 : X509_check_private_key(certificate, key) == 1;
    if (file != NULL)
        (void)fclose(file);
    EVP_PKEY_free(key);
    return fits;
}

static void look_dates(struct doctor *doctor, const char *path, const X509 *certificate,
                       const char *todo, const char *zh_todo)
{
    int days = 0, seconds = 0;
    if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
        doctor_say(doctor, "certificates", DOCTOR_BROKEN, "%s does not hold yet",
                   "is the gateway's clock right?", "%s 还没有生效", "主机的时钟对吗？", path);
    else if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)) != 1 ||
             days < 0 || seconds < 0)
        doctor_say(doctor, "certificates", DOCTOR_BROKEN, "%s has ended", todo, "%s 已过期",
                   zh_todo, path);
    else if (days < SOON_DAYS)
        doctor_say(doctor, "certificates", DOCTOR_WARNING, "%s holds for %d more days", todo,
                   "%s 还有 %d 天到期", zh_todo, path, days);
    else
        doctor_say(doctor, "certificates", DOCTOR_OK, "%s holds for %d more days", "",
                   "%s 还有 %d 天到期", "", path, days);
}

static void look_certificate(struct doctor *doctor, const char *path, const char *key_path,
                             const char *todo, const char *zh_todo)
{
    if (path[0] == '\0')
        return;
    errno = 0;
    X509 *certificate = read_certificate(path);
    if (certificate == NULL) {
        doctor_say(doctor, "certificates", DOCTOR_BROKEN, "%s can't be read as a certificate: %s",
                   todo, "%s 读不出证书：%s", zh_todo, path,
                   errno != 0 ? strerror(errno) : "it is not PEM");
        return;
    }
    look_dates(doctor, path, certificate, todo, zh_todo);
    if (key_path[0] != '\0' && fits_key(certificate, key_path) == 0)
        doctor_say(doctor, "certificates", DOCTOR_BROKEN, "the key %s is not that of %s", todo,
                   "私钥 %s 和 %s 不是一对", zh_todo, key_path, path);
    X509_free(certificate);
}

void doctor_certificates(struct doctor *doctor)
{
    static const char own[] = "baiye cert --renew, then baiye reload";
    static const char own_zh[] = "运行 baiye cert --renew，再 baiye reload";
    static const char theirs[] = "get a new one from whoever runs the broker";
    static const char theirs_zh[] = "向消息服务器的管理者要一张新的";
    const struct config *config = doctor->config;
    if (config == NULL)
        return;
    look_certificate(doctor, config->http_cert_file, config->http_key_file, own, own_zh);
    for (unsigned i = 0; i < config->broker_count; i++) {
        const struct broker_config *broker = &config->brokers[i];
        look_certificate(doctor, broker->ca_file, "", theirs, theirs_zh);
        look_certificate(doctor, broker->cert_file, broker->key_file, theirs, theirs_zh);
    }
}
