/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/forecast/store_client.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/common/clock.h"

#define AGAIN_MS    100 /* after the store's letter box was full */
#define AGAIN_TIMES 100

/* Whoever asked may be gone when the answer comes: the lock must not be part of it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

struct question {
    bool done, abandoned; /* under the lock */
    enum store_result result;
    void *rows; /* malloc'ed copy */
    uint32_t count;
    int64_t next_ms;
};

void store_client_init(struct store_client *client, struct store *store)
{
    *client = (struct store_client){.store = store, .step_ms = clock_mono_ms()};
}

int64_t store_client_idle_ms(struct store_client *client)
{
    pthread_mutex_lock(&lock);
    int64_t idle_ms = clock_mono_ms() - client->step_ms;
    pthread_mutex_unlock(&lock);
    return idle_ms;
}

void store_client_stop(struct store_client *client)
{
    pthread_mutex_lock(&lock);
    client->stopping = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

bool store_client_stopping(struct store_client *client)
{
    pthread_mutex_lock(&lock);
    bool stopping = client->stopping;
    pthread_mutex_unlock(&lock);
    return stopping;
}

void store_client_wake(struct store_client *client)
{
    pthread_mutex_lock(&lock);
    client->woken = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static struct timespec deadline_in(int64_t ms)
{
    return clock_timespec(clock_mono_ns() + ms * 1000000);
}

/* Until then, or until it was stopped; with `wakeable` also until it was woken. */
static bool sleep_until(struct store_client *client, const struct timespec *until, bool wakeable)
{
    int rc = 0;
    pthread_mutex_lock(&lock);
    while (rc == 0 && !client->stopping && !(wakeable && client->woken))
        rc = pthread_cond_clockwait(&changed, &lock, CLOCK_MONOTONIC, until);
    bool woken = wakeable && client->woken;
    if (wakeable)
        client->woken = false;
    client->step_ms = clock_mono_ms();
    pthread_mutex_unlock(&lock);
    return woken;
}

bool store_client_sleep(struct store_client *client, int64_t wait_ms)
{
    struct timespec until = deadline_in(wait_ms);
    return sleep_until(client, &until, true);
}

/* ---- Questions ---- */

static void free_question(struct question *question)
{
    free(question->rows);
    free(question);
}

/* Store thread: the rows are valid only here. */
static void answered(struct question *question, enum store_result result, const void *rows,
                     uint32_t count, size_t size)
{
    void *copy = count > 0 ? malloc(count * size) : NULL;
    if (copy != NULL)
        memcpy(copy, rows, count * size);
    else if (count > 0)
        result = STORE_BUSY;
    pthread_mutex_lock(&lock);
    question->result = result;
    question->rows = copy;
    question->count = copy != NULL ? count : 0;
    question->done = true;
    bool abandoned = question->abandoned;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    if (abandoned)
        free_question(question);
}

static void history_answered(void *context, const struct store_history *history)
{
    struct question *question = context;
    question->next_ms = history->next_ms;
    answered(question, history->result, history->points, history->count, sizeof *history->points);
}

static void picks_answered(void *context, enum store_result result, const struct store_pick *picks,
                           uint32_t count)
{
    answered(context, result, picks, count, sizeof *picks);
}

static void said_answered(void *context, enum store_result result, const struct store_said *said,
                          uint32_t count)
{
    answered(context, result, said, count, sizeof *said);
}

/* false: it was stopped, and the question is no longer the caller's. */
static bool wait_for(struct store_client *client, struct question *question)
{
    pthread_mutex_lock(&lock);
    while (!question->done && !client->stopping)
        pthread_cond_wait(&changed, &lock);
    bool done = question->done;
    question->abandoned = !done;
    client->step_ms = clock_mono_ms();
    pthread_mutex_unlock(&lock);
    return done;
}

static enum store_result post_history(struct store *store, const void *query,
                                      struct question *question)
{
    return store_history(store, query, history_answered, question);
}

struct picks_query {
    const char *plot;
    int32_t from_day;
    bool counted;
};

static enum store_result post_picks(struct store *store, const void *query,
                                    struct question *question)
{
    const struct picks_query *picks = query;
    return store_picks(store, STORE_ASKER_GATEWAY, picks->plot, picks->from_day, picks->counted,
                       picks_answered, question);
}

static enum store_result post_said(struct store *store, const void *query,
                                   struct question *question)
{
    return store_said(store, query, said_answered, question);
}

/* STORE_OK: *answer is there, and the caller's to free. Others ask the store, too: while its letter
 * box is full they go first. */
static enum store_result put(struct store_client *client,
                             enum store_result (*post)(struct store *, const void *,
                                                       struct question *),
                             const void *query, struct question **answer)
{
    enum store_result result = STORE_STOPPED;
    for (int i = 0; i < AGAIN_TIMES && !store_client_stopping(client); i++) {
        struct question *question = calloc(1, sizeof *question);
        if (question == NULL)
            return STORE_BUSY;
        result = post(client->store, query, question);
        if (result == STORE_OK && !wait_for(client, question))
            return STORE_STOPPED;
        if (result == STORE_OK && question->result == STORE_OK) {
            *answer = question;
            return STORE_OK;
        }
        result = result == STORE_OK ? question->result : result;
        free_question(question);
        if (result != STORE_BUSY)
            return result;
        struct timespec until = deadline_in(AGAIN_MS);
        (void)sleep_until(client, &until, false);
    }
    return result;
}

enum store_result store_client_history(struct store_client *client,
                                       const struct store_history_query *query,
                                       struct store_point *points, uint32_t *count,
                                       int64_t *next_ms)
{
    struct question *answer = NULL;
    enum store_result result = put(client, post_history, query, &answer);
    *count = 0;
    *next_ms = 0;
    if (result != STORE_OK)
        return result;
    *count = answer->count < query->max_points ? answer->count : query->max_points;
    *next_ms = answer->next_ms;
    if (*count > 0)
        memcpy(points, answer->rows, *count * sizeof *points);
    free_question(answer);
    return STORE_OK;
}

/* STORE_OK: *rows are the caller's to free. */
static enum store_result take_rows(struct store_client *client,
                                   enum store_result (*post)(struct store *, const void *,
                                                             struct question *),
                                   const void *query, void **rows, uint32_t *count)
{
    struct question *answer = NULL;
    enum store_result result = put(client, post, query, &answer);
    *rows = NULL;
    *count = 0;
    if (result != STORE_OK)
        return result;
    *rows = answer->rows;
    *count = answer->count;
    answer->rows = NULL;
    free_question(answer);
    return STORE_OK;
}

enum store_result store_client_picks(struct store_client *client, const char *plot,
                                     int32_t from_day, bool counted, struct store_pick **picks,
                                     uint32_t *count)
{
    struct picks_query query = {.plot = plot, .from_day = from_day, .counted = counted};
    void *rows = NULL;
    enum store_result result = take_rows(client, post_picks, &query, &rows, count);
    *picks = rows;
    return result;
}

enum store_result store_client_said(struct store_client *client,
                                    const struct store_said_query *query, struct store_said **said,
                                    uint32_t *count)
{
    void *rows = NULL;
    enum store_result result = take_rows(client, post_said, query, &rows, count);
    *said = rows;
    return result;
}
