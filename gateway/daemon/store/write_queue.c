/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/write_queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/common/clock.h"

#define BUFFER_S       40u   /* what the pool must hold at the configured rate */
#define RECORD_TYPICAL 64u   /* generous: 10 values take about 40 bytes */
#define CHUNKS_MIN     64u   /* 1 MiB */
#define CHUNKS_MAX     2048u /* 32 MiB of address space; touched only under need */
#define FULL_ALARM     32u   /* full chunks that make a commit worthwhile at once */
#define KEEP_WARM      64u   /* freed chunks beyond these give their pages back */
#define MARKS_A_DEVICE 8u    /* in so many chunks; then it stands with a later one */
#define LOST_RANGES    256u  /* besides one a device: then near ones become one */

/* What did not fit: numbers [first, last] of each boot from boot to last_boot. Exact, until there
 * are more than the table holds; then it reports a little too much, never of too little. */
struct lost_range {
    uint16_t device;
    uint32_t boot, last_boot, first, last;
};

struct write_queue {
    pthread_mutex_t lock;
    const struct stream *streams;
    uint32_t gateway_boot;
    uint16_t device_count;
    int wake_fd;
    uint8_t *memory;
    uint32_t chunk_count, fresh; /* chunks; those never used begin at `fresh` */
    struct chunk *free;
    uint32_t free_count;
    struct chunk *open; /* being filled, or NULL */
    struct chunk *full_first, *full_last;
    uint32_t full_count, waiting;
    uint64_t taken, gaps, lost;
    struct lost_range *lost_ranges; /* by device, boot, number; none touches another */
    uint32_t lost_count, lost_room;
    int64_t correction_ms; /* that did not fit, 0: none */
    uint64_t serial;       /* of the newest chunk */
    struct mark {
        uint64_t serial;
        uint16_t device;
        struct reading_mark mark;
    } * marks; /* ascending by serial */
    uint32_t mark_count, mark_room;
};

/* Devices with counters, but not our own nodes. */
static uint32_t counting_devices(const struct config *config)
{
    uint32_t count = 0;
    for (unsigned i = 0; i < config->device_count; i++) {
        const struct device_config *device = &config->devices[i];
        bool counts = false;
        for (unsigned m = 0; !device->profile->node && m < device->metric_count; m++)
            counts = counts || device->metrics[m]->role == ROLE_COUNTER;
        count += counts;
    }
    return count;
}

/* Records a second, as configured. */
static double configured_rate(const struct config *config)
{
    double rate = 0;
    for (unsigned i = 0; i < config->device_count; i++) {
        uint32_t every = config->devices[i].every_ms;
        rate += 1000.0 / (every > 0 ? every : 1000);
    }
    return rate;
}

static uint32_t pool_size(const struct config *config)
{
    double chunks = configured_rate(config) * BUFFER_S * RECORD_TYPICAL / CHUNK_SIZE;
    if (chunks < CHUNKS_MIN)
        return CHUNKS_MIN;
    return chunks > CHUNKS_MAX ? CHUNKS_MAX : (uint32_t)chunks;
}

