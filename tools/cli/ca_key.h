/* SPDX-License-Identifier: Apache-2.0 */
/* The key of the site's certificate authority under a passphrase, for a backup that takes it along:
 * PKCS #8 in PEM, AES-256, the passphrase through scrypt, as `openssl pkey` reads it too. One
 * thread. */
#ifndef BAIYE_CLI_CA_KEY_H
#define BAIYE_CLI_CA_KEY_H

#include <stdbool.h>

#define CA_KEY_LOCKED "ca.key.encrypted" /* its name in a backup's tls folder */

/* Where a passphrase comes from: the first line of that file ("-" is standard input), or a
 * terminal, where it is asked for. */
enum ca_passphrase {
    CA_PASSPHRASE_HAD = 0,
    CA_PASSPHRASE_NONE = -1, /* an empty answer, or nobody is there to be asked */
    CA_PASSPHRASE_BAD = -2,  /* and a complaint */
};
/* A new one, typed twice, and not one that is guessed. `out` has PASSWORD_SIZE + 2 bytes. */
enum ca_passphrase ca_key_new_passphrase(const char *file, char *out);
/* The one of before. */
enum ca_passphrase ca_key_passphrase(const char *file, char *out);

/* Writes the key of `key_file` to `out`, a new file. false and a complaint. */
bool ca_key_lock(const char *key_file, const char *passphrase, const char *out);
/* The other way round, the key in `out`, a new file of mode 0600. false and a complaint: the
 * passphrase is another one, or the key is not that of the certificate. */
bool ca_key_unlock(const char *locked, const char *passphrase, const char *certificate,
                   const char *out);

#endif
