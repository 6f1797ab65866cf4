/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/http/auth.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocols/bytes/bytes.h"

#define REMEMBERED 16
#define HASH_SIZE  32

struct question {
    bool used, penalty;
    struct auth *auth;
    struct auth_wait *wait; /* NULL: nobody waits any more */
    struct broker_check check;
    struct loop_timer timer;
    char user[BROKER_CHECK_NAME_MAX + 1], peer[GUESS_PEER_SIZE];
    uint8_t hash[HASH_SIZE];
};

struct auth {
    struct loop *loop;
    struct sockaddr_in broker;
    struct guess *guess;
    const struct auth_report *report;
    uint8_t key[HASH_SIZE];
    struct {
        uint8_t hash[HASH_SIZE];
        int64_t until_ms; /* 0: free */
    } good[REMEMBERED];
    struct question questions[AUTH_CHECKS_MAX];
};

bool auth_basic(const char *header, char *user, char *password)
{
    char plain[BROKER_CHECK_NAME_MAX + BROKER_CHECK_SECRET_MAX + 8];
    if (strncasecmp(header, "Basic ", 6) != 0)
        return false;
    int size = lws_b64_decode_string(header + 6, plain, (int)sizeof plain - 1);
    if (size <= 0 || memchr(plain, '\0', (size_t)size) != NULL)
        return false;
    plain[size] = '\0';
    char *colon = strchr(plain, ':');
    bool ok = colon != NULL && colon > plain && colon - plain <= BROKER_CHECK_NAME_MAX &&
              strlen(colon + 1) <= BROKER_CHECK_SECRET_MAX;
    if (ok) {
        *colon = '\0';
        memcpy(user, plain, strlen(plain) + 1);
        memcpy(password, colon + 1, strlen(colon + 1) + 1);
    }
    explicit_bzero(plain, sizeof plain);
    return ok;
}

struct auth *auth_open(struct loop *loop, const struct sockaddr_in *broker, struct guess *guess,
                       const struct auth_report *report)
{
    struct auth *auth = calloc(1, sizeof *auth);
    if (auth == NULL)
        return NULL;
    auth->loop = loop;
    auth->broker = *broker;
    auth->guess = guess;
    auth->report = report;
    if (RAND_bytes(auth->key, sizeof auth->key) != 1) {
        free(auth);
        return NULL;
    }
    return auth;
}

void auth_close(struct auth *auth)
{
    if (auth == NULL)
        return;
    for (size_t i = 0; i < AUTH_CHECKS_MAX; i++) {
        if (auth->questions[i].used && !auth->questions[i].penalty)
            broker_check_cancel(&auth->questions[i].check);
        loop_timer_stop(&auth->questions[i].timer);
    }
    OPENSSL_cleanse(auth, sizeof *auth);
    free(auth);
}

static bool hash_of(const struct auth *auth, const char *user, const char *password,
                    const char *peer, uint8_t *hash)
{
    uint8_t text[BROKER_CHECK_NAME_MAX + BROKER_CHECK_SECRET_MAX + GUESS_PEER_SIZE + 2];
    struct byte_writer w = byte_writer_init(text, sizeof text);
    /* With their NULs: nothing else gives the same text. */
    byte_write_span(&w, peer, strnlen(peer, GUESS_PEER_SIZE - 1) + 1);
    byte_write_span(&w, user, strlen(user) + 1);
    byte_write_span(&w, password, strlen(password));
    if (w.failed)
        return false;
    bool ok = HMAC(EVP_sha256(), auth->key, sizeof auth->key, text, w.at, hash, NULL) != NULL;
    explicit_bzero(text, sizeof text);
    return ok;
}

static bool remembered(struct auth *auth, const uint8_t *hash)
{
    int64_t now = loop_now_ms();
    bool found = false;
    for (size_t i = 0; i < REMEMBERED; i++) {
        if (auth->good[i].until_ms > now && CRYPTO_memcmp(auth->good[i].hash, hash, HASH_SIZE) == 0)
            found = true;
    }
    return found;
}

