/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cli/ca_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "gateway/common/language.h"
#include "gateway/daemon/rpc/password.h"
#include "tools/cli/cli.h"
#include "tools/cli/user_files.h"

/* scrypt: 16 MiB and some tenths of a second a guess, on a small box. */
#define SCRYPT_N  16384
#define SCRYPT_R  8
#define SCRYPT_P  4
#define SALT_SIZE 16

static enum ca_passphrase read_file(const char *file, char *out)
{
    return user_first_line(file, out) ? CA_PASSPHRASE_HAD : CA_PASSPHRASE_BAD;
}

enum ca_passphrase ca_key_new_passphrase(const char *file, char *out)
{
    char again[USER_LINE_SIZE];
    if (file != NULL && read_file(file, out) != CA_PASSPHRASE_HAD)
        return CA_PASSPHRASE_BAD;
    if (file == NULL) {
        if (isatty(STDIN_FILENO) == 0)
            return CA_PASSPHRASE_NONE;
        if (!user_ask_line(_("Passphrase for the authority's key: "), out))
            return CA_PASSPHRASE_BAD;
        bool same = user_ask_line(_("Once more: "), again) && strcmp(out, again) == 0;
        explicit_bzero(again, sizeof again);
        if (!same) {
            cli_complain("the two are not the same");
            return CA_PASSPHRASE_BAD;
        }
    }
    const char *problem = password_problem("ca", out);
    if (problem != NULL)
        cli_complain("this password can't be taken: %s", problem);
    return problem == NULL ? CA_PASSPHRASE_HAD : CA_PASSPHRASE_BAD;
}

enum ca_passphrase ca_key_passphrase(const char *file, char *out)
{
    if (file != NULL)
        return read_file(file, out);
    if (isatty(STDIN_FILENO) == 0 ||
        !user_ask_line(_("Passphrase of the authority's key (Enter: leave it out): "), out) ||
        out[0] == '\0')
        return CA_PASSPHRASE_NONE;
    return CA_PASSPHRASE_HAD;
}

/* An empty one, so that nobody is asked. */
static EVP_PKEY *read_key(const char *path, const char *passphrase)
{
    char text[PASSWORD_SIZE + 2];
    FILE *file = fopen(path, "re");
    (void)snprintf(text, sizeof text, "%s", passphrase);
    EVP_PKEY *key = file != NULL ? PEM_read_PrivateKey(file, NULL, NULL, text) : NULL;
    explicit_bzero(text, sizeof text);
    if (file != NULL)
        (void)fclose(file);
    return key;
}

static FILE *new_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL && fd >= 0)
        (void)close(fd);
    return file;
}

static bool end_file(FILE *file, bool written)
{
    bool good = written && fflush(file) == 0 && fsync(fileno(file)) == 0;
    return fclose(file) == 0 && good;
}

bool ca_key_lock(const char *key_file, const char *passphrase, const char *out)
{
    EVP_PKEY *key = read_key(key_file, "");
    if (key == NULL) {
        cli_complain("there is no key of the authority in %s that could be read", key_file);
        return false;
    }
    PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
    X509_ALGOR *way = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, SALT_SIZE, NULL, SCRYPT_N,
                                            SCRYPT_R, SCRYPT_P);
    X509_SIG *locked = plain != NULL && way != NULL
                           ? PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), plain, way)
                           : NULL;
    if (locked == NULL)
        X509_ALGOR_free(way); /* else it belongs to what was made */
    FILE *file = locked != NULL ? new_file(out) : NULL;
    bool good = file != NULL && end_file(file, PEM_write_PKCS8(file, locked) == 1);
    if (!good)
        cli_complain("%s could not be written", out);
    X509_SIG_free(locked);
    PKCS8_PRIV_KEY_INFO_free(plain);
    EVP_PKEY_free(key);
    return good;
}

static bool fits(EVP_PKEY *key, const char *certificate)
{
    FILE *file = fopen(certificate, "re");
    X509 *x509 = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    bool same = x509 != NULL && X509_check_private_key(x509, key) == 1;
    X509_free(x509);
    if (file != NULL)
        (void)fclose(file);
    return same;
}

bool ca_key_unlock(const char *locked, const char *passphrase, const char *certificate,
                   const char *out)
{
    EVP_PKEY *key = read_key(locked, passphrase);
    if (key == NULL) {
        cli_complain("this is not the passphrase of the authority's key, nothing was changed");
        return false;
    }
    FILE *file = NULL;
    bool good = fits(key, certificate);
    if (!good) {
        cli_complain("the authority's key in the backup is not that of its tls/ca.pem, nothing "
                     "was changed");
    } else {
        file = new_file(out);
        good = file != NULL &&
               end_file(file, PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
        if (!good)
            cli_complain("%s could not be written", out);
    }
    EVP_PKEY_free(key);
    return good;
}
