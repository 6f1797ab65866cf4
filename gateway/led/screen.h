/* SPDX-License-Identifier: Apache-2.0 */
/* The shell around the pure core: the clocks, the broker, the outputs. One thread. */
#ifndef BAIYE_LED_SCREEN_H
#define BAIYE_LED_SCREEN_H

#include "gateway/led/config.h"
#include "gateway/led/page.h"
#include "gateway/led/state.h"

struct screen;

/* All three must outlive it. NULL and `error` when fonts, outputs or the broker's settings are
 * missing. */
struct screen *screen_open(const struct led_config *config, const struct pages *pages,
                           struct state *state, char *error, size_t error_size);
void screen_close(struct screen *screen);
/* Readable when screen_step() should be called before its time. */
int screen_fd(const struct screen *screen);
/* Takes what came, shows what changed. Gives the milliseconds to wait at most. */
int screen_step(struct screen *screen);

#endif
