/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/daemon/publish/worker/publisher.h"
#include "gateway/daemon/publish/worker/ready.h"

#define ACK_EVERY_MS   5 /* while more is in flight */
#define DONE_EVERY_MS  200
#define HEARD_EVERY_MS 1000

struct reporter {
    uint64_t reported[LANE_COUNT]; /* watermarks */
    int64_t reported_ms;
    uint32_t docs_done; /* not reported yet, since: */
    int64_t docs_done_ms;
    int64_t counts_ms;
    uint16_t heard_ask; /* reported last, at: */
    int64_t heard_ms;
};

struct reporter *reporter_create(void)
{
    return calloc(1, sizeof(struct reporter));
}

/* When the daemon does not read, it is gone or stuck, and so should we be. */
void report_send(const struct publisher *p, const void *message, size_t size)
{
    if (send(p->fd, message, size, MSG_NOSIGNAL) != (ssize_t)size)
        _exit(EX_IOERR);
}

void report_state(struct publisher *p, bool up, const char *state, const char *why)
{
    struct ipc_state message = {.type = IPC_STATE, .up = up, .refused_before = p->gone_before};
    (void)snprintf(message.state, sizeof message.state, "%s", state);
    (void)snprintf(message.why, sizeof message.why, "%s", why);
    report_send(p, &message, sizeof message);
}

void report_count_docs(struct publisher *p, uint32_t count)
{
    if (p->reporter->docs_done == 0)
        p->reporter->docs_done_ms = now_ms();
    p->reporter->docs_done += count;
}

/* The daemon has IPC_DOCS to send ahead: it need not know of each at once. */
void report_docs_done(struct publisher *p)
{
    struct ipc_done message = {.type = IPC_DOC_DONE, .count = p->reporter->docs_done};
    if (p->reporter->docs_done == 0 || p->fd < 0 ||
        (p->reporter->docs_done < IPC_DOCS / 4 &&
         now_ms() - p->reporter->docs_done_ms < DONE_EVERY_MS))
        return;
    p->reporter->docs_done = 0;
    report_send(p, &message, sizeof message);
}

void report_heard(struct publisher *p, uint16_t ask)
{
    struct ipc_heard message = {.type = IPC_HEARD, .ask = ask};
    if (p->fd < 0 ||
        (p->reporter->heard_ask == ask && now_ms() - p->reporter->heard_ms < HEARD_EVERY_MS))
        return;
    p->reporter->heard_ask = ask;
    p->reporter->heard_ms = now_ms();
    report_send(p, &message, sizeof message);
}

void report_counts(struct publisher *p)
{
    bool unheard = false;
    p->counts.type = IPC_COUNTS;
    p->counts.lane_refused = send_holds_back(p, &unheard);
    p->counts.unheard = unheard;
    p->counts.twin = (uint8_t)twins_now(&p->twins, p->mark, now_ms());
    p->counts.boundary = (uint8_t)p->boundary.in_force;
    report_send(p, &p->counts, sizeof p->counts);
    p->reporter->counts_ms = now_ms();
}

void report_counts_when_due(struct publisher *p)
{
    if (now_ms() - p->reporter->counts_ms >= 1000 && p->fd >= 0)
        report_counts(p);
}

void report_quarantine(struct publisher *p, uint64_t id, int reason, const char *payload,
                       size_t size)
{
    _Static_assert(sizeof(struct ipc_quarantine) + READY_BYTES <= IPC_MAX, "it fits");
    struct ipc_quarantine head = {.type = IPC_QUARANTINE, .id = id, .reason = reason};
    memcpy(p->message, &head, sizeof head);
    memcpy(p->message + sizeof head, payload, size);
    report_send(p, p->message, sizeof head + size);
}

static bool acks_wait(const struct publisher *p)
{
    bool wait = false;
    for (unsigned lane = 0; lane < LANE_COUNT; lane++)
        wait = wait || p->lanes[lane].watermark > p->reporter->reported[lane];
    return wait;
}

int64_t report_acks_due_ms(const struct publisher *p)
{
    return acks_wait(p) ? p->reporter->reported_ms + ACK_EVERY_MS : INT64_MAX;
}

void report_acks(struct publisher *p)
{
    if (!acks_wait(p) || p->fd < 0 ||
        (send_lanes_in_flight(p) > 0 && now_ms() - p->reporter->reported_ms < ACK_EVERY_MS))
        return;
    p->reporter->reported_ms = now_ms();
    for (unsigned lane = 0; lane < LANE_COUNT; lane++) {
        struct ipc_ack ack = {
            .type = IPC_ACK, .lane = (uint8_t)lane, .id = p->lanes[lane].watermark};
        if (ack.id <= p->reporter->reported[lane])
            continue;
        p->reporter->reported[lane] = ack.id;
        report_send(p, &ack, sizeof ack);
    }
}

void report_acks_from(struct publisher *p, uint8_t lane, uint64_t id)
{
    p->reporter->reported[lane] = id;
}
