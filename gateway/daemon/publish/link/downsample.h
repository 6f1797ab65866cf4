/* SPDX-License-Identifier: Apache-2.0 */
/* Hourly means and gaps instead of readings, for a broker whose budget is short. What is committed
 * is gathered in blocks, of an hour each, in order of record numbers; a closed block is given out
 * as bodies of
 *
 *   the gaps and corrections that were among them │ "quota" gaps over every reading │ their means
 *
 * and counts as delivered when the last of its bodies is: until then the broker's cursor stays
 * where the block begins, and a new process gathers it once more. Nothing is kept that the store
 * does not have. Pure but for its heap: no clock, no socket. */
#ifndef BAIYE_PUBLISH_LINK_DOWNSAMPLE_H
#define BAIYE_PUBLISH_LINK_DOWNSAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/record.h"

struct downsample;

/* What a stream's values are; NULL: an unknown stream, whose readings are left out. */
typedef const struct stream_schema *(*downsample_schema)(void *context, uint32_t stream);

/* `schema` is called with `context` while readings are added. NULL: no memory. */
struct downsample *downsample_create(downsample_schema schema, void *context);
void downsample_destroy(struct downsample *downsample);

/* Forgets all; the first block begins with record `id`. */
void downsample_begin(struct downsample *downsample, uint64_t id);
/* Where the block begins: the first record that is not yet delivered. */
uint64_t downsample_first(const struct downsample *downsample);

enum downsample_result {
    DOWNSAMPLE_TAKEN,
    DOWNSAMPLE_CLOSE, /* it belongs to the next block: downsample_close() this one and come again */
    DOWNSAMPLE_WHOLE, /* the time of its readings is not known: to be sent as it is, and
                   downsample_begin() behind it. The block is empty (else DOWNSAMPLE_CLOSE) */
    DOWNSAMPLE_FAILED /* no memory: the block is forgotten and begins anew at downsample_first() */
};
enum downsample_result downsample_add(struct downsample *downsample, const struct feed_body *body,
                                      const uint8_t *data);
bool downsample_empty(const struct downsample *downsample);
/* The block's hour was over two minutes ago: nothing more of it is to be expected. */
bool downsample_due(const struct downsample *downsample, int64_t wall_ms);

/* What is gathered is to be given out. */
void downsample_close(struct downsample *downsample);
bool downsample_closed(const struct downsample *downsample);
/* The next body of a closed block, into caller's memory of BODY_MAX. The same again until
 * downsample_given(). `cursor`: the broker has all records before it once this body is delivered;
 * 0: the block goes on. */
void downsample_next(struct downsample *downsample, uint8_t *data, struct body *body,
                     uint64_t *cursor);
void downsample_given(struct downsample *downsample);
/* Readings in the closed block that go out as means. */
uint32_t downsample_readings(const struct downsample *downsample);

#endif
