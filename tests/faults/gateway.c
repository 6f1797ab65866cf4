/* SPDX-License-Identifier: Apache-2.0 */
/* The durable half of baiyed without buses: a store, publishers, and readings made at a given
 * rate, so that tests decide what is taken and when. Values follow from (device, seq): see
 * garden_reading(). Commands on stdin, one a line, each answered by one line of JSON:
 *   stats | resend DEVICE BOOT FIRST LAST | rate N | put COUNT | quit
 *   reading DEVICE WALL_MS VALUE…   one with these values, in the order of its metrics; - for
 * none */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/common/clock.h"
#include "gateway/daemon/alerts_publish.h"
#include "gateway/daemon/publish/publish.h"
#include "gateway/daemon/store/impl.h"
#include "gateway/daemon/store/store.h"
#include "tests/unit/store/garden_config.h"

#define PACE_MS 7500 /* between readings with --at */

struct gateway {
    struct config *config;
    struct store *store;
    struct publish *publish;
    struct alerts *alerts;
    double rate; /* readings a second */
    double owed;
    int64_t at_ms; /* wall time of the first reading; 0: now, and so on */
    uint64_t taken;
    uint32_t *seqs;
    uint16_t next_device;
};

static void take_one(struct gateway *g)
{
    const struct reading_sink *sink = alerts_sink(g->alerts);
    uint16_t device = g->next_device;
    g->next_device = (uint16_t)((device + 1u) % g->config->device_count);
    int64_t wall_ms =
        g->at_ms != 0 ? g->at_ms + (int64_t)g->taken * PACE_MS : sink->now(sink->context).ms;
    struct reading reading =
        garden_reading(device, store_boot(g->store), ++g->seqs[device], wall_ms);
    sink->reading(sink->context, &reading);
    g->taken++;
}

static void say_stats(struct gateway *g)
{
    struct store_stats store;
    store_stats(g->store, &store);
    printf("{\"boot\":%" PRIu32 ",\"taken\":%" PRIu64 ",\"stored\":%" PRIu64
           ",\"duplicates\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"next\":%" PRIu64
           ",\"dropped\":%" PRIu64 ",\"salvaged\":%" PRIu64 ",\"quarantined\":%" PRIu64
           ",\"available\":%s,\"trusted\":%s,\"bytes_written\":%" PRIu64 ",\"commits\":%" PRIu64
           ",\"alarm\":\"%s\",\"brokers\":[",
           store_boot(g->store), g->taken, store.stored, store.duplicates, store.lost,
           store.next_record, store.dropped_quota, store.salvaged, store.quarantined,
           store.available ? "true" : "false", store.clock_trusted ? "true" : "false",
           store.bytes_written, store.commits, store.alarm);
    for (uint16_t i = 0; i < g->config->broker_count; i++) {
        struct publish_stats stats;
        publish_stats(g->publish, i, &stats);
        printf("%s{\"state\":\"%s\",\"why\":\"%s\",\"cursor\":%" PRIu64 ",\"backlog\":%" PRIu64
               ",\"acked\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"connects\":%" PRIu64
               ",\"restarts\":%" PRIu64 ",\"pid\":%" PRIu32 ",\"bytes\":%" PRIu64
               ",\"month\":%" PRIu64 ",\"thinned\":%" PRIu64 ",\"thrifty\":%s}",
               i > 0 ? "," : "", stats.state, stats.why, store.cursors[i], stats.backlog,
               stats.acked, stats.refused, stats.connects, stats.restarts, stats.pid,
               stats.bytes_sent, stats.bytes_month, stats.thinned,
               stats.budget_limited ? "true" : "false");
    }
    printf("]}\n");
}

struct waiting {
    sem_t done;
    enum store_result result;
    uint32_t found;
};

static void on_resend(void *context, enum store_result result, uint32_t found)
{
    struct waiting *waiting = context;
    waiting->result = result;
    waiting->found = found;
    sem_post(&waiting->done);
}

static void do_resend(struct gateway *g, const char *line)
{
    struct store_resend_query query = {.broker = -1};
    struct waiting waiting = {.result = STORE_INVALID};
    unsigned device = 0;
    sem_init(&waiting.done, 0, 0);
    int got = sscanf(line, "resend %u %" SCNu32 " %" SCNu32 " %" SCNu32, &device, &query.boot,
                     &query.first_seq, &query.last_seq);
    query.device = (uint16_t)device;
    if (got == 4 && store_resend(g->store, &query, on_resend, &waiting) == STORE_OK)
        while (sem_wait(&waiting.done) != 0 && errno == EINTR) {
        }
    printf("{\"result\":\"%s\",\"found\":%" PRIu32 "}\n", store_result_text(waiting.result),
           waiting.found);
}

struct waiting_ids {
    sem_t done;
    enum store_result result;
    struct store_resent resent;
};

static void on_resent(void *context, enum store_result result, const struct store_resent *resent)
{
    struct waiting_ids *waiting = context;
    waiting->result = result;
    waiting->resent = *resent;
    sem_post(&waiting->done);
}

