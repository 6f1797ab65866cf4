/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/log, retained: which records the store has and which of them this broker acknowledged, so
 * that a consumer sees a hole at the end, too, and knows what can still be had. Reported at each
 * connection, hourly, and when nothing was acknowledged for a minute (and the batch's time: what
 * comes within it shows a hole by its own numbers). */
#include "gateway/daemon/publish/link/link.h"
#include "gateway/daemon/upgrade_state.h"
#include "protocols/mqtt/json.h"

#define HOURLY_MS 3600000
#define QUIET_MS  60000

/* false: what the store has is not known yet. */
static bool tell(struct publish *publish, const struct broker *broker)
{
    struct store_stats stats;
    struct upgrade_state upgrade;
    char topic[TOPIC_SIZE], json[480];
    struct json_out o = json_out_init(json, sizeof json);
    store_stats(publish->store, &stats);
    upgrade_state_read(&upgrade);
    if (stats.next_record == 0 ||
        !topic_make(topic, sizeof topic, publish->config->site, TOPIC_LOG))
        return false;
    json_out_open(&o, '{');
    json_out_key_string(&o, "gw", store_uuid(publish->store));
    json_out_key_unsigned(&o, "first",
                          stats.first_record != 0 ? stats.first_record : stats.next_record);
    json_out_key_unsigned(&o, "last", stats.next_record - 1);
    json_out_key_unsigned(&o, "sent", store_cursor(publish->store, broker->index) - 1);
    json_out_key_unsigned(&o, "boot", store_boot(publish->store));
    json_out_key_integer(&o, "ts", store_now(publish->store).ms);
    json_out_key_string(&o, "version", BAIYE_VERSION);
    if (upgrade_is_undone(&upgrade) && upgrade.to[0] != '\0')
        json_out_key_string(&o, "undone", upgrade.to);
    json_out_key_unsigned(&o, "month_bytes", broker->data_plan.bytes);
    json_out_close(&o, '}');
    return !o.failed &&
           docs_set_for(&publish->docs, broker->index, topic, DOC_PLAIN, json, o.at, true, 1);
}

void record_log_up(struct broker *broker)
{
    broker->record_log.due_ms = 0;
}

void record_log_acked(struct broker *broker, int64_t now_ms)
{
    int64_t due_ms = now_ms + QUIET_MS + broker->config->batch_ms;
    if (broker->record_log.due_ms != 0 &&
        (broker->record_log.acked || due_ms < broker->record_log.due_ms))
        broker->record_log.due_ms =
            due_ms < broker->record_log.hour_ms ? due_ms : broker->record_log.hour_ms;
    broker->record_log.acked = true;
}

void record_log_pump(struct publish *publish, struct broker *broker, int64_t now_ms)
{
    if (now_ms < broker->record_log.due_ms || !tell(publish, broker))
        return;
    broker->record_log.acked = false;
    broker->record_log.due_ms = broker->record_log.hour_ms = now_ms + HOURLY_MS;
}
