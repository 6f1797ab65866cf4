/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the link thread: shared by publish's own files. Other threads touch only the documents,
 * the answers and the brokers' stats; each has its lock. */
#ifndef BAIYE_PUBLISH_LINK_LINK_H
#define BAIYE_PUBLISH_LINK_LINK_H

#include <pthread.h>
#include <stdatomic.h>

#include "gateway/common/clock.h"
#include "gateway/common/log.h"
#include "gateway/daemon/child.h"
#include "gateway/daemon/publish/ipc.h"
#include "gateway/daemon/publish/link/data_plan.h"
#include "gateway/daemon/publish/link/downsample.h"
#include "gateway/daemon/publish/publish.h"
#include "gateway/daemon/store/feed.h"
#include "protocols/mqtt/topic.h"

#define LIVE_EVERY_MS    950 /* one a second, with room for a poll that comes a little early */
#define HEALTH_EVERY_MS  60000
#define SCALARS_A_SECOND 400 /* v/ messages of one broker */

/* Which brokers a document is for. */
enum doc_class {
    DOC_PLAIN,
    DOC_PANEL, /* only brokers with `panel` */
    DOC_URGENT /* alerts and forecast: also when the budget is nearly used up */
};

#define DOC_ALL UINT16_MAX

struct doc {
    struct doc *next;
    char topic[TOPIC_SIZE]; /* whole */
    uint16_t broker;        /* for this one only, or DOC_ALL */
    uint8_t kind;           /* enum doc_class */
    uint8_t qos;
    bool retain;
    uint32_t version;
    uint32_t paid; /* the last version that brokers with a budget are to have as well */
    uint32_t sent[STORE_BROKERS_MAX]; /* version last given to that broker */
    size_t size;                      /* of the payload .. */
    size_t packed_size; /* .. and of what is kept of it, when that is deflated; else 0 */
    uint8_t *payload;
};

/* The documents, in the order in which they were first set. */
struct docs {
    pthread_mutex_t lock;
    struct doc *first, *last;
    uint32_t count;
    atomic_uint version; /* grows with each change: who has seen it need not look again */
};

/* Answers that wait for room in the publisher; under publish.lock. */
struct answer;
struct answers {
    struct answer *first, *last;
    uint32_t count;
};

/* What its process last said it has sent. */
struct counted {
    int64_t counts_ms;           /* monotonic: when */
    uint64_t connects, messages; /* of this process */
    uint64_t bytes_base;         /* of processes that ended */
};

/* When gateway/log is published next, monotonic. */
struct record_log {
    int64_t due_ms; /* 0: at once */
    int64_t hour_ms;
    bool acked; /* something was acknowledged since it was published */
};

struct broker {
    uint16_t index;
    const struct broker_config *config;
    struct child child; /* the publisher process */
    bool up, blocked;   /* blocked: the socket was full */
    bool doubtful;      /* a process ended while it had no connection: it can't tell why */
    int64_t restart_ms;
    uint32_t restart_wait_ms;
    int64_t started_ms, heard_ms;
    uint32_t docs_out;
    size_t pack_used; /* of documents that are not sent yet */
    uint8_t pack[IPC_PACK];
    uint32_t docs_seen; /* docs.version that was gone through */
    struct backlog *backlog;
    struct live_lane *live_lane;
    struct record_log record_log;
    struct counted counted;
    struct data_plan data_plan;
    enum data_plan_stage stage;
    struct log_state log, twin_log;
    struct answers answers;     /* under publish.lock */
    struct publish_stats stats; /* under publish.lock */
};

struct publish {
    const struct config *config;
    struct store *store;
    struct live *live;
    struct publish_callbacks callbacks;
    char run[17]; /* tells this daemon from another, also from one on the same machine */
    struct docs docs;
    struct broker *brokers;
    uint16_t broker_count;
    struct stream_schema *schemas; /* by device */
    int wake_fd, live_fd;          /* an eventfd; a timerfd, set by the live table */
    pthread_t thread;
    atomic_bool stopping;
    atomic_llong step_ms;
    atomic_ullong spent;  /* bytes of publish_spent() that are not counted yet */
    pthread_mutex_t lock; /* answers and stats of brokers */
    int64_t slow_ms;      /* monotonic: last of what is done once a second */
    struct announced *announced;
    bool *changed; /* by device: just now, see live_changed() */
    bool *quiet;   /* by device: its changes do not wake us, it is seen to in time */
    char json[IPC_DOC_MAX];
    uint8_t message[IPC_MAX]; /* of a publisher, as it came .. */
    char payload[IPC_MAX];    /* .. and the request in it */
};

