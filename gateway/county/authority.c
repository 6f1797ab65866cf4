/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/authority.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/hex.h"

#define BEFORE_S    300 /* clocks differ */
#define LIST_DAYS   3650
#define SERIAL_BITS 127

struct authority {
    X509 *certificate;
    EVP_PKEY *key;
    X509_STORE *store; /* itself alone */
};

static bool fail(char *why, size_t why_size, const char *what, const char *which)
{
    ERR_clear_error();
    (void)snprintf(why, why_size, "%s%s", what, which);
    return false;
}

static X509 *read_certificate(const char *path)
{
    FILE *file = fopen(path, "re");
    X509 *certificate = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    if (file != NULL)
        (void)fclose(file);
    return certificate;
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = file != NULL ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    if (file != NULL)
        (void)fclose(file);
    return key;
}

struct authority *authority_load(const char *ca_file, const char *key_file, char *why,
                                 size_t why_size)
{
    struct authority *authority = calloc(1, sizeof *authority);
    if (authority == NULL)
        return NULL;
    authority->certificate = read_certificate(ca_file);
    authority->key = read_key(key_file);
    authority->store = X509_STORE_new();
    bool good = authority->certificate != NULL && authority->key != NULL &&
                authority->store != NULL &&
                X509_check_private_key(authority->certificate, authority->key) == 1 &&
                X509_STORE_add_cert(authority->store, authority->certificate) == 1;
    if (good)
        return authority;
    (void)fail(why, why_size, "no certificate and key that fit each other: ", ca_file);
    authority_free(authority);
    return NULL;
}

void authority_free(struct authority *authority)
{
    if (authority == NULL)
        return;
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
    X509_STORE_free(authority->store);
    free(authority);
}

/* ---- Issuing ---- */

/* The only part of the name is the common name, and that is the site. */
static bool is_name_of(const X509_NAME *name, char site[AUTHORITY_SITE_SIZE])
{
    site[0] = '\0';
    if (name == NULL || X509_NAME_entry_count(name) != 1)
        return false;
    const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, 0);
    const ASN1_STRING *text = X509_NAME_ENTRY_get_data(entry);
    int size = ASN1_STRING_length(text);
    const char *bytes = (const char *)ASN1_STRING_get0_data(text);
    if (OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) != NID_commonName || size < 1 ||
        size >= AUTHORITY_SITE_SIZE || memchr(bytes, '\0', (size_t)size) != NULL)
        return false;
    memcpy(site, bytes, (size_t)size);
    site[size] = '\0';
    return true;
}

static bool is_good_key(EVP_PKEY *key)
{
    char group[64] = "";
    size_t size = 0;
    if (EVP_PKEY_is_a(key, "RSA") == 1)
        return EVP_PKEY_get_bits(key) >= 2048 && EVP_PKEY_get_bits(key) <= 8192;
    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 &&
           (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0);
}

static bool has_extensions(const X509_REQ *request)
{
    return X509_REQ_get_attr_by_NID(request, NID_ext_req, -1) >= 0 ||
           X509_REQ_get_attr_by_NID(request, NID_ms_ext_req, -1) >= 0;
}

/* NULL: `why`. */
static X509_REQ *read_request(const char *site, const void *request, size_t size, char *why,
                              size_t why_size)
{
    const unsigned char *at = request;
    char name[AUTHORITY_SITE_SIZE];
    X509_REQ *parsed = size > 0 ? d2i_X509_REQ(NULL, &at, (long)size) : NULL;
    EVP_PKEY *key = parsed != NULL ? X509_REQ_get0_pubkey(parsed) : NULL;
    const char *wrong = NULL;
    if (parsed == NULL || at != (const unsigned char *)request + size || key == NULL)
        wrong = "this is no request for a certificate";
    else if (!is_good_key(key))
        wrong = "the key must be of P-256, P-384 or RSA from 2048 bits on";
    else if (X509_REQ_verify(parsed, key) != 1)
        wrong = "it is not signed by its own key";
    else if (!is_name_of(X509_REQ_get_subject_name(parsed), name) || strcmp(name, site) != 0)
        wrong = "its name must be the site, as common name, and nothing else";
    else if (has_extensions(parsed))
        wrong = "it asks for extensions, and may have none";
    if (wrong == NULL)
        return parsed;
    (void)fail(why, why_size, wrong, "");
    X509_REQ_free(parsed);
    return NULL;
}

