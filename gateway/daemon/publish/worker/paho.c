/* SPDX-License-Identifier: Apache-2.0 */
/* Paho's static library is linked, and functions of it are wrapped (ld's --wrap). Rejected: a
 * connection of our own beside Paho's, which TLS and WebSocket make three.
 *
 * Paho 1.3.12 (and every version up to now) gives onSuccess5 no reason code: 0x10, "no matching
 * subscribers", looks like 0. The function that is handed each PUBACK runs on the thread that calls
 * onSuccess5 next.
 *
 * Paho leaves Nagle's algorithm on, and QoS 0 is answered by nothing: a small message then waits
 * for the broker's delayed ACK of the one before, 40 ms. It gives its sockets to nobody, so what
 * makes them sets the option. */
#include "gateway/daemon/publish/worker/paho.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

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
    return result;
}
