/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/enrol_keys.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "gateway/common/hex.h"
#include "gateway/daemon/rpc/users.h"

/* What a BIO in memory has got, as text; the BIO is freed. */
static char *take_text(BIO *bio, bool good)
{
    char *data = NULL, *text = NULL;
    long size = good ? BIO_get_mem_data(bio, &data) : 0;
    if (size > 0)
        text = strndup(data, (size_t)size);
    BIO_free(bio);
    return text;
}

char *enrol_new_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_secmem());
    bool good = key != NULL && bio != NULL &&
                PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
    EVP_PKEY_free(key);
    return take_text(bio, good);
}

EVP_PKEY *enrol_read_key(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return key;
}

X509 *enrol_read_certificate(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *certificate = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return certificate;
}

char *enrol_request(EVP_PKEY *key, const char *site)
{
    X509_REQ *request = X509_REQ_new();
    unsigned char *der = NULL;
    bool good = request != NULL && X509_REQ_set_version(request, 0) == 1 &&
                X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request), "CN", MBSTRING_ASC,
                                           (const unsigned char *)site, -1, -1, 0) == 1 &&
                X509_REQ_set_pubkey(request, key) == 1 &&
                X509_REQ_sign(request, key, EVP_sha256()) > 0;
    int size = good ? i2d_X509_REQ(request, &der) : -1;
    char *text = size > 0 ? malloc(((size_t)size + 2) / 3 * 4 + 1) : NULL;
    if (text != NULL)
        (void)EVP_EncodeBlock((unsigned char *)text, der, size);
    OPENSSL_free(der);
    X509_REQ_free(request);
    return text;
}

/* ---- Answers ---- */

static PKCS7 *decode(const char *answer)
{
    size_t size = strlen(answer), used = 0;
    char *text = malloc(size + 1);
    unsigned char *der = malloc(size + 1);
    for (size_t i = 0; text != NULL && i < size; i++) {
        if (strchr("\r\n\t ", answer[i]) == NULL)
            text[used++] = answer[i];
    }
    int length = text != NULL && der != NULL && used > 0
                     ? EVP_DecodeBlock(der, (const unsigned char *)text, (int)used)
                     : -1;
    const unsigned char *at = der;
    PKCS7 *bundle = length > 0 ? d2i_PKCS7(NULL, &at, length) : NULL;
    free(text);
    free(der);
    return bundle;
}

typedef bool (*fits)(X509 *certificate, const void *what);

static char *find(const char *answer, fits fit, const void *what)
{
    PKCS7 *bundle = decode(answer);
    STACK_OF(X509) *all = bundle != NULL && PKCS7_type_is_signed(bundle) && bundle->d.sign != NULL
                              ? bundle->d.sign->cert
                              : NULL;
    char *pem = NULL;
    for (int i = 0; all != NULL && pem == NULL && i < sk_X509_num(all); i++) {
        X509 *one = sk_X509_value(all, i);
        BIO *bio = fit(one, what) ? BIO_new(BIO_s_mem()) : NULL;
        if (bio != NULL)
            pem = take_text(bio, PEM_write_bio_X509(bio, one) == 1);
    }
    PKCS7_free(bundle);
    return pem;
}

static bool has_print(X509 *certificate, const void *what)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    char hex[2 * sizeof hash + 1] = "";
    if (X509_digest(certificate, EVP_sha256(), hash, NULL) != 1)
        return false;
    hex_write(hash, sizeof hash, hex);
    return strcasecmp(hex, what) == 0;
}

char *enrol_find_print(const char *answer, const char *sha256)
{
    return find(answer, has_print, sha256);
}

static bool has_key(X509 *certificate, const void *what)
{
    return EVP_PKEY_eq(X509_get0_pubkey(certificate), what) == 1;
}

char *enrol_find_key(const char *answer, EVP_PKEY *key)
{
    return find(answer, has_key, key);
}

bool enrol_site(const X509 *certificate, char *site, size_t size)
{
    int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, site,
                                           (int)size);
    return length > 0 && (size_t)length < size && user_name_valid(site);
}

bool enrol_is_due(const X509 *certificate)
{
    int life_days = 0, life_s = 0, left_days = 0, left_s = 0;
    if (ASN1_TIME_diff(&life_days, &life_s, X509_get0_notBefore(certificate),
                       X509_get0_notAfter(certificate)) != 1 ||
        ASN1_TIME_diff(&left_days, &left_s, NULL, X509_get0_notAfter(certificate)) != 1)
        return true;
    int64_t life = (int64_t)life_days * 86400 + life_s, left = (int64_t)left_days * 86400 + left_s;
    return left * 3 <= life;
}
