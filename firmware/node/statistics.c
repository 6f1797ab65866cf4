/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/node/statistics.h"

#include <string.h>

#define SECOND_US UINT64_C(1000000)

void statistics_init(struct statistics *s, uint64_t now_us)
{
    memset(s, 0, sizeof *s);
    s->start_us = now_us;
}

/* Largest root not above: one bit a step. */
static uint32_t square_root(uint64_t value)
{
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1) {
        if ((root | bit) * (root | bit) <= value)
            root |= bit;
    }
    return (uint32_t)root;
}

static int64_t divide_rounded(int64_t value, int64_t by)
{
    return (value >= 0 ? value + by / 2 : value - by / 2) / by;
}

/* Sum of squares of the distances to the mean: squares - sum^2 / n, in an order of operations that
 * stays within 64 bits. */
static uint64_t spread(const struct statistics_sum *s)
{
    int64_t whole = s->sum / s->n;
    int64_t rest = s->sum % s->n;
    int64_t square_of_sum = whole * s->sum + rest * s->sum / s->n;
    return s->squares > (uint64_t)square_of_sum ? s->squares - (uint64_t)square_of_sum : 0;
}

static struct statistics_result conclude(const struct statistics_sum *s)
{
    struct statistics_result r = {.n = s->n};
    if (s->n == 0)
        return r;
    r.min = s->min;
    r.max = s->max;
    r.mean = s->first + (int32_t)divide_rounded(s->sum, s->n);
    if (s->n > 1)
        r.deviation = (int32_t)((square_root(4 * (spread(s) / (s->n - 1u))) + 1) / 2);
    return r;
}

static void add_value(struct statistics_sum *s, int32_t value)
{
    if (s->n == 0)
        *s = (struct statistics_sum){.first = value, .min = value, .max = value};
    if (s->n == UINT16_MAX)
        return;
    int64_t distance = (int64_t)value - s->first;
    s->n++;
    s->sum += distance;
    s->squares += (uint64_t)(distance * distance);
    if (value < s->min)
        s->min = value;
    if (value > s->max)
        s->max = value;
}

static void close_window(struct statistics *s, uint32_t last_seq, uint64_t end_us,
                         uint16_t window_s)
{
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        s->results[i] = conclude(&s->sums[i]);
        s->sums[i].n = 0;
    }
    s->length_s = window_s;
    s->last_seq = last_seq;
    s->end_us = end_us;
}

void statistics_add(struct statistics *s, const struct node_values *values, uint32_t seq,
                    uint64_t taken_us, uint16_t window_s)
{
    uint64_t length_us = window_s * SECOND_US;
    if (taken_us >= s->start_us + length_us) {
        close_window(s, seq - 1, s->start_us + length_us, window_s);
        s->start_us += (taken_us - s->start_us) / length_us * length_us;
    }
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        if (values->flag[i] == METRIC_GOOD && values->value[i] != NODE_NO_VALUE)
            add_value(&s->sums[i], values->value[i]);
    }
}

static uint16_t *put_s32(uint16_t *words, int32_t value)
{
    words[0] = (uint16_t)((uint32_t)value >> 16);
    words[1] = (uint16_t)value;
    return words + 2;
}

void statistics_fill(const struct statistics *s, uint64_t now_us, uint16_t *words)
{
    uint64_t age_s = (now_us - s->end_us) / SECOND_US;
    words[0] = (uint16_t)s->length_s;
    words = put_s32(words + 1, (int32_t)s->last_seq);
    *words++ = s->length_s == 0 || age_s > 0xFFFE ? 0xFFFF : (uint16_t)age_s;
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        const struct statistics_result *r = &s->results[i];
        *words++ = r->n;
        words = put_s32(words, r->n ? r->min : NODE_NO_VALUE);
        words = put_s32(words, r->n ? r->mean : NODE_NO_VALUE);
        words = put_s32(words, r->n ? r->max : NODE_NO_VALUE);
        words = put_s32(words, r->n ? r->deviation : NODE_NO_VALUE);
    }
}
