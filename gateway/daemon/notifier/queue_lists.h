/* SPDX-License-Identifier: Apache-2.0 */
/* The lists that the queue (queue.h) is made of: for queue.c, which decides what is told to whom,
 * and queue_document.c, which writes it down and reads it again. */
#ifndef BAIYE_NOTIFIER_QUEUE_LISTS_H
#define BAIYE_NOTIFIER_QUEUE_LISTS_H

#include "gateway/daemon/alerts/active.h"
#include "gateway/daemon/notifier/ways.h"

#define QUEUE_MOST 256u /* notices; what is more is made when there is room */

enum notice_kind { NOTICE_RAISED, NOTICE_AGAIN, NOTICE_OVER, NOTICE_TEST, NOTICE_HEARTBEAT };

struct notice {
    struct notice *next;
    char alert[ALERT_ID_SIZE];
    uint16_t way;
    uint8_t kind, level;
    bool gone;        /* delivered, or refused for good */
    uint64_t message; /* 0: not under way */
    uint64_t
        tried; /* in that message it may have been delivered: it goes again in it; 0: in none */
    int64_t made_mono_ms, made_ms;
    char text[640];
};

/* What people know of an alert. */
struct notified {
    struct notified *next;
    char id[ALERT_ID_SIZE];
    uint8_t level, stage;  /* so many groups have been told */
    uint8_t rounds;        /* how often all of them were told again */
    bool stands, calls;    /* calls: an alarm that nobody has answered */
    bool reached, refused; /* by a way of the last group that was told */
    int64_t stage_mono_ms, since_ms;
    struct alert_words words[METRIC_LANGUAGES];
};

struct way_state {
    uint64_t message; /* under way; 0: none */
    uint32_t tries;
    uint32_t bad;                     /* answers that were no delivery, one after the other */
    uint32_t missed;                  /* not reached, while another way was */
    int64_t delivered_ms, failing_ms; /* the last delivery; first failure since then; 0: none */
    int64_t not_before_ms;
    int64_t sent_ms[64]; /* ring of the last ones sent; the rate is kept by it */
    uint32_t sent;
    char trouble[WAY_WHY_SIZE];
    uint32_t answered;
    char last[WAY_WHY_SIZE];
    int64_t test_until_ms; /* of an output: it is switched on for a test */
};

struct queue {
    const struct config *config;
    struct notice *first;
    uint32_t count;
    struct notified *cases;
    struct way_state ways[WAYS_MAX];
    uint64_t next_message;
    int32_t beat_day; /* YYYYMMDD of the last heartbeat */
    bool changed;
};

/* NULL: no memory, or QUEUE_MOST. The queue owns what is given. */
struct notice *queue_add(struct queue *queue, uint16_t way, uint8_t kind, int64_t mono_ms,
                         int64_t wall_ms);
struct notified *queue_add_case(struct queue *queue, const char *id);
/* NULL: nobody knows of it. */
struct notified *queue_find_case(const struct queue *queue, const char *id);
/* An output switches; it takes no messages. */
bool queue_is_output(const struct queue *queue, uint16_t way);

#endif
