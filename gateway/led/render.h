/* SPDX-License-Identifier: Apache-2.0 */
/* Draws one whole picture of one page: what it shows depends on the arguments and nothing else, so
 * the same state at the same time is the same picture, pixel for pixel. Pure; one thread. */
#ifndef BAIYE_LED_RENDER_H
#define BAIYE_LED_RENDER_H

#include "gateway/led/canvas.h"
#include "gateway/led/font.h"
#include "gateway/led/layout.h"
#include "gateway/led/page.h"
#include "gateway/led/scene.h"

/* Of the title, on a screen that high. */
struct font render_title_font(int height);
/* The room under the title of a screen of that size; the title's own height is `y`. */
struct rect render_body(int width, int height);

/* What is wrong with the way the values come, in at most `width` pixels; false: nothing is. */
bool render_trouble(const struct scene *scene, struct font font, int width, char *out, size_t size);

/* How many pictures the page takes at the moment (at least one). */
int render_screens(const struct scene *scene, const struct page *page, int width, int height);
/* Draws picture `screen` (0..) of it over all of the canvas. */
void render_page(const struct scene *scene, struct canvas *canvas, const struct page *page,
                 int screen);

/* An alert over everything: what and where, since when; then what to do. */
int render_alert_screens(const struct scene *scene, const struct state_alert *alert, int width,
                         int height);
void render_alert(const struct scene *scene, struct canvas *canvas, const struct state_alert *alert,
                  int screen);

/* Smallest heights that the page's pictures have, in pixels: of digits, and of hanzi or letters.
 * 0: the page has none. */
void render_heights(const struct scene *scene, const struct page *page, int width, int height,
                    int *digits, int *hanzi);

#endif