struct write_queue *write_queue_create(const struct config *config, const struct stream *streams,
                                       uint32_t gateway_boot, int wake_fd)
{
    struct write_queue *write_queue = calloc(1, sizeof *write_queue);
    if (write_queue == NULL)
        return NULL;
    write_queue->lost_room = config->device_count + LOST_RANGES;
    write_queue->lost_ranges = calloc(write_queue->lost_room, sizeof *write_queue->lost_ranges);
    write_queue->mark_room = counting_devices(config) * MARKS_A_DEVICE;
    write_queue->marks = calloc(write_queue->mark_room + 1u, sizeof *write_queue->marks);
    write_queue->chunk_count = pool_size(config);
    write_queue->memory =
        mmap(NULL, (size_t)write_queue->chunk_count * CHUNK_SIZE, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (write_queue->lost_ranges == NULL || write_queue->marks == NULL ||
        write_queue->memory == MAP_FAILED) {
        free(write_queue->lost_ranges);
        free(write_queue->marks);
        free(write_queue);
        return NULL;
    }
    pthread_mutex_init(&write_queue->lock, NULL);
    write_queue->streams = streams;
    write_queue->gateway_boot = gateway_boot;
    write_queue->device_count = config->device_count;
    write_queue->wake_fd = wake_fd;
    return write_queue;
}

void write_queue_destroy(struct write_queue *write_queue)
{
    if (write_queue == NULL)
        return;
    munmap(write_queue->memory, (size_t)write_queue->chunk_count * CHUNK_SIZE);
    pthread_mutex_destroy(&write_queue->lock);
    free(write_queue->lost_ranges);
    free(write_queue->marks);
    free(write_queue);
}

static void wake(const struct write_queue *write_queue)
{
    (void)eventfd_write(write_queue->wake_fd, 1); /* fails only when it is signalled to the brim */
}

/* ---- Under the lock ---- */

static struct chunk *new_chunk(struct write_queue *write_queue)
{
    struct chunk *chunk = write_queue->free;
    if (chunk != NULL) {
        write_queue->free = chunk->next;
        write_queue->free_count--;
        return chunk;
    }
    if (write_queue->fresh == write_queue->chunk_count)
        return NULL;
    return (struct chunk *)(void *)(write_queue->memory +
                                    (size_t)write_queue->fresh++ * CHUNK_SIZE);
}

static void seal(struct write_queue *write_queue)
{
    struct chunk *chunk = write_queue->open;
    chunk->next = NULL;
    if (write_queue->full_last != NULL)
        write_queue->full_last->next = chunk;
    else
        write_queue->full_first = chunk;
    write_queue->full_last = chunk;
    write_queue->full_count++;
    write_queue->open = NULL;
    if (write_queue->full_count == FULL_ALARM)
        wake(write_queue);
}

/* A chunk with room for one more record, or NULL. */
static struct body *room(struct write_queue *write_queue)
{
    if (write_queue->open != NULL &&
        write_queue->open->body.size - write_queue->open->body.used < RECORD_MAX + 3u)
        seal(write_queue);
    if (write_queue->open == NULL) {
        struct chunk *chunk = new_chunk(write_queue);
        if (chunk == NULL)
            return NULL;
        struct clock_now now = clock_now();
        struct body_base base = {write_queue->gateway_boot, now.wall_ms, now.mono_ms};
        body_begin(&chunk->body, chunk->data, CHUNK_SIZE - sizeof *chunk - CHUNK_SLACK, &base);
        chunk->since_ms = now.mono_ms;
        chunk->serial = ++write_queue->serial;
        write_queue->open = chunk;
    }
    return &write_queue->open->body;
}

static void added(struct write_queue *write_queue)
{
    if (write_queue->waiting++ == 0)
        wake(write_queue);
}

/* ---- What is lost, under the lock too ---- */

static bool is_behind(const struct lost_range *range, uint16_t device, uint32_t boot, uint32_t seq)
{
    if (range->device != device)
        return range->device > device;
    return range->boot != boot ? range->boot > boot : range->first > seq;
}

static uint64_t numbers(const struct lost_range *range)
{
    return ((uint64_t)range->last - range->first + 1) *
           (range->last_boot - range->boot + UINT64_C(1));
}

/* One range that holds both; `b` is behind `a`. */
static struct lost_range both(const struct lost_range *a, const struct lost_range *b)
{
    struct lost_range hull = *a;
    hull.last_boot = b->last_boot > a->last_boot ? b->last_boot : a->last_boot;
    hull.first = b->first < a->first ? b->first : a->first;
    hull.last = b->last > a->last ? b->last : a->last;
    return hull;
}

static void join_next(struct write_queue *write_queue, uint32_t at)
{
    struct lost_range *range = &write_queue->lost_ranges[at];
    range[0] = both(&range[0], &range[1]);
    memmove(range + 1, range + 2, (--write_queue->lost_count - at - 1) * sizeof *range);
}

/* Joins the two neighbours of a device whose range holds the fewest numbers that were not lost. */
static void join_nearest(struct write_queue *write_queue)
{
    uint64_t least = UINT64_MAX;
    uint32_t nearest = 0;
    for (uint32_t i = 0; i + 1 < write_queue->lost_count; i++) {
        const struct lost_range *range = &write_queue->lost_ranges[i];
        if (range[0].device != range[1].device)
            continue;
        struct lost_range hull = both(&range[0], &range[1]);
        uint64_t more = numbers(&hull) - numbers(&range[0]);
        if (more < least) {
            least = more;
            nearest = i;
        }
    }
    join_next(write_queue, nearest); /* more ranges than devices: there is such a pair */
}

static bool touch(const struct lost_range *a, const struct lost_range *b)
{
    return a->device == b->device && a->boot == b->boot && a->last_boot == b->last_boot &&
           (b->first <= a->last || b->first - a->last == 1);
}

static void lose(struct write_queue *write_queue, uint16_t device, uint32_t boot, uint32_t first,
                 uint32_t last)
{
    if (write_queue->lost_count == write_queue->lost_room)
        join_nearest(write_queue);
    uint32_t at = write_queue->lost_count;
    while (at > 0 && is_behind(&write_queue->lost_ranges[at - 1], device, boot, first))
        at--;
    struct lost_range *range = &write_queue->lost_ranges[at];
    memmove(range + 1, range, (write_queue->lost_count++ - at) * sizeof *range);
    *range = (struct lost_range){device, boot, boot, first, last};
    while (at + 1 < write_queue->lost_count && touch(&range[0], &range[1]))
        join_next(write_queue, at);
    if (at > 0 && touch(&range[-1], &range[0]))
        join_next(write_queue, at - 1);
}

/* false: no room for all of it yet. */
static bool add_gaps(struct write_queue *write_queue, struct lost_range *range)
{
    for (;; range->boot++) {
        struct body *body = room(write_queue);
        struct reading_gap gap = {.device = range->device,
                                  .why = GAP_OVERFLOW,
                                  .boot = range->boot,
                                  .first_seq = range->first,
                                  .last_seq = range->last};
        if (body == NULL || !body_gap(body, write_queue->streams[range->device].id, &gap))
            return false;
        write_queue->gaps++;
        added(write_queue);
        if (range->boot == range->last_boot)
            return true;
    }
}

/* As soon as there is room: what was lost is reported before anything newer. */
static void put_lost_gap(struct write_queue *write_queue)
{
    if (write_queue->lost_count == 0 && write_queue->correction_ms == 0)
        return;
    struct body *body = write_queue->correction_ms != 0 ? room(write_queue) : NULL;
    if (body != NULL &&
        body_correction(body, write_queue->gateway_boot, write_queue->correction_ms)) {
        write_queue->correction_ms = 0;
        added(write_queue);
    }
    while (write_queue->lost_count > 0 &&
           add_gaps(write_queue, &write_queue->lost_ranges[write_queue->lost_count - 1]))
        write_queue->lost_count--;
}

/* In addition to the chunk that has the reading. */
static void keep_mark(struct write_queue *write_queue, const struct reading *reading)
{
    uint32_t at = write_queue->mark_count;
    if (reading->mark.known == 0 || write_queue->mark_room == 0)
        return;
    while (at > 0 && write_queue->marks[at - 1].device != reading->device)
        at--;
    bool same = at > 0 && write_queue->marks[at - 1].serial == write_queue->serial;
    if (!same && write_queue->mark_count < write_queue->mark_room) {
        at = ++write_queue->mark_count;
        write_queue->marks[at - 1] = (struct mark){.serial = write_queue->serial};
    }
    if (at == 0)
        return;
    /* When none is free it stands with an older chunk: what a crash loses then is not made up. */
    write_queue->marks[at - 1].device = reading->device;
    write_queue->marks[at - 1].mark = reading->mark;
}

/* ---- The outside ---- */

/* Where the next record goes, behind what was lost; NULL: no room. */
static struct body *next_room(struct write_queue *write_queue)
{
    put_lost_gap(write_queue);
    return room(write_queue);
}

void write_queue_reading(struct write_queue *write_queue, const struct reading *reading)
{
    if (reading->device >= write_queue->device_count)
        return;
    const struct stream *stream = &write_queue->streams[reading->device];
    pthread_mutex_lock(&write_queue->lock);
    write_queue->taken++;
    struct body *body = next_room(write_queue);
    if (body != NULL && body_reading(body, stream->id, stream->schema, reading)) {
        keep_mark(write_queue, reading);
        added(write_queue);
    } else {
        lose(write_queue, reading->device, reading->boot, reading->seq, reading->seq);
        write_queue->lost++;
    }
    pthread_mutex_unlock(&write_queue->lock);
}

void write_queue_gap(struct write_queue *write_queue, const struct reading_gap *gap)
{
    if (gap->device >= write_queue->device_count || gap->last_seq < gap->first_seq)
        return;
    pthread_mutex_lock(&write_queue->lock);
    struct body *body = next_room(write_queue);
    if (body != NULL && body_gap(body, write_queue->streams[gap->device].id, gap)) {
        write_queue->gaps++;
        added(write_queue);
    } else {
        lose(write_queue, gap->device, gap->boot, gap->first_seq, gap->last_seq);
    }
    pthread_mutex_unlock(&write_queue->lock);
}

void write_queue_correction(struct write_queue *write_queue, int64_t add_ms)
{
    pthread_mutex_lock(&write_queue->lock);
    struct body *body = next_room(write_queue);
    if (body != NULL && body_correction(body, write_queue->gateway_boot, add_ms))
        added(write_queue);
    else
        write_queue->correction_ms += add_ms;
    pthread_mutex_unlock(&write_queue->lock);
}

void write_queue_level(struct write_queue *write_queue, struct write_queue_level *level)
{
    pthread_mutex_lock(&write_queue->lock);
    const struct chunk *oldest =
        write_queue->full_first != NULL ? write_queue->full_first : write_queue->open;
    *level = (struct write_queue_level){.taken = write_queue->taken,
                                        .gaps = write_queue->gaps,
                                        .lost = write_queue->lost,
                                        .waiting = write_queue->waiting,
                                        .full_chunks = write_queue->full_count,
                                        .since_ms = oldest != NULL ? oldest->since_ms : 0};
    pthread_mutex_unlock(&write_queue->lock);
}

struct chunk *write_queue_take(struct write_queue *write_queue, uint32_t max_chunks, bool partial)
{
    pthread_mutex_lock(&write_queue->lock);
    if (partial && write_queue->open != NULL && write_queue->full_count < max_chunks)
        seal(write_queue);
    struct chunk *first = max_chunks > 0 ? write_queue->full_first : NULL;
    struct chunk *last = NULL;
    for (uint32_t n = 0; n < max_chunks && write_queue->full_first != NULL; n++) {
        last = write_queue->full_first;
        write_queue->full_first = last->next;
        write_queue->full_count--;
        write_queue->waiting -= last->body.count;
    }
    if (last != NULL)
        last->next = NULL;
    if (write_queue->full_first == NULL)
        write_queue->full_last = NULL;
    pthread_mutex_unlock(&write_queue->lock);
    return first;
}

bool write_queue_mark(struct write_queue *write_queue, uint64_t serial, uint16_t *device,
                      struct reading_mark *mark)
{
    pthread_mutex_lock(&write_queue->lock);
    struct mark *first = write_queue->marks;
    bool found = write_queue->mark_count > 0 && first->serial <= serial;
    if (found) {
        *device = first->device;
        *mark = first->mark;
        memmove(first, first + 1, --write_queue->mark_count * sizeof *first);
    }
    pthread_mutex_unlock(&write_queue->lock);
    return found;
}

void write_queue_release(struct write_queue *write_queue, struct chunk *chunk)
{
    bool cool = false;
    pthread_mutex_lock(&write_queue->lock);
    if (write_queue->free_count >= KEEP_WARM)
        cool = true;
    pthread_mutex_unlock(&write_queue->lock);
    if (cool) /* all but the first page, which holds the link of the free list */
        (void)madvise((uint8_t *)chunk + 4096, CHUNK_SIZE - 4096, MADV_DONTNEED);
    pthread_mutex_lock(&write_queue->lock);
    chunk->next = write_queue->free;
    write_queue->free = chunk;
    write_queue->free_count++;
    put_lost_gap(write_queue);
    pthread_mutex_unlock(&write_queue->lock);
}
