/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/publish/worker/flow.h"

#include "gateway/daemon/publish/worker/ready.h"

#define PACKET_HEAD     256u /* room for topic and properties */
#define PACKET_FRAME    24u  /* of a message, besides its texts: header, lengths, properties */
#define MESSAGE_LEAST   2048u
#define LIMIT_FIRST     32768u
#define LIMIT_LEAST     4096u
#define LIMIT_MOST      (1u << 20)
#define FASTEST_MOST_MS 3000
#define FAST_MS         300
#define SLOW_MS         1000

void flow_init(struct flow *flow)
{
    *flow = (struct flow){.limit = LIMIT_FIRST,
                          .fastest_ms = FASTEST_MOST_MS,
                          .message = READY_BYTES,
                          .packet = UINT32_MAX,
                          .refused = UINT32_MAX};
}

void flow_begin(struct flow *flow, uint32_t max_packet)
{
    uint32_t half = flow->refused / 2;
    flow->packet = max_packet > 0 ? max_packet : UINT32_MAX;
    flow->largest = 0;
    flow->sent = 0;
    flow->limit = LIMIT_FIRST;
    flow->fastest_ms = FASTEST_MOST_MS;
    flow->message = READY_BYTES;
    if (flow->packet > 512 && flow->packet - PACKET_HEAD < flow->message)
        flow->message = flow->packet - PACKET_HEAD;
    if (half < flow->message)
        flow->message = half > MESSAGE_LEAST ? half : MESSAGE_LEAST;
}

size_t flow_message_most(const struct flow *flow)
{
    size_t most = flow->limit / 4;
    most = most < MESSAGE_LEAST ? MESSAGE_LEAST : most;
    return most < flow->message ? most : flow->message;
}

bool flow_takes(const struct flow *flow, size_t size, size_t texts)
{
    return size + texts + PACKET_FRAME <= flow->packet && size < flow->refused;
}

void flow_sent(struct flow *flow, size_t size)
{
    if (size > flow->largest)
        flow->largest = (uint32_t)size;
    flow->sent++;
    flow->alone -= flow->alone > 0;
}

void flow_ended_soon(struct flow *flow)
{
    if (flow->sent >= flow->alone)
        flow->alone = flow->sent + 1; /* nothing goes right behind the last one, either */
}

bool flow_goes_alone(const struct flow *flow)
{
    return flow->alone > 0;
}

void flow_too_large(struct flow *flow, uint32_t waiting)
{
    uint32_t largest = waiting > 0 ? waiting : flow->largest;
    if (largest > 0 && largest < flow->refused)
        flow->refused = largest;
    flow->limit = LIMIT_LEAST;
}

bool flow_is_full(const struct flow *flow)
{
    return flow->used >= flow->limit;
}

void flow_add(struct flow *flow, size_t bytes)
{
    flow->used += bytes;
}

void flow_remove(struct flow *flow, size_t bytes)
{
    flow->used -= bytes < flow->used ? bytes : flow->used;
}

void flow_timed(struct flow *flow, int64_t took_ms)
{
    if (took_ms < flow->fastest_ms)
        flow->fastest_ms = took_ms;
}

/* A long way is no full one: what counts is how much longer than the fastest it took. What was
 * under way together when the link stood still slows it down once. */
void flow_acked(struct flow *flow, size_t bytes, int64_t sent_ms, int64_t acked_ms, int64_t now_ms)
{
    int64_t queued = acked_ms - sent_ms - flow->fastest_ms;
    if (queued <= FAST_MS) {
        flow->limit += bytes;
    } else if (queued > SLOW_MS && sent_ms >= flow->slowed_ms) {
        flow->limit /= 2;
        flow->slowed_ms = now_ms;
    }
    flow->limit = flow->limit < LIMIT_LEAST ? LIMIT_LEAST : flow->limit;
    flow->limit = flow->limit > LIMIT_MOST ? LIMIT_MOST : flow->limit;
}
