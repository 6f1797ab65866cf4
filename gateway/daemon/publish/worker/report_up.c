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
    uint64_t told[LANE_COUNT]; /* watermarks */
    int64_t told_ms;
    uint32_t docs_done; /* not told yet, since: */
    int64_t docs_done_ms;
    int64_t counts_ms;
    uint16_t heard_ask; /* told last, at: */
    int64_t heard_ms;
};

struct reporter *reporter_create(void)
{
    return calloc(1, sizeof(struct reporter));
}

/* When the daemon does not read, it is gone or stuck, and so should we be. */
void tell_daemon(const struct publisher *p, const void *message, size_t size)
{
    if (send(p->fd, message, size, MSG_NOSIGNAL) != (ssize_t)size)
        _exit(EX_IOERR);
}

void tell_state(struct publisher *p, bool up, const char *state, const char *why)
{
    struct ipc_state message = {.type = IPC_STATE, .up = up, .refused_before = p->gone_before};
    (void)snprintf(message.state, sizeof message.state, "%s", state);
    (void)snprintf(message.why, sizeof message.why, "%s", why);
    tell_daemon(p, &message, sizeof message);
}

void count_docs_done(struct publisher *p, uint32_t count)
{
    if (p->reporter->docs_done == 0)
        p->reporter->docs_done_ms = now_ms();
    p->reporter->docs_done += count;
}

/* The daemon has IPC_DOCS to send ahead: it need not know of each at once. */
void tell_docs_done(struct publisher *p)
{
    struct ipc_done message = {.type = IPC_DOC_DONE, .count = p->reporter->docs_done};
    if (p->reporter->docs_done == 0 || p->fd < 0 ||
        (p->reporter->docs_done < IPC_DOCS / 4 &&
         now_ms() - p->reporter->docs_done_ms < DONE_EVERY_MS))
        return;
    p->reporter->docs_done = 0;
    tell_daemon(p, &message, sizeof message);
}

void tell_heard(struct publisher *p, uint16_t ask)
{
    struct ipc_heard message = {.type = IPC_HEARD, .ask = ask};
    if (p->fd < 0 ||
        (p->reporter->heard_ask == ask && now_ms() - p->reporter->heard_ms < HEARD_EVERY_MS))
        return;
    p->reporter->heard_ask = ask;
    p->reporter->heard_ms = now_ms();
    tell_daemon(p, &message, sizeof message);
}

void tell_counts(struct publisher *p)
{
    bool unheard = false;
    p->counts.type = IPC_COUNTS;
    p->counts.lane_refused = send_holds_back(p, &unheard);
    p->counts.unheard = unheard;
    p->counts.twin = (uint8_t)twins_now(&p->twins, p->mark, now_ms());
    p->counts.boundary = (uint8_t)p->boundary.in_force;
    tell_daemon(p, &p->counts, sizeof p->counts);
    p->reporter->counts_ms = now_ms();
}

void tell_counts_when_due(struct publisher *p)
{
    if (now_ms() - p->reporter->counts_ms >= 1000 && p->fd >= 0)
        tell_counts(p);
}

void tell_quarantine(struct publisher *p, uint64_t id, int reason, const char *payload, size_t size)
{
    _Static_assert(sizeof(struct ipc_quarantine) + READY_BYTES <= IPC_MAX, "it fits");
    struct ipc_quarantine head = {.type = IPC_QUARANTINE, .id = id, .reason = reason};
    memcpy(p->message, &head, sizeof head);
    memcpy(p->message + sizeof head, payload, size);
    tell_daemon(p, p->message, sizeof head + size);
}

static bool acks_wait(const struct publisher *p)
{
    bool wait = false;
    for (unsigned lane = 0; lane < LANE_COUNT; lane++)
        wait = wait || p->lanes[lane].watermark > p->reporter->told[lane];
    return wait;
}

int64_t tell_acks_due_ms(const struct publisher *p)
{
    return acks_wait(p) ? p->reporter->told_ms + ACK_EVERY_MS : INT64_MAX;
}

void tell_acks(struct publisher *p)
{
    if (!acks_wait(p) || p->fd < 0 ||
        (send_lanes_in_flight(p) > 0 && now_ms() - p->reporter->told_ms < ACK_EVERY_MS))
        return;
    p->reporter->told_ms = now_ms();
    for (unsigned lane = 0; lane < LANE_COUNT; lane++) {
        struct ipc_ack ack = {
            .type = IPC_ACK, .lane = (uint8_t)lane, .id = p->lanes[lane].watermark};
        if (ack.id <= p->reporter->told[lane])
            continue;
        p->reporter->told[lane] = ack.id;
        tell_daemon(p, &ack, sizeof ack);
    }
}

void tell_acks_from(struct publisher *p, uint8_t lane, uint64_t id)
{
    p->reporter->told[lane] = id;
}
