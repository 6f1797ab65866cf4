/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/page.h"

#include <string.h>

#include "gateway/led/png_file.h"

#define PICTURE_SIDE_MAX 1024

static struct template *read_template(struct yaml_file *file, const yaml_node_t *node,
                                      struct state *state)
{
    char problem[300] = "";
    const char *text = yaml_scalar(file, node, "a text");
    if (yaml_failed(file))
        return NULL;
    struct template *template = template_compile(text, state, problem, sizeof problem);
    if (!template)
        yaml_fail(file, node, "%s", problem);
    return template;
}

static struct page_text read_text(struct yaml_file *file, const yaml_node_t *node,
                                  struct state *state)
{
    struct page_text text = {{NULL, NULL}};
    if (!node || yaml_failed(file))
        return text;
    if (node->type == YAML_SCALAR_NODE) {
        text.in[LANGUAGE_ZH] = read_template(file, node, state);
        text.in[LANGUAGE_EN] = text.in[LANGUAGE_ZH];
        return text;
    }
    struct yaml_map map = yaml_map_of(file, node);
    const yaml_node_t *zh = yaml_get(&map, "zh");
    const yaml_node_t *en = yaml_get(&map, "en");
    yaml_map_end(&map);
    if (!zh || !en)
        yaml_fail(file, node, "a text is needed in both languages: { zh: ..., en: ... }");
    else
        text.in[LANGUAGE_ZH] = read_template(file, zh, state);
    if (!yaml_failed(file))
        text.in[LANGUAGE_EN] = read_template(file, en, state);
    return text;
}

static void read_value(struct yaml_file *file, const yaml_node_t *node, struct page_value *value,
                       struct state *state)
{
    *value = (struct page_value){.slot = -1, .range = true, .trend = true};
    const yaml_node_t *reference = node;
    if (node->type == YAML_MAPPING_NODE) {
        struct yaml_map map = yaml_map_of(file, node);
        reference = yaml_get(&map, "value");
        value->label = read_text(file, yaml_get(&map, "label"), state);
        value->range = yaml_flag(&map, "range", true);
        value->trend = yaml_flag(&map, "trend", true);
        yaml_map_end(&map);
        if (!reference)
            yaml_fail(file, node, "value is missing; e.g. value: plot/upper/air_temperature");
    }
    const char *text = yaml_scalar(file, reference, "value");
    if (yaml_failed(file))
        return;
    value->slot = state_slot(state, text);
    if (value->slot < 0)
        yaml_fail(file, reference,
                  "unknown value \"%.60s\"; plot/NAME/METRIC, dev/NAME/METRIC, "
                  "forecast/PLOT/pick_kg, forecast/PLOT/ready_kg, forecast/PLOT/pickers, "
                  "frost/min_c (at most %d different ones)",
                  text, STATE_SLOTS_MAX);
}

static void read_values(struct yaml_file *file, const yaml_node_t *node, struct page *page,
                        struct state *state)
{
    int count = yaml_count(file, node);
    if (count < 1 || count > PAGE_VALUES_MAX)
        yaml_fail(file, node, "values: 1 to %d of them on a page", PAGE_VALUES_MAX);
    for (int i = 0; i < count && !yaml_failed(file); i++)
        read_value(file, yaml_item(file, node, i), &page->values[page->value_count++], state);
}

static void read_lines(struct yaml_file *file, const yaml_node_t *node, struct page *page,
                       struct state *state)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        page->lines[page->line_count++] = read_text(file, node, state);
        return;
    }
    int count = yaml_count(file, node);
    if (count < 1 || count > PAGE_LINES_MAX)
        yaml_fail(file, node, "text: 1 to %d lines on a page", PAGE_LINES_MAX);
    for (int i = 0; i < count && !yaml_failed(file); i++)
        page->lines[page->line_count++] = read_text(file, yaml_item(file, node, i), state);
}