/* link.c */
/* What publish_stats() reports of the connection: `state` is one of its words, `why` for people. */
void link_set_state(struct publish *publish, struct broker *broker, const char *state,
                    const char *why);

/* documents.c */
void docs_init(struct docs *docs);
void docs_free(struct docs *docs);
bool docs_set(struct docs *docs, const char *topic, enum doc_class kind, const void *payload,
              size_t size, bool retain, uint8_t qos);
/* The same for one broker; a topic is either for all or for each. */
bool docs_set_for(struct docs *docs, uint16_t broker, const char *topic, enum doc_class kind,
                  const void *payload, size_t size, bool retain, uint8_t qos);
/* As docs_set(), urgent and retained, for brokers without a budget; the others have it with the
 * next docs_set(). */
bool docs_follow(struct docs *docs, const char *topic, const void *payload, size_t size);
/* Sends what that broker has not had; false: no room now. */
bool docs_pump(struct publish *publish, struct broker *broker, bool urgent_only);
void docs_forget(struct docs *docs, uint16_t broker);

/* ipc_out.c; false: no room now, and nothing of it is sent */
bool ipc_send(struct broker *broker, const void *head, size_t head_size, const void *data,
              size_t size);
struct ipc_document {
    const char *topic;
    const void *payload;
    size_t size;
    uint8_t qos;
    bool retain, live;
    uint16_t ask; /* comes back by live_lane_heard(), 0: no one asks */
    const void *correlation;
    uint16_t correlation_size;
};
/* It goes with the next ipc_flush() or ipc_send(): the publisher is woken once for all of a
 * round. */
bool ipc_doc(struct broker *broker, const struct ipc_document *document);
bool ipc_flush(struct broker *broker);

/* ipc_in.c */
/* One message of the publisher's, as it came. */
void ipc_take(struct publish *publish, struct broker *broker, const uint8_t *message, size_t size);

/* answers.c; publish_answer() adds to them, from any thread */
/* Gives the publisher what it has room for. */
void answers_pump(struct publish *publish, struct broker *broker);
void answers_free(struct answers *answers);

/* backlog.c */
/* false: no memory; backlog_destroy() takes what there is. */
bool backlog_create(struct publish *publish, struct broker *broker);
void backlog_destroy(struct backlog *backlog);
void backlog_begin(struct publish *publish, struct broker *broker);
void backlog_up(struct publish *publish, struct broker *broker, bool may_have_forgotten);
void backlog_down(struct publish *publish, struct broker *broker);
void backlog_ack(struct publish *publish, struct broker *broker, const struct ipc_ack *ack);
void backlog_pump(struct publish *publish, struct broker *broker, int64_t now_ms);
const struct stream_schema *backlog_schema(void *store, uint32_t stream);

/* record_log.c: gateway/log */
void record_log_up(struct broker *broker);
void record_log_acked(struct broker *broker, int64_t now_ms);
void record_log_pump(struct publish *publish, struct broker *broker, int64_t now_ms);

/* announced.c: what was announced and is no longer there. Link thread. */
struct announced *announced_create(struct publish *publish); /* NULL: no memory */
void announced_destroy(struct announced *announced);
void announced_second(struct publish *publish, struct announced *announced);

/* live_lane.c: live, v/ (panel.c), plot and health */
/* false: no memory; live_lane_destroy() takes what there is. */
bool live_lane_create(const struct config *config, struct broker *broker);
void live_lane_destroy(struct live_lane *lane);
/* false: it does not fit. */
bool live_lane_topic(const struct publish *publish, uint16_t device, const char *leaf,
                     char topic[TOPIC_SIZE]);
/* The least time between two live values of a device at that broker. */
int64_t live_lane_every(const struct broker *broker);
void live_lane_up(struct publish *publish, struct broker *broker);
/* Looks which devices have changed; once for all brokers. */
void live_lane_look(struct publish *publish, bool health_too);
/* Milliseconds until something is due, at most `most`. */
int64_t live_lane_pump(struct publish *publish, struct broker *broker, int64_t now_ms,
                       int64_t most);

/* Somebody subscribes to what was sent with that `ask`. */
void live_lane_heard(struct publish *publish, struct broker *broker, uint16_t ask, int64_t now_ms);

/* A device whose newest values wait until they may be sent wakes no one meanwhile. True: one that
 * does so from now on has changed already. */
bool live_lane_quiet(struct publish *publish, int64_t now_ms);

/* site.c */
void site_publish(struct publish *publish);

/* data_plan_count.c */
void data_plan_load(struct publish *publish);
void data_plan_count(struct publish *publish, struct broker *broker,
                     const struct data_plan_traffic *traffic);
void data_plan_save(struct publish *publish);

#endif
