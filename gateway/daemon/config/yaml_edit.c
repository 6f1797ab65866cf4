/* SPDX-License-Identifier: Apache-2.0 */
/* The file is parsed only to know where things begin and end; the text is cut and pasted there. */
#include "gateway/daemon/config/yaml_edit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "gateway/common/language.h"

struct edit {
    const char *text;
    yaml_document_t document;
};

/* A list in the mapping that it is of. */
struct place {
    const yaml_node_t *entry;
    const yaml_node_pair_t *pair;
};

static yaml_node_t *at(const struct edit *edit, int index)
{
    yaml_document_t document = edit->document; /* it is only looked at */
    return yaml_document_get_node(&document, index);
}

static bool is_text(const yaml_node_t *node, const char *text)
{
    return node != NULL && node->type == YAML_SCALAR_NODE &&
           strcmp((const char *)node->data.scalar.value, text) == 0;
}

static const yaml_node_pair_t *pair_of(struct edit *edit, const yaml_node_t *map, const char *key)
{
    if (map == NULL || map->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
         pair < map->data.mapping.pairs.top; pair++) {
        if (is_text(at(edit, pair->key), key))
            return pair;
    }
    return NULL;
}

static yaml_node_t *member(struct edit *edit, const yaml_node_t *map, const char *key)
{
    const yaml_node_pair_t *pair = pair_of(edit, map, key);
    return pair != NULL ? at(edit, pair->value) : NULL;
}

/* `entry`: the bus's own mapping. */
static const yaml_node_pair_t *devices_of(struct edit *edit, const char *bus,
                                          const yaml_node_t **entry)
{
    const yaml_node_t *buses = member(edit, yaml_document_get_root_node(&edit->document), "buses");
    if (buses == NULL || buses->type != YAML_SEQUENCE_NODE)
        return NULL;
    for (const yaml_node_item_t *item = buses->data.sequence.items.start;
         item < buses->data.sequence.items.top; item++) {
        yaml_node_t *one = at(edit, *item);
        *entry = one;
        if (is_text(member(edit, one, "name"), bus))
            return pair_of(edit, one, "devices");
    }
    return NULL;
}

/* libyaml counts characters. */
static size_t offset_of(const char *text, size_t characters)
{
    size_t byte = strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    for (; characters > 0 && text[byte] != '\0'; characters--) {
        byte++;
        while (((unsigned char)text[byte] & 0xC0) == 0x80)
            byte++;
    }
    return byte;
}

/* The mark of a block collection's end is where the next thing begins; its last scalar's is not. */
static size_t end_of(struct edit *edit, const yaml_node_t *node)
{
    for (;;) {
        const yaml_node_t *last = NULL;
        if (node->type == YAML_SEQUENCE_NODE &&
            node->data.sequence.style != YAML_FLOW_SEQUENCE_STYLE &&
            node->data.sequence.items.top > node->data.sequence.items.start)
            last = at(edit, node->data.sequence.items.top[-1]);
        else if (node->type == YAML_MAPPING_NODE &&
                 node->data.mapping.style != YAML_FLOW_MAPPING_STYLE &&
                 node->data.mapping.pairs.top > node->data.mapping.pairs.start)
            last = at(edit, node->data.mapping.pairs.top[-1].value);
        if (last == NULL)
            return offset_of(edit->text, node->end_mark.index);
        node = last;
    }
}

/* Text up to `at`, the items, each between `before` and `after`, and the rest. */
static char *put(const char *text, size_t at, const char *before, const char *const *items,
                 unsigned count, const char *between, const char *after)
{
    size_t size = strlen(text) + strlen(before) + strlen(after) + 1;
    for (unsigned i = 0; i < count; i++)
        size += strlen(items[i]) + strlen(between);
    char *out = malloc(size);
    FILE *stream = out != NULL ? fmemopen(out, size, "w") : NULL;
    if (stream == NULL) {
        free(out);
        return NULL;
    }
    bool good = fwrite(text, 1, at, stream) == at && fputs(before, stream) >= 0;
    for (unsigned i = 0; i < count; i++)
        good = good && fprintf(stream, "%s%s", i > 0 ? between : "", items[i]) > 0;
    good = good && fputs(after, stream) >= 0 && fputs(text + at, stream) >= 0;
    good = fclose(stream) == 0 && good;
    if (good)
        return out;
    free(out);
    return NULL;
}

