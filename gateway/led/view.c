/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/view.h"

void view_init(struct view *view, const struct pages *pages, const enum language *languages,
               int language_count)
{
    *view = (struct view){.pages = pages, .language_count = language_count};
    for (int i = 0; i < language_count; i++)
        view->languages[i] = languages[i];
}

static void next_round(struct view *view)
{
    view->watching = false;
    view->page = view->screen = 0;
    view->language = (view->language + 1) % view->language_count;
}

/* Behind the last page: the watches, going on where the last round ended. */
static void begin_watches(struct view *view, const struct scene *scene)
{
    int count = state_alert_count(scene->state, VIEW_WATCH_LEVEL);
    view->watching = true;
    view->watch_left = count < VIEW_WATCH_MOST ? count : VIEW_WATCH_MOST;
    view->alert_screen = 0;
    if (count == 0)
        next_round(view);
    else
        view->watch %= count;
}

/* The watch whose turn it is; NULL: none is left, and it is the pages' turn. */
static const struct state_alert *watch_now(struct view *view, const struct scene *scene)
{
    int count = view->watching ? state_alert_count(scene->state, VIEW_WATCH_LEVEL) : 0;
    if (view->watching && count == 0) { /* they ended meanwhile */
        next_round(view);
        view->started = false;
    }
    if (count > 0)
        view->watch %= count;
    return count > 0 ? state_alert(scene->state, VIEW_WATCH_LEVEL, view->watch) : NULL;
}

static void next_picture(struct view *view, const struct scene *scene, int width, int height)
{
    const struct page *page = &view->pages->pages[view->page];
    const struct state_alert *watch = watch_now(view, scene);
    if (watch != NULL) {
        if (++view->alert_screen < render_alert_screens(scene, watch, width, height))
            return;
        view->alert_screen = 0;
        view->watch++;
        if (--view->watch_left == 0)
            next_round(view);
        return;
    }
    if (++view->screen < render_screens(scene, page, width, height))
        return;
    view->screen = 0;
    if (++view->page < view->pages->count)
        return;
    view->page = 0;
    begin_watches(view, scene);
}

/* After a freeze of any length exactly one step is made: the picture that was due. */
static void step_pages(struct view *view, const struct scene *scene, int width, int height)
{
    int64_t shown_ms = scene->now->mono_ms - view->since_mono_ms;
    int64_t dwell_ms = view->watching ? VIEW_ALERT_MS : view->pages->pages[view->page].dwell_ms;
    if (view->started && shown_ms < dwell_ms)
        return;
    if (view->started)
        next_picture(view, scene, width, height);
    view->started = true;
    view->since_mono_ms = scene->now->mono_ms;
}

static const struct state_alert *step_alerts(struct view *view, const struct scene *scene,
                                             int width, int height)
{
    int count = state_alert_count(scene->state, VIEW_ALERT_LEVEL);
    bool began = count > 0 && !view->alarmed;
    if (count == 0 && view->alarmed) {
        view->started = false; /* back to the pages, with a whole dwell time */
        view->alert_screen = 0;
    }
    view->alarmed = count > 0;
    if (count == 0)
        return NULL;
    if (began) {
        view->alert = view->alert_screen = 0;
        view->since_mono_ms = scene->now->mono_ms;
    }
    view->alert %= count;
    const struct state_alert *alert = state_alert(scene->state, VIEW_ALERT_LEVEL, view->alert);
    if (scene->now->mono_ms - view->since_mono_ms >= VIEW_ALERT_MS) {
        view->since_mono_ms = scene->now->mono_ms;
        if (++view->alert_screen >= render_alert_screens(scene, alert, width, height)) {
            view->alert_screen = 0;
            view->alert = (view->alert + 1) % count;
            if (view->alert == 0)
                view->language = (view->language + 1) % view->language_count;
        }
    }
    return state_alert(scene->state, VIEW_ALERT_LEVEL, view->alert);
}

void view_draw(struct view *view, struct scene *scene, struct canvas *canvas)
{
    int width = canvas->width, height = canvas->height;
    scene->language = view->languages[view->language];
    const struct state_alert *alert = step_alerts(view, scene, width, height);
    int screen = view->alert_screen;
    if (alert == NULL) {
        step_pages(view, scene, width, height);
        scene->language = view->languages[view->language];
        alert = watch_now(view, scene);
        screen = view->alert_screen;
    }
    scene->language = view->languages[view->language];
    if (alert != NULL) { /* its text may have become shorter */
        render_alert(scene, canvas, alert,
                     screen % render_alert_screens(scene, alert, width, height));
        return;
    }
    /* A text may have become shorter since the picture was chosen. */
    const struct page *page = &view->pages->pages[view->page];
    view->screen %= render_screens(scene, page, width, height);
    render_page(scene, canvas, page, view->screen);
}
