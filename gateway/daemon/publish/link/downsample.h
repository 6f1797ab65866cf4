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
#ifndef BAIYE_PUBLISH_THIN_H
#define BAIYE_PUBLISH_THIN_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/record.h"

struct thin;

/* What a stream's values are; NULL: an unknown stream, whose readings are left out. */
typedef const struct shape *(*thin_shape)(void *context, uint32_t stream);

/* `shape` is called with `context` while readings are added. NULL: no memory. */
struct thin *thin_create(thin_shape shape, void *context);
void thin_destroy(struct thin *thin);

/* Forgets all; the first block begins with record `id`. */
void thin_begin(struct thin *thin, uint64_t id);
/* Where the block begins: the first record that is not yet delivered. */
uint64_t thin_first(const struct thin *thin);

enum thin_result {
    THIN_TAKEN,
    THIN_CLOSE, /* it belongs to the next block: thin_close() this one and come again */
    THIN_WHOLE, /* the time of its readings is not known: to be sent as it is, and thin_begin()
                   behind it. The block is empty (else THIN_CLOSE) */
    THIN_FAILED /* no memory: the block is forgotten and begins anew at thin_first() */
};
enum thin_result thin_add(struct thin *thin, const struct feed_body *body, const uint8_t *data);
bool thin_empty(const struct thin *thin);
/* The block's hour was over two minutes ago: nothing more of it is to be expected. */
bool thin_due(const struct thin *thin, int64_t wall_ms);

/* What is gathered is to be given out. */
void thin_close(struct thin *thin);
bool thin_closed(const struct thin *thin);
/* The next body of a closed block, into caller's memory of BODY_MAX. The same again until
 * thin_given(). `cursor`: the broker has all records before it once this body is delivered; 0: the
 * block goes on. */
void thin_next(struct thin *thin, uint8_t *data, struct body *body, uint64_t *cursor);
void thin_given(struct thin *thin);
/* Readings in the closed block that go out as means. */
uint32_t thin_readings(const struct thin *thin);

#endif
