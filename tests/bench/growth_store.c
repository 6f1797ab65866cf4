/* SPDX-License-Identifier: Apache-2.0 */
/* What a store of so many readings of so many devices, one in half a minute of each, costs:
 *   bench-growth PATH DEVICES READINGS
 * Filled through the store's own sink, the last of them with a commit a second as in a garden. One
 * JSON object:
 *   fill_s     all of it took
 *   commit_us  one of the last 50,000 readings, until it is stored
 *   start_ms   from opening the file until the first question is answered
 *   year_ms    a chart of a year, or of what there is of it, by days, the median of many devices
 *   export_us  a reading of an export of one device, of those that were stored as in a garden
 *   export_rows  batches read for it
 *   resend_rows  batches read to find and to send one again, of some devices the last hour
 *   retain_us  one that is dropped to make room, commits included
 *   file_mb */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gateway/daemon/store/feed.h"
#include "gateway/daemon/store/store.h"
#include "tests/unit/store/garden_config.h"

#define DAY_MS      86400000LL
#define HOUR_MS     3600000LL
#define BEGIN_MS    1764000000000LL /* November 2025 */
#define EVERY_MS    30000LL
#define AHEAD       20000 /* readings in memory at most */
#define LAST        50000
#define PACED_H     2UL /* hours with a commit for each second */
#define LOOK_NS     200000
#define CHARTS      31
#define RETAIN_S    1800 /* at most: the hours of a year become days before anything is dropped */
#define ROOM_LEAST  (UINT64_C(1) << 20)
#define READING_MAX 120 /* bytes in the file, more than any takes */

