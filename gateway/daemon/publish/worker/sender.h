/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of sending: shared by send.c (what goes next) and send_outcome.c (what became of it). */
#ifndef BAIYE_PUBLISH_WORKER_SENDER_H
#define BAIYE_PUBLISH_WORKER_SENDER_H

#include "gateway/common/log.h"
#include "gateway/daemon/publish/worker/doc_queue.h"
#include "gateway/daemon/publish/worker/flow.h"
#include "gateway/daemon/publish/worker/ready.h"
#include "gateway/daemon/publish/worker/session.h"
#include "protocols/mqtt/topic.h"

#define SCALARS 24u /* QoS 0 messages inside Paho */

struct slot {
    bool used;
    bool doc; /* else readings of `lane` */
    bool quality;
    uint8_t lane;
    uint16_t ask; /* of a document */
    uint32_t generation, epoch, records;
    uint64_t first_id, end_id;
    size_t bytes;
    int64_t sent_ms;
};

struct sender {
    uint8_t qos;     /* the most that the broker takes, 0 or 1 */
    bool retain;     /* it keeps retained messages */
    uint32_t window; /* QoS 1 messages in flight, at most */
    struct flow flow;
    bool large_reported;
    struct doc_queue live, docs;
    struct slot slots[SESSION_SLOTS];
    uint32_t generation;
    uint32_t in_flight, lanes_in_flight, scalars;
    int64_t refused_until_ms;
    uint32_t refused_ms;
    bool unheard;      /* what is refused is so since no one subscribes to it */
    uint32_t tries;    /* of the record at small_until - 1 */
    uint8_t next_lane; /* whose turn it is to have a message made */
    int64_t last_body_ms;
    char readings_topic[TOPIC_SIZE];
    struct ready_style style;
    struct ready_ring ready;
    struct log_rate refused_log;
};

struct publisher;

/* send_outcome.c: no record below the first that is not acknowledged is needed any more. */
void sender_settle_lane(struct publisher *p, uint8_t lane);

#endif
