/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/log.h"

#include <string.h>

#include "firmware/node/layout.h"

static uint32_t slot_offset(uint32_t place)
{
    return LAYOUT_LOG + place % NODE_LOG_SLOTS * NODE_LOG_SLOT_SIZE;
}

static bool is_aligned(uint32_t place)
{
    return place % NODE_LOG_STRETCH == 0;
}

static bool read_marker(uint32_t place, struct node_log_marker *marker)
{
    uint8_t slot[NODE_LOG_SLOT_SIZE];
    struct node_log_identity at = {.place = place};
    return hal_nv_read(slot_offset(place), slot, sizeof slot) == HAL_OK &&
           node_log_slot_read(slot, &at, marker) == NODE_LOG_MARKER;
}

/* Reads the slot at the cursor and steps on. A sample's identity goes to `identity`, its bytes to
 * `packed`. A slot that cannot be read counts as a sample, except where a marker belongs; if that
 * is wrong, the samples after it will not pass, until the next marker. */
static enum node_log_kind step(struct log_cursor *c, struct node_log_identity *identity,
                               uint8_t packed[NODE_LOG_PACKED_SIZE])
{
    uint8_t slot[NODE_LOG_SLOT_SIZE] = {0};
    struct node_log_marker marker = {.interval_ds = 0};
    enum node_log_kind kind = NODE_LOG_NOTHING;
    uint32_t place = c->at.place;
    c->result = hal_nv_read(slot_offset(place), slot, sizeof slot);
    if (c->result == HAL_OK)
        kind = node_log_slot_read(slot, &c->at, &marker);
    if (kind == NODE_LOG_MARKER) {
        c->at = marker.next;
        c->interval_ds = marker.interval_ds;
        c->wall_s = marker.wall_s;
        c->known = true;
    } else {
        if (kind == NODE_LOG_SAMPLE && !c->known)
            kind = NODE_LOG_NOTHING;
        *identity = c->at;
        memcpy(packed, slot, NODE_LOG_PACKED_SIZE);
        if (!is_aligned(place)) {
            c->at.seq++;
            c->at.uptime_ds += c->interval_ds;
        }
    }
    c->at.place = place + 1;
    return kind;
}

/* The newest marker at the beginning of a stretch; not `found`: the log is empty. Looks at every
 * slot where one may be, under every place it may have: the marker itself says which. */
static enum hal_result newest_stretch(uint32_t *place, bool *found)
{
    *found = false;
    for (uint32_t index = 0; index < NODE_LOG_SLOTS; index += NODE_LOG_STRETCH) {
        uint8_t slot[NODE_LOG_SLOT_SIZE];
        enum hal_result result = hal_nv_read(slot_offset(index), slot, sizeof slot);
        if (result != HAL_OK)
            return result;
        struct node_log_identity at = {.place = ((uint32_t)(slot[0] & 0x7F) << 24) |
                                                ((uint32_t)slot[1] << 16) |
                                                ((uint32_t)slot[2] << 8) | slot[3]};
        struct node_log_marker marker;
        if (at.place % NODE_LOG_SLOTS != index ||
            node_log_slot_read(slot, &at, &marker) != NODE_LOG_MARKER)
            continue;
        if (!*found || at.place > *place)
            *place = at.place;
        *found = true;
    }
    return HAL_OK;
}

/* First place that may still be read, at the beginning of a stretch. */
static uint32_t oldest_stretch(const struct log *log)
{
    if (log->head <= NODE_LOG_SLOTS)
        return 0;
    uint32_t oldest = log->head - NODE_LOG_SLOTS;
    return (oldest + NODE_LOG_STRETCH - 1) / NODE_LOG_STRETCH * NODE_LOG_STRETCH;
}

/* Reads the stretch that begins at `start`: how far it is written, and its last sample. */
static enum hal_result read_stretch(struct log *log, uint32_t start)
{
    struct log_cursor c = {.at = {.place = start}};
    struct node_log_identity identity = {.place = 0};
    uint8_t packed[NODE_LOG_PACKED_SIZE];
    while (c.at.place < start + NODE_LOG_STRETCH) {
        enum node_log_kind kind = step(&c, &identity, packed);
        if (c.result != HAL_OK)
            return c.result;
        if (kind != NODE_LOG_NOTHING)
            log->head = c.at.place;
        if (kind == NODE_LOG_SAMPLE) {
            log->newest_boot = identity.boot;
            log->newest_seq = identity.seq;
        }
    }
    return HAL_OK;
}

