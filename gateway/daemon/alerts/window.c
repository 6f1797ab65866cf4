/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/daemon/alerts/window.h"

#include <math.h>
#include <stdlib.h>

#define PARTS 12

struct window {
    int64_t part_ms;
    struct window_part {
        int64_t number; /* of the part since time 0; -1: empty */
        double least, greatest, sum;
    } parts[PARTS];
};

struct window *window_create(uint32_t per_s)
{
    struct window *window = calloc(1, sizeof *window);
    if (window == NULL)
        return NULL;
    window->part_ms = (int64_t)per_s * 1000 / PARTS;
    for (unsigned i = 0; i < PARTS; i++)
        window->parts[i].number = -1;
    return window;
}

double window_add(struct window *window, int64_t now_ms, double value, bool sums, bool rise)
{
    int64_t number = now_ms / window->part_ms;
    struct window_part *own = &window->parts[number % PARTS];
    double least = value, greatest = value, sum = 0;
    if (own->number != number)
        *own = (struct window_part){.number = number, .least = value, .greatest = value};
    own->least = fmin(own->least, value);
    own->greatest = fmax(own->greatest, value);
    own->sum += value;
    for (unsigned i = 0; i < PARTS; i++) {
        const struct window_part *part = &window->parts[i];
        if (part->number < 0 || part->number <= number - PARTS)
            continue;
        least = fmin(least, part->least);
        greatest = fmax(greatest, part->greatest);
        sum += part->sum;
    }
    if (sums)
        return sum;
    return rise ? value - least : value - greatest;
}
