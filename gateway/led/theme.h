/* SPDX-License-Identifier: Apache-2.0 */
/* The colours: bright signs on black, for LEDs. Nothing is told by red and green alone. */
#ifndef BAIYE_LED_THEME_H
#define BAIYE_LED_THEME_H

#include "gateway/led/canvas.h"

static const struct color theme_title = {120, 230, 90};
static const struct color theme_clock = {255, 170, 0};
static const struct color theme_label = {90, 190, 255};
static const struct color theme_number = {255, 245, 210};
static const struct color theme_unit = {150, 150, 140};
static const struct color theme_range = {120, 140, 150};
static const struct color theme_rises = {255, 140, 0};
static const struct color theme_falls = {0, 170, 255};
static const struct color theme_stale = {110, 110, 110};
static const struct color theme_caution = {255, 210, 0};
static const struct color theme_beyond = {255, 90, 40};
static const struct color theme_line = {0, 70, 30};
static const struct color theme_text = {240, 240, 225};
static const struct color theme_alarm = {255, 40, 20};
static const struct color theme_alarm_ink = {255, 255, 255};
static const struct color theme_white = {255, 255, 255};
static const struct color theme_black = {0, 0, 0};

#endif
