/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/check.h"

#include <math.h>

#include "gateway/led/render.h"

#define COMFORTABLE_MM_M 2.8
#define LIMIT_MM_M       1.7
#define HANZI_FACTOR     1.5

double reading_distance_m(double height_mm, bool hanzi, bool limit)
{
    return height_mm / ((limit ? LIMIT_MM_M : COMFORTABLE_MM_M) * (hanzi ? HANZI_FACTOR : 1));
}

int wanted_height(const struct led_config *config)
{
    if (config->distance_m > 0)
        return (int)ceil(config->distance_m * COMFORTABLE_MM_M / config->pitch_mm);
    if (config->height < 48)
        return config->height / 2;
    int fifth = config->height / 5;
    return fifth > 10 ? fifth : 10;
}

static void print_height(FILE *out, const struct led_config *config, const char *what, int pixels,
                         bool hanzi)
{
    if (pixels <= 0)
        return;
    double mm = pixels * config->pitch_mm;
    (void)fprintf(out, "    %-8s %3d px = %4.0f mm: comfortable to %.0f m, limit %.0f m\n", what,
                  pixels, mm, reading_distance_m(mm, hanzi, false),
                  reading_distance_m(mm, hanzi, true));
}

bool check_print(FILE *out, const struct led_config *config, const struct pages *pages,
                 const struct state *state, struct font_set *fonts)
{
    struct led_now now = {0, 0, 0};
    bool good = true;
    (void)fprintf(out, "screen %dx%d, pitch %g mm: %.2f m x %.2f m\n", config->width,
                  config->height, config->pitch_mm, config->width * config->pitch_mm / 1000,
                  config->height * config->pitch_mm / 1000);
    for (int i = 0; i < pages->count; i++) {
        const struct page *page = &pages->pages[i];
        struct scene scene = {fonts, state, config->languages[0], &now, wanted_height(config)};
        int digits = 0, text = 0;
        render_heights(&scene, page, config->width, config->height, &digits, &text);
        int screens = render_screens(&scene, page, config->width, config->height);
        (void)fprintf(out, "  page %s: %d picture%s of %g s\n", page->name, screens,
                      screens == 1 ? "" : "s", (double)page->dwell_ms / 1000);
        print_height(out, config, "numbers", digits, false);
        print_height(out, config, "text", text, config->languages[0] == LANGUAGE_ZH);
        double mm = digits * config->pitch_mm;
        if (digits > 0 && config->distance_m > reading_distance_m(mm, false, true)) {
            (void)fprintf(out,
                          "    NOT readable from %g m: fewer or shorter values, or a larger "
                          "screen\n",
                          config->distance_m);
            good = false;
        }
    }
    return good;
}
