/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the gateway's methods that the screen calls: its clock, and the history of a day.
 * Pure. */
#ifndef BAIYE_LED_RPC_REPLY_H
#define BAIYE_LED_RPC_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/led/state.h"

/* `time`: milliseconds UTC. False: an error, or no time that can be. */
bool rpc_reply_time(const void *payload, size_t size, int64_t *gateway_ms);
/* `history`: smallest and largest value of all its rows. False: an error, or no values. */
bool rpc_reply_day(const void *payload, size_t size, double *min, double *max);
/* The same of what adds up: the sum of all its rows. */
bool rpc_reply_day_sum(const void *payload, size_t size, double *sum);
/* Any method: it worked. */
bool rpc_reply_good(const void *payload, size_t size);
/* The request for the history of the local day so far, by the hour. */
void rpc_reply_day_request(const struct state *state, int slot, const struct led_now *now,
                           char *out, size_t size);

#endif
