/* SPDX-License-Identifier: Apache-2.0 */
/* A device is asked a thousand times for what the gateway polls it for, by the daemon that owns the
 * line and goes on polling everybody meanwhile. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "gateway/common/clock.h"
#include "gateway/common/language.h"
#include "tools/cli/line/trial.h"
#include "tools/cli/report/confidence.h"
#include "tools/cli/report/job.h"

#define AT_ONCE 25  /* of one request to the daemon */
#define NEVER   10  /* in vain, and it is believed to be silent */
#define MOST_S  900 /* of one device: one that answers seldom costs its longest wait each time */

struct tally {
    unsigned polls, answers, timeouts, garbled, refused;
    uint32_t *turns_us; /* of the answers */
    unsigned turns, room;
};

static void add(struct tally *tally, const json_t *result)
{
    const json_t *turn;
    size_t i;
    tally->polls += (unsigned)talk_integer(result, "polls");
    tally->timeouts += (unsigned)talk_integer(result, "timeouts");
    tally->garbled += (unsigned)talk_integer(result, "garbled");
    tally->refused += (unsigned)talk_integer(result, "refused");
    tally->answers = tally->polls - tally->timeouts - tally->garbled;
    json_array_foreach (json_object_get(result, "turnarounds_us"), i, turn) {
        if (tally->turns < tally->room)
            tally->turns_us[tally->turns++] = (uint32_t)json_integer_value(turn);
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return (one > other) - (one < other);
}

static uint32_t turn_of(const struct tally *tally, double share)
{
    return tally->turns == 0 ? 0 : tally->turns_us[(unsigned)(share * (tally->turns - 1) + 0.5)];
}

static json_t *tally_json(struct tally *tally, unsigned wanted)
{
    unsigned errors = tally->timeouts + tally->garbled;
    if (tally->turns > 0)
        qsort(tally->turns_us, tally->turns, sizeof *tally->turns_us, compare);
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:f,s:f,s:I,s:I,s:b}", "polls", (json_int_t)tally->polls,
                     "answers", (json_int_t)tally->answers, "timeouts", (json_int_t)tally->timeouts,
                     "garbled", (json_int_t)tally->garbled, "refused", (json_int_t)tally->refused,
                     "error_rate", tally->polls > 0 ? (double)errors / tally->polls : 1.0,
                     "error_rate_most", confidence_most(errors, tally->polls), "p50_us",
                     (json_int_t)turn_of(tally, 0.5), "p99_us", (json_int_t)turn_of(tally, 0.99),
                     "whole", (int)(tally->polls >= wanted));
}

static bool ask_some(struct report_job *job, const struct device_config *device,
                     const struct trial_read *read, unsigned count, struct tally *tally)
{
    json_t *answer = talk_ask(&job->talk, "poll",
                              json_pack("{s:s,s:i,s:i,s:i,s:i}", "device", device->name, "register",
                                        (int)read->address, "count", (int)read->count, "function",
                                        (int)read->function, "polls", (int)count),
                              NULL);
    bool good = answer != NULL && !talk_failed(answer);
    if (good)
        add(tally, json_object_get(answer, "result"));
    json_decref(answer);
    return good;
}

/* False: the gateway can't. */
static bool ask_all(struct report_job *job, const struct device_config *device,
                    const struct trial_read *read, struct tally *tally)
{
    bool shown = isatty(STDERR_FILENO) != 0, good = true;
    int64_t until_ms = clock_mono_ms() + MOST_S * INT64_C(1000);
    while (good && tally->polls < job->polls && clock_mono_ms() < until_ms) {
        unsigned left = job->polls - tally->polls;
        unsigned most = tally->answers == 0 ? NEVER : AT_ONCE;
        if (tally->polls >= NEVER && tally->answers == 0)
            break;
        if (shown)
            (void)fprintf(stderr, "\r%s: %u / %u ", device->name, tally->polls, job->polls);
        good = ask_some(job, device, read, left < most ? left : most, tally);
    }
    if (shown)
        (void)fprintf(stderr, "\r%60s\r", "");
    return good;
}

json_t *report_polls(struct report_job *job, const struct device_config *device)
{
    struct trial_read read;
    struct serial_timing wire;
    struct tally tally = {.turns_us = calloc(job->polls, sizeof *tally.turns_us),
                          .room = job->polls};
    json_t *polls = NULL;
    if (tally.turns_us != NULL &&
        (!trial_longest(device, &job->config->buses[device->bus], &read, &wire) ||
         ask_all(job, device, &read, &tally)))
        polls = tally_json(&tally, job->polls);
    free(tally.turns_us);
    return polls;
}
