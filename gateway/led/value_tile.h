/* SPDX-License-Identifier: Apache-2.0 */
/* One value on a picture: label, number, unit, arrow, the day's range; or "--" and why. Pure. */
#ifndef BAIYE_LED_CELL_H
#define BAIYE_LED_CELL_H

#include "gateway/led/render.h"

struct cell_label {
    char text[TEMPLATE_TEXT_SIZE];
    struct color color;
};

void cell_draw(const struct scene *scene, struct canvas *canvas, struct rect box,
               const struct layout *layout, const struct page_value *item,
               const struct cell_label *label);

#endif
