/* SPDX-License-Identifier: Apache-2.0 */
/* Mobile data: what each broker's plan (data_plan.h) has carried in this month is kept in a file
 * next to the store, "NAME YYYYMM BYTES" a line, so that neither a restart nor a damaged store
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
            data_plan_restore(&broker->data_plan, (uint32_t)month, bytes);
    }
}

void data_plan_load(struct publish *publish)
{
    char text[1000];
    for (uint16_t i = 0; i < publish->broker_count; i++)
        data_plan_begin(&publish->brokers[i].data_plan,
                        publish->brokers[i].config->budget_bytes_month);
    (void)store_read_sidecar(publish->store, MONTHS_NAME, text, sizeof text);
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        load_line(publish, line);
    }
    for (uint16_t i = 0; i < publish->broker_count; i++)
        data_plan_count(publish, &publish->brokers[i], &(struct data_plan_traffic){0});
}

void data_plan_save(struct publish *publish)
{
    char text[1000];
    size_t used = 0;
    for (uint16_t i = 0; i < publish->broker_count; i++) {
        const struct broker *broker = &publish->brokers[i];
        if (broker->data_plan.limit == 0 || broker->data_plan.month == 0)
            continue;
        int size = snprintf(text + used, sizeof text - used, "%s %" PRIu32 " %" PRIu64 "\n",
                            broker->config->name, broker->data_plan.month, broker->data_plan.bytes);
        used += size > 0 ? (size_t)size : 0; /* eight lines of 70: they fit */
    }
    if (used > 0)
        (void)store_write_sidecar(publish->store, MONTHS_NAME, text);
}

static void log_stage(const struct broker *broker, enum data_plan_stage stage)
{
    static const char *const texts[] = {
        "everything goes out again",
        "80 % of the month's budget is used: alerts, forecast and hourly means only",
        "the month's budget is used up: alerts and forecast only",
    };
    log_write(stage == DATA_PLAN_NONE ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING, "publish %s: %s",
              broker->config->name, texts[stage]);
}

void data_plan_count(struct publish *publish, struct broker *broker,
                     const struct data_plan_traffic *traffic)
{
    struct wall_ms now = store_now(publish->store);
    struct data_plan *data_plan = &broker->data_plan;
    uint64_t cost = data_plan_cost(data_plan, traffic);
    data_plan_add(data_plan, now.trust == TIME_TRUSTED ? data_plan_month(now.ms) : 0, cost);
    enum data_plan_stage stage = data_plan_stage(data_plan);
    if (stage != broker->stage) {
        log_stage(broker, stage);
        broker->docs_seen = 0; /* some of them were passed over */
    }
    broker->stage = stage;
    pthread_mutex_lock(&publish->lock);
    broker->stats.bytes_month = data_plan->bytes;
    broker->stats.budget_limited = stage != DATA_PLAN_NONE;
    broker->stats.used_up = stage == DATA_PLAN_URGENT;
    pthread_mutex_unlock(&publish->lock);
    if (data_plan_keep(data_plan))
        data_plan_save(publish);
}