static void read_picture(struct yaml_file *file, struct yaml_map *map, const yaml_node_t *node,
                         struct page *page)
{
    char path[512] = "";
    const char *why = NULL;
    yaml_path(map, "picture", path, sizeof path);
    if (!yaml_failed(file) && !png_read(path, PICTURE_SIDE_MAX, &page->picture, &why))
        yaml_fail(file, node, "picture %s: %s", path, why);
}

/* The one thing that the page is; the others must be absent. */
static void read_body(struct yaml_file *file, struct yaml_map *map, struct page *page,
                      struct state *state)
{
    const yaml_node_t *values = yaml_get(map, "values");
    const yaml_node_t *text = yaml_get(map, "text");
    const yaml_node_t *qr = yaml_get(map, "qr");
    const yaml_node_t *picture = yaml_get(map, "picture");
    bool clock = yaml_flag(map, "clock", false);
    bool alerts = yaml_flag(map, "alerts", false);
    int kinds = !!values + !!qr + !!picture + clock + alerts;
    if (kinds == 0 && text)
        page->kind = PAGE_TEXT;
    else if (kinds != 1 || (text && (values || alerts)))
        yaml_fail(file, map->node,
                  "a page has one of values, text, clock, qr, picture, alerts (text also beside "
                  "clock, qr or picture)");
    else
        page->kind = values   ? PAGE_VALUES
                     : qr     ? PAGE_QR
                     : clock  ? PAGE_CLOCK
                     : alerts ? PAGE_ALERTS
                              : PAGE_PICTURE;
    if (values)
        read_values(file, values, page, state);
    if (text && !yaml_failed(file))
        read_lines(file, text, page, state);
    if (qr)
        yaml_text(map, "qr", page->url, sizeof page->url);
    if (picture && !yaml_failed(file))
        read_picture(file, map, picture, page);
}

static void read_page(struct yaml_file *file, const yaml_node_t *node, struct page *page,
                      struct state *state)
{
    struct yaml_map map = yaml_map_of(file, node);
    page->dwell_ms = PAGE_DWELL_MS;
    yaml_text(&map, "name", page->name, sizeof page->name);
    yaml_duration(&map, "dwell", 2000, 600000, &page->dwell_ms);
    page->title = read_text(file, yaml_get(&map, "title"), state);
    read_body(file, &map, page, state);
    yaml_map_end(&map);
    if (page->name[0] == '\0')
        yaml_fail(file, node, "a page needs a name");
}

bool pages_load(struct pages *pages, const char *path, struct state *state,
                struct yaml_error *error)
{
    struct yaml_file file;
    memset(pages, 0, sizeof *pages);
    if (!yaml_open(&file, path, error))
        return false;
    struct yaml_map root = yaml_map_of(&file, yaml_root(&file));
    const yaml_node_t *list = yaml_get(&root, "pages");
    if (!list)
        yaml_fail(&file, root.node, "pages is missing; a list of at least one page");
    int count = yaml_failed(&file) ? 0 : yaml_count(&file, list);
    if (list && (count < 1 || count > PAGES_MAX))
        yaml_fail(&file, list, "1 to %d pages", PAGES_MAX);
    for (int i = 0; i < count && !yaml_failed(&file); i++)
        read_page(&file, yaml_item(&file, list, i), &pages->pages[pages->count++], state);
    yaml_map_end(&root);
    yaml_close(&file);
    return error->text[0] == '\0';
}

static void free_text(struct page_text *text)
{
    if (text->in[LANGUAGE_EN] != text->in[LANGUAGE_ZH])
        template_free(text->in[LANGUAGE_EN]);
    template_free(text->in[LANGUAGE_ZH]);
}

void pages_free(struct pages *pages)
{
    for (int i = 0; i < pages->count; i++) {
        struct page *page = &pages->pages[i];
        free_text(&page->title);
        for (int k = 0; k < page->value_count; k++)
            free_text(&page->values[k].label);
        for (int k = 0; k < page->line_count; k++)
            free_text(&page->lines[k]);
        canvas_free(&page->picture);
    }
    pages->count = 0;
}