static bool set_serial(X509 *certificate, char hex[AUTHORITY_SERIAL_SIZE])
{
    BIGNUM *number = BN_new();
    bool good = number != NULL &&
                BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
                BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    char *text = good ? BN_bn2hex(number) : NULL;
    good = text != NULL && strlen(text) < AUTHORITY_SERIAL_SIZE;
    (void)snprintf(hex, AUTHORITY_SERIAL_SIZE, "%s", good ? text : "");
    OPENSSL_free(text);
    BN_free(number);
    return good;
}

static bool add_extension(X509 *certificate, X509V3_CTX *context, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
    bool good = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static bool add_extensions(const struct authority *authority, X509 *certificate)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, authority->certificate, certificate, NULL, NULL, 0);
    return add_extension(certificate, &context, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, &context, NID_key_usage, "critical,digitalSignature") &&
           add_extension(certificate, &context, NID_ext_key_usage, "clientAuth") &&
           add_extension(certificate, &context, NID_subject_key_identifier, "hash") &&
           add_extension(certificate, &context, NID_authority_key_identifier, "keyid");
}

/* Not longer than the authority itself. */
static bool set_times(const struct authority *authority, X509 *certificate, int64_t *until_s)
{
    time_t now = time(NULL), until = now + (time_t)AUTHORITY_DAYS * 86400;
    struct tm end = {0};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(authority->certificate), &end) != 1)
        return false;
    time_t own = timegm(&end);
    until = own < until ? own : until;
    *until_s = until;
    return until > now && ASN1_TIME_set(X509_getm_notBefore(certificate), now - BEFORE_S) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate), until) != NULL;
}

static bool set_name(X509 *certificate, const char *site)
{
    return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                      (const unsigned char *)site, -1, -1, 0) == 1;
}

bool authority_issue(const struct authority *authority, const char *site, const void *request,
                     size_t size, struct authority_issued *issued, char *why, size_t why_size)
{
    X509_REQ *parsed = read_request(site, request, size, why, why_size);
    if (parsed == NULL)
        return false;
    *issued = (struct authority_issued){.der = NULL};
    X509 *certificate = X509_new();
    bool good =
        certificate != NULL && X509_set_version(certificate, 2) == 1 &&
        set_serial(certificate, issued->serial) &&
        X509_set_issuer_name(certificate, X509_get_subject_name(authority->certificate)) == 1 &&
        set_name(certificate, site) && set_times(authority, certificate, &issued->until_s) &&
        X509_set_pubkey(certificate, X509_REQ_get0_pubkey(parsed)) == 1 &&
        add_extensions(authority, certificate) &&
        X509_sign(certificate, authority->key, EVP_sha256()) > 0;
    int length = good ? i2d_X509(certificate, &issued->der) : -1;
    issued->size = length > 0 ? (size_t)length : 0;
    X509_free(certificate);
    X509_REQ_free(parsed);
    return length > 0 || fail(why, why_size, "the certificate could not be made", "");
}

