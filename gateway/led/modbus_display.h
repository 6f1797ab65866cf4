/* SPDX-License-Identifier: Apache-2.0 */
/* A numeric LED board that is a Modbus device of the gateway: one register shows one value. Written
 * through the gateway's `write`, when the number changes, and again now and then, for such a board
 * forgets when its power fails. What must not be believed is written as the board's "none" code.
 * Pure. */
#ifndef BAIYE_LED_MODBUS_DISPLAY_H
#define BAIYE_LED_MODBUS_DISPLAY_H

#include "gateway/led/config.h"
#include "gateway/led/state.h"

#define MODBUS_DISPLAY_STEP_MS   2000   /* between two writes to one board */
#define MODBUS_DISPLAY_ANSWER_MS 8000   /* no answer for so long: asked again */
#define MODBUS_DISPLAY_FAILED_MS 15000  /* after a refusal */
#define MODBUS_DISPLAY_AGAIN_MS  600000 /* the same number once more */

struct modbus_display {
    int slot;     /* of the value it shows */
    bool written; /* `shown` is what it has, as far as can be known */
    bool waiting; /* for the answer to `asked` */
    int32_t shown, asked;
    int64_t next_ms; /* not before that monotonic time */
    int64_t again_ms;
};

/* The number its register should hold now. */
int32_t modbus_display_number(const struct modbus_display *board, const struct board_config *config,
                              const struct state *state, const struct led_now *now);
/* Is a write due? Then `request` is its JSON, and the answer is waited for. */
bool modbus_display_step(struct modbus_display *board, const struct board_config *config,
                         const struct state *state, const struct led_now *now, char *request,
                         size_t size);
/* The answer came. */
void modbus_display_answered(struct modbus_display *board, bool good, const struct led_now *now);
/* The connection was lost: what the board shows is not known any more. */
void modbus_display_forget(struct modbus_display *board);

#endif
