/* SPDX-License-Identifier: Apache-2.0 */
/* Mobile data: what each broker's plan (thrift.h) has carried in this month is kept in a file
 * beside the store, "NAME YYYYMM BYTES" a line, so that neither a restart nor a damaged store
 * forgets it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/daemon/publish/link/link.h"

static void load_line(struct publish *publish, const char *line)
{
    size_t size = strcspn(line, " ");
    char *rest = NULL;
    unsigned long month = strtoul(line + size, &rest, 10);
    uint64_t bytes = strtoull(rest, NULL, 10);
    if (month < 197001 || month > 999912)
        return;
    for (uint16_t i = 0; i < publish->broker_count; i++) {
        struct broker *broker = &publish->brokers[i];
        if (strlen(broker->config->name) == size && strncmp(line, broker->config->name, size) == 0)
            thrift_restore(&broker->thrift, (uint32_t)month, bytes);
    }
}

void budget_load(struct publish *publish)
{
    char text[1000];
    for (uint16_t i = 0; i < publish->broker_count; i++)
        thrift_begin(&publish->brokers[i].thrift, publish->brokers[i].config->budget_bytes_month);
    (void)store_read_beside(publish->store, MONTHS_NAME, text, sizeof text);
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        load_line(publish, line);
    }
    for (uint16_t i = 0; i < publish->broker_count; i++)
        budget_count(publish, &publish->brokers[i], &(struct thrift_traffic){0});
}

void budget_save(struct publish *publish)
{
    char text[1000];
    size_t used = 0;
    for (uint16_t i = 0; i < publish->broker_count; i++) {
        const struct broker *broker = &publish->brokers[i];
        if (broker->thrift.limit == 0 || broker->thrift.month == 0)
            continue;
        int size = snprintf(text + used, sizeof text - used, "%s %" PRIu32 " %" PRIu64 "\n",
                            broker->config->name, broker->thrift.month, broker->thrift.bytes);
        used += size > 0 ? (size_t)size : 0; /* eight lines of 70: they fit */
    }
    if (used > 0)
        (void)store_write_beside(publish->store, MONTHS_NAME, text);
}

static void tell_stage(const struct broker *broker, enum thrift_stage stage)
{
    static const char *const texts[] = {
        "everything goes out again",
        "80 % of the month's budget is used: alerts, forecast and hourly means only",
        "the month's budget is used up: alerts and forecast only",
    };
    log_write(stage == THRIFT_NONE ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING, "publish %s: %s",
              broker->config->name, texts[stage]);
}

void budget_count(struct publish *publish, struct broker *broker,
                  const struct thrift_traffic *traffic)
{
    struct wall_ms now = store_now(publish->store);
    struct thrift *thrift = &broker->thrift;
    uint64_t cost = thrift_cost(thrift, traffic);
    thrift_add(thrift, now.trust == TIME_TRUSTED ? thrift_month(now.ms) : 0, cost);
    enum thrift_stage stage = thrift_stage(thrift);
    if (stage != broker->stage) {
        tell_stage(broker, stage);
        broker->docs_seen = 0; /* some of them were passed over */
    }
    broker->stage = stage;
    pthread_mutex_lock(&publish->lock);
    broker->stats.bytes_month = thrift->bytes;
    broker->stats.thrifty = stage != THRIFT_NONE;
    pthread_mutex_unlock(&publish->lock);
    if (thrift_keep(thrift))
        budget_save(publish);
}
