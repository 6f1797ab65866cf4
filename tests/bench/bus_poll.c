/* SPDX-License-Identifier: Apache-2.0 */
/* Polls the buses of a configuration with nothing behind them: bus_poll CONFIG SECONDS [WARM_UP].
 * One JSON object a line: every reading and gap; at the end, for each device, the readings of the
 * time after the warm-up, and for each bus its counters. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/daemon/bus/bus.h"

struct counts {
    const struct config *config;
    pthread_mutex_t mutex;
    bool quiet, counting;
    uint64_t *readings, *gaps;
};

static void give_reading(void *context, const struct reading *reading)
{
    struct counts *counts = context;
    const struct device_config *device = &counts->config->devices[reading->device];
    (void)pthread_mutex_lock(&counts->mutex);
    counts->readings[reading->device] += counts->counting;
    if (!counts->quiet) {
        (void)printf("{\"d\":\"%s\",\"boot\":%u,\"seq\":%u,\"ts\":%lld,\"late\":%s,\"values\":{",
                     device->name, reading->boot, reading->seq, (long long)reading->time.ms,
                     reading->late ? "true" : "false");
        const char *comma = "";
        for (unsigned i = 0; i < reading->value_count; i++) {
            if (!reading->values[i].present)
                continue;
            (void)printf("%s\"%s\":%.9g", comma, device->metrics[i]->metric,
                         reading->values[i].value);
            comma = ",";
        }
        (void)printf("},\"flags\":{");
        comma = "";
        for (unsigned i = 0; i < reading->value_count; i++) {
            if (reading->values[i].flag == METRIC_GOOD)
                continue;
            (void)printf("%s\"%s\":\"%s\"", comma, device->metrics[i]->metric,
                         metric_flag_name((enum metric_flag)reading->values[i].flag));
            comma = ",";
        }
        (void)printf("}}\n");
    }
    (void)pthread_mutex_unlock(&counts->mutex);
}

static void give_gap(void *context, const struct reading_gap *gap)
{
    struct counts *counts = context;
    (void)pthread_mutex_lock(&counts->mutex);
    counts->gaps[gap->device] += gap->last_seq - gap->first_seq + 1;
    if (!counts->quiet)
        (void)printf("{\"d\":\"%s\",\"boot\":%u,\"gap\":[%u,%u],\"why\":\"%s\"}\n",
                     counts->config->devices[gap->device].name, gap->boot, gap->first_seq,
                     gap->last_seq, gap_why_name((enum gap_why)gap->why));
    (void)pthread_mutex_unlock(&counts->mutex);
}

static void give_health(void *context, const struct device_health *health)
{
    struct counts *counts = context;
    (void)pthread_mutex_lock(&counts->mutex);
    char hint[HINT_TEXT_SIZE];
    if (!counts->quiet && health->hint.id != HINT_NONE)
        (void)printf("{\"d\":\"%s\",\"hint\":\"%s\"}\n",
                     counts->config->devices[health->device].name,
                     hint_text(health->hint, METRIC_EN, hint));
    (void)pthread_mutex_unlock(&counts->mutex);
}

static void sleep_s(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    (void)nanosleep(&time, NULL);
}

/* The buses go on: their lines and these must not mix. */
static void print_end(struct counts *counts, struct bus **buses, double seconds)
{
    const struct config *config = counts->config;
    (void)pthread_mutex_lock(&counts->mutex);
    for (unsigned i = 0; i < config->device_count; i++)
        (void)printf("{\"device\":\"%s\",\"readings\":%llu,\"missed\":%llu,\"seconds\":%.3f}\n",
                     config->devices[i].name, (unsigned long long)counts->readings[i],
                     (unsigned long long)counts->gaps[i], seconds);
    (void)pthread_mutex_unlock(&counts->mutex);
    for (unsigned i = 0; i < config->bus_count; i++) {
        struct bus_stats s;
        char hint[HINT_TEXT_SIZE];
        bus_stats(buses[i], &s);
        (void)pthread_mutex_lock(&counts->mutex);
        (void)printf("{\"bus\":\"%s\",\"state\":\"%s\",\"requests\":%llu,\"answers\":%llu,"
                     "\"timeouts\":%llu,\"crc_errors\":%llu,\"stray\":%llu,\"reopened\":%llu,"
                     "\"violations\":%llu,\"hint\":\"%s\"}\n",
                     config->buses[i].name, s.state, (unsigned long long)s.requests,
                     (unsigned long long)s.answers, (unsigned long long)s.timeouts,
                     (unsigned long long)s.crc_errors, (unsigned long long)s.stray_bytes,
                     (unsigned long long)s.reopened, (unsigned long long)s.silence_violations,
                     hint_text(s.hint, METRIC_EN, hint));
        (void)pthread_mutex_unlock(&counts->mutex);
    }
}

static void count(struct counts *counts, bool on)
{
    (void)pthread_mutex_lock(&counts->mutex);
    counts->counting = on;
    (void)pthread_mutex_unlock(&counts->mutex);
}

static int run(struct counts *counts, double warm_up_s, double seconds)
{
    static struct bus *buses[BUSES_MAX];
    const struct config *config = counts->config;
    struct reading_sink sink = {
        .context = counts, .reading = give_reading, .gap = give_gap, .health = give_health};
    bool started = counts->readings != NULL && counts->gaps != NULL;
    for (uint16_t i = 0; started && i < config->bus_count; i++) {
        buses[i] = bus_start(config, i, 1, &sink);
        started = buses[i] != NULL;
        if (!started)
            (void)fprintf(stderr, "bus_poll: %s can't be started: %s\n", config->buses[i].name,
                          strerror(errno));
    }
    if (started) {
        sleep_s(warm_up_s);
        count(counts, true);
        sleep_s(seconds);
        count(counts, false);
        print_end(counts, buses, seconds);
    }
    for (unsigned i = 0; i < config->bus_count; i++)
        bus_stop(buses[i]);
    return started ? 0 : 71;
}

int main(int argc, char **argv)
{
    struct config_error error;
    if (argc < 3) {
        (void)fprintf(stderr, "usage: bus_poll CONFIG SECONDS [WARM_UP [quiet]]\n");
        return 64;
    }
    struct config *config = config_load(argv[1], NULL, &error);
    if (config == NULL) {
        (void)fprintf(stderr, "%s\n", error.text);
        return 78;
    }
    struct counts counts = {.config = config,
                            .mutex = PTHREAD_MUTEX_INITIALIZER,
                            .quiet = argc > 4,
                            .readings = calloc(config->device_count, sizeof(uint64_t)),
                            .gaps = calloc(config->device_count, sizeof(uint64_t))};
    int end = run(&counts, argc > 3 ? strtod(argv[3], NULL) : 0, strtod(argv[2], NULL));
    free(counts.readings);
    free(counts.gaps);
    config_free(config);
    return end;
}
