/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/store/intake.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gateway/daemon/store/clock.h"

#define BUFFER_S       40u   /* what the pool must hold at the configured rate */
#define RECORD_TYPICAL 64u   /* generous: 10 values take about 40 bytes */
#define CHUNKS_MIN     64u   /* 1 MiB */
#define CHUNKS_MAX     2048u /* 32 MiB of address space; touched only under need */
#define FULL_ALARM     32u   /* full chunks that make a commit worthwhile at once */
#define KEEP_WARM      64u   /* freed chunks beyond these give their pages back */

struct lost_range {
    uint32_t boot, first, last;
    bool used;
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
    struct lost_range *lost_ranges; /* one a device */
    bool any_lost;
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
    intake->lost_ranges = calloc(config->device_count + 1u, sizeof *intake->lost_ranges);
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

static void lose(struct intake *intake, uint16_t device, uint32_t boot, uint32_t first,
                 uint32_t last)
{
    struct lost_range *range = &intake->lost_ranges[device];
    intake->lost += last - first + 1u;
    intake->any_lost = true;
    if (!range->used || range->boot != boot) {
        *range = (struct lost_range){.boot = boot, .first = first, .last = last, .used = true};
        return;
    }
    range->first = first < range->first ? first : range->first;
    range->last = last > range->last ? last : range->last;
}

/* Room has come back: what was lost is told before anything newer. */
static void tell_lost(struct intake *intake)
{
    for (uint16_t i = 0; i < intake->device_count; i++) {
        struct lost_range *range = &intake->lost_ranges[i];
        if (!range->used)
            continue;
        struct body *body = room(intake);
        if (body == NULL)
            return;
        struct reading_gap gap = {.device = i,
                                  .why = GAP_OVERFLOW,
                                  .boot = range->boot,
                                  .first_seq = range->first,
                                  .last_seq = range->last};
        if (!body_gap(body, intake->streams[i].id, &gap))
            return;
        range->used = false;
        intake->gaps++;
        added(intake);
    }
    intake->any_lost = false;
}

/* ---- The outside ---- */

void intake_reading(struct intake *intake, const struct reading *reading)
{
    if (reading->device >= intake->device_count)
        return;
    const struct stream *stream = &intake->streams[reading->device];
    pthread_mutex_lock(&intake->lock);
    intake->taken++;
    struct body *body = room(intake);
    if (body != NULL && intake->any_lost) {
        tell_lost(intake);
        body = room(intake);
    }
    if (body != NULL && body_reading(body, stream->id, stream->shape, reading))
        added(intake);
    else
        lose(intake, reading->device, reading->boot, reading->seq, reading->seq);
    pthread_mutex_unlock(&intake->lock);
}

void intake_gap(struct intake *intake, const struct reading_gap *gap)
{
    if (gap->device >= intake->device_count || gap->last_seq < gap->first_seq)
        return;
    pthread_mutex_lock(&intake->lock);
    struct body *body = room(intake);
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
    struct body *body = room(intake);
    if (body != NULL && body_correction(body, intake->gateway_boot, add_ms))
        added(intake);
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
    pthread_mutex_unlock(&intake->lock);
}
