/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/reading.h"

#include "protocols/mqtt/json.h"

static const char *const gap_names[GAP_WHY_COUNT] = {
    "timeout", "garbled", "exception", "bus_down", "overflow", "quota", "node_log", "damaged",
};

const char *gap_why_name(enum gap_why why)
{
    return (unsigned)why < GAP_WHY_COUNT ? gap_names[why] : "unknown";
}

static void add_text(struct json_out *o, const char *name, const char *text)
{
    if (text[0] != '\0')
        json_out_key_string(o, name, text);
}

void device_health_json(struct json_out *o, const struct device_health *health)
{
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"polls", health->polls},
        {"good", health->good},
        {"timeouts", health->timeouts},
        {"crc_errors", health->crc_errors},
        {"exceptions", health->exceptions},
        {"late_answers", health->late_answers},
        {"retries", health->retries},
        {"turnaround_p50_us", health->turnaround_p50_us},
        {"turnaround_p99_us", health->turnaround_p99_us},
        {"silence_us", health->silence_us},
    };
    char hint[HINT_TEXT_SIZE];
    json_out_key(o, "online");
    json_out_bool(o, health->online);
    json_out_key(o, "last_seen");
    if (health->last_seen.ms > 0)
        json_out_integer(o, health->last_seen.ms);
    else
        json_out_null(o);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        json_out_key_unsigned(o, counts[i].name, counts[i].value);
    add_text(o, "model", health->model);
    add_text(o, "serial", health->serial);
    json_out_key_string(o, "firmware", health->firmware);
    json_out_key_string(o, "hint", hint_text(health->hint, METRIC_EN, hint));
    json_out_key_string(o, "hint_zh", hint_text(health->hint, METRIC_ZH, hint));
}

/* ---- A sink that passes all on ---- */

static const struct reading_sink *next_of(void *context)
{
    return ((const struct reading_relay *)context)->next;
}

static void pass_reading(void *context, const struct reading *reading)
{
    next_of(context)->reading(next_of(context)->context, reading);
}

static void pass_gap(void *context, const struct reading_gap *gap)
{
    next_of(context)->gap(next_of(context)->context, gap);
}

static void pass_health(void *context, const struct device_health *health)
{
    next_of(context)->health(next_of(context)->context, health);
}

static struct wall_ms pass_now(void *context)
{
    return next_of(context)->now(next_of(context)->context);
}

static bool pass_last(void *context, uint16_t device, struct reading_stored *stored)
{
    return next_of(context)->last(next_of(context)->context, device, stored);
}

static bool pass_mark(void *context, uint16_t device, struct reading_mark *mark)
{
    return next_of(context)->mark(next_of(context)->context, device, mark);
}

static void pass_stands(void *context, uint16_t device, uint8_t metric,
                        const struct reading_still *still)
{
    next_of(context)->stands(next_of(context)->context, device, metric, still);
}

static bool pass_stood(void *context, uint16_t device, uint8_t metric, struct reading_still *still)
{
    return next_of(context)->stood(next_of(context)->context, device, metric, still);
}

static bool pass_board(void *context, uint16_t device, uint32_t serial, struct reading_board *board)
{
    return next_of(context)->board(next_of(context)->context, device, serial, board);
}

void reading_relay_init(struct reading_relay *relay, const struct reading_sink *next, void *owner)
{
    *relay = (struct reading_relay){.sink = {.context = relay,
                                             .reading = pass_reading,
                                             .gap = pass_gap,
                                             .health = pass_health,
                                             .now = pass_now,
                                             .last = pass_last,
                                             .mark = pass_mark,
                                             .stands = pass_stands,
                                             .stood = pass_stood,
                                             .board = pass_board},
                                    .next = next,
                                    .owner = owner};
}