bool authority_is_own(const struct authority *authority, const void *der, size_t size,
                      char site[AUTHORITY_SITE_SIZE], char serial[AUTHORITY_SERIAL_SIZE])
{
    const unsigned char *at = der;
    X509 *certificate = der != NULL ? d2i_X509(NULL, &at, (long)size) : NULL;
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    bool good = certificate != NULL && check != NULL &&
                X509_STORE_CTX_init(check, authority->store, certificate, NULL) == 1 &&
                X509_STORE_CTX_set_purpose(check, X509_PURPOSE_SSL_CLIENT) == 1 &&
                X509_verify_cert(check) == 1 &&
                is_name_of(X509_get_subject_name(certificate), site);
    BIGNUM *number = good ? ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL) : NULL;
    char *text = number != NULL ? BN_bn2hex(number) : NULL;
    good = text != NULL && strlen(text) < AUTHORITY_SERIAL_SIZE;
    (void)snprintf(serial, AUTHORITY_SERIAL_SIZE, "%s", good ? text : "");
    OPENSSL_free(text);
    BN_free(number);
    X509_STORE_CTX_free(check);
    X509_free(certificate);
    ERR_clear_error();
    return good;
}

/* ---- Bundles ---- */

static PKCS7 *new_bundle(void)
{
    PKCS7 *bundle = PKCS7_new();
    if (bundle != NULL && PKCS7_set_type(bundle, NID_pkcs7_signed) == 1 &&
        PKCS7_content_new(bundle, NID_pkcs7_data) == 1) {
        ASN1_OCTET_STRING_free(bundle->d.sign->contents->d.data); /* there is no content */
        bundle->d.sign->contents->d.data = NULL;
        return bundle;
    }
    PKCS7_free(bundle);
    return NULL;
}

static uint8_t *end_bundle(PKCS7 *bundle, bool good, size_t *size)
{
    uint8_t *der = NULL;
    int length = good ? i2d_PKCS7(bundle, &der) : -1;
    PKCS7_free(bundle);
    *size = length > 0 ? (size_t)length : 0;
    return length > 0 ? der : NULL;
}

uint8_t *authority_bundle_files(const char *const *files, size_t count, size_t *size, char *why,
                                size_t why_size)
{
    PKCS7 *bundle = new_bundle();
    bool good = bundle != NULL;
    for (size_t i = 0; i < count && good; i++) {
        X509 *certificate = read_certificate(files[i]);
        good = certificate != NULL && PKCS7_add_certificate(bundle, certificate) == 1;
        X509_free(certificate);
        if (!good)
            (void)fail(why, why_size, "no certificate: ", files[i]);
    }
    return end_bundle(bundle, good, size);
}

uint8_t *authority_bundle(const struct authority_issued *issued, size_t *size)
{
    const unsigned char *at = issued->der;
    X509 *certificate = d2i_X509(NULL, &at, (long)issued->size);
    PKCS7 *bundle = new_bundle();
    bool good =
        certificate != NULL && bundle != NULL && PKCS7_add_certificate(bundle, certificate) == 1;
    X509_free(certificate);
    return end_bundle(bundle, good, size);
}

bool authority_fingerprint(const char *file, char hex[65], char *why, size_t why_size)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    X509 *certificate = read_certificate(file);
    bool good = certificate != NULL && X509_digest(certificate, EVP_sha256(), hash, NULL) == 1;
    if (good)
        hex_write(hash, sizeof hash, hex);
    X509_free(certificate);
    return good || fail(why, why_size, "no certificate: ", file);
}

/* ---- The list of the revoked ---- */

static X509_CRL *read_list(const char *path)
{
    FILE *file = fopen(path, "re");
    X509_CRL *list = file != NULL ? PEM_read_X509_CRL(file, NULL, NULL, NULL) : NULL;
    if (file != NULL)
        (void)fclose(file);
    return list;
}

static bool put_on_list(X509_CRL *list, ASN1_INTEGER *serial, const ASN1_TIME *at)
{
    X509_REVOKED *known = NULL;
    if (X509_CRL_get0_by_serial(list, &known, serial) == 1)
        return true;
    X509_REVOKED *one = X509_REVOKED_new();
    bool good = one != NULL && X509_REVOKED_set_serialNumber(one, serial) == 1 &&
                X509_REVOKED_set_revocationDate(one, (ASN1_TIME *)(uintptr_t)at) == 1 &&
                X509_CRL_add0_revoked(list, one) == 1;
    if (!good)
        X509_REVOKED_free(one);
    return good;
}

