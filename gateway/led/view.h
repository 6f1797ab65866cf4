/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown now: pages in turn, each for its dwell time a picture; behind the last page the
 * watches, some a round; an alarm over all of them. Pure: the monotonic time decides. One
 * thread. */
#ifndef BAIYE_LED_VIEW_H
#define BAIYE_LED_VIEW_H

#include "gateway/led/render.h"

#define VIEW_ALERT_LEVEL 2    /* alarm: takes the screen over */
#define VIEW_WATCH_LEVEL 1    /* watch, and an alarm that somebody has seen: has its turn */
#define VIEW_WATCH_MOST  4    /* a round: forty silent devices leave time for the pages */
#define VIEW_ALERT_MS    6000 /* a picture of an alert */

struct view {
    const struct pages *pages;
    int language_count;
    enum language languages[LANGUAGE_COUNT];
    int language; /* index into languages; changes after the last page */
    int page, screen;
    bool started, alarmed;
    int alert, alert_screen;
    bool watching;         /* the watches' turn */
    int watch, watch_left; /* which of them, and how many more in this round */
    int64_t since_mono_ms;
};

void view_init(struct view *view, const struct pages *pages, const enum language *languages,
               int language_count);
/* Goes on to the next picture when it is time; then draws. `scene.language` is set by it. */
void view_draw(struct view *view, struct scene *scene, struct canvas *canvas);

#endif