static char *add_to_flow(struct edit *edit, const yaml_node_t *list, const char *const *items,
                         unsigned count)
{
    if (list->data.sequence.items.top == list->data.sequence.items.start)
        return put(edit->text, offset_of(edit->text, list->end_mark.index) - 1, " ", items, count,
                   ", ", " ");
    const yaml_node_t *last = at(edit, list->data.sequence.items.top[-1]);
    return put(edit->text, offset_of(edit->text, last->end_mark.index), ", ", items, count, ", ",
               "");
}

/* Items at a column, each behind `mark` ("- "), behind the line in which `end` is, with its
 * comment. */
static char *add_lines(const struct edit *edit, size_t end, size_t column, const char *mark,
                       const char *const *items, unsigned count)
{
    char between[128];
    bool new_line = end > 0 && edit->text[end - 1] == '\n'; /* a text of several lines */
    if (new_line)
        end--;
    end += strcspn(edit->text + end, "\n");
    if (end > 0 && edit->text[end - 1] == '\r')
        end--;
    int length = snprintf(between, sizeof between, "%s%*s%s",
                          edit->text[end] == '\r' ? "\r\n" : "\n", (int)column, "", mark);
    if (length < 0 || (size_t)length >= sizeof between)
        return NULL;
    return put(edit->text, end, between, items, count, between, "");
}

/* `devices:` and nothing. */
static char *add_below(struct edit *edit, const yaml_node_t *key, const char *const *items,
                       unsigned count)
{
    return add_lines(edit, offset_of(edit->text, key->end_mark.index), key->start_mark.column + 2,
                     "- ", items, count);
}

/* `devices: []` on a line of its own: without the brackets. */
static char *add_in_place(const struct edit *edit, const yaml_node_pair_t *pair,
                          const char *const *items, unsigned count)
{
    struct edit bare = *edit;
    const yaml_node_t *key = at(edit, pair->key), *list = at(edit, pair->value);
    size_t from = offset_of(edit->text, key->end_mark.index), size = strlen(edit->text);
    size_t to = offset_of(edit->text, list->end_mark.index);
    char *text = malloc(size + 1);
    if (text == NULL)
        return NULL;
    from += strspn(edit->text + from, " \t") + 1; /* the colon */
    memcpy(text, edit->text, from);
    memcpy(text + from, edit->text + to, size - to + 1);
    bare.text = text;
    char *out = add_below(&bare, key, items, count);
    free(text);
    return out;
}

static bool is_bare(const struct edit *edit, const yaml_node_pair_t *pair, const yaml_node_t *bus)
{
    const yaml_node_t *list = at(edit, pair->value);
    return bus->data.mapping.style != YAML_FLOW_MAPPING_STYLE &&
           list->data.sequence.items.top == list->data.sequence.items.start &&
           list->start_mark.line == list->end_mark.line &&
           at(edit, pair->key)->start_mark.line == list->start_mark.line;
}

static char *add(struct edit *edit, const struct place *place, const char *const *items,
                 unsigned count)
{
    const yaml_node_t *list = at(edit, place->pair->value);
    if (is_text(list, ""))
        return add_below(edit, at(edit, place->pair->key), items, count);
    if (is_bare(edit, place->pair, place->entry))
        return add_in_place(edit, place->pair, items, count);
    return list->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE
               ? add_to_flow(edit, list, items, count)
               : add_lines(edit, end_of(edit, list), list->start_mark.column, "- ", items, count);
}

static bool is_list(struct edit *edit, const struct place *place)
{
    const yaml_node_t *list = place->pair != NULL ? at(edit, place->pair->value) : NULL;
    return list != NULL && (list->type == YAML_SEQUENCE_NODE || is_text(list, ""));
}

/* Where items go to; false: `why`. */
typedef bool find_place(struct edit *edit, const char *name, struct place *place, char *why,
                        size_t size);

static bool find_devices(struct edit *edit, const char *bus, struct place *place, char *why,
                         size_t size)
{
    place->pair = devices_of(edit, bus, &place->entry);
    (void)snprintf(why, size,
                   "bus %s has no list `devices:`; write `devices: []` below its other keys", bus);
    return is_list(edit, place);
}

static bool find_brokers(struct edit *edit, const char *name, struct place *place, char *why,
                         size_t size)
{
    (void)name;
    place->entry = yaml_document_get_root_node(&edit->document);
    place->pair = pair_of(edit, place->entry, "mqtt");
    (void)snprintf(why, size, "there is no list `mqtt:`; write `mqtt: []` at the left margin");
    return is_list(edit, place);
}

