/* SPDX-License-Identifier: Apache-2.0 */
/* All Modbus TCP lines on one thread:
 *
 *     waits for any connection, any request of others, the earliest `due_ns`
 *        └─> a step, or some, of each bus that it concerns
 *
 * so that a port costs the memory of its devices and no stack, and what is due together wakes one
 * thread once. A bus joins and leaves between two rounds: the loop holds the mutex while it works.
 * Who wants it goes through a door that the loop goes through, too, or a busy loop would never let
 * anybody in. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gateway/common/grow.h"
#include "gateway/daemon/bus/impl.h"

#define EVENTS     64
#define STEPS_MOST 8    /* of one bus, before the others have their turn */
#define WAIT_MS    1000 /* it goes round at least so often */

struct member {
    struct bus *bus;
    int64_t due_ns;
    bool heard;
};

static struct {
    pthread_mutex_t life; /* one joins or leaves at a time */
    pthread_mutex_t door, mutex;
    atomic_uint waiting; /* at the door */
    pthread_t thread;
    struct member *members;
    size_t room;
    unsigned count;
    unsigned changes; /* of the members */
    int epoll_fd, wake_fd;
    atomic_bool ending;
    atomic_llong round_ms;
} loop = {.life = PTHREAD_MUTEX_INITIALIZER,
          .door = PTHREAD_MUTEX_INITIALIZER,
          .mutex = PTHREAD_MUTEX_INITIALIZER};

static void enter(void)
{
    (void)atomic_fetch_add(&loop.waiting, 1);
    (void)pthread_mutex_lock(&loop.door);
    (void)pthread_mutex_lock(&loop.mutex);
    (void)pthread_mutex_unlock(&loop.door);
    (void)atomic_fetch_sub(&loop.waiting, 1);
}

/* The loop: no one is at the door, nearly always. */
static void enter_again(void)
{
    if (atomic_load(&loop.waiting) > 0)
        enter();
    else
        (void)pthread_mutex_lock(&loop.mutex);
}

static void leave(void)
{
    (void)pthread_mutex_unlock(&loop.mutex);
}

/* Whole milliseconds: what is due within one is done together. */
static int wait_ms(void)
{
    int64_t now = line_now_ns(), first = now + WAIT_MS * MS;
    for (unsigned i = 0; i < loop.count; i++)
        first = loop.members[i].due_ns < first ? loop.members[i].due_ns : first;
    return first <= now ? 0 : (int)((first - now + MS - 1) / MS);
}

/* Notes whom the events concern. True: somebody has been woken for a request of others. */
static bool note(const struct epoll_event *events, int count)
{
    bool woken = false;
    uint64_t wakes;
    for (int i = 0; i < count; i++) {
        const struct bus *bus = events[i].data.ptr;
        if (bus != NULL)
            loop.members[bus->pace.slot].heard = true;
        else
            woken = read(loop.wake_fd, &wakes, sizeof wakes) > 0;
    }
    return woken;
}

static void work(struct member *member)
{
    struct bus *bus = member->bus;
    bus->pace.heard = member->heard;
    member->heard = false;
    for (unsigned i = 0; i < STEPS_MOST; i++) {
        bus_step(bus);
        int64_t now = line_now_ns();
        bus_report(bus, now / MS);
        member->due_ns = bus->pace.due_ns;
        if (bus->pace.due_ns > now)
            return;
    }
}

static void *run(void *context)
{
    struct epoll_event events[EVENTS];
    unsigned changes = 0;
    int ms = 0;
    (void)context;
    while (!atomic_load(&loop.ending)) {
        int count = epoll_wait(loop.epoll_fd, events, EVENTS, ms);
        enter_again();
        int64_t now = line_now_ns();
        atomic_store(&loop.round_ms, now / MS);
        /* Of one that has left? They are reported again. */
        bool woken = note(events, loop.changes == changes ? count : 0);
        for (unsigned i = 0; i < loop.count; i++) {
            struct member *member = &loop.members[i];
            if (member->heard || member->due_ns <= now ||
                (woken && atomic_exchange(&member->bus->control.woken, false)))
                work(member);
        }
        ms = wait_ms();
        changes = loop.changes;
        leave();
    }
    return NULL;
}

static void close_loop(void)
{
    if (loop.epoll_fd >= 0)
        (void)close(loop.epoll_fd);
    if (loop.wake_fd >= 0)
        (void)close(loop.wake_fd);
}

static int open_loop(void)
{
    struct epoll_event waking = {.events = EPOLLIN, .data.ptr = NULL};
    loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    atomic_store(&loop.ending, false);
    atomic_store(&loop.round_ms, bus_now_ms());
    int error = loop.epoll_fd < 0 || loop.wake_fd < 0 ||
                        epoll_ctl(loop.epoll_fd, EPOLL_CTL_ADD, loop.wake_fd, &waking) != 0
                    ? errno
                    : pthread_create(&loop.thread, NULL, run, NULL);
    if (error)
        close_loop();
    return error;
}

static int add(struct bus *bus)
{
    struct member *members = grow_array(loop.members, &loop.room, loop.count + 1u, sizeof *members);
    if (members == NULL)
        return ENOMEM;
    loop.members = members;
    bus->pace.slot = loop.count;
    bus->wake_fd = loop.wake_fd;
    bus->line.epoll_fd = loop.epoll_fd;
    bus->line.token = bus;
    members[loop.count++] = (struct member){.bus = bus};
    loop.changes++;
    return 0;
}

static void wake(void)
{
    uint64_t one = 1;
    ssize_t written = write(loop.wake_fd, &one, sizeof one);
    (void)written; /* full: it is awake anyhow */
}

static void end_loop(void)
{
    atomic_store(&loop.ending, true);
    wake();
    (void)pthread_join(loop.thread, NULL);
    close_loop();
    free(loop.members);
    loop.members = NULL;
    loop.room = 0;
}

int tcp_loop_join(struct bus *bus)
{
    (void)pthread_mutex_lock(&loop.life);
    bool first = loop.count == 0;
    int error = first ? open_loop() : 0;
    if (error == 0) {
        enter();
        error = add(bus);
        leave();
        if (error == 0)
            wake();
        else if (first)
            end_loop();
    }
    (void)pthread_mutex_unlock(&loop.life);
    return error;
}

void tcp_loop_leave(struct bus *bus)
{
    (void)pthread_mutex_lock(&loop.life);
    enter();
    loop.members[bus->pace.slot] = loop.members[--loop.count];
    loop.members[bus->pace.slot].bus->pace.slot = bus->pace.slot;
    loop.changes++;
    bus_end(bus);
    leave();
    if (loop.count == 0)
        end_loop();
    (void)pthread_mutex_unlock(&loop.life);
}

int64_t tcp_loop_idle_ms(void)
{
    return bus_now_ms() - atomic_load(&loop.round_ms);
}
