/* SPDX-License-Identifier: Apache-2.0 */
/* Key, request and certificate of an enrolment: OpenSSL, and base64 as EST (RFC 7030) has it. */
#ifndef BAIYE_CLI_ENROL_KEYS_H
#define BAIYE_CLI_ENROL_KEYS_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

/* A new key of P-256, as PEM; malloc'ed. NULL: it can't be made. */
char *enrol_new_key(void);
/* NULL: it is none. */
EVP_PKEY *enrol_read_key(const char *pem);
X509 *enrol_read_certificate(const char *pem);

/* A request for CN=SITE, in base64; malloc'ed. */
char *enrol_request(EVP_PKEY *key, const char *site);

/* The certificate in an answer (base64 of PKCS #7) whose SHA-256 (hex) or whose key is that; as
 * PEM, malloc'ed. NULL: there is none. */
char *enrol_find_print(const char *answer, const char *sha256);
char *enrol_find_key(const char *answer, EVP_PKEY *key);

/* The common name; false: there is none that is a site. */
bool enrol_site(const X509 *certificate, char *site, size_t size);
/* Is no more than a third of its time left? */
bool enrol_is_due(const X509 *certificate);

#endif
