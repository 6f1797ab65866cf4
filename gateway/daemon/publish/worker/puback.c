/* SPDX-License-Identifier: Apache-2.0 */
/* Paho 1.3.12 (and every version up to now) gives onSuccess5 no reason code: 0x10, "no matching
 * subscribers", looks like 0. So its static library is linked, and the one function that is handed
 * each PUBACK is wrapped (ld's --wrap): it runs on the thread that calls onSuccess5 next. Rejected:
 * reading the connection ourselves beside Paho, which TLS and WebSocket make three readers. */
#include "gateway/daemon/publish/worker/puback.h"

#include <stdint.h>

#define MQTT_5 5

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

int puback_reason(void)
{
    return reason;
}