enum hal_result log_open(struct log *log, uint16_t boot)
{
    memset(log, 0, sizeof *log);
    log->boot = boot;
    uint32_t start;
    bool found;
    enum hal_result result = newest_stretch(&start, &found);
    if (result != HAL_OK || !found)
        return result;
    log->head = start;
    result = read_stretch(log, start);
    if (result == HAL_OK && log->newest_boot == 0 && start >= NODE_LOG_STRETCH) {
        /* The newest stretch has no sample yet: the last one is in the stretch before. */
        uint32_t head = log->head;
        result = read_stretch(log, start - NODE_LOG_STRETCH);
        log->head = head;
    }
    return result;
}

static enum hal_result write_slot(struct log *log, const uint8_t slot[NODE_LOG_SLOT_SIZE])
{
    uint8_t check[NODE_LOG_SLOT_SIZE];
    uint32_t offset = slot_offset(log->head);
    enum hal_result result = hal_nv_write(offset, slot, NODE_LOG_SLOT_SIZE);
    if (result == HAL_OK)
        result = hal_nv_read(offset, check, sizeof check);
    if (result == HAL_OK && memcmp(check, slot, sizeof check) != 0)
        result = HAL_FAULT;
    if (result == HAL_OK)
        log->head++;
    return result;
}

static enum hal_result write_marker(struct log *log)
{
    uint8_t slot[NODE_LOG_SLOT_SIZE];
    log->last.next.place = log->head;
    node_log_marker_write(&log->last, slot);
    return write_slot(log, slot);
}

enum hal_result log_append(struct log *log, uint32_t seq, uint32_t uptime_ds, uint16_t interval_ds,
                           uint32_t wall_s, const struct node_values *values)
{
    struct node_log_marker *last = &log->last;
    enum hal_result result = HAL_OK;
    bool fits = log->begun && last->next.seq == seq && last->next.uptime_ds == uptime_ds &&
                last->wall_s == wall_s;
    if (!fits) {
        last->interval_ds = interval_ds;
        last->next.boot = log->boot;
        last->next.seq = seq;
        last->next.uptime_ds = uptime_ds;
        last->wall_s = wall_s;
        result = write_marker(log);
        log->begun = result == HAL_OK;
    }
    if (result == HAL_OK && is_aligned(log->head))
        result = write_marker(log);
    if (result != HAL_OK)
        return result;
    uint8_t packed[NODE_LOG_PACKED_SIZE];
    uint8_t slot[NODE_LOG_SLOT_SIZE];
    struct node_log_identity identity = last->next;
    identity.place = log->head;
    node_log_pack(values, packed);
    node_log_sample_write(&identity, packed, slot);
    result = write_slot(log, slot);
    if (result != HAL_OK)
        return result;
    log->newest_boot = log->boot;
    log->newest_seq = seq;
    last->next.seq++;
    last->next.uptime_ds += last->interval_ds;
    return HAL_OK;
}

/* (boot, seq) of `a` comes before that wanted. Boots count modulo 65,536. */
static bool is_before(const struct node_log_identity *a, uint16_t boot, uint32_t seq)
{
    if (boot == 0)
        return false;
    if (a->boot != boot)
        return (int16_t)(uint16_t)(a->boot - boot) < 0;
    return a->seq < seq;
}

/* The first stretch from `index` on, before `end`, whose marker can be read; `end`: none. */
static uint32_t readable_from(uint32_t first, uint32_t index, uint32_t end,
                              struct node_log_marker *marker)
{
    while (index < end && !read_marker(first + index * NODE_LOG_STRETCH, marker))
        index++;
    return index;
}

/* Cursor at the beginning of the last stretch that begins no later than what is wanted, by halving:
 * some six reads of 43. Stretches that can't be read belong to the one before. */
