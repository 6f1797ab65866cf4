/* SPDX-License-Identifier: Apache-2.0 */
/* A screen in virtual time for tests: a state fed with the messages of an ordinary day, its pages
 * and fonts. */
#ifndef LED_SCENE_H
#define LED_SCENE_H

#include "gateway/led/font.h"
#include "gateway/led/page.h"
#include "gateway/led/state.h"

/* 2026-04-03 14:05:00 in Guizhou, when the test's clocks start. */
#define SCENE_WALL_MS  1775196300000LL
#define SCENE_MONO_MS  1000000LL
#define SCENE_OFFSET_S (8 * 3600)

struct led_scene {
    struct state state;
    struct pages pages;
    struct font_set *fonts;
    struct led_now now;
};

/* Loads pages.yaml of this folder; connected, gateway online, nothing received. */
void scene_open(struct led_scene *scene);
void scene_close(struct led_scene *scene);
void scene_advance(struct led_scene *scene, int64_t ms);
/* A retained or live JSON message; every '@' in it becomes the time now in ms. */
void scene_send(struct led_scene *scene, const char *topic, const char *json, bool retained);
/* Labels, values with trends and a whole day's range, forecast. */
void scene_live_day(struct led_scene *scene);
const struct page *scene_page(const struct led_scene *scene, const char *name);

#endif
