/* SPDX-License-Identifier: Apache-2.0 */
/* The main thread's event loop: libwebsockets' own, with descriptors, timers and messages from
 * other threads added, so that everything that talks to the outside sits in one poll(). All
 * functions belong to the loop's thread except loop_post() and loop_stop(). Nothing that runs in
 * the loop may block. */
#ifndef BAIYE_LOOP_H
#define BAIYE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <libwebsockets.h>

/* Sockets and descriptors together. Those who accept connections keep own limits (HTTP 96, and 256
 * that are about to go; bridges 64, control 16, broker checks 4), whose sum leaves room for the
 * process's own descriptors. */
#define LOOP_FDS_MAX 512
/* Requests of HTTP that are read or answered: one for each connection, since one who takes an
 * answer slowly holds its headers (5 kB, taken when needed) all the time, and must not hold
 * another's. */
#define LOOP_REQUESTS_MAX 96

struct loop;

/* `tls`: also prepare OpenSSL. NULL when out of memory. */
struct loop *loop_open(bool tls);
/* Ends all connections and descriptors: their owners get their last callbacks. From then on
 * nothing can be watched and no timer runs, but timers may still be stopped. */
void loop_end(struct loop *loop);
/* After loop_end(), when all who post have ended: messages that were not delivered are dropped, so
 * that those whose structs they are part of may be freed. */
void loop_drop_tasks(struct loop *loop);
/* After everything that uses the loop was freed. */
void loop_close(struct loop *loop);
/* Runs until loop_stop(). */
void loop_run(struct loop *loop);
/* Waits for something to happen and does it: one round of loop_run(). false: broken. */
bool loop_step(struct loop *loop);
/* Any thread; also from a signal handler. */
void loop_stop(struct loop *loop);
/* The process has no file descriptor left: looked at every second. Nobody new is accepted, and the
 * loop comes round every 50 ms at most. */
bool loop_crowded(const struct loop *loop);
struct lws_context *loop_context(struct loop *loop);
/* CLOCK_MONOTONIC. */
int64_t loop_now_ms(void);

/* A message to the loop, part of the sender's own struct: nothing is allocated, so nothing can be
 * full. `run` is called once, in the order of posting; it owns the task again. Any thread. */
struct loop_task {
    struct loop_task *next;
    void (*run)(struct loop_task *task);
    void (*drop)(struct loop_task *task); /* instead of `run` when the loop closes first; or NULL */
};
void loop_post(struct loop *loop, struct loop_task *task);

/* A descriptor in the loop, part of its owner's struct. */
enum loop_event {
    LOOP_READABLE,
    LOOP_WRITABLE, /* once after each loop_want_write() */
    LOOP_CLOSED    /* the descriptor is gone, the struct is the owner's again */
};
struct loop_fd {
    int fd;
    struct lws *wsi; /* NULL: not watched */
    void *context;
    void (*event)(struct loop_fd *self, enum loop_event event);
};
/* Takes over `fd` (also when it fails: then it is closed): 0 or -1. */
int loop_watch(struct loop *loop, struct loop_fd *self);
void loop_want_write(struct loop_fd *self);
/* Back-pressure: while false no LOOP_READABLE comes. */
void loop_want_read(struct loop_fd *self, bool wanted);
/* Closes the descriptor; no further event comes. May be called from its own event. */
void loop_unwatch(struct loop_fd *self);

struct loop_timer {
    lws_sorted_usec_list_t sul;
    struct loop *loop; /* set by loop_timer_start() */
    void *context;
    void (*expired)(struct loop_timer *self);
};
/* Starts anew when it runs already. */
void loop_timer_start(struct loop *loop, struct loop_timer *self, int64_t after_ms);
void loop_timer_stop(struct loop_timer *self);

#endif
