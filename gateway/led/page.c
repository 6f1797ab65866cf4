/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/page.h"

#include <string.h>

#include "gateway/common/keys.h"
#include "gateway/common/language.h"
#include "gateway/led/png_file.h"

#define PICTURE_SIDE_MAX 1024
#define COUNT(table)     (sizeof(table) / sizeof(table)[0])

/* Keeps the node for a reader of its own; `target` is where it is kept. */
static bool keep_node(const yaml_node_t **member, const yaml_node_t *node)
{
    *member = node;
    return true;
}

/* ---- Texts ---- */

static struct template *read_template(struct yaml_source *source, const yaml_node_t *node,
                                      struct state *state)
{
    char problem[300] = "";
    const char *text = yaml_text(node);
    if (text == NULL) {
        (void)yaml_error(source, yaml_line(node), "a text must be a single value");
        return NULL;
    }
    struct template *template = template_compile(text, state, problem, sizeof problem);
    if (template == NULL)
        (void)yaml_error(source, yaml_line(node), "%s", problem);
    return template;
}

struct raw_text {
    const yaml_node_t *zh, *en;
};

static bool keep_zh(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct raw_text *raw = target;
    (void)source;
    return keep_node(&raw->zh, node);
}

static bool keep_en(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct raw_text *raw = target;
    (void)source;
    return keep_node(&raw->en, node);
}

static const struct key text_keys[] = {
    {"zh", KEY_FUNCTION, .read = keep_zh},
    {"en", KEY_FUNCTION, .read = keep_en},
};

static bool read_text(struct yaml_source *source, const yaml_node_t *node, struct state *state,
                      struct page_text *text)
{
    struct raw_text raw = {node, node};
    *text = (struct page_text){{NULL, NULL}};
    if (node->type != YAML_SCALAR_NODE) {
        raw = (struct raw_text){NULL, NULL};
        if (!keys_read(source, node, "a text", text_keys, COUNT(text_keys), &raw))
            return false;
    }
    if (raw.zh == NULL || raw.en == NULL)
        return yaml_error(source, yaml_line(node),
                          "a text is needed in both languages; write { zh: …, en: … }");
    text->in[LANGUAGE_ZH] = read_template(source, raw.zh, state);
    text->in[LANGUAGE_EN] = raw.en == raw.zh || text->in[LANGUAGE_ZH] == NULL
                                ? text->in[LANGUAGE_ZH]
                                : read_template(source, raw.en, state);
    return !source->failed;
}

/* ---- Values ---- */

struct raw_value {
    const yaml_node_t *value, *label;
    bool range, trend;
};

static bool keep_value(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct raw_value *raw = target;
    (void)source;
    return keep_node(&raw->value, node);
}

static bool keep_label(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct raw_value *raw = target;
    (void)source;
    return keep_node(&raw->label, node);
}

static const struct key value_keys[] = {
    {"value", KEY_FUNCTION, .read = keep_value, .example = "plot/upper/air_temperature",
     .required = true},
    {"label", KEY_FUNCTION, .read = keep_label},
    {"range", KEY_BOOL, KEY_MEMBER(struct raw_value, range), .example = "false"},
    {"trend", KEY_BOOL, KEY_MEMBER(struct raw_value, trend), .example = "false"},
};

static bool read_value(struct yaml_source *source, const yaml_node_t *node, struct state *state,
                       struct page_value *value)
{
    struct raw_value raw = {.value = node, .range = true, .trend = true};
    *value = (struct page_value){.slot = -1};
    if (node->type == YAML_MAPPING_NODE &&
        !keys_read(source, node, "a value", value_keys, COUNT(value_keys), &raw))
        return false;
    value->range = raw.range;
    value->trend = raw.trend;
    if (raw.label != NULL && !read_text(source, raw.label, state, &value->label))
        return false;
    const char *text = yaml_text(raw.value);
    value->slot = text != NULL ? state_slot(state, text) : -1;
    if (value->slot >= 0)
        return true;
    return yaml_error(
        source, yaml_line(raw.value),
        "unknown value \"%.60s\"; write plot/NAME/METRIC, dev/NAME/METRIC, "
        "forecast/PLOT/pick_jin (or _kg), forecast/PLOT/ready_jin, forecast/PLOT/pickers or "
        "frost/min_c (at most %d different ones)",
        text != NULL ? text : _("(a list or mapping)"), STATE_SLOTS_MAX);
}

/* ---- A page ---- */

struct raw_page {
    char name[STATE_NAME_SIZE], url[PAGE_URL_SIZE], picture[512];
    uint32_t dwell_ms;
    const yaml_node_t *title, *values, *text;
    bool clock, alerts;
};

static bool keep_title(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct raw_page *raw = target;
    (void)source;
    return keep_node(&raw->title, node);
}

static bool keep_values(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct raw_page *raw = target;
    (void)source;
    return keep_node(&raw->values, node);
}

static bool keep_text(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    struct raw_page *raw = target;
    (void)source;
    return keep_node(&raw->text, node);
}

static const struct key page_keys[] = {
    {"name", KEY_TEXT, KEY_MEMBER(struct raw_page, name), .example = "upper", .required = true},
    {"dwell", KEY_MS, KEY_MEMBER(struct raw_page, dwell_ms), 2000, 600000, .example = "8s"},
    {"title", KEY_FUNCTION, .read = keep_title},
    {"values", KEY_FUNCTION, .read = keep_values},
    {"text", KEY_FUNCTION, .read = keep_text},
    {"qr", KEY_TEXT, KEY_MEMBER(struct raw_page, url), .example = "http://10.0.0.5:8080"},
    {"picture", KEY_PATH, KEY_MEMBER(struct raw_page, picture), .example = "farm.png"},
    {"clock", KEY_BOOL, KEY_MEMBER(struct raw_page, clock), .example = "true"},
    {"alerts", KEY_BOOL, KEY_MEMBER(struct raw_page, alerts), .example = "true"},
};

