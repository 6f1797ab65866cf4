/* SPDX-License-Identifier: Apache-2.0 */
/* Who may look at the county's page: names with a password and rights by region, in PostgreSQL, and
 * sessions of 12 hours. Guessing gets slow as at a gateway (gateway/daemon/http/guess.h). Any
 * thread; a connection is one thread's at a time. */
#ifndef BAIYE_COUNTY_LOGIN_H
#define BAIYE_COUNTY_LOGIN_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOGIN_NAME_SIZE  65
#define LOGIN_TOKEN_SIZE 65 /* 64 hexadecimal digits */
#define LOGIN_LASTS_S    43200

struct login_desk;

enum login_result {
    LOGIN_GOOD,
    LOGIN_WRONG,  /* no such name, or another password: nobody is told which */
    LOGIN_LATER,  /* too many guesses: not looked at */
    LOGIN_BROKEN, /* PostgreSQL does not answer */
};

/* NULL: no memory. */
struct login_desk *login_open(void);
void login_close(struct login_desk *desk);

/* LOGIN_GOOD: `token` is a new session. LOGIN_LATER: after `*wait_s`. */
enum login_result login_begin(struct login_desk *desk, PGconn *db, const char *user,
                              const char *password, const char *peer, char token[LOGIN_TOKEN_SIZE],
                              unsigned *wait_s);
/* Whose session it is. LOGIN_WRONG: nobody's, or it is over. */
enum login_result login_who(PGconn *db, const char *token, char user[LOGIN_NAME_SIZE]);
void login_end(PGconn *db, const char *token);

/* Makes or changes a login; its sessions end. `rights`: `count` times "REGION:ROLE", REGION "*" for
 * all, ROLE viewer or operator; none: the login is removed, `password` is not looked at. false:
 * `why`, and nothing has changed. */
bool login_set(PGconn *db, const char *user, const char *password, const char *const *rights,
               int count, char *why, size_t why_size);

#endif
