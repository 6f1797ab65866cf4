/* SPDX-License-Identifier: Apache-2.0 */
/* A thread plays the master: it says at once what it hears, as a master says its next request. This
 * side is the line's own port on a loop of its own, so that the same steps are measured that a
 * line's bytes take. */
#include "tools/field/pty_latency.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "tools/field/loop.h"
#include "tools/field/port.h"

#define ROUNDS          200 /* each has its byte */
#define WARM_UP         10  /* rounds that don't count */
#define EVERY_NS        2000000
#define TIMEOUT_NS      100000000 /* a byte that took so long tells nothing */
#define POLL_TIMEOUT_MS 1000

struct trial {
    struct loop loop;
    struct loop_timer timer;
    struct port port;
    int master_fd;
    atomic_llong heard_ns, wrote_ns; /* by the master, of this round */
    int64_t given_ns;
    unsigned round;
    struct pty_latency least;
};

static void *play_master(void *context)
{
    struct trial *trial = context;
    struct pollfd ready = {.fd = trial->master_fd, .events = POLLIN};
    uint8_t bytes[16];
    for (;;) {
        (void)poll(&ready, 1, POLL_TIMEOUT_MS);
        atomic_store(&trial->heard_ns, loop_now_ns());
        ssize_t size = read(trial->master_fd, bytes, sizeof(bytes));
        if (size <= 0) /* the other side was closed, or is stuck */
            return NULL;
        atomic_store(&trial->wrote_ns, loop_now_ns());
        if (write(trial->master_fd, bytes, (size_t)size) != size)
            return NULL;
    }
}

static void give(void *context, int64_t now_ns)
{
    struct trial *trial = context;
    if (trial->round++ == ROUNDS) {
        loop_stop(&trial->loop);
        return;
    }
    uint8_t byte = (uint8_t)trial->round;
    loop_arm(&trial->loop, &trial->timer, now_ns + TIMEOUT_NS);
    trial->given_ns = loop_now_ns();
    port_write(&trial->port, &byte, 1);
}

static void see(void *context, const uint8_t *bytes, size_t size)
{
    struct trial *trial = context;
    int64_t now = loop_now_ns();
    int64_t hear_ns = atomic_load(&trial->heard_ns) - trial->given_ns;
    int64_t say_ns = now - atomic_load(&trial->wrote_ns);
    if (size != 1 || bytes[0] != (uint8_t)trial->round)
        return; /* of a round that was given up: its times are of no other */
    if (trial->round > WARM_UP && hear_ns < trial->least.hear_ns)
        trial->least.hear_ns = hear_ns;
    if (trial->round > WARM_UP && say_ns < trial->least.say_ns)
        trial->least.say_ns = say_ns;
    loop_arm(&trial->loop, &trial->timer, now + EVERY_NS);
}

static bool open_both(struct trial *trial, const char *link)
{
    static const struct wire_rate rate = {115200, 'N', 1};
    trial->port = (struct port){.loop = &trial->loop,
                                .watch.fd = -1,
                                .listen.fd = -1,
                                .closes.fd = -1,
                                .bytes = see,
                                .context = trial};
    return loop_init(&trial->loop) && port_open_pty(&trial->port, link, &rate) &&
           (trial->master_fd = open(link, O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0;
}

/* Both sides are open: the rounds. 0 or an errno. */
static int run_rounds(struct trial *trial)
{
    pthread_t master;
    int error = pthread_create(&master, NULL, play_master, trial);
    if (error)
        return error;
    loop_arm(&trial->loop, &trial->timer, loop_now_ns() + EVERY_NS);
    error = loop_run(&trial->loop) ? 0 : errno;
    port_close(&trial->port); /* ends the other thread */
    (void)pthread_join(master, NULL);
    return error;
}

bool pty_latency_measure(const char *link, struct pty_latency *least)
{
    struct trial trial = {.least = {INT64_MAX, INT64_MAX}, .master_fd = -1};
    trial.timer = (struct loop_timer){.fire = give, .context = &trial};
    int error = open_both(&trial, link) ? run_rounds(&trial) : errno;
    port_close(&trial.port);
    if (trial.master_fd >= 0)
        (void)close(trial.master_fd);
    loop_free(&trial.loop);
    if (error == 0 && (trial.least.hear_ns == INT64_MAX || trial.least.say_ns == INT64_MAX))
        error = ETIMEDOUT;
    errno = error;
    *least = trial.least;
    return error == 0;
}