static struct log_cursor seek(const struct log *log, uint16_t boot, uint32_t seq)
{
    uint32_t first = oldest_stretch(log), low = 0;
    uint32_t high = log->head > first ? (log->head - first - 1) / NODE_LOG_STRETCH + 1 : 1;
    while (high - low > 1) { /* begins in or after stretch `low`, before `high` */
        struct node_log_marker marker = {.interval_ds = 0};
        uint32_t middle = low + (high - low) / 2;
        uint32_t found = readable_from(first, middle, high, &marker);
        bool later = found == high || (!is_before(&marker.next, boot, seq) &&
                                       !(marker.next.boot == boot && marker.next.seq == seq));
        if (later)
            high = middle;
        else
            low = found;
    }
    return (struct log_cursor){.at = {.place = first + low * NODE_LOG_STRETCH}};
}

/* UTC at uptime 0 of the boot that the cursor stands in: of the marker behind it, or of a later one
 * of that boot, since time is often known only after the first samples. */
static uint32_t wall_of(struct log *log, const struct log_cursor *from, uint16_t boot)
{
    if (from->wall_s != 0)
        return from->wall_s;
    if (log->wall_boot == boot)
        return log->wall_s;
    struct log_cursor c = *from;
    uint32_t next = c.at.place / NODE_LOG_STRETCH * NODE_LOG_STRETCH + NODE_LOG_STRETCH;
    struct node_log_marker marker;
    for (; next < log->head; next += NODE_LOG_STRETCH) {
        if (!read_marker(next, &marker))
            continue;
        if (marker.next.boot != boot)
            break;
        if (marker.wall_s != 0)
            return marker.wall_s;
        c = (struct log_cursor){.at = {.place = next}};
    }
    uint8_t packed[NODE_LOG_PACKED_SIZE];
    struct node_log_identity identity = {.place = 0};
    log->wall_s = 0;
    for (unsigned i = 0; i < NODE_LOG_STRETCH && c.at.place < log->head; i++) {
        if (step(&c, &identity, packed) != NODE_LOG_MARKER)
            continue;
        if (c.at.boot != boot)
            break;
        if (c.wall_s != 0)
            log->wall_s = c.wall_s;
    }
    log->wall_boot = boot != log->boot ? boot : 0;
    return log->wall_s;
}

/* True when the sample continues the window; else it belongs to the next one. */
static bool continues(const struct node_log_window *w, const struct node_log_identity *identity)
{
    return identity->boot == w->boot && identity->seq == w->seq + w->count &&
           identity->uptime_ds == w->uptime_ds + (uint32_t)w->count * w->interval_ds;
}

static void begin_window(struct node_log_window *w, const struct node_log_identity *identity,
                         const struct log_cursor *c)
{
    w->boot = identity->boot;
    w->seq = identity->seq;
    w->uptime_ds = identity->uptime_ds;
    w->interval_ds = c->interval_ds;
}

void log_window(struct log *log, uint16_t boot, uint32_t seq, struct node_log_window *window)
{
    memset(window, 0, sizeof *window);
    window->newest_boot = log->newest_boot;
    window->newest_seq = log->newest_seq;
    struct log_cursor c = log->resume;
    struct log_cursor first = c;
    uint32_t oldest = log->head > NODE_LOG_SLOTS ? log->head - NODE_LOG_SLOTS : 0;
    if (!c.known || c.at.boot != boot || c.at.seq != seq || c.at.place <= oldest)
        c = seek(log, boot, seq);
    while (c.at.place < log->head && window->count < NODE_LOG_WINDOW_RECORDS) {
        struct log_cursor before = c;
        struct node_log_identity identity = {.place = 0};
        uint8_t packed[NODE_LOG_PACKED_SIZE];
        if (step(&c, &identity, packed) != NODE_LOG_SAMPLE || is_before(&identity, boot, seq))
            continue;
        if (window->count == 0) {
            begin_window(window, &identity, &c);
            first = c;
        } else if (!continues(window, &identity)) {
            c = before;
            break;
        }
        memcpy(window->records[window->count++], packed, NODE_LOG_PACKED_SIZE);
    }
    if (window->count == 0)
        return;
    log->resume = c;
    if (window->boot == log->boot)
        return; /* the node's clock knows better */
    uint32_t start = wall_of(log, &first, window->boot);
    uint32_t tenths = window->uptime_ds;
    window->wall_s = start ? start + tenths / 10 : 0;
    window->wall_ms = start ? (uint16_t)(tenths % 10 * 100) : 0;
}
