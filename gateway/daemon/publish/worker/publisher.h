/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the publisher process: shared by publisher.c (its connection and its main loop),
 * send.c (what goes to the broker), send_outcome.c (what became of it) and report_up.c (what the
 * daemon hears of it). One thread; Paho's threads see only the session. */
#ifndef BAIYE_PUBLISH_WORKER_PUBLISHER_H
#define BAIYE_PUBLISH_WORKER_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/common/boundary.h"
#include "gateway/common/clock.h"
#include "gateway/daemon/publish/ipc.h"
#include "gateway/daemon/publish/worker/lane.h"
#include "gateway/daemon/publish/worker/session.h"
#include "gateway/daemon/publish/worker/twins.h"

enum phase { PHASE_WAITING, PHASE_CONNECTING, PHASE_UP, PHASE_ENDING };

/* What belongs to one file is a private struct of that file. */
struct publisher {
    int fd; /* to the daemon; negative: it is gone */
    struct ipc_hello hello;
    struct boundary boundary;
    struct session *session;
    struct streams *streams;
    enum phase phase;
    bool stopping;
    bool gone_before; /* the broker closed or was not there since it was last up */
    struct twins twins;
    char mark[TWINS_MARK_SIZE]; /* ours */
    struct lane lanes[LANE_COUNT];
    struct ipc_counts counts;
    struct connection *connection; /* publisher.c */
    struct sender *sender;         /* send.c, send_outcome.c */
    struct reporter *reporter;     /* report_up.c */
    uint8_t message[IPC_MAX];      /* from the daemon, or to it */
};

static inline int64_t now_ms(void)
{
    return clock_now().mono_ms;
}

/* Is there something of the connection to be looked at? */
bool publisher_is_called(const struct publisher *p);

/* report_up.c: to the daemon. It reads all the time; a process that cannot tell it something
 * ends. */
struct reporter *reporter_create(void); /* NULL: no memory */
void report_send(const struct publisher *p, const void *message, size_t size);
void report_state(struct publisher *p, bool up, const char *state, const char *why);
/* So many documents are sent, or given up; reported when it is some, or some time has passed. */
void report_count_docs(struct publisher *p, uint32_t count);
void report_docs_done(struct publisher *p);
void report_counts(struct publisher *p);
/* Each second. */
void report_counts_when_due(struct publisher *p);
/* Of a device's values, one after the other, it is reported once. */
void report_heard(struct publisher *p, uint16_t ask);
void report_quarantine(struct publisher *p, uint64_t id, int reason, const char *payload,
                       size_t size);
/* When report_acks() has something to say at the latest; INT64_MAX: nothing. */
int64_t report_acks_due_ms(const struct publisher *p);
/* Under load one word for many messages: each wakes the daemon. */
void report_acks(struct publisher *p);
/* The daemon knows that the lane is done up to there. */
void report_acks_from(struct publisher *p, uint8_t lane, uint64_t id);

/* send.c, send_outcome.c */
struct sender *sender_create(const struct publisher *p); /* NULL: no memory */
void send_take_docs(struct publisher *p, const uint8_t *message, size_t size);
void send_take_body(struct publisher *p, const uint8_t *message, size_t size);
/* A connection is up: what its broker takes, and nothing known of the way to it. */
void send_begin(struct publisher *p, const struct session_event *event);
/* The connection ended soon after it was made. */
void send_ended_soon(struct publisher *p);
/* The broker found a message too large: of those that it has not taken, the largest. */
void send_too_large(struct publisher *p);
/* Is each delivery confirmed (QoS 1)? */
bool send_is_confirmed(const struct publisher *p);
/* The connection is gone: the daemon sends documents anew when it is back, and the next one may
 * want smaller messages. */
void send_unmake_all(struct publisher *p);
void send_unmake_lane(struct publisher *p, uint8_t lane);
/* One that is neither document nor readings. */
bool send_message(struct publisher *p, const struct session_message *message);
/* Sends as much as the window and the link take. */
void send_all(struct publisher *p);
/* When readings that wait for their batch to be complete may go; INT64_MAX: none do. */
int64_t send_batch_due_ms(const struct publisher *p);
/* A message is ACKED, REFUSED or UNSENT. */
void send_ended(struct publisher *p, const struct session_event *event);
/* What was sent is to be over before more can go: each end of it is of interest at once. */
bool send_is_pressed(const struct publisher *p);
/* When the oldest message that still waits for its acknowledgement was sent; INT64_MAX: none. */
int64_t send_oldest_ms(const struct publisher *p);
/* Messages whose acknowledgement is waited for: of all kinds, of readings; is there room for
 * one? */
uint32_t send_in_flight(const struct publisher *p);
uint32_t send_lanes_in_flight(const struct publisher *p);
bool send_has_room(const struct publisher *p);
/* Until when refused readings are held back; 0: they are not. */
int64_t send_refused_until_ms(const struct publisher *p);
/* For report_counts(): are readings held back, and since no one subscribes to them? */
bool send_holds_back(const struct publisher *p, bool *unheard);

#endif
