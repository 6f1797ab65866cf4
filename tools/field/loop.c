/* SPDX-License-Identifier: Apache-2.0 */
/* Timers are a binary heap of pointers, heap[1] the earliest; each timer knows its place, so that
 * re-arming costs O(log n). */
#include "tools/field/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "gateway/common/clock.h"
#include "gateway/common/grow.h"

#define NS_PER_S 1000000000

int64_t loop_now_ns(void)
{
    return clock_mono_ns();
}

int64_t loop_wall_ms(void)
{
    return clock_now().wall_ms;
}

static void heap_put(struct loop *loop, size_t place, struct loop_timer *timer)
{
    loop->heap[place] = timer;
    timer->place = place;
}

static void heap_up(struct loop *loop, size_t place)
{
    struct loop_timer *timer = loop->heap[place];
    while (place > 1 && loop->heap[place / 2]->at_ns > timer->at_ns) {
        heap_put(loop, place, loop->heap[place / 2]);
        place /= 2;
    }
    heap_put(loop, place, timer);
}

static void heap_down(struct loop *loop, size_t place)
{
    struct loop_timer *timer = loop->heap[place];
    for (;;) {
        size_t child = place * 2;
        if (child > loop->heap_count)
            break;
        if (child < loop->heap_count && loop->heap[child + 1]->at_ns < loop->heap[child]->at_ns)
            child++;
        if (loop->heap[child]->at_ns >= timer->at_ns)
            break;
        heap_put(loop, place, loop->heap[child]);
        place = child;
    }
    heap_put(loop, place, timer);
}

void loop_arm(struct loop *loop, struct loop_timer *timer, int64_t at_ns)
{
    loop_disarm(loop, timer);
    struct loop_timer **heap = grow_array(loop->heap, &loop->heap_size, loop->heap_count + 2,
                                          sizeof(struct loop_timer *)); /* heap[0] is none */
    if (heap == NULL)
        abort();
    loop->heap = heap;
    timer->at_ns = at_ns;
    loop->heap_count++;
    heap_put(loop, loop->heap_count, timer);
    heap_up(loop, loop->heap_count);
}

void loop_disarm(struct loop *loop, struct loop_timer *timer)
{
    size_t place = timer->place;
    if (place == 0)
        return;
    timer->place = 0;
    struct loop_timer *last = loop->heap[loop->heap_count--];
    if (last == timer)
        return;
    heap_put(loop, place, last);
    heap_up(loop, place);
    heap_down(loop, last->place);
}

/* Sets the timerfd to the earliest timer; a system call only when that changed. */
static void clock_set(struct loop *loop)
{
    int64_t at = loop->heap_count ? loop->heap[1]->at_ns : 0;
    if (loop->heap_count && at < 1)
        at = 1;
    if (at == loop->armed_ns)
        return;
    struct itimerspec when = {{0, 0}, {(time_t)(at / NS_PER_S), (long)(at % NS_PER_S)}};
    (void)timerfd_settime(loop->clock.fd, TFD_TIMER_ABSTIME, &when, NULL);
    loop->armed_ns = at;
}

static void timers_fire(struct loop *loop)
{
    int64_t now = loop_now_ns();
    while (loop->heap_count && loop->heap[1]->at_ns <= now) {
        struct loop_timer *timer = loop->heap[1];
        loop_disarm(loop, timer);
        timer->fire(timer->context, now);
        now = loop_now_ns();
    }
}

static void clock_ready(void *context, uint32_t events)
{
    struct loop *loop = context;
    uint64_t expirations;
    (void)events;
    if (read(loop->clock.fd, &expirations, sizeof(expirations)) > 0)
        loop->armed_ns = 0; /* a fired one-shot must be set again */
}

bool loop_init(struct loop *loop)
{
    *loop = (struct loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC), .clock = {.fd = -1}};
    if (loop->epoll_fd < 0)
        return false;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        return false;
    loop->clock.ready = clock_ready;
    loop->clock.context = loop;
    return loop_watch(loop, &loop->clock, fd, EPOLLIN);
}

void loop_free(struct loop *loop)
{
    if (loop->clock.fd >= 0)
        (void)close(loop->clock.fd);
    if (loop->epoll_fd >= 0)
        (void)close(loop->epoll_fd);
    free(loop->heap);
    loop->heap = NULL;
}

bool loop_watch(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    watch->fd = fd;
    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

void loop_unwatch(struct loop *loop, struct loop_watch *watch)
{
    if (watch->fd < 0)
        return;
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->fd = -1;
    for (int i = loop->batch_at; i < loop->batch_count; i++)
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
}

bool loop_run(struct loop *loop)
{
    while (!loop->stop) {
        clock_set(loop);
        int count = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, -1);
        if (count < 0 && errno != EINTR)
            return false;
        loop->batch_count = count < 0 ? 0 : count;
        timers_fire(loop); /* deadlines first: a frame that is due waits for nothing */
        for (loop->batch_at = 0; loop->batch_at < loop->batch_count;) {
            struct epoll_event *event = &loop->batch[loop->batch_at++];
            struct loop_watch *watch = event->data.ptr;
            if (watch != NULL)
                watch->ready(watch->context, event->events);
        }
    }
    return true;
}

void loop_stop(struct loop *loop)
{
    loop->stop = true;
}