static void remember(struct auth *auth, const uint8_t *hash)
{
    size_t oldest = 0;
    for (size_t i = 1; i < REMEMBERED; i++) {
        if (auth->good[i].until_ms < auth->good[oldest].until_ms)
            oldest = i;
    }
    memcpy(auth->good[oldest].hash, hash, HASH_SIZE);
    auth->good[oldest].until_ms = loop_now_ms() + AUTH_REMEMBER_MS;
}

static void tell(struct question *question, enum auth_result result)
{
    struct auth_wait *wait = question->wait;
    question->wait = NULL;
    question->used = false;
    question->penalty = false;
    if (wait != NULL)
        wait->done(wait, result);
}

static void penalty_over(struct loop_timer *timer)
{
    tell(timer->context, AUTH_NO);
}

static void answered(struct broker_check *check, enum broker_answer answer)
{
    struct question *question = check->context;
    struct auth *auth = question->auth;
    enum guess_outcome outcome = answer == BROKER_ACCEPTS  ? GUESS_RIGHT
                                 : answer == BROKER_SILENT ? GUESS_UNKNOWN
                                                           : GUESS_WRONG;
    guess_end(auth->guess, question->user, question->peer, loop_now_ms(), outcome);
    if (outcome == GUESS_RIGHT)
        remember(auth, question->hash);
    if (outcome != GUESS_WRONG) {
        tell(question, outcome == GUESS_RIGHT ? AUTH_YES : AUTH_BROKEN);
        return;
    }
    auth->report->wrong(auth->report->context, question->user, question->peer, "http");
    question->penalty = true;
    loop_timer_start(auth->loop, &question->timer, AUTH_PENALTY_MS);
}

/* A place for one more question of that address; NULL: too many are under way. */
static struct question *free_question(struct auth *auth, const char *peer)
{
    struct question *found = NULL, *wrong = NULL;
    unsigned same = 0;
    for (size_t i = 0; i < AUTH_CHECKS_MAX; i++) {
        struct question *question = &auth->questions[i];
        if (!question->used) {
            found = found != NULL ? found : question;
            continue;
        }
        same += strcmp(question->peer, peer) == 0;
        if (question->penalty)
            wrong = question;
    }
    if (same >= AUTH_CHECKS_PEER)
        return NULL;
    if (found == NULL && wrong != NULL) { /* hears its answer sooner */
        loop_timer_stop(&wrong->timer);
        tell(wrong, AUTH_NO);
        return wrong;
    }
    return found;
}

enum auth_result auth_request(struct auth *auth, const char *user, const char *password,
                              const char *peer, struct auth_wait *wait)
{
    uint8_t hash[HASH_SIZE];
    if (user[0] == '\0' || !hash_of(auth, user, password, peer, hash))
        return AUTH_NO;
    if (remembered(auth, hash))
        return AUTH_YES;
    if (guess_begin(auth->guess, user, peer, loop_now_ms()) > 0)
        return AUTH_LATER;
    struct question *question = free_question(auth, peer);
    if (question == NULL) {
        guess_end(auth->guess, user, peer, loop_now_ms(), GUESS_UNKNOWN);
        return AUTH_BUSY;
    }
    *question = (struct question){.used = true, .auth = auth, .wait = wait};
    question->check = (struct broker_check){.context = question, .done = answered};
    question->timer = (struct loop_timer){.context = question, .expired = penalty_over};
    (void)snprintf(question->user, sizeof question->user, "%s", user);
    (void)snprintf(question->peer, sizeof question->peer, "%s", peer);
    memcpy(question->hash, hash, HASH_SIZE);
    broker_check_start(&question->check, auth->loop, &auth->broker, user, password);
    return AUTH_WAIT;
}

void auth_forget(struct auth *auth, struct auth_wait *wait)
{
    for (size_t i = 0; i < AUTH_CHECKS_MAX; i++) {
        if (auth->questions[i].wait == wait)
            auth->questions[i].wait = NULL;
    }
}
