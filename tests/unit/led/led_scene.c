/* SPDX-License-Identifier: Apache-2.0 */
#include "led_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "scene: %s\n", what);
        abort();
    }
}

void scene_open(struct led_scene *scene)
{
    struct config_error error;
    char text[512];
    memset(scene, 0, sizeof *scene);
    scene->now = (struct led_now){SCENE_MONO_MS, SCENE_WALL_MS, SCENE_OFFSET_S};
    state_init(&scene->state);
    must(pages_load(&scene->pages, LED_TEST_DIR "/pages.yaml", &scene->state, &error), error.text);
    scene->fonts = font_open(FONT_DIRECTORY, text, sizeof text);
    must(scene->fonts != NULL, text);
    state_link(&scene->state, true, &scene->now);
    state_message(&scene->state, "gateway/status", "online", 6, true, &scene->now);
}

void scene_close(struct led_scene *scene)
{
    pages_free(&scene->pages);
    font_close(scene->fonts);
}

void scene_advance(struct led_scene *scene, int64_t ms)
{
    scene->now.mono_ms += ms;
    scene->now.wall_ms += ms;
}

void scene_send(struct led_scene *scene, const char *topic, const char *json, bool retained)
{
    char text[4096], ts[32];
    size_t used = 0;
    (void)snprintf(ts, sizeof ts, "%lld", (long long)scene->now.wall_ms);
    for (const char *at = json; *at; at++) {
        const char *piece = *at == '@' ? ts : at;
        size_t length = *at == '@' ? strlen(ts) : 1;
        must(used + length < sizeof text, "message too long");
        memcpy(text + used, piece, length);
        used += length;
    }
    state_message(&scene->state, topic, text, used, retained, &scene->now);
}

void scene_live_day(struct led_scene *scene)
{
    scene_send(scene, "site",
               "{\"label\":\"白叶茶园\",\"plots\":[{\"name\":\"upper\",\"label\":\"上坡\"},"
               "{\"name\":\"lower\",\"label\":\"下坡\"}],"
               "\"metrics\":{\"soil_moisture\":{\"low\":25,\"high\":60}}}",
               true);
    scene_send(scene, "plot/upper/live",
               "{\"ts\":@,\"every_s\":60,\"values\":{\"air_temperature\":16.4,\"air_humidity\":89,"
               "\"soil_moisture\":31.6,\"soil_temperature\":14.9},\"flags\":{}}",
               false);
    scene_advance(scene, 60 * 60 * 1000);
    scene_send(scene, "plot/upper/live",
               "{\"ts\":@,\"every_s\":60,\"values\":{\"air_temperature\":18.21,"
               "\"air_humidity\":83,\"soil_moisture\":31.4,\"soil_temperature\":14.9},"
               "\"flags\":{}}",
               false);
    for (int i = 0; i < scene->state.slot_count; i++) {
        const char *metric = scene->state.slots[i].metric;
        if (strcmp(metric, "air_temperature") == 0)
            state_day(&scene->state, i, 9.3, 21.7, &scene->now);
        if (strcmp(metric, "air_humidity") == 0)
            state_day(&scene->state, i, 71, 98, &scene->now);
    }
    scene_send(scene, "plot/lower/live",
               "{\"ts\":@,\"every_s\":60,\"values\":{\"air_temperature\":-3.4,"
               "\"soil_moisture\":12.7,\"soil_conductivity\":1480,\"illuminance\":84200,"
               "\"rainfall\":0.4,\"soil_ph\":4.8},"
               "\"flags\":{\"air_humidity\":\"fault\",\"soil_ph\":\"uncalibrated\"}}",
               false);
    scene_send(scene, "forecast",
               "{\"ts\":@,\"plots\":{\"upper\":{\"pick_kg\":[6,9,12],\"ready_kg\":[8,12,17],"
               "\"pickers\":4}},\"frost\":{\"level\":\"watch\",\"min_c\":2.1},"
               "\"disease\":[{\"name\":\"blister_blight\",\"level\":\"medium\"}]}",
               true);
}

const struct page *scene_page(const struct led_scene *scene, const char *name)
{
    for (int i = 0; i < scene->pages.count; i++) {
        if (strcmp(scene->pages.pages[i].name, name) == 0)
            return &scene->pages.pages[i];
    }
    must(false, name);
    return NULL;
}
