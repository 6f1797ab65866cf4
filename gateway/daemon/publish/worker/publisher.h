/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the publisher process: shared by publisher.c (its connection and its main loop),
 * send.c (what goes to the broker and what became of it) and report_up.c (what the daemon hears of
 * it). One thread; Paho's threads see only the session. */
#ifndef BAIYE_PUBLISH_WORKER_PUBLISHER_H
#define BAIYE_PUBLISH_WORKER_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/common/boundary.h"
#include "gateway/common/clock.h"
#include "gateway/common/log.h"
#include "gateway/daemon/publish/ipc.h"
#include "gateway/daemon/publish/worker/doc_queue.h"
#include "gateway/daemon/publish/worker/lane.h"
#include "gateway/daemon/publish/worker/ready.h"
#include "gateway/daemon/publish/worker/session.h"
#include "gateway/daemon/publish/worker/tls_why.h"
#include "gateway/daemon/publish/worker/twins.h"
#include "protocols/mqtt/topic.h"

#define MESSAGE_LEAST 2048u
#define FLOW_FIRST    32768u /* bytes of readings in flight */
#define FLOW_LEAST    4096u

enum phase { PHASE_WAITING, PHASE_CONNECTING, PHASE_UP, PHASE_ENDING };

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

struct publisher {
    int fd, wake_fd;
    struct ipc_hello hello;
    struct boundary boundary;
    struct session *session;
    struct streams *streams;
    enum phase phase;
    int64_t phase_ms, retry_ms;
    uint32_t backoff_ms, failures; /* to connect, one after the other */
    unsigned url, url_tries;       /* the address in use; tries since all were tried */
    bool retain;                   /* the broker keeps retained messages */
    uint8_t qos;                   /* the most that it takes, 0 or 1 */
    bool gone_before;              /* the broker closed or was not there since it was last up */
    struct tls_verdict tls;
    bool stopping, stopped;
    struct twins twins;
    char mark[TWINS_MARK_SIZE]; /* ours */
    bool denied;                /* another says that we are offline: to be answered */
    int64_t status_ms;          /* when a status was sent last */
    uint32_t window, max_message;
    uint32_t packet_most; /* a larger one ends the connection: so the broker says */
    uint32_t
        refused_size; /* … and so large a message did, with every broker of ours; else the most */
    uint32_t largest; /* sent on this connection */
    bool large_told;
    struct lane lanes[LANE_COUNT];
    uint64_t told[LANE_COUNT]; /* watermarks */
    int64_t told_ms;
    uint8_t next_lane; /* whose turn it is to have a message made */
    int64_t last_body_ms;
    struct doc_queue live, docs;
    uint32_t docs_done; /* not told yet, since: */
    int64_t docs_done_ms;
    struct slot slots[SESSION_SLOTS];
    uint32_t in_flight, lanes_in_flight, scalars;
    size_t flow, flow_used;
    int64_t fastest_ms; /* acknowledgement of this connection */
    int64_t slowed_ms;
    int64_t refused_until_ms;
    uint32_t refused_ms;
    bool unheard;   /* what is refused is so since nobody subscribes to it */
    uint32_t tries; /* of the record at small_until - 1 */
    struct ipc_counts counts;
    int64_t counts_ms;
    uint16_t heard_ask; /* told last, at: */
    int64_t heard_ms;
    uint32_t generation;
    char readings_topic[TOPIC_SIZE], status_topic[TOPIC_SIZE];
    struct ready_style style;
    struct ready_ring ready;
    struct log_rate refused_log;
    uint8_t message[IPC_MAX]; /* from the daemon, or to it */
};

static inline int64_t now_ms(void)
{
    return clock_now().mono_ms;
}

/* report_up.c: to the daemon. It reads all the time; a process that cannot tell it something ends.
 */
void tell_daemon(const struct publisher *p, const void *message, size_t size);
void tell_state(struct publisher *p, bool up, const char *state, const char *why);
/* So many documents are sent, or given up; told when it is some, or some time has passed. */
void count_docs_done(struct publisher *p, uint32_t count);
void tell_docs_done(struct publisher *p);
void tell_counts(struct publisher *p);
/* Of a device's values, one after the other, it is told once. */
void tell_heard(struct publisher *p, uint16_t ask);
void tell_quarantine(struct publisher *p, uint64_t id, int reason, const char *payload,
                     size_t size);
/* When tell_acks() has something to say at the latest; INT64_MAX: nothing. */
int64_t tell_acks_due_ms(const struct publisher *p);
/* Under load one word for many messages: each wakes the daemon. */
void tell_acks(struct publisher *p);

/* send.c */
void send_take_docs(struct publisher *p, const uint8_t *message, size_t size);
/* The connection is gone: the daemon sends documents anew when it is back, and the next one may
 * want smaller messages. */
void send_unmake_all(struct publisher *p);
void send_unmake_lane(struct publisher *p, uint8_t lane);
/* Bytes of the largest message that is not acknowledged, or that was sent since it is connected. */
uint32_t send_largest(const struct publisher *p);
bool send_message(struct publisher *p, const struct slot *what,
                  const struct session_message *message);
/* Sends as much as the window and the link take. */
void send_all(struct publisher *p);
/* When readings that wait for their batch to be complete may go; INT64_MAX: none do. */
int64_t send_batch_due_ms(const struct publisher *p);
/* A message is ACKED, REFUSED or UNSENT. */
void send_ended(struct publisher *p, const struct session_event *event);
/* When the oldest message that still waits for its acknowledgement was sent; INT64_MAX: none. */
/* What was sent is to be over before more can go: each end of it is of interest at once. */
bool send_is_pressed(const struct publisher *p);
int64_t send_oldest_ms(const struct publisher *p);

#endif
