/* SPDX-License-Identifier: Apache-2.0 */
/* A reason is kept as the sentence that it was said in, with numbers and names filled in. Who is to
 * say it in another language finds the pattern that it was made of, and what stood for its holes.
 * Pure; any thread. */
#ifndef BAIYE_COMMON_REASON_H
#define BAIYE_COMMON_REASON_H

#include <stdbool.h>
#include <stddef.h>

/* What stands for a hole: a part of the reason's own text, no zero behind it. */
struct reason_part {
    const char *text;
    size_t size;
};

/* Was `text` made of `pattern`, in which `hole` ("*", "%s") stands for any text, none as well?
 * `parts` has the first `most`; a pattern with more holes fits nothing. A hole takes as little as
 * it can, the last one all up to what the pattern ends with. */
bool reason_fits(const char *pattern, const char *hole, const char *text, struct reason_part *parts,
                 unsigned most);

#endif