static void do_resend_ids(struct gateway *g, const char *line)
{
    struct store_resend_ids_query query = {.broker = -1};
    struct waiting_ids waiting = {.result = STORE_INVALID};
    sem_init(&waiting.done, 0, 0);
    int got = sscanf(line, "ids %" SCNu64 " %" SCNu64, &query.ids.first, &query.ids.last);
    if (got == 2 && store_resend_ids(g->store, &query, on_resent, &waiting) == STORE_OK)
        while (sem_wait(&waiting.done) != 0 && errno == EINTR) {
        }
    printf("{\"result\":\"%s\",\"found\":%" PRIu64 ",\"next\":%" PRIu64 ",\"gone\":[",
           store_result_text(waiting.result), waiting.resent.found, waiting.resent.next);
    for (uint32_t i = 0; i < waiting.resent.gone_count; i++)
        printf("%s[%" PRIu64 ",%" PRIu64 "]", i > 0 ? "," : "", waiting.resent.gone[i].first,
               waiting.resent.gone[i].last);
    printf("]}\n");
}

static void do_reading(struct gateway *g, char *line)
{
    const struct reading_sink *sink = alerts_sink(g->alerts);
    char *rest = NULL, *word = strtok_r(line + 8, " ", &rest);
    unsigned long device = word != NULL ? strtoul(word, NULL, 10) : UINT16_MAX;
    if (device >= g->config->device_count || (word = strtok_r(NULL, " ", &rest)) == NULL) {
        printf("{\"error\":\"reading DEVICE WALL_MS VALUE…\"}\n");
        return;
    }
    struct reading reading = garden_reading((uint16_t)device, store_boot(g->store),
                                            ++g->seqs[device], strtoll(word, NULL, 10));
    for (unsigned i = 0; i < reading.value_count; i++) {
        word = strtok_r(NULL, " ", &rest);
        bool present = word != NULL && strcmp(word, "-") != 0;
        reading.values[i] = (struct reading_value){.value = present ? strtod(word, NULL) : 0,
                                                   .present = present,
                                                   .flag = present ? METRIC_GOOD : METRIC_ABSENT};
    }
    sink->reading(sink->context, &reading);
    printf("{\"taken\":%" PRIu64 "}\n", ++g->taken);
}

/* false: the end. */
static bool do_line(struct gateway *g, char *line)
{
    if (strncmp(line, "stats", 5) == 0) {
        say_stats(g);
    } else if (strncmp(line, "resend ", 7) == 0) {
        do_resend(g, line);
    } else if (strncmp(line, "ids ", 4) == 0) {
        do_resend_ids(g, line);
    } else if (strncmp(line, "correct ", 8) == 0) { /* as when the time becomes known */
        write_queue_correction(g->store->write_queue, strtoll(line + 8, NULL, 10));
        printf("{}\n");
    } else if (strncmp(line, "reading ", 8) == 0) {
        do_reading(g, line);
    } else if (strncmp(line, "rate ", 5) == 0) {
        g->rate = strtod(line + 5, NULL);
        g->owed = 0;
        printf("{}\n");
    } else if (strncmp(line, "put ", 4) == 0) {
        for (unsigned long n = strtoul(line + 4, NULL, 10); n > 0; n--)
            take_one(g);
        printf("{\"taken\":%" PRIu64 "}\n", g->taken);
    } else {
        return false;
    }
    (void)fflush(stdout);
    return true;
}

static void run(struct gateway *g)
{
    char line[256];
    size_t used = 0;
    int64_t last_ms = clock_mono_ms();
    for (;;) {
        struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
        int ready = poll(&fd, 1, g->rate > 0 ? 5 : 1000);
        int64_t now_ms = clock_mono_ms();
        g->owed += g->rate * (double)(now_ms - last_ms) / 1000;
        last_ms = now_ms;
        for (; g->owed >= 1; g->owed--)
            take_one(g);
        if (ready <= 0)
            continue;
        ssize_t got = read(STDIN_FILENO, line + used, 1);
        if (got <= 0)
            return;
        if (line[used] != '\n' && used < sizeof line - 2) {
            used++;
            continue;
        }
        line[used] = '\0';
        used = 0;
        if (!do_line(g, line))
            return;
    }
}

static void add_broker(struct config *config, const char *text)
{
    struct broker_config *broker = &config->brokers[config->broker_count];
    broker->url.port = (uint16_t)strtoul(text, NULL, 10);
    const char *host = strchr(text, '@'); /* PORT[@HOST] */
    (void)snprintf(broker->url.host, sizeof broker->url.host, "%s",
                   host != NULL ? host + 1 : "127.0.0.1");
    (void)snprintf(broker->name, sizeof broker->name, "broker-%u", config->broker_count);
    config->broker_count++;
}

