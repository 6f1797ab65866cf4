/* SPDX-License-Identifier: Apache-2.0 */
/* How the gateway's threads begin: signals are the main thread's, and deadlines are those of the
 * monotonic clock. */
#ifndef BAIYE_COMMON_THREAD_H
#define BAIYE_COMMON_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Starts `main` with all signals blocked. false: errno. */
bool thread_start(pthread_t *thread, void *(*main)(void *context), void *context);
/* A lock and a condition whose timed waits go by CLOCK_MONOTONIC. */
void thread_init_lock(pthread_mutex_t *lock, pthread_cond_t *condition);

#endif
