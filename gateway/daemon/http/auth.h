/* SPDX-License-Identifier: Apache-2.0 */
/* Who is this? The local broker knows: a user and password are good when the broker lets them in.
 * Good ones are remembered for AUTH_REMEMBER_MS as keyed hashes, so that a page of requests costs
 * one question. At most AUTH_CHECKS_MAX questions are under way, and a wrong password holds its
 * place for AUTH_PENALTY_MS: guessing stays slow whoever guesses. Loop's thread. */
#ifndef BAIYE_HTTP_AUTH_H
#define BAIYE_HTTP_AUTH_H

#include "gateway/daemon/http/broker_check.h"

#define AUTH_CHECKS_MAX  4
#define AUTH_REMEMBER_MS 60000
#define AUTH_PENALTY_MS  1000

struct auth;

/* NULL: no memory, or no random numbers. */
struct auth *auth_open(struct loop *loop, const struct sockaddr_in *broker);
/* After loop_end(). */
void auth_close(struct auth *auth);

enum auth_result {
    AUTH_YES,
    AUTH_NO,
    AUTH_WAIT,  /* `done` will be called */
    AUTH_BUSY,  /* too many at once */
    AUTH_BROKEN /* the broker does not answer */
};

struct auth_wait { /* part of the asker's struct */
    void *context;
    void (*done)(struct auth_wait *self, enum auth_result result);
};
enum auth_result auth_ask(struct auth *auth, const char *user, const char *password,
                          struct auth_wait *wait);
/* The asker goes away before `done`. */
void auth_forget(struct auth *auth, struct auth_wait *wait);

/* Takes "Basic dXNlcjpwYXNz" apart; both buffers are BROKER_CHECK_*_MAX + 1. false: not that. */
bool auth_basic(const char *header, char *user, char *password);

#endif
