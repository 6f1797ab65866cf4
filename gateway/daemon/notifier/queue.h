/* SPDX-License-Identifier: Apache-2.0 */
/* Who is to be told what: compares the alerts that stand with what people have been told, and makes
 * notices of the difference. So a restart, an alert that ended meanwhile or a lost message need no
 * case of their own: the next look mends them. Pure: time is an argument, nothing is sent here.
 *
 *   alerts ─ queue_look() ─> cases (what has been told to which group) ─> notices, by way
 *                            notices ─ queue_next() ─> one message a way under way ─ queue_done()
 * ─┐ ^───────────────── later, limited ─────────────────────────────────┘
 *
 * The first group is told when an alert begins, the next one when nobody has acknowledged an alarm
 * within config.escalate_s, behind the last one all again, further and further apart, and all that
 * were told when it is over. Notices that wait for the same way go together in one message. One
 * thread at a time. */
#ifndef BAIYE_NOTIFIER_QUEUE_H
#define BAIYE_NOTIFIER_QUEUE_H

#include "gateway/daemon/alerts/active.h"
#include "gateway/daemon/notifier/ways.h"

struct queue;

struct queue_now {
    int64_t mono_ms;
    struct wall_ms wall;
};

/* `config` must outlive it. NULL: no memory. */
struct queue *queue_create(const struct config *config);
void queue_destroy(struct queue *queue);

/* Makes the notices that are due. */
void queue_look(struct queue *queue, const struct active *active, const struct queue_now *now);
/* A marked test through config.ways[way]. */
void queue_test(struct queue *queue, uint16_t way, const struct queue_now *now);
/* Is an output that is a way to be on? While an alarm that its group has been told of has not been
 * answered, and for a test. */
bool queue_calls(const struct queue *queue, uint16_t way, const struct queue_now *now);
/* It has been switched on, or why not. */
void queue_called(struct queue *queue, uint16_t way, bool good, const char *why);
/* The next message of a way, unless one is under way, or it must wait. One that may have been
 * delivered, but of which no answer came, goes again as it was, under the same id. */
bool queue_next(struct queue *queue, uint16_t way, const struct queue_now *now,
                struct way_message *message);
/* What has become of message `id`. */
void queue_done(struct queue *queue, uint16_t way, uint64_t id, enum way_outcome outcome,
                const char *why, const struct queue_now *now);
/* The process that sent is gone: what was under way is sent again. */
void queue_again(struct queue *queue);
/* Why a way does not work; "": it does, as far as is known. */
const char *queue_trouble(const struct queue *queue, uint16_t way);
/* How many messages of a way have been answered since the start, and what the last answer was:
 * "" when it was delivered. */
uint32_t queue_answered(const struct queue *queue, uint16_t way, char last[WAY_WHY_SIZE]);
uint32_t queue_count(const struct queue *queue, uint16_t way);

/* Has anything changed that must survive a restart? Asking makes it no. */
bool queue_changed(struct queue *queue);
/* {"v":1,…}, at most `most` bytes: what does not fit is told anew after a restart. */
size_t queue_write(const struct queue *queue, char *doc, size_t most);
/* Once, before the first look. What can't be read is left out. */
void queue_read(struct queue *queue, const char *doc, size_t size, const struct queue_now *now);

#endif
