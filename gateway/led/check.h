/* SPDX-License-Identifier: Apache-2.0 */
/* `baiye-led --check`: what the configuration means for the people in front of the screen. */
#ifndef BAIYE_LED_CHECK_H
#define BAIYE_LED_CHECK_H

#include <stdio.h>

#include "gateway/led/config.h"
#include "gateway/led/font.h"
#include "gateway/led/page.h"

/* Metres from which signs of that height can be read: 2.8 mm a metre comfortably, 1.7 mm at the
 * limit; hanzi, with their dense strokes, need half as much again. */
double reading_distance_m(double height_mm, bool hanzi, bool limit);
/* Digits that high are comfortable at the configured distance; without one, a fifth of the
 * screen's height (half of it on low screens), at least 10 pixels. */
int wanted_height(const struct led_config *config);
/* The report; false when a page cannot be read from the configured distance. */
bool check_print(FILE *out, const struct led_config *config, const struct pages *pages,
                 const struct state *state, struct font_set *fonts);

#endif
