/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/view.h"

void view_init(struct view *view, const struct pages *pages, const enum language *languages,
               int language_count)
{
    *view = (struct view){.pages = pages, .language_count = language_count};
    for (int i = 0; i < language_count; i++)
        view->languages[i] = languages[i];
}

static void next_picture(struct view *view, const struct scene *scene, int width, int height)
{
    const struct page *page = &view->pages->pages[view->page];
    if (++view->screen < render_screens(scene, page, width, height))
        return;
    view->screen = 0;
    if (++view->page < view->pages->count)
        return;
    view->page = 0;
    view->language = (view->language + 1) % view->language_count;
}

/* After a freeze of any length exactly one step is made: the picture that was due. */
static void step_pages(struct view *view, const struct scene *scene, int width, int height)
{
    int64_t shown_ms = scene->now->mono_ms - view->since_mono_ms;
    if (view->started && shown_ms < view->pages->pages[view->page].dwell_ms)
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
    if (count == 0 && view->alarmed)
        view->started = false; /* back to the pages, with a whole dwell time */
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
    scene->language = view->languages[view->language];
    const struct state_alert *alert = step_alerts(view, scene, canvas->width, canvas->height);
    if (alert == NULL)
        step_pages(view, scene, canvas->width, canvas->height);
    scene->language = view->languages[view->language];
    if (alert != NULL) {
        render_alert(scene, canvas, alert, view->alert_screen);
        return;
    }
    /* A text may have become shorter since the picture was chosen. */
    const struct page *page = &view->pages->pages[view->page];
    view->screen %= render_screens(scene, page, canvas->width, canvas->height);
    render_page(scene, canvas, page, view->screen);
}
