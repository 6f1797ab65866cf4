/* SPDX-License-Identifier: Apache-2.0 */
/* What a technician should look at: a row of hints.def and its numbers. By value, {0}: nothing.
 * Pure; any thread. */
#ifndef BAIYE_HINT_H
#define BAIYE_HINT_H

#include <stddef.h>
#include <stdint.h>

#include "protocols/metric/metric.h"

enum hint_id {
#define HINT(id, en, zh) HINT_##id,
#include "gateway/daemon/hints.def"
#undef HINT
    HINT_COUNT
};

struct hint {
    uint8_t id;   /* enum hint_id */
    uint8_t a, b; /* what stands for {a} and {b}; 0 where the text has none */
};

#define HINT_TEXT_SIZE 161

/* Its text in one language, into `text`, which is returned; "": HINT_NONE, or no such hint. */
const char *hint_text(struct hint hint, enum metric_language language, char text[HINT_TEXT_SIZE]);

#endif
