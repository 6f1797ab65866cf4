/* SPDX-License-Identifier: Apache-2.0 */
/* Paho's static library is linked, and functions of it are wrapped (ld's --wrap). Rejected: a
 * connection of our own besides Paho's, which TLS and WebSocket make three.
 *
 * Paho 1.3.12 (and every version up to now) gives onSuccess5 no reason code: 0x10, "no matching
 * subscribers", looks like 0. The function that is handed each PUBACK runs on the thread that calls
 * onSuccess5 next.
 *
 * Paho leaves Nagle's algorithm on, and QoS 0 is answered by nothing: a small message then waits
 * for the broker's delayed ACK of the one before, 40 ms. It gives its sockets to no one, so what
 * makes them sets the option.
 *
 * Paho wakes its sending thread for each message, by a condition that is true for no one: who
 * signals while that thread is just about to wait wakes no one, and the message is sent a second
 * later, or when the wall clock, by which it waits, gets there. Signal and wait are one bell here,
 * which stays rung until it is heard. Several messages that were held go out under TCP_CORK.
 *
 * Paho, as Debian builds it, notes the name of each function on the way in and out, and each piece
 * of memory in a tree, under a lock for all of its threads: some hundred times a message, at which
 * three threads that drain a backlog waited for each other. Only its trace and its report of what
 * was not freed read these; we ask for neither. */
#include "gateway/daemon/publish/worker/paho.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "gateway/common/clock.h"

#define MQTT_5 5

/* ---- The reason code of a PUBACK ---- */

/* How Paho's struct Ack begins. */
struct paho_ack {
    uint8_t header;
    int message_id;
    unsigned char reason;
    int mqtt_version;
};

static _Thread_local int reason;

/* sock, and where it says which publication is to be removed: passed on. */
int paho_take_puback(void *ack, int sock,
                     void *removed) __asm__("__real_MQTTProtocol_handlePubacks");
int puback_seen(void *ack, int sock, void *removed) __asm__("__wrap_MQTTProtocol_handlePubacks");

int puback_seen(void *ack, int sock, void *removed)
{
    const struct paho_ack *head = ack;
    reason = head->mqtt_version >= MQTT_5 ? head->reason : 0;
    return paho_take_puback(ack, sock, removed);
}

int paho_puback_reason(void)
{
    return reason;
}

/* ---- Small messages wait for no ACK ---- */

static atomic_int newest = -1; /* socket */

int paho_socket(const char *host, size_t host_size, int port, int *fd,
                long timeout_ms) __asm__("__real_Socket_new");
int prompt_socket(const char *host, size_t host_size, int port, int *fd,
                  long timeout_ms) __asm__("__wrap_Socket_new");

int prompt_socket(const char *host, size_t host_size, int port, int *fd, long timeout_ms)
{
    static const int on = 1;
    int result = paho_socket(host, host_size, port, fd, timeout_ms);
    if (*fd >= 0) /* slower without, and no less right */
        (void)setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    atomic_store(&newest, *fd);
    return result;
}

/* ---- The bell of the sending thread ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    uint32_t rung; /* how often since it was heard */
} bell = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};

static _Thread_local struct {
    bool on;
    uint32_t count;
} held;

int bell_ring(void *cond) __asm__("__wrap_Thread_signal_cond");
int bell_hear(void *cond, int timeout_ms) __asm__("__wrap_Thread_wait_cond");

static void ring(uint32_t count)
{
    pthread_mutex_lock(&bell.lock);
    bell.rung += count;
    pthread_cond_signal(&bell.cond);
    pthread_mutex_unlock(&bell.lock);
}

void paho_hold(void)
{
    held.on = true;
    held.count = 0;
}

void paho_release(void)
{
    held.on = false;
    if (held.count > 0)
        ring(held.count);
}

int bell_ring(void *cond)
{
    (void)cond;
    if (held.on)
        held.count++;
    else
        ring(1);
    return 0;
}

/* On a socket that is gone it does nothing, and on one that came after it no harm. */
static void cork(int fd, int on)
{
    (void)setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

static _Thread_local int corked = -1; /* socket, of the sending thread */

int bell_hear(void *cond, int timeout_ms)
{
    int result = 0;
    (void)cond;
    if (corked >= 0) /* all that was held is sent */
        cork(corked, 0);
    corked = -1;
    struct timespec until = clock_timespec(clock_mono_ns() + timeout_ms * INT64_C(1000000));
    pthread_mutex_lock(&bell.lock);
    while (bell.rung == 0 && result == 0)
        result = pthread_cond_clockwait(&bell.cond, &bell.lock, CLOCK_MONOTONIC, &until);
    uint32_t count = bell.rung;
    bell.rung = 0;
    pthread_mutex_unlock(&bell.lock);
    if (count > 1) {
        corked = atomic_load(&newest);
        cork(corked, 1);
    }
    return count > 0 ? 0 : result;
}

/* ---- Nothing is noted for who looks for faults in Paho ---- */

void no_entry(const char *name, int line, int level) __asm__("__wrap_StackTrace_entry");
void no_exit(const char *name, int line, void *result, int level) __asm__("__wrap_StackTrace_exit");
void *plain_malloc(char *file, int line, size_t size) __asm__("__wrap_mymalloc");
void *plain_realloc(char *file, int line, void *old, size_t size) __asm__("__wrap_myrealloc");
void plain_free(char *file, int line, void *memory) __asm__("__wrap_myfree");

void no_entry(const char *name, int line, int level)
{
    (void)name;
    (void)line;
    (void)level;
}

void no_exit(const char *name, int line, void *result, int level)
{
    (void)name;
    (void)line;
    (void)result;
    (void)level;
}

void *plain_malloc(char *file, int line, size_t size)
{
    (void)file;
    (void)line;
    return paho_memory(NULL, size);
}

void *plain_realloc(char *file, int line, void *old, size_t size)
{
    (void)file;
    (void)line;
    return paho_memory(old, size);
}

void plain_free(char *file, int line, void *memory)
{
    (void)file;
    (void)line;
    free(memory);
}