static bool put_hex(X509_CRL *list, const char *hex, const ASN1_TIME *now)
{
    BIGNUM *number = NULL;
    ASN1_INTEGER *serial = NULL;
    bool good = BN_hex2bn(&number, hex) > 0 &&
                (serial = BN_to_ASN1_INTEGER(number, NULL)) != NULL &&
                put_on_list(list, serial, now);
    ASN1_INTEGER_free(serial);
    BN_free(number);
    return good;
}

static bool put_old(X509_CRL *list, const char *path)
{
    X509_CRL *old = read_list(path);
    STACK_OF(X509_REVOKED) *all = old != NULL ? X509_CRL_get_REVOKED(old) : NULL;
    bool good = old != NULL || access(path, F_OK) != 0; /* damaged: not replaced by an empty one */
    for (int i = 0; good && all != NULL && i < sk_X509_REVOKED_num(all); i++) {
        const X509_REVOKED *one = sk_X509_REVOKED_value(all, i);
        good = put_on_list(list, (ASN1_INTEGER *)(uintptr_t)X509_REVOKED_get0_serialNumber(one),
                           X509_REVOKED_get0_revocationDate(one));
    }
    X509_CRL_free(old);
    return good;
}

static bool write_list(const X509_CRL *list, const char *path)
{
    char fresh[1100];
    int length = snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = length > 0 && (size_t)length < sizeof fresh ? fopen(fresh, "we") : NULL;
    bool good = file != NULL && PEM_write_X509_CRL(file, list) == 1 && fflush(file) == 0 &&
                fchmod(fileno(file), 0644) == 0 && fsync(fileno(file)) == 0;
    if (file != NULL && fclose(file) != 0)
        good = false;
    return good && rename(fresh, path) == 0;
}

static bool finish_list(const struct authority *authority, X509_CRL *list, const ASN1_TIME *now)
{
    ASN1_TIME *next = ASN1_TIME_adj(NULL, time(NULL), LIST_DAYS, 0);
    bool good =
        next != NULL && X509_CRL_set_version(list, 1) == 1 &&
        X509_CRL_set_issuer_name(list, X509_get_subject_name(authority->certificate)) == 1 &&
        X509_CRL_set1_lastUpdate(list, now) == 1 && X509_CRL_set1_nextUpdate(list, next) == 1 &&
        X509_CRL_sort(list) == 1 && X509_CRL_sign(list, authority->key, EVP_sha256()) > 0;
    ASN1_TIME_free(next);
    return good;
}

bool authority_revoke(const struct authority *authority, const char *file,
                      const char *const *serials, size_t count, char *why, size_t why_size)
{
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *now = ASN1_TIME_set(NULL, time(NULL));
    bool good = list != NULL && now != NULL && put_old(list, file);
    for (size_t i = 0; i < count && good; i++)
        good = put_hex(list, serials[i], now);
    good = good && finish_list(authority, list, now) && write_list(list, file);
    ASN1_TIME_free(now);
    X509_CRL_free(list);
    return good || fail(why, why_size, "the list can't be written: ", file);
}

bool authority_is_revoked(const char *file, const char *serial)
{
    X509_CRL *list = read_list(file);
    X509_REVOKED *found = NULL;
    BIGNUM *number = NULL;
    ASN1_INTEGER *integer = NULL;
    bool good = list != NULL && BN_hex2bn(&number, serial) > 0 &&
                (integer = BN_to_ASN1_INTEGER(number, NULL)) != NULL &&
                X509_CRL_get0_by_serial(list, &found, integer) == 0;
    ASN1_INTEGER_free(integer);
    BN_free(number);
    X509_CRL_free(list);
    return !good;
}
