/* SPDX-License-Identifier: Apache-2.0 */
/* A numeric LED board that is a Modbus device of the gateway: one register shows one value. Written
 * through the gateway's `write`, when the number changes, and again now and then, for such a board
 * forgets when its power fails. What must not be believed is written as the board's "none" code.
 * Pure. */
#ifndef BAIYE_LED_BOARD_H
#define BAIYE_LED_BOARD_H

#include "gateway/led/config.h"
#include "gateway/led/state.h"

#define BOARD_STEP_MS   2000   /* between two writes to one board */
#define BOARD_ANSWER_MS 8000   /* no answer for so long: asked again */
#define BOARD_FAILED_MS 15000  /* after a refusal */
#define BOARD_AGAIN_MS  600000 /* the same number once more */

struct board {
    int slot;     /* of the value it shows */
    bool written; /* `shown` is what it has, as far as can be known */
    bool waiting; /* for the answer to `asked` */
    int32_t shown, asked;
    int64_t next_ms; /* not before that monotonic time */
    int64_t again_ms;
};

/* The number its register should hold now. */
int32_t board_number(const struct board *board, const struct board_config *config,
                     const struct state *state, const struct led_now *now);
/* Is a write due? Then `request` is its JSON, and the answer is waited for. */
bool board_step(struct board *board, const struct board_config *config, const struct state *state,
                const struct led_now *now, char *request, size_t size);
/* The answer came. */
void board_answered(struct board *board, bool good, const struct led_now *now);
/* The connection was lost: what the board shows is not known any more. */
void board_forget(struct board *board);

#endif