static struct {
    struct config *config;
    struct store *store;
    unsigned devices;
    unsigned long count;
    uint32_t boot;
} own;

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool done;
    uint32_t points;
    int64_t next_ms;
} answer = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static double now_s(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void look_again(void)
{
    const struct timespec while_ns = {0, LOOK_NS};
    (void)nanosleep(&while_ns, NULL);
}

static void open_store(uint64_t most_bytes)
{
    own.config->store_max_bytes = most_bytes;
    own.store = store_open(own.config, "");
    if (own.store == NULL || !store_start(own.store))
        exit(1);
    own.boot = store_boot(own.store);
}

static uint64_t stored(void)
{
    struct store_stats stats;
    store_stats(own.store, &stats);
    return stats.stored;
}

static void wait_stored(uint64_t least)
{
    while (stored() < least)
        look_again();
}

/* When the i-th reading is taken: each device tells one every half minute, one after the other. */
static int64_t when_ms(unsigned long i)
{
    return BEGIN_MS + (int64_t)i * EVERY_MS / own.devices;
}

static void put(unsigned long i)
{
    const struct reading_sink *sink = store_sink(own.store);
    struct reading reading = garden_reading((uint16_t)(i % own.devices), own.boot,
                                            (uint32_t)(i / own.devices + 1), when_ms(i));
    sink->reading(sink->context, &reading);
}

/* Seconds for all of them; *last_s: for the last LAST of them. */
static double fill(double *last_s)
{
    double began = now_s(), last = began;
    for (unsigned long i = 0; i < own.count; i++) {
        if (i + LAST == own.count) {
            wait_stored(i);
            last = now_s();
        }
        put(i);
        if (i % 1000 == 0 && i > AHEAD)
            wait_stored(i - AHEAD);
    }
    wait_stored(own.count);
    *last_s = now_s() - last;
    return now_s() - began;
}

static unsigned long an_hour(void)
{
    return (unsigned long)(HOUR_MS / EVERY_MS) * own.devices;
}

static void fill_paced(void)
{
    unsigned long from = own.count, stored_here = 0;
    own.count += PACED_H * an_hour();
    for (unsigned long i = from; i < own.count; i++) {
        put(i);
        stored_here++;
        if (when_ms(i + 1) / 1000 != when_ms(i) / 1000)
            wait_stored(stored_here);
    }
    wait_stored(stored_here);
}

static void answered(void *context, const struct store_history *history)
{
    (void)context;
    (void)pthread_mutex_lock(&answer.mutex);
    answer.points = history->count;
    answer.next_ms = history->next_ms;
    answer.done = true;
    (void)pthread_cond_signal(&answer.changed);
    (void)pthread_mutex_unlock(&answer.mutex);
}

/* Milliseconds until it is answered. */
static double ask(unsigned device, int64_t from_ms, enum store_step step)
{
    struct store_history_query query = {.device = (int32_t)device,
                                        .asker = STORE_ASKER_CONTROL,
                                        .metric = "air_temperature",
                                        .from_ms = from_ms,
                                        .to_ms = BEGIN_MS + 366 * DAY_MS,
                                        .step = step,
                                        .max_points = STORE_HISTORY_MAX};
    double began = now_s();
    answer.done = false;
    while (store_history(own.store, &query, answered, NULL) != STORE_OK)
        look_again();
    (void)pthread_mutex_lock(&answer.mutex);
    while (!answer.done)
        (void)pthread_cond_wait(&answer.changed, &answer.mutex);
    (void)pthread_mutex_unlock(&answer.mutex);
    return (now_s() - began) * 1e3;
}

static int by_size(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

static uint32_t days(void)
{
    return (uint32_t)((int64_t)(own.count / own.devices) * EVERY_MS / DAY_MS);
}

static double year_ms(void)
{
    double took[CHARTS];
    for (unsigned i = 0; i < CHARTS; i++) {
        took[i] = ask(i * 7 % own.devices, BEGIN_MS - DAY_MS, STORE_DAY);
        if (answer.points + 1 < days())
            exit(1);
    }
    qsort(took, CHARTS, sizeof took[0], by_size);
    return took[CHARTS / 2];
}

static uint64_t batches_read(void)
{
    struct store_stats stats;
    store_stats(own.store, &stats);
    return stats.history_batches;
}

/* Microseconds a reading, of some devices all that was stored as in a garden. */
static double export_us(double *rows)
{
    double ms = 0;
    unsigned long points = 0;
    uint64_t before = batches_read();
    for (unsigned i = 0; i < CHARTS && i < own.devices; i++) {
        answer.next_ms = when_ms(own.count - PACED_H * an_hour());
        while (answer.next_ms != 0) {
            ms += ask(i * 7 % own.devices, answer.next_ms, STORE_RAW);
            points += answer.points;
        }
    }
    *rows = (double)(batches_read() - before) / (double)(points > 0 ? points : 1);
    return points > 0 ? ms * 1e3 / (double)points : 0;
}

static void resend_found(void *context, enum store_result result, uint32_t found)
{
    (void)context;
    (void)pthread_mutex_lock(&answer.mutex);
    answer.points = result == STORE_OK ? found : 0;
    answer.done = true;
    (void)pthread_cond_signal(&answer.changed);
    (void)pthread_mutex_unlock(&answer.mutex);
}

/* How many came; each device's readings of that hour. */
static unsigned long resend(uint16_t device, uint32_t first_seq, uint32_t last_seq)
{
    static uint8_t data[BODY_MAX];
    struct store_resend_query query = {.asker = STORE_ASKER_CONTROL,
                                       .device = device,
                                       .boot = own.boot,
                                       .first_seq = first_seq,
                                       .last_seq = last_seq};
    struct feed_body body;
    unsigned long came = 0;
    answer.done = false;
    while (store_resend(own.store, &query, resend_found, NULL) != STORE_OK)
        look_again();
    (void)pthread_mutex_lock(&answer.mutex);
    while (!answer.done)
        (void)pthread_cond_wait(&answer.changed, &answer.mutex);
    (void)pthread_mutex_unlock(&answer.mutex);
    for (;;) {
        enum feed_result result = store_feed_again(own.store, 0, data, &body);
        if (result == FEED_LATER)
            look_again();
        else if (result == FEED_BODY)
            came += body.count;
        else
            return came;
    }
}

/* Batches read for a reading: its boot is that in which it was stored as in a garden. */
static double resend_rows(void)
{
    struct store_stats stats;
    unsigned long came = 0;
    uint32_t last = (uint32_t)(own.count / own.devices), hour = (uint32_t)(HOUR_MS / EVERY_MS);
    store_stats(own.store, &stats);
    uint64_t before = stats.resend_batches;
    for (unsigned i = 0; i < CHARTS && i < own.devices; i++)
        came += resend((uint16_t)(i * 7 % own.devices), last - hour + 1, last);
    store_stats(own.store, &stats);
    if (came == 0)
        exit(1);
    return (double)(stats.resend_batches - before) / (double)came;
}

static uint64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Records are dropped from the first one on. */
static uint64_t first_kept(void)
{
    struct store_stats stats;
    store_stats(own.store, &stats);
    return stats.first_record;
}

/* Puts more readings until all records below have been dropped, or for a while. */
static void put_until(unsigned long *i, uint64_t least)
{
    double began = now_s();
    while (first_kept() < least && now_s() - began < RETAIN_S) {
        put((*i)++);
        if (*i % 1000 == 0 && *i > own.count + AHEAD)
            wait_stored(*i - own.count - AHEAD);
    }
}

/* The file may hardly be larger than it is: what comes drives out what is old. */
static double retain_us(uint64_t bytes)
{
    unsigned long i = own.count;
    open_store(bytes + bytes / 16 > ROOM_LEAST ? bytes + bytes / 16 : ROOM_LEAST);
    put_until(&i, first_kept() + 1);
    double began = now_s();
    uint64_t before = first_kept();
    put_until(&i, before + LAST);
    double took = now_s() - began;
    uint64_t count = first_kept() - before;
    store_stop(own.store);
    if (count == 0) {
        (void)fprintf(stderr, "nothing was dropped within %d s\n", RETAIN_S);
        exit(1);
    }
    return took * 1e6 / (double)count;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    own.devices = (unsigned)strtoul(argv[2], NULL, 10);
    own.count = strtoul(argv[3], NULL, 10);
    own.count += an_hour() - own.count % an_hour(); /* whole hours */
    (void)setenv("BAIYE_CLOCK", "trusted", 1);
    own.config = garden_config(own.devices, 1, argv[1]);
    own.config->commit_every_ms = 1000;
    uint64_t most = own.count * READING_MAX + (UINT64_C(1) << 30);
    open_store(most);
    double last_s = 0, fill_s = fill(&last_s);
    store_stop(own.store);
    own.config->commit_every_ms = 1;
    open_store(most);
    fill_paced();
    uint32_t boot = own.boot;
    store_stop(own.store);
    own.config->commit_every_ms = 1000;
    uint64_t bytes = file_bytes(argv[1]);
    double began = now_s();
    open_store(most);
    (void)ask(0, BEGIN_MS, STORE_DAY);
    double start_ms = (now_s() - began) * 1e3, year = year_ms();
    double rows = 0, export = export_us(&rows);
    uint32_t now = own.boot;
    own.boot = boot;
    double again = resend_rows();
    own.boot = now;
    store_stop(own.store);
    double retain = retain_us(bytes);
    printf("{\"fill_s\":%.1f,\"commit_us\":%.3f,\"start_ms\":%.1f,\"year_ms\":%.3f,"
           "\"export_us\":%.3f,\"export_rows\":%.3f,\"resend_rows\":%.3f,\"retain_us\":%.3f,\"file_"
           "mb\":%.1f}\n",
           fill_s, last_s * 1e6 / LAST, start_ms, year, export, rows, again, retain,
           (double)bytes / 1e6);
    garden_config_free(own.config);
    return 0;
}