/* false: `why`. Always close_text() afterwards. */
static bool open_text(struct edit *edit, yaml_parser_t *parser, const char *text, char *why,
                      size_t why_size)
{
    *edit = (struct edit){.text = text};
    (void)snprintf(why, why_size, "out of memory");
    if (yaml_parser_initialize(parser) == 0)
        return false;
    yaml_parser_set_input_string(parser, (const unsigned char *)text, strlen(text));
    if (yaml_parser_load(parser, &edit->document) != 0)
        return true;
    (void)snprintf(why, why_size, "line %zu is not YAML", parser->problem_mark.line + 1);
    return false;
}

static void close_text(struct edit *edit, yaml_parser_t *parser)
{
    yaml_document_delete(&edit->document);
    yaml_parser_delete(parser);
}

static char *add_found(const char *text, find_place *find, const char *name,
                       const char *const *items, unsigned count, char *why, size_t why_size)
{
    struct edit edit;
    struct place place = {NULL, NULL};
    yaml_parser_t parser;
    char *out = NULL;
    if (open_text(&edit, &parser, text, why, why_size) && find(&edit, name, &place, why, why_size))
        out = add(&edit, &place, items, count);
    close_text(&edit, &parser);
    return out;
}

char *yaml_add_devices(const char *text, const char *bus, const char *const *items, unsigned count,
                       char *why, size_t why_size)
{
    return add_found(text, find_devices, bus, items, count, why, why_size);
}

char *yaml_add_broker(const char *text, const char *item, char *why, size_t why_size)
{
    return add_found(text, find_brokers, NULL, &item, 1, why, why_size);
}

/* ---- Paths ---- */

/* Where a path leads: what it is of, and what is there. */
struct spot {
    const yaml_node_t *parent;
    const yaml_node_pair_t *pair;               /* of a mapping; NULL: there is no such key */
    const yaml_node_t *before, *entry, *behind; /* of a list: it and its neighbours */
};

static void find_entry(struct edit *edit, const yaml_node_t *list, const char *name,
                       struct spot *spot)
{
    const yaml_node_t *before = NULL;
    for (const yaml_node_item_t *item = list->data.sequence.items.start;
         item < list->data.sequence.items.top; item++) {
        yaml_node_t *one = at(edit, *item);
        if (spot->entry != NULL) {
            spot->behind = one;
            return;
        }
        if (is_text(one, name) || is_text(member(edit, one, "name"), name)) {
            spot->entry = one;
            spot->before = before;
        }
        before = one;
    }
}

static const yaml_node_t *follow(struct edit *edit, const yaml_node_t *from, const char *step,
                                 struct spot *spot)
{
    *spot = (struct spot){.parent = from};
    if (from != NULL && from->type == YAML_SEQUENCE_NODE) {
        find_entry(edit, from, step, spot);
        return spot->entry;
    }
    spot->pair = pair_of(edit, from, step);
    return spot->pair != NULL ? at(edit, spot->pair->value) : NULL;
}

/* All but the last step must be there. What an anchor names stands in two places at once. */
static bool find_spot(struct edit *edit, const struct yaml_path *path, struct spot *spot, char *why,
                      size_t size)
{
    const yaml_node_t *node = yaml_document_get_root_node(&edit->document);
    (void)snprintf(why, size, _("the file has no %s"), path->count > 0 ? path->steps[0] : "path");
    for (unsigned i = 0; i < path->count; i++) {
        if (node == NULL)
            return false;
        (void)snprintf(why, size, _("the file has no %s"), path->steps[i]);
        node = follow(edit, node, path->steps[i], spot);
    }
    return path->count > 0 && spot->parent != NULL && spot->parent->type != YAML_SCALAR_NODE;
}

static bool has_anchors(const char *text)
{
    yaml_parser_t parser;
    bool found = false, over = yaml_parser_initialize(&parser) == 0;
    if (over)
        return true;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    while (!over) {
        yaml_token_t token;
        if (yaml_parser_scan(&parser, &token) == 0)
            break;
        found = found || token.type == YAML_ANCHOR_TOKEN || token.type == YAML_ALIAS_TOKEN;
        over = token.type == YAML_STREAM_END_TOKEN;
        yaml_token_delete(&token);
    }
    yaml_parser_delete(&parser);
    return found;
}

static size_t begin_of(const struct edit *edit, const yaml_node_t *node)
{
    return offset_of(edit->text, node->start_mark.index);
}

