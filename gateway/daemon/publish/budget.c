/* SPDX-License-Identifier: Apache-2.0 */
/* Mobile data: bytes are counted per broker and month (UTC) and kept in the store, so that a
 * restart does not forget what the plan has already carried. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "gateway/daemon/publish/link.h"

#define THRIFTY_PERCENT 80u
#define SAVE_BYTES      65536u

struct month {
    uint32_t month; /* YYYYMM */
    uint64_t bytes;
};

static uint32_t this_month(const struct publish *publish)
{
    time_t now = (time_t)(store_now(publish->store).ms / 1000);
    struct tm utc;
    if (gmtime_r(&now, &utc) == NULL)
        return 0;
    return (uint32_t)((utc.tm_year + 1900) * 100 + utc.tm_mon + 1);
}

static void key_of(const struct broker *broker, char *key, size_t size)
{
    (void)snprintf(key, size, "bytes:%s", broker->config->name);
}

struct loading {
    struct publish *publish;
    struct broker *broker;
};

static void on_loaded(void *context, enum store_result result, const void *value, size_t size)
{
    struct loading *loading = context;
    struct publish *publish = loading->publish;
    struct month month;
    if (result == STORE_OK && size == sizeof month) {
        memcpy(&month, value, sizeof month);
        if (month.month == this_month(publish)) {
            pthread_mutex_lock(&publish->lock);
            loading->broker->stats.bytes_month += month.bytes;
            pthread_mutex_unlock(&publish->lock);
        }
    }
}

void budget_load(struct publish *publish)
{
    static struct loading loadings[STORE_BROKERS_MAX]; /* one link thread a process */
    for (uint16_t i = 0; i < publish->broker_count; i++) {
        char key[64];
        loadings[i] = (struct loading){publish, &publish->brokers[i]};
        key_of(&publish->brokers[i], key, sizeof key);
        (void)store_get(publish->store, key, on_loaded, &loadings[i]);
    }
}

static void save(struct publish *publish, struct broker *broker, const struct month *month)
{
    char key[64];
    key_of(broker, key, sizeof key);
    (void)store_put(publish->store, key, month, sizeof *month, NULL, NULL);
}

void budget_count(struct publish *publish, struct broker *broker, uint64_t bytes)
{
    struct month month = {.month = this_month(publish)};
    uint64_t budget = broker->config->budget_bytes_month;
    if (month.month == 0)
        return; /* also without bytes: a new month ends the thrift of the old one */
    pthread_mutex_lock(&publish->lock);
    struct publish_stats *stats = &broker->stats;
    if (broker->month_base != 0 && broker->month_base != month.month)
        stats->bytes_month = 0;
    bool first = broker->month_base == 0;
    broker->month_base = month.month;
    uint64_t before = stats->bytes_month;
    stats->bytes_month += bytes + bytes / 8; /* headers of TLS, TCP and IP, roughly */
    month.bytes = stats->bytes_month;
    stats->thrifty = budget > 0 && stats->bytes_month * 100 >= budget * THRIFTY_PERCENT;
    pthread_mutex_unlock(&publish->lock);
    /* Only a plan that is paid for is worth writes to the flash. */
    if (budget > 0 && !first && before / SAVE_BYTES != month.bytes / SAVE_BYTES)
        save(publish, broker, &month);
}

bool budget_thrifty(const struct broker *broker)
{
    return broker->stats.thrifty; /* written by this thread only */
}