static struct config *read_options(int argc, char **argv, struct gateway *g)
{
    static const struct option longs[] = {
        {"store", required_argument, NULL, 's'},
        {"broker", required_argument, NULL, 'b'},
        {"devices", required_argument, NULL, 'd'},
        {"rate", required_argument, NULL, 'r'},
        {"user", required_argument, NULL, 'u'},
        {"password-file", required_argument, NULL, 'p'},
        {"batch", required_argument, NULL, 'B'},
        {"deflate", no_argument, NULL, 'z'},
        {"max-size", required_argument, NULL, 'm'},
        {"commit-every", required_argument, NULL, 'c'},
        {"keepalive", required_argument, NULL, 'k'},
        {"every", required_argument, NULL, 'e'},
        {"ca", required_argument, NULL, 'C'},
        {"cert", required_argument, NULL, 'x'},
        {"key", required_argument, NULL, 'y'},
        {"budget", required_argument, NULL, 'g'},
        {"no-panel", no_argument, NULL, 'n'},
        {"values", required_argument, NULL, 'v'},
        {"at", required_argument, NULL, 'a'},
        {"also", required_argument, NULL, 'A'},
        {"consumer", no_argument, NULL, 'o'},
        {"websocket", no_argument, NULL, 'w'},
        {NULL, 0, NULL, 0},
    };
    struct config *config = garden_config(1000, STORE_BROKERS_MAX, "readings.db");
    config->device_count = config->plots[0].device_count = 8;
    config->broker_count = 0;
    config->commit_every_ms = 200;
    for (unsigned i = 0; i < STORE_BROKERS_MAX; i++) {
        config->brokers[i].keepalive_s = 20;
        config->brokers[i].panel = true;
    }
    int letter;
    while ((letter = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        struct broker_config *broker =
            &config->brokers[config->broker_count > 0 ? config->broker_count - 1 : 0];
        unsigned long number = optarg != NULL ? strtoul(optarg, NULL, 10) : 0;
        switch (letter) {
        case 's':
            (void)snprintf(config->store_path, sizeof config->store_path, "%s", optarg);
            break;
        case 'b':
            add_broker(config, optarg);
            break;
        case 'd':
            config->device_count = config->plots[0].device_count = (uint16_t)number;
            break;
        case 'r':
            g->rate = strtod(optarg, NULL);
            break;
        case 'u':
            (void)snprintf(broker->user, sizeof broker->user, "%s", optarg);
            break;
        case 'p':
            (void)snprintf(broker->password_file, sizeof broker->password_file, "%s", optarg);
            break;
        case 'C':
            (void)snprintf(broker->ca_file, sizeof broker->ca_file, "%s", optarg);
            broker->url.tls = true;
            break;
        case 'x':
            (void)snprintf(broker->cert_file, sizeof broker->cert_file, "%s", optarg);
            break;
        case 'y':
            (void)snprintf(broker->key_file, sizeof broker->key_file, "%s", optarg);
            break;
        case 'B':
            broker->batch_ms = (uint32_t)number;
            break;
        case 'z':
            broker->encoding = 1;
            break;
        case 'g':
            broker->budget_bytes_month = number;
            broker->panel = false;
            break;
        case 'n':
            broker->panel = false;
            break;
        case 'A':
            broker->more_urls[broker->more_url_count] = broker->url;
            broker->more_urls[broker->more_url_count++].port = (uint16_t)number;
            break;
        case 'o':
            broker->consumer = 1;
            break;
        case 'w':
            broker->url.websocket = true;
            (void)snprintf(broker->url.path, sizeof broker->url.path, "/mqtt");
            break;
        case 'a':
            g->at_ms = (int64_t)number;
            break;
        case 'v':
            garden_widen(config, (unsigned)number);
            break;
        case 'k':
            broker->keepalive_s = (uint32_t)number;
            break;
        case 'm':
            config->store_max_bytes = number;
            break;
        case 'c':
            config->commit_every_ms = (uint32_t)number;
            break;
        case 'e':
            for (unsigned i = 0; i < 1000; i++)
                config->devices[i].every_ms = (uint32_t)number;
            break;
        default:
            exit(2);
        }
    }
    return config;
}

int main(int argc, char **argv)
{
    struct gateway g = {0};
    struct publish_callbacks callbacks = {0};
    static struct child_files files;
    if (argc == 2 && strcmp(argv[1], "--publisher") == 0)
        return child_take(&files) ? publisher_main(&files) : 1;
    g.config = read_options(argc, argv, &g);
    g.seqs = calloc(1000, sizeof *g.seqs);
    g.store = store_open(g.config, "");
    if (g.seqs == NULL || g.store == NULL || !store_start(g.store))
        return 1;
    g.publish = publish_start(g.config, g.store, &callbacks);
    if (g.publish == NULL)
        return 1;
    g.alerts = alerts_start_publishing(g.config, g.store, g.publish, NULL);
    if (g.alerts == NULL)
        return 1;
    printf("{\"boot\":%" PRIu32 ",\"gw\":\"%s\"}\n", store_boot(g.store), store_uuid(g.store));
    (void)fflush(stdout);
    run(&g);
    alerts_stop(g.alerts);
    publish_stop(g.publish);
    store_stop(g.store);
    alerts_free(g.alerts);
    free(g.seqs);
    garden_config_free(g.config);
    return 0;
}