/* The text with `value` in place of what is between. */
static char *exchange(const char *text, size_t from, size_t to, const char *value)
{
    size_t size = strlen(text), more = strlen(value);
    char *out = malloc(size - (to - from) + more + 1);
    if (out == NULL)
        return NULL;
    memcpy(out, text, from);
    memcpy(out + from, value, more);
    memcpy(out + from + more, text + to, size - to + 1);
    return out;
}

static bool is_block_text(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE &&
           (node->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
            node->data.scalar.style == YAML_FOLDED_SCALAR_STYLE);
}

static bool is_flow(const yaml_node_t *node)
{
    return node->type == YAML_MAPPING_NODE
               ? node->data.mapping.style == YAML_FLOW_MAPPING_STYLE
               : node->type == YAML_SEQUENCE_NODE &&
                     node->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE;
}

static char *change_value(struct edit *edit, const yaml_node_pair_t *pair, const char *value)
{
    char spaced[1024];
    const yaml_node_t *key = at(edit, pair->key), *old = at(edit, pair->value);
    if (is_text(old, "") && old->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) { /* `label:` */
        size_t colon = offset_of(edit->text, key->end_mark.index);
        colon += strspn(edit->text + colon, " \t");
        int length = snprintf(spaced, sizeof spaced, " %s", value);
        if (edit->text[colon] != ':' || length < 0 || (size_t)length >= sizeof spaced)
            return NULL;
        return exchange(edit->text, colon + 1, colon + 1, spaced);
    }
    if (is_block_text(old) || (old->type != YAML_SCALAR_NODE && !is_flow(old)))
        return NULL;
    return exchange(edit->text, begin_of(edit, old), offset_of(edit->text, old->end_mark.index),
                    value);
}

/* Where a new key goes: behind what the mapping is called; the last else. */
static const yaml_node_pair_t *neighbour(struct edit *edit, const yaml_node_t *map, bool last)
{
    const yaml_node_pair_t *name = last ? NULL : pair_of(edit, map, "name");
    if (name == NULL && !last)
        name = pair_of(edit, map, "site");
    return name != NULL ? name : &map->data.mapping.pairs.top[-1];
}

static char *add_key(struct edit *edit, const yaml_node_t *map, const char *key, const char *value,
                     bool last)
{
    char line[1024];
    const char *one[] = {line};
    int length = snprintf(line, sizeof line, "%s: %s", key, value);
    if (length < 0 || (size_t)length >= sizeof line || map->type != YAML_MAPPING_NODE ||
        map->data.mapping.pairs.top == map->data.mapping.pairs.start)
        return NULL;
    const yaml_node_pair_t *last_pair = neighbour(edit, map, last);
    const yaml_node_t *last_value = at(edit, last_pair->value);
    if (map->data.mapping.style == YAML_FLOW_MAPPING_STYLE)
        return put(edit->text, offset_of(edit->text, last_value->end_mark.index), ", ", one, 1, "",
                   "");
    return add_lines(edit, end_of(edit, last_value),
                     at(edit, map->data.mapping.pairs.start->key)->start_mark.column, "", one, 1);
}

static char *set_at(struct edit *edit, const struct spot *spot, const char *key, const char *value)
{
    if (spot->parent->type != YAML_MAPPING_NODE)
        return NULL;
    return spot->pair != NULL ? change_value(edit, spot->pair, value)
                              : add_key(edit, spot->parent, key, value, false);
}

/* ---- Removing ---- */

/* In brackets: with the comma that goes with it. */
static char *cut_flow(struct edit *edit, size_t before, size_t from, size_t to, size_t behind)
{
    if (behind > 0)
        return exchange(edit->text, from, behind, "");
    return exchange(edit->text, before > 0 ? before : from, to, "");
}

/* Whole lines, if nothing but `mark` stands in front. */
static char *cut_lines(const struct edit *edit, size_t from, size_t to, const char *mark)
{
    size_t size = strlen(mark), line = from;
    while (line > 0 && edit->text[line - 1] != '\n')
        line--;
    size_t blank = strspn(edit->text + line, " ");
    if (blank > from - line)
        blank = from - line;
    if (from - line - blank < size || strncmp(edit->text + line + blank, mark, size) != 0 ||
        strspn(edit->text + line + blank + size, " ") < from - line - blank - size)
        return NULL;
    if (to == 0 || edit->text[to - 1] != '\n') {
        to += strcspn(edit->text + to, "\n");
        to += edit->text[to] == '\n';
    }
    return exchange(edit->text, line, to, "");
}

