/* SPDX-License-Identifier: Apache-2.0 */
/* Who is this? The local broker knows: a user and password are good when the broker lets them in.
 * Good ones are remembered for AUTH_REMEMBER_MS as keyed hashes, for the address that they came
 * from, so that a page of requests costs one question. At most AUTH_CHECKS_MAX questions are under
 * way, AUTH_CHECKS_PEER of one address; a wrong one holds its place for AUTH_PENALTY_MS unless
 * another needs it. So guessers leave places for others. What was wrong is counted by guess.h and
 * makes the next one wait. Loop's thread. */
#ifndef BAIYE_HTTP_AUTH_H
#define BAIYE_HTTP_AUTH_H

#include "gateway/daemon/http/broker_check.h"
#include "gateway/daemon/http/guess.h"

#define AUTH_CHECKS_MAX  48
#define AUTH_CHECKS_PEER 4
#define AUTH_REMEMBER_MS 60000
#define AUTH_PENALTY_MS  1000

struct auth;

/* Whom to tell of each wrong login. */
struct auth_report {
    void *context;
    void (*wrong)(void *context, const char *user, const char *peer, const char *via);
};

/* `guess` and `report` must outlive it. NULL: no memory, or no random numbers. */
struct auth *auth_open(struct loop *loop, const struct sockaddr_in *broker, struct guess *guess,
                       const struct auth_report *report);
/* After loop_end(). */
void auth_close(struct auth *auth);

enum auth_result {
    AUTH_YES,
    AUTH_NO,
    AUTH_WAIT,  /* `done` will be called */
    AUTH_LATER, /* too many were wrong: not looked at */
    AUTH_BUSY,  /* too many at once */
    AUTH_BROKEN /* the broker does not answer */
};

struct auth_wait { /* part of the asker's struct */
    void *context;
    void (*done)(struct auth_wait *self, enum auth_result result);
};
/* `peer`: the address it comes from. */
enum auth_result auth_request(struct auth *auth, const char *user, const char *password,
                              const char *peer, struct auth_wait *wait);
/* The asker goes away before `done`. */
void auth_forget(struct auth *auth, struct auth_wait *wait);

/* Takes "Basic dXNlcjpwYXNz" apart; both buffers are BROKER_CHECK_*_MAX + 1. false: not that. */
bool auth_basic(const char *header, char *user, char *password);

#endif
