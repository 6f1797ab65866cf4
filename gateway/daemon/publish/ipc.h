/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon and a publisher process say to each other, over a SOCK_SEQPACKET pair: one
 * struct below, then its bytes. Both ends are one program image, so structs travel as they are. */
#ifndef BAIYE_PUBLISH_IPC_H
#define BAIYE_PUBLISH_IPC_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"
#include "gateway/daemon/publish/publish.h"
#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/record.h"

#define IPC_MAX     (96u << 10) /* the longest message */
#define IPC_DOC_MAX (88u << 10) /* the longest payload of a document or answer */
#define IPC_PACK    (16u << 10) /* small documents of a round go together */

/* Credits: how much the daemon may send ahead of what is acknowledged. They bound the
 * publisher's memory. */
#define IPC_BODIES     2048u /* of each lane */
#define IPC_BODY_BYTES (512u << 10)
#define IPC_DOCS       48u

enum ipc_type {
    /* daemon -> publisher */
    IPC_HELLO = 1,
    IPC_STREAM,
    IPC_BOARDS,
    IPC_BODY,
    IPC_RESET,
    IPC_DOC,
    IPC_STOP,
    /* publisher -> daemon */
    IPC_STATE,
    IPC_ACK,
    IPC_DOC_DONE,
    IPC_REQUEST,
    IPC_QUARANTINE,
    IPC_COUNTS,
    IPC_HEARD
};

/* MEANS: what goes out instead of a backlog when the budget is short. */
enum ipc_lane { LANE_BACKLOG = 0, LANE_AGAIN = 1, LANE_MEANS = 2, LANE_COUNT };

struct ipc_hello {
    uint8_t type;
    bool requests; /* subscribe to rpc */
    char site[CONFIG_NAME_SIZE];
    char uuid[37];
    char run[17]; /* of this start of the daemon, one for all of its publishers */
    struct broker_config broker;
};

struct ipc_stream {
    uint8_t type;
    struct stream stream; /* its schema pointer means nothing here */
    struct stream_schema schema;
};

/* The boards that stood under a device's name: all of them, whenever there is a new one. */
struct ipc_boards {
    uint8_t type;
    uint8_t count;
    char device[CONFIG_NAME_SIZE];
    uint32_t serials[STORE_BOARDS_MOST];
};

struct ipc_body { /* then the body */
    uint8_t type;
    uint8_t lane;
    bool offset_known;
    uint16_t count;
    uint64_t first_id; /* of the lanes other than the backlog: numbers of their own */
    uint64_t
        original_id; /* the store's number of the first record, the others follow it; 0: none */
    int64_t offset_ms;
};

/* Forget the bodies of a lane; the next one begins at `id` or later. */
struct ipc_reset {
    uint8_t type;
    uint8_t lane;
    uint64_t id;
};

/* Then topic, correlation data, payload; and the next one, to the end of the message. */
struct ipc_doc {
    uint8_t type;
    uint8_t qos;
    bool retain;
    bool live; /* goes before other documents */
    uint16_t topic_size, correlation_size;
    uint16_t ask; /* not 0: whether anyone subscribes to it comes by IPC_HEARD */
    uint32_t payload_size;
};

struct ipc_state {
    uint8_t type;
    bool up;
    bool refused_before; /* the broker was not there, or closed: it may have forgotten */
    char state[16];
    char why[96];
};

struct ipc_ack { /* every record of the lane before `id` is delivered */
    uint8_t type;
    uint8_t lane;
    uint64_t id;
};

struct ipc_done { /* documents sent (or given up: the connection went) */
    uint8_t type;
    uint32_t count;
};

/* Of a document with this `ask`: the broker did not say that no one subscribes. */
struct ipc_heard {
    uint8_t type;
    uint16_t ask;
};

struct ipc_request { /* then the payload */
    uint8_t type;
    struct publish_request request; /* pointers mean nothing here */
};

struct ipc_quarantine { /* then the payload */
    uint8_t type;
    uint64_t id;
    int32_t reason;
};

struct ipc_counts {
    uint8_t type;
    bool lane_refused; /* readings are refused and kept */
    bool unheard;      /* since no one subscribes to them */
    uint8_t twin;      /* enum publish_twin */
    uint8_t boundary;  /* or of enum boundary_part */
    uint64_t connects, messages, acked, refused, bytes;
};

#endif
