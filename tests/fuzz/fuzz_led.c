/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of strangers: the first byte chooses the topic, the rest is the payload. Whatever comes,
 * a value is shown only with a time that makes it so, and all texts end. */
#include <stdlib.h>
#include <string.h>

#include "gateway/led/rpc_reply.h"
#include "gateway/led/state.h"

#define WALL_MS 1775196300000LL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_texts(const struct state *state)
{
    for (int i = 0; i < STATE_ALERTS_MAX; i++) {
        const struct state_alert *alert = &state->alerts[i];
        if (!memchr(alert->what[0], 0, STATE_TEXT_SIZE) ||
            !memchr(alert->where, 0, STATE_LABEL_SIZE) ||
            !memchr(alert->todo[1], 0, STATE_TEXT_SIZE))
            abort();
    }
    if (!memchr(state->farm, 0, sizeof state->farm))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const topics[] = {"plot/upper/live", "dev/a/live",     "site", "forecast",
                                         "alert/x",         "gateway/status", "other"};
    static struct state state;
    struct led_now now = {1000000, WALL_MS, 28800};
    double min = 0, max = 0;
    int64_t ms = 0;
    if (size == 0)
        return 0;
    state_init(&state);
    int upper = state_slot(&state, "plot/upper/air_temperature");
    (void)state_slot(&state, "dev/a/soil_moisture");
    (void)state_slot(&state, "forecast/upper/pick_kg");
    (void)state_slot(&state, "frost/min_c");
    state_link(&state, true, &now);
    const char *topic = topics[data[0] % (sizeof topics / sizeof topics[0])];
    state_message(&state, topic, data + 1, size - 1, (data[0] & 0x80) != 0, &now);
    for (int i = 0; i < state.slot_count; i++) {
        struct led_value value = state_value(&state, i, &now);
        if (value.shown == SHOWN_GOOD && value.age_ms < 0)
            abort();
    }
    now.mono_ms += 100 * 86400000LL;
    if (state_value(&state, upper, &now).shown == SHOWN_GOOD)
        abort(); /* no period is as long as that */
    check_texts(&state);
    (void)rpc_reply_time(data + 1, size - 1, &ms);
    if (rpc_reply_day(data + 1, size - 1, &min, &max) && !(min <= max))
        abort();
    return 0;
}