static char *cut_entry(struct edit *edit, const struct spot *spot)
{
    const yaml_node_t *entry = spot->entry;
    size_t from = begin_of(edit, entry), to = end_of(edit, entry);
    bool flow = is_flow(spot->parent);
    if (flow)
        return cut_flow(
            edit, spot->before != NULL ? offset_of(edit->text, spot->before->end_mark.index) : 0,
            from, offset_of(edit->text, entry->end_mark.index),
            spot->behind != NULL ? begin_of(edit, spot->behind) : 0);
    if (spot->before == NULL && spot->behind == NULL)
        return NULL; /* a list in lines that is empty is no list any more */
    return cut_lines(edit, from, to, "-");
}

static char *cut_pair(struct edit *edit, const struct spot *spot)
{
    const yaml_node_pair_t *pairs = spot->parent->data.mapping.pairs.start;
    const yaml_node_pair_t *pair = spot->pair, *top = spot->parent->data.mapping.pairs.top;
    const yaml_node_t *value = at(edit, pair->value);
    size_t from = begin_of(edit, at(edit, pair->key));
    if (spot->parent->data.mapping.style != YAML_FLOW_MAPPING_STYLE)
        return cut_lines(edit, from, end_of(edit, value), "");
    return cut_flow(
        edit, pair > pairs ? offset_of(edit->text, at(edit, pair[-1].value)->end_mark.index) : 0,
        from, offset_of(edit->text, value->end_mark.index),
        pair + 1 < top ? begin_of(edit, at(edit, pair[1].key)) : 0);
}

/* ---- By a path ---- */

enum change { CHANGE_SET, CHANGE_ADD, CHANGE_REMOVE };

static char *add_at(struct edit *edit, const struct spot *spot, const char *item)
{
    struct place place = {.entry = spot->parent, .pair = spot->pair};
    return spot->pair != NULL && is_list(edit, &place) ? add(edit, &place, &item, 1) : NULL;
}

static char *change_at(struct edit *edit, const struct spot *spot, enum change change,
                       const char *key, const char *value)
{
    if (change == CHANGE_SET)
        return set_at(edit, spot, key, value);
    if (change == CHANGE_ADD)
        return spot->pair == NULL && spot->parent->type == YAML_MAPPING_NODE
                   ? add_key(edit, spot->parent, key, "[]", true)
                   : add_at(edit, spot, value);
    return spot->entry != NULL ? cut_entry(edit, spot)
                               : (spot->pair != NULL ? cut_pair(edit, spot) : NULL);
}

/* `made`: a list was missing and is there now; add once more. */
static char *edit_text(const char *text, const struct yaml_path *path, enum change change,
                       const char *value, bool *made, char *why, size_t why_size)
{
    struct edit edit;
    struct spot spot = {NULL, NULL, NULL, NULL, NULL};
    yaml_parser_t parser;
    char *out = NULL;
    if (open_text(&edit, &parser, text, why, why_size) &&
        find_spot(&edit, path, &spot, why, why_size)) {
        const char *key = path->steps[path->count - 1];
        if (change == CHANGE_REMOVE && spot.pair == NULL && spot.entry == NULL)
            (void)snprintf(why, why_size, _("the file has no %s"), key);
        else
            (void)snprintf(why, why_size, _("%s is written in a way that only hands can change"),
                           key);
        *made = change == CHANGE_ADD && spot.pair == NULL;
        out = has_anchors(text) ? NULL : change_at(&edit, &spot, change, key, value);
    }
    close_text(&edit, &parser);
    return out;
}

char *yaml_set(const char *text, const struct yaml_path *path, const char *value, char *why,
               size_t why_size)
{
    bool made;
    return edit_text(text, path, CHANGE_SET, value, &made, why, why_size);
}

char *yaml_add(const char *text, const struct yaml_path *path, const char *item, char *why,
               size_t why_size)
{
    bool made = false;
    char *out = edit_text(text, path, CHANGE_ADD, item, &made, why, why_size);
    if (out == NULL || !made)
        return out;
    char *with = edit_text(out, path, CHANGE_ADD, item, &made, why, why_size);
    free(out);
    return with;
}

char *yaml_remove(const char *text, const struct yaml_path *path, char *why, size_t why_size)
{
    bool made;
    return edit_text(text, path, CHANGE_REMOVE, "", &made, why, why_size);
}
