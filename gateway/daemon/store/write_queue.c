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
#define LOST_RANGES    256u  /* beside one a device: then near ones become one */

/* What did not fit: numbers [first, last] of each boot from boot to last_boot. Exact, until there
 * are more than the table holds; then it tells of a little too much, never of too little. */
struct lost_range {
    uint16_t device;
    uint32_t boot, last_boot, first, last;
};

struct intake {
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
};

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

struct intake *intake_create(const struct config *config, const struct stream *streams,
                             uint32_t gateway_boot, int wake_fd)
{
    struct intake *intake = calloc(1, sizeof *intake);
    if (intake == NULL)
        return NULL;
    intake->lost_room = config->device_count + LOST_RANGES;
    intake->lost_ranges = calloc(intake->lost_room, sizeof *intake->lost_ranges);
    intake->chunk_count = pool_size(config);
    intake->memory = mmap(NULL, (size_t)intake->chunk_count * CHUNK_SIZE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (intake->lost_ranges == NULL || intake->memory == MAP_FAILED) {
        free(intake->lost_ranges);
        free(intake);
        return NULL;
    }
    pthread_mutex_init(&intake->lock, NULL);
    intake->streams = streams;
    intake->gateway_boot = gateway_boot;
    intake->device_count = config->device_count;
    intake->wake_fd = wake_fd;
    return intake;
}

void intake_destroy(struct intake *intake)
{
    if (intake == NULL)
        return;
    munmap(intake->memory, (size_t)intake->chunk_count * CHUNK_SIZE);
    pthread_mutex_destroy(&intake->lock);
    free(intake->lost_ranges);
    free(intake);
}

static void wake(const struct intake *intake)
{
    (void)eventfd_write(intake->wake_fd, 1); /* fails only when it is signalled to the brim */
}

/* ---- Under the lock ---- */

static struct chunk *new_chunk(struct intake *intake)
{
    struct chunk *chunk = intake->free;
    if (chunk != NULL) {
        intake->free = chunk->next;
        intake->free_count--;
        return chunk;
    }
    if (intake->fresh == intake->chunk_count)
        return NULL;
    return (struct chunk *)(void *)(intake->memory + (size_t)intake->fresh++ * CHUNK_SIZE);
}

static void seal(struct intake *intake)
{
    struct chunk *chunk = intake->open;
    chunk->next = NULL;
    if (intake->full_last != NULL)
        intake->full_last->next = chunk;
    else
        intake->full_first = chunk;
    intake->full_last = chunk;
    intake->full_count++;
    intake->open = NULL;
    if (intake->full_count == FULL_ALARM)
        wake(intake);
}

/* A chunk with room for one more record, or NULL. */
static struct body *room(struct intake *intake)
{
    if (intake->open != NULL && intake->open->body.size - intake->open->body.used < RECORD_MAX + 3u)
        seal(intake);
    if (intake->open == NULL) {
        struct chunk *chunk = new_chunk(intake);
        if (chunk == NULL)
            return NULL;
        struct clock_now now = clock_now();
        struct body_base base = {intake->gateway_boot, now.wall_ms, now.mono_ms};
        body_begin(&chunk->body, chunk->data, CHUNK_SIZE - sizeof *chunk - CHUNK_SLACK, &base);
        chunk->since_ms = now.mono_ms;
        intake->open = chunk;
    }
    return &intake->open->body;
}

static void added(struct intake *intake)
{
    if (intake->waiting++ == 0)
        wake(intake);
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

static void join_next(struct intake *intake, uint32_t at)
{
    struct lost_range *range = &intake->lost_ranges[at];
    range[0] = both(&range[0], &range[1]);
    memmove(range + 1, range + 2, (--intake->lost_count - at - 1) * sizeof *range);
}

/* Joins the two neighbours of a device whose range holds the fewest numbers that were not lost. */
static void join_nearest(struct intake *intake)
{
    uint64_t least = UINT64_MAX;
    uint32_t nearest = 0;
    for (uint32_t i = 0; i + 1 < intake->lost_count; i++) {
        const struct lost_range *range = &intake->lost_ranges[i];
        if (range[0].device != range[1].device)
            continue;
        struct lost_range hull = both(&range[0], &range[1]);
        uint64_t more = numbers(&hull) - numbers(&range[0]);
        if (more < least) {
            least = more;
            nearest = i;
        }
    }
    join_next(intake, nearest); /* more ranges than devices: there is such a pair */
}

static bool touch(const struct lost_range *a, const struct lost_range *b)
{
    return a->device == b->device && a->boot == b->boot && a->last_boot == b->last_boot &&
           (b->first <= a->last || b->first - a->last == 1);
}

static void lose(struct intake *intake, uint16_t device, uint32_t boot, uint32_t first,
                 uint32_t last)
{
    if (intake->lost_count == intake->lost_room)
        join_nearest(intake);
    uint32_t at = intake->lost_count;
    while (at > 0 && is_behind(&intake->lost_ranges[at - 1], device, boot, first))
        at--;
    struct lost_range *range = &intake->lost_ranges[at];
    memmove(range + 1, range, (intake->lost_count++ - at) * sizeof *range);
    *range = (struct lost_range){device, boot, boot, first, last};
    while (at + 1 < intake->lost_count && touch(&range[0], &range[1]))
        join_next(intake, at);
    if (at > 0 && touch(&range[-1], &range[0]))
        join_next(intake, at - 1);
}

/* false: no room for all of it yet. */
static bool tell_range(struct intake *intake, struct lost_range *range)
{
    for (;; range->boot++) {
        struct body *body = room(intake);
        struct reading_gap gap = {.device = range->device,
                                  .why = GAP_OVERFLOW,
                                  .boot = range->boot,
                                  .first_seq = range->first,
                                  .last_seq = range->last};
        if (body == NULL || !body_gap(body, intake->streams[range->device].id, &gap))
            return false;
        intake->gaps++;
        added(intake);
        if (range->boot == range->last_boot)
            return true;
    }
}

/* As soon as there is room: what was lost is told before anything newer. */
static void tell_lost(struct intake *intake)
{
    if (intake->lost_count == 0 && intake->correction_ms == 0)
        return;
    struct body *body = intake->correction_ms != 0 ? room(intake) : NULL;
    if (body != NULL && body_correction(body, intake->gateway_boot, intake->correction_ms)) {
        intake->correction_ms = 0;
        added(intake);
    }
    while (intake->lost_count > 0 &&
           tell_range(intake, &intake->lost_ranges[intake->lost_count - 1]))
        intake->lost_count--;
}

/* ---- The outside ---- */

/* Where the next record goes, behind what was lost; NULL: no room. */
static struct body *next_room(struct intake *intake)
{
    tell_lost(intake);
    return room(intake);
}

void intake_reading(struct intake *intake, const struct reading *reading)
{
    if (reading->device >= intake->device_count)
        return;
    const struct stream *stream = &intake->streams[reading->device];
    pthread_mutex_lock(&intake->lock);
    intake->taken++;
    struct body *body = next_room(intake);
    if (body != NULL && body_reading(body, stream->id, stream->shape, reading)) {
        added(intake);
    } else {
        lose(intake, reading->device, reading->boot, reading->seq, reading->seq);
        intake->lost++;
    }
    pthread_mutex_unlock(&intake->lock);
}

void intake_gap(struct intake *intake, const struct reading_gap *gap)
{
    if (gap->device >= intake->device_count || gap->last_seq < gap->first_seq)
        return;
    pthread_mutex_lock(&intake->lock);
    struct body *body = next_room(intake);
    if (body != NULL && body_gap(body, intake->streams[gap->device].id, gap)) {
        intake->gaps++;
        added(intake);
    } else {
        lose(intake, gap->device, gap->boot, gap->first_seq, gap->last_seq);
    }
    pthread_mutex_unlock(&intake->lock);
}

void intake_correction(struct intake *intake, int64_t add_ms)
{
    pthread_mutex_lock(&intake->lock);
    struct body *body = next_room(intake);
    if (body != NULL && body_correction(body, intake->gateway_boot, add_ms))
        added(intake);
    else
        intake->correction_ms += add_ms;
    pthread_mutex_unlock(&intake->lock);
}

void intake_level(struct intake *intake, struct intake_level *level)
{
    pthread_mutex_lock(&intake->lock);
    const struct chunk *oldest = intake->full_first != NULL ? intake->full_first : intake->open;
    *level = (struct intake_level){.taken = intake->taken,
                                   .gaps = intake->gaps,
                                   .lost = intake->lost,
                                   .waiting = intake->waiting,
                                   .full_chunks = intake->full_count,
                                   .since_ms = oldest != NULL ? oldest->since_ms : 0};
    pthread_mutex_unlock(&intake->lock);
}

struct chunk *intake_take(struct intake *intake, uint32_t max_chunks, bool partial)
{
    pthread_mutex_lock(&intake->lock);
    if (partial && intake->open != NULL && intake->full_count < max_chunks)
        seal(intake);
    struct chunk *first = max_chunks > 0 ? intake->full_first : NULL;
    struct chunk *last = NULL;
    for (uint32_t n = 0; n < max_chunks && intake->full_first != NULL; n++) {
        last = intake->full_first;
        intake->full_first = last->next;
        intake->full_count--;
        intake->waiting -= last->body.count;
    }
    if (last != NULL)
        last->next = NULL;
    if (intake->full_first == NULL)
        intake->full_last = NULL;
    pthread_mutex_unlock(&intake->lock);
    return first;
}

void intake_release(struct intake *intake, struct chunk *chunk)
{
    bool cool = false;
    pthread_mutex_lock(&intake->lock);
    if (intake->free_count >= KEEP_WARM)
        cool = true;
    pthread_mutex_unlock(&intake->lock);
    if (cool) /* all but the first page, which holds the link of the free list */
        (void)madvise((uint8_t *)chunk + 4096, CHUNK_SIZE - 4096, MADV_DONTNEED);
    pthread_mutex_lock(&intake->lock);
    chunk->next = intake->free;
    intake->free = chunk;
    intake->free_count++;
    tell_lost(intake);
    pthread_mutex_unlock(&intake->lock);
}
