/* SPDX-License-Identifier: Apache-2.0 */
/* What the screen shows in turn: pages, read from a YAML file.
 *
 *   pages:
 *     - name: upper
 *       title: "{label:plot/upper}"            # one text, or { zh: ..., en: ... }
 *       dwell: 8s                              # 2s to 10min, default 8s
 *       values:                                # big numbers, laid out to fit
 *         - plot/upper/air_temperature
 *         - { value: plot/upper/soil_moisture, label: { zh: 水分, en: Soil }, range: false }
 *     - name: pick
 *       text: [ "明天可采 {forecast/upper/pick_jin} 斤", "..." ]
 *     - { name: clock, clock: true }
 *     - { name: app, qr: "http://10.0.0.5:8080", text: 扫码看茶园 }
 *     - { name: farm, picture: farm.png, text: "{farm}" }
 *     - { name: alerts, alerts: true }
 *
 * A page has exactly one of values, text, clock, qr, picture, alerts; `text` may stand beside qr,
 * picture and clock. Immutable once read. */
#ifndef BAIYE_LED_PAGE_H
#define BAIYE_LED_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/common/config_error.h"
#include "gateway/led/canvas.h"
#include "gateway/led/state.h"
#include "gateway/led/template.h"

#define PAGES_MAX       24
#define PAGE_VALUES_MAX 16
#define PAGE_LINES_MAX  8
#define PAGE_URL_SIZE   160
#define PAGE_DWELL_MS   8000

enum page_kind { PAGE_VALUES = 0, PAGE_TEXT, PAGE_CLOCK, PAGE_QR, PAGE_PICTURE, PAGE_ALERTS };

struct page_text {
    struct template *in[LANGUAGE_COUNT]; /* both or none; the same one when there is one text */
};

struct page_value {
    int slot;
    struct page_text label; /* none: the metric's own */
    bool range;             /* min and max of the day, where there is room */
    bool trend;
};

struct page {
    char name[STATE_NAME_SIZE];
    enum page_kind kind;
    int64_t dwell_ms;
    struct page_text title; /* may be none */
    int value_count, line_count;
    struct page_value values[PAGE_VALUES_MAX];
    struct page_text lines[PAGE_LINES_MAX];
    char url[PAGE_URL_SIZE];
    struct canvas picture; /* pixels NULL unless PAGE_PICTURE */
};

struct pages {
    int count;
    struct page pages[PAGES_MAX];
};

/* Slots that pages name are made in `state`. False and `error` (FILE:LINE) when anything is wrong;
 * pages_free() is to be called in either case. */
bool pages_load(struct pages *pages, const char *path, struct state *state,
                struct config_error *error);
void pages_free(struct pages *pages);

#endif