/* The one thing that the page is; the others must be absent. */
static bool find_kind(struct yaml_source *source, const yaml_node_t *node,
                      const struct raw_page *raw, enum page_kind *kind)
{
    bool values = raw->values != NULL, text = raw->text != NULL;
    bool qr = raw->url[0] != '\0', picture = raw->picture[0] != '\0';
    int kinds = values + qr + picture + raw->clock + raw->alerts;
    if ((kinds != 1 && !(kinds == 0 && text)) || (text && (values || raw->alerts)))
        return yaml_error(source, yaml_line(node),
                          "a page has one of values, text, clock, qr, picture, alerts (text also "
                          "beside clock, qr or picture)");
    *kind = values        ? PAGE_VALUES
            : qr          ? PAGE_QR
            : raw->clock  ? PAGE_CLOCK
            : raw->alerts ? PAGE_ALERTS
            : picture     ? PAGE_PICTURE
                          : PAGE_TEXT;
    return true;
}

static bool read_values(struct yaml_source *source, const yaml_node_t *node, struct state *state,
                        struct page *page)
{
    bool list = node->type == YAML_SEQUENCE_NODE;
    const yaml_node_item_t *item = list ? node->data.sequence.items.start : NULL;
    ptrdiff_t count = list ? node->data.sequence.items.top - item : 0;
    if (count < 1 || count > PAGE_VALUES_MAX)
        return yaml_error(source, yaml_line(node), "values: write a list of 1 to %d of them",
                          PAGE_VALUES_MAX);
    for (; count > 0; count--, item++) {
        if (!read_value(source, yaml_at(source, *item), state, &page->values[page->value_count++]))
            return false;
    }
    return true;
}

static bool read_lines(struct yaml_source *source, const yaml_node_t *node, struct state *state,
                       struct page *page)
{
    if (node->type != YAML_SEQUENCE_NODE)
        return read_text(source, node, state, &page->lines[page->line_count++]);
    const yaml_node_item_t *item = node->data.sequence.items.start;
    ptrdiff_t count = node->data.sequence.items.top - item;
    if (count < 1 || count > PAGE_LINES_MAX)
        return yaml_error(source, yaml_line(node), "text: write 1 to %d lines", PAGE_LINES_MAX);
    for (; count > 0; count--, item++) {
        if (!read_text(source, yaml_at(source, *item), state, &page->lines[page->line_count++]))
            return false;
    }
    return true;
}

static bool read_picture(struct yaml_source *source, const yaml_node_t *node, const char *path,
                         struct page *page)
{
    const char *why = NULL;
    return png_read(path, PICTURE_SIDE_MAX, &page->picture, &why) ||
           yaml_error(source, yaml_line(node), "picture %s: %s", path, why);
}

static bool read_page(struct yaml_source *source, const yaml_node_t *node, struct state *state,
                      struct page *page)
{
    struct raw_page raw = {.dwell_ms = PAGE_DWELL_MS};
    if (!keys_read(source, node, "a page", page_keys, COUNT(page_keys), &raw) ||
        !find_kind(source, node, &raw, &page->kind))
        return false;
    memcpy(page->name, raw.name, sizeof page->name);
    memcpy(page->url, raw.url, sizeof page->url);
    page->dwell_ms = raw.dwell_ms;
    return (raw.title == NULL || read_text(source, raw.title, state, &page->title)) &&
           (raw.values == NULL || read_values(source, raw.values, state, page)) &&
           (raw.text == NULL || read_lines(source, raw.text, state, page)) &&
           (page->kind != PAGE_PICTURE || read_picture(source, node, raw.picture, page));
}

/* ---- The file ---- */

struct reading_pages {
    struct pages *pages;
    struct state *state;
};

static bool read_pages(struct yaml_source *source, const yaml_node_t *node, void *target)
{
    const struct reading_pages *reading = target;
    struct pages *pages = reading->pages;
    bool list = node->type == YAML_SEQUENCE_NODE;
    const yaml_node_item_t *item = list ? node->data.sequence.items.start : NULL;
    ptrdiff_t count = list ? node->data.sequence.items.top - item : 0;
    if (count < 1 || count > PAGES_MAX)
        return yaml_error(source, yaml_line(node), "pages: write a list of 1 to %d pages",
                          PAGES_MAX);
    for (; count > 0; count--, item++) {
        if (!read_page(source, yaml_at(source, *item), reading->state,
                       &pages->pages[pages->count++]))
            return false;
    }
    return true;
}

static const struct key file_keys[] = {
    {"pages", KEY_FUNCTION, .read = read_pages, .example = "[{ name: clock, clock: true }]",
     .required = true},
};

bool pages_load(struct pages *pages, const char *path, struct state *state,
                struct config_error *error)
{
    struct yaml_source source;
    struct reading_pages reading = {pages, state};
    memset(pages, 0, sizeof *pages);
    bool good =
        yaml_open(&source, path, error) &&
        keys_read(&source, yaml_root(&source), "the file", file_keys, COUNT(file_keys), &reading);
    yaml_close(&source);
    return good;
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
