/* SPDX-License-Identifier: Apache-2.0 */
/* A store in a folder of its own, opened and closed as tests need it. */
#ifndef BAIYE_TESTS_STORE_BENCH_H
#define BAIYE_TESTS_STORE_BENCH_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"
#include "gateway/daemon/store/store.h"

#define NOON 1795233600000 /* 2026-11-21T12:00:00+08:00 */
#define DAY  INT64_C(86400000)

struct bench {
    char path[200], other[250]; /* the store's file; another one that is removed at the end */
    struct config *config;      /* three devices, two brokers; commits every 20 ms */
    struct store *store;
    const char *machine; /* "": not known */
    int wake_fd;
};

/* cmocka's set-up and teardown. The clock is trusted. */
int bench_begin(void **state); /* not opened yet: the test changes `config` first */
int bench_begin_open(void **state);
int bench_end(void **state);

void bench_open(struct bench *bench);
void bench_close(struct bench *bench);
void bench_put(struct bench *bench, uint16_t device, uint32_t boot, uint32_t seq, int64_t wall_ms);
/* Waits for the store to say that something has changed; false after a minute without. */
bool bench_wait_wake(struct bench *bench);
/* Until so many records are stored since the opening. */
void bench_wait_stored(struct bench *bench, uint64_t count);
/* What a statement on the closed file says: one number. */
int64_t bench_number(const struct bench *bench, const char *sql);

/* How something ended that the store was asked to write: bench_answer_init(), ask with
 * bench_answer_done() and the answer as its context, bench_answer_wait(). */
struct bench_answer {
    sem_t done;
    enum store_result result;
};
void bench_answer_init(struct bench_answer *answer);
void bench_answer_done(void *context, enum store_result result);
enum store_result bench_answer_wait(struct bench_answer *answer);

#endif
