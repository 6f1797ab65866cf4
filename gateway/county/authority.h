/* SPDX-License-Identifier: Apache-2.0 */
/* The authority of the gateways: signs their certificates, knows its own, and writes the list of
 * those that count no more. OpenSSL. A struct authority is immutable once loaded; any thread. */
#ifndef BAIYE_COUNTY_AUTHORITY_H
#define BAIYE_COUNTY_AUTHORITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTHORITY_DAYS        90
#define AUTHORITY_SERIAL_SIZE 41 /* hex digits */
#define AUTHORITY_SITE_SIZE   33

struct authority;

/* Certificate and key in PEM. NULL: `why`. */
struct authority *authority_load(const char *ca_file, const char *key_file, char *why,
                                 size_t why_size);
void authority_free(struct authority *authority);

struct authority_issued {
    char serial[AUTHORITY_SERIAL_SIZE];
    int64_t until_s; /* since 1970 */
    uint8_t *der;    /* malloc'ed */
    size_t size;
};
/* Of a request (PKCS #10, DER) for that site: signed by its own key, of P-256, P-384 or RSA from
 * 2048 bits on, with nothing but CN=SITE in its name and no extensions. The certificate is good for
 * clients alone. false: `why`. */
bool authority_issue(const struct authority *authority, const char *site, const void *request,
                     size_t size, struct authority_issued *issued, char *why, size_t why_size);

/* A certificate (DER) of this authority that is good now: whose, and its serial. false: it is none.
 * Whether it is revoked is not looked at. */
bool authority_is_own(const struct authority *authority, const void *der, size_t size,
                      char site[AUTHORITY_SITE_SIZE], char serial[AUTHORITY_SERIAL_SIZE]);

/* Certificates only (PKCS #7, DER), malloc'ed: those of the PEM files, or one DER. NULL: `why`. */
uint8_t *authority_bundle_files(const char *const *files, size_t count, size_t *size, char *why,
                                size_t why_size);
uint8_t *authority_bundle(const struct authority_issued *issued, size_t *size);

/* SHA-256, in hex, of the first certificate of a PEM file. */
bool authority_fingerprint(const char *file, char hex[65], char *why, size_t why_size);

/* Adds serials to the list in `file` (PEM; none there: it begins empty), replaced whole. */
bool authority_revoke(const struct authority *authority, const char *file,
                      const char *const *serials, size_t count, char *why, size_t why_size);
/* Is it on the list? A list that can't be read is an error, and says yes. */
bool authority_is_revoked(const char *file, const char *serial);

#endif
