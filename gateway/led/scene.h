/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BAIYE_LED_SCENE_H
#define BAIYE_LED_SCENE_H

#include "gateway/led/font.h"
#include "gateway/led/state.h"
#include "gateway/led/strings.h"

/* What a picture is made of. */
struct scene {
    struct font_set *fonts;
    const struct state *state;
    enum language language;
    const struct led_now *now;
    int wanted; /* height of digits that a page should have, pixels */
};

#endif
