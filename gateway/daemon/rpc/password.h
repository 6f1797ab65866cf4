/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords of the broker's users: which are fit, and their hash in the form of mosquitto's
 * password file (mosquitto_passwd(1)): $7$iterations$salt$hash, PBKDF2 with HMAC-SHA-512 (RFC
 * 8018), salt and hash in base64 (RFC 4648). Any thread; the check of common words reads cracklib's
 * dictionary. */
#ifndef BAIYE_RPC_PASSWORD_H
#define BAIYE_RPC_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#define PASSWORD_LEAST     8   /* characters */
#define PASSWORD_MOST      128 /* bytes */
#define PASSWORD_SIZE      (PASSWORD_MOST + 1)
#define PASSWORD_DISTINCT  3
#define PASSWORD_LINE_SIZE 192 /* of a line for a name of at most 64 bytes */

/* Of one that a person chose or types: who got the file is to guess slowly. */
#define PASSWORD_ITERATIONS 100000
/* Of one that was made up and that nobody types, of PASSWORD_RANDOM_LEAST letters or more: nobody
 * guesses it at any speed. The broker has one thread, and checks the password at each login, and of
 * all who are there when it reads its files again. */
#define PASSWORD_ITERATIONS_RANDOM 101 /* as mosquitto_passwd(1) */
#define PASSWORD_RANDOM_LEAST      24  /* 118 bits */

/* Why the password can't be taken, in words for people; NULL: it can. Refused are those that are
 * shorter or longer, have fewer distinct characters, hold control characters or no UTF-8, begin or
 * end with a blank, hold the user's name, or are common. */
const char *password_problem(const char *user, const char *password);

/* "user:$7$…\n" into `line`. False: OpenSSL failed, or it does not fit. */
bool password_line(const char *user, const char *password, int iterations, char *line, size_t size);

/* Is it the password of such a line? False also for lines of another form. Takes some 50 ms where a
 * person chose it. */
bool password_fits(const char *line, const char *password);

#endif
