/* SPDX-License-Identifier: Apache-2.0 */
/* The program's one event loop: descriptors by epoll, deadlines by one timerfd on CLOCK_MONOTONIC
 * (absolute, nanoseconds). Watches and timers are the owner's memory and may be removed from
 * inside any callback. One thread. Running out of memory ends the program. */
#ifndef BAIYE_FIELD_LOOP_H
#define BAIYE_FIELD_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

struct loop_watch {
    int fd; /* -1: not watched */
    void (*ready)(void *context, uint32_t events);
    void *context;
};

struct loop_timer {
    int64_t at_ns;
    size_t place; /* in the heap, from 1; 0: not armed */
    void (*fire)(void *context, int64_t now_ns);
    void *context;
};

#define LOOP_BATCH 64

struct loop {
    int epoll_fd;
    struct loop_watch clock; /* the timerfd */
    struct loop_timer **heap;
    size_t heap_count, heap_size;
    int64_t armed_ns; /* what the timerfd is set to; 0: nothing */
    struct epoll_event batch[LOOP_BATCH];
    int batch_count, batch_at;
    bool stop;
};

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t loop_now_ns(void);
/* Milliseconds of CLOCK_REALTIME. */
int64_t loop_wall_ms(void);

/* False: errno says why. */
bool loop_init(struct loop *loop);
void loop_free(struct loop *loop);
/* Until loop_stop(). False: the kernel refused to wait (errno). */
bool loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* `watch` must be zeroed or removed before. `events` as for epoll_ctl(2). */
bool loop_watch(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events);
/* Does not close the descriptor. A watch that is not watched is left alone. */
void loop_unwatch(struct loop *loop, struct loop_watch *watch);
void loop_arm(struct loop *loop, struct loop_timer *timer, int64_t at_ns);
void loop_disarm(struct loop *loop, struct loop_timer *timer);

#endif
