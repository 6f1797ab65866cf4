/* SPDX-License-Identifier: Apache-2.0 */
/* One value on a picture: label, number, unit, arrow, the day's range; or "--" and why. Pure. */
#ifndef BAIYE_LED_VALUE_TILE_H
#define BAIYE_LED_VALUE_TILE_H

#include "gateway/led/canvas.h"
#include "gateway/led/layout.h"
#include "gateway/led/page.h"
#include "gateway/led/scene.h"

struct value_tile_label {
    char text[TEMPLATE_TEXT_SIZE];
    struct color color;
};

void value_tile_draw(const struct scene *scene, struct canvas *canvas, struct rect box,
                     const struct layout *layout, const struct page_value *item,
                     const struct value_tile_label *label);

#endif
