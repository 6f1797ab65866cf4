/* SPDX-License-Identifier: Apache-2.0 */
/* A log window as it came from a node, and log slots as they lie in its memory. What is accepted
 * must be writable again and give the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocols/node_log/node_log.h"

static void check_values(const uint8_t *packed)
{
    struct node_values values;
    node_log_unpack(packed, &values);
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        if (values.flag[i] >= METRIC_FLAG_COUNT)
            abort();
        if (values.value[i] == NODE_NO_VALUE)
            continue;
        if (values.value[i] < node_channel_min(i) || values.value[i] > node_channel_max(i))
            abort();
    }
    uint8_t again[NODE_LOG_PACKED_SIZE];
    struct node_values same;
    node_log_pack(&values, again);
    node_log_unpack(again, &same);
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        if (same.value[i] != values.value[i] || same.flag[i] != values.flag[i])
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t words[NODE_LOG_WINDOW_WORDS];
    struct node_log_window window;
    size_t count = size / 2 < NODE_LOG_WINDOW_WORDS ? size / 2 : NODE_LOG_WINDOW_WORDS;
    for (size_t i = 0; i < count; i++)
        words[i] = (uint16_t)(data[2 * i] << 8 | data[2 * i + 1]);
    if (node_log_window_read(words, count, &window)) {
        if (window.count > NODE_LOG_WINDOW_RECORDS)
            abort();
        for (unsigned i = 0; i < window.count; i++)
            check_values(window.records[i]);
    }
    if (size >= NODE_LOG_SLOT_SIZE) {
        struct node_log_identity at = {.place = (uint32_t)size, .boot = data[0], .seq = data[1]};
        struct node_log_marker marker;
        uint8_t slot[NODE_LOG_SLOT_SIZE];
        enum node_log_kind kind = node_log_slot_read(data, &at, &marker);
        if (kind == NODE_LOG_MARKER) {
            node_log_marker_write(&marker, slot);
            if (memcmp(slot, data, sizeof slot) != 0)
                abort();
        }
    }
    return 0;
}
