/* SPDX-License-Identifier: Apache-2.0 */
/* What was said on a line and not yet passed on to its nodes. A node hears every frame, others'
 * too, in order; but a process that is woken for each frame of 31 others takes the processors away
 * just when the next frame is due. So a node gets what it overheard in one go, right before it is
 * asked itself. Pure, fixed size, one owner. */
#ifndef BAIYE_FIELD_OVERHEARD_H
#define BAIYE_FIELD_OVERHEARD_H

#include "tools/field/wire.h"

#define OVERHEARD_BYTES  4096
#define OVERHEARD_FRAMES 128

struct overheard {
    struct {
        uint16_t end; /* in `bytes`; the frame begins where the one before ends */
        struct wire_rate rate;
        const void *except; /* the one that said it, or has it already */
    } frames[OVERHEARD_FRAMES];
    size_t count;
    uint8_t bytes[OVERHEARD_BYTES];
};

/* False: no room; everybody must take what there is, and then it is cleared. */
bool overheard_add(struct overheard *o, const uint8_t *bytes, size_t size,
                   const struct wire_rate *rate, const void *except);
/* What `who`, who listens at `rate`, has not heard since it took `*taken` frames; counts them as
 * taken. Returns the bytes put into `out`, which has room for OVERHEARD_BYTES. */
size_t overheard_take(const struct overheard *o, const void *who, const struct wire_rate *rate,
                      size_t *taken, uint8_t *out);

#endif
