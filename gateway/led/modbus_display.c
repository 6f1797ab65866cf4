/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/modbus_display.h"

#include <math.h>
#include <stdio.h>

#define EXPIRES_MS 10000 /* the gateway is not to write a number that waited longer */

int32_t modbus_display_number(const struct modbus_display *board, const struct board_config *config,
                              const struct state *state, const struct led_now *now)
{
    struct led_value value = state_value(state, board->slot, now);
    if (value.shown != SHOWN_GOOD && value.shown != SHOWN_MARKED)
        return config->none;
    double scaled = round(value.value * config->scale);
    return fabs(scaled) <= INT32_MAX ? (int32_t)scaled : config->none;
}

bool modbus_display_step(struct modbus_display *board, const struct board_config *config,
                         const struct state *state, const struct led_now *now, char *request,
                         size_t size)
{
    if (now->mono_ms < board->next_ms)
        return false;
    int32_t number = modbus_display_number(board, config, state, now);
    if (board->written && board->shown == number && now->mono_ms < board->again_ms)
        return false;
    board->waiting = true;
    board->asked = number;
    board->next_ms = now->mono_ms + MODBUS_DISPLAY_ANSWER_MS;
    long long expires_ms = state_clock_ms(state, now) + EXPIRES_MS;
    (void)snprintf(request, size,
                   "{\"device\":\"%s\",\"name\":\"%s\",\"value\":%d,\"expires\":%lld}",
                   config->device, config->name, (int)number, expires_ms);
    return true;
}

void modbus_display_answered(struct modbus_display *board, bool good, const struct led_now *now)
{
    if (!board->waiting)
        return;
    board->waiting = false;
    board->written = good;
    board->shown = board->asked;
    board->next_ms = now->mono_ms + (good ? MODBUS_DISPLAY_STEP_MS : MODBUS_DISPLAY_FAILED_MS);
    board->again_ms = now->mono_ms + MODBUS_DISPLAY_AGAIN_MS;
}

void modbus_display_forget(struct modbus_display *board)
{
    board->written = board->waiting = false;
}
