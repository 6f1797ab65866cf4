/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/rpc_reply.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#define TIME_MIN_MS 978e9  /* 2001 */
#define TIME_MAX_MS 4102e9 /* 2100 */
#define DAY_MS      86400000LL

static json_t *parse(const void *payload, size_t size)
{
    json_error_t error;
    return size <= STATE_PAYLOAD_MAX ? json_loadb(payload, size, JSON_REJECT_DUPLICATES, &error)
                                     : NULL;
}

bool rpc_reply_time(const void *payload, size_t size, int64_t *gateway_ms)
{
    static const char *const names[] = {"ts", "time", "time_ms", "ms", "now"};
    json_t *answer = parse(payload, size);
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !found; i++) {
        const json_t *value = json_object_get(answer, names[i]);
        double ms = json_is_number(value) ? json_number_value(value) : 0;
        found = ms > TIME_MIN_MS && ms < TIME_MAX_MS;
        if (found)
            *gateway_ms = (int64_t)ms;
    }
    json_decref(answer);
    return found;
}

bool rpc_reply_good(const void *payload, size_t size)
{
    json_t *answer = parse(payload, size);
    bool good = json_is_object(answer) && !json_object_get(answer, "error");
    json_decref(answer);
    return good;
}

static bool fold(const json_t *list, double (*pick)(double, double), double *out)
{
    bool found = false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_number(item))
            continue;
        *out = found ? pick(*out, json_number_value(item)) : json_number_value(item);
        found = true;
    }
    return found;
}

bool rpc_reply_day(const void *payload, size_t size, double *min, double *max)
{
    json_t *answer = parse(payload, size);
    bool found = fold(json_object_get(answer, "min"), fmin, min) &&
                 fold(json_object_get(answer, "max"), fmax, max) && *min <= *max;
    json_decref(answer);
    return found;
}

static double add(double a, double b)
{
    return a + b;
}

bool rpc_reply_day_sum(const void *payload, size_t size, double *sum)
{
    json_t *answer = parse(payload, size);
    bool found = fold(json_object_get(answer, "sum"), add, sum);
    json_decref(answer);
    return found;
}

void rpc_reply_day_request(const struct state *state, int slot_index, const struct led_now *now,
                           char *out, size_t size)
{
    const struct state_slot *slot = &state->slots[slot_index];
    const struct state_source *source = &state->sources[slot->source];
    int64_t to = state_clock_ms(state, now);
    int64_t offset = (int64_t)now->utc_offset_s * 1000;
    int64_t from = (to + offset) / DAY_MS * DAY_MS - offset;
    (void)snprintf(out, size,
                   "{\"%s\":\"%s\",\"metric\":\"%s\",\"from\":%lld,\"to\":%lld,\"step\":\"hour\"}",
                   source->kind == SOURCE_PLOT ? "plot" : "device", source->name, slot->metric,
                   (long long)from, (long long)to);
}
