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
