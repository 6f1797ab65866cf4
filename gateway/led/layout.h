/* SPDX-License-Identifier: Apache-2.0 */
/* How many values stand on one picture, where, and how large: the largest numbers win, and what
 * does not fit at the size wanted goes to a further picture instead of being cut. Planned from the
 * widest number each metric can have, so that nothing jumps when values change. Pure. */
#ifndef BAIYE_LED_LAYOUT_H
#define BAIYE_LED_LAYOUT_H

#include "gateway/led/canvas.h"
#include "gateway/led/font.h"
#include "gateway/led/page.h"

enum cell_shape {
    CELL_STACKED = 0, /* label above, number below with its unit */
    CELL_INLINE       /* label left, number and unit right, one line */
};

struct layout {
    int per_screen, screens;
    int columns, rows;
    enum cell_shape shape;
    struct font number, label;
    bool unit;       /* there is room for the unit */
    bool short_unit; /* only for its shortest form */
    bool arrow;      /* and for an arrow beside it */
    int unit_width;  /* CELL_INLINE: of the widest unit and arrow */
};

/* The number faces in rising size: font_ladder(0) is the smallest; `height` 0 past the end. */
struct font font_ladder(int step, int *height);

/* `wanted`: digits at least that high (pixels) if a single value can have them. */
struct layout layout_values(struct font_set *fonts, const struct page_value *values, int count,
                            const struct state *state, enum language language, struct rect body,
                            int wanted);
/* The unit as that layout has room for it; "" : none. */
const char *layout_unit(const struct layout *layout, const struct state_slot *slot,
                        enum language language);
/* Where the picture's index-th value stands. */
struct rect layout_cell(const struct layout *layout, struct rect body, int index);
/* Side of the trend's arrow, and whether it stands above the unit or beside it. */
int arrow_size(struct font number);
bool arrow_above(const struct layout *layout);

#endif
