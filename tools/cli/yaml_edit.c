/* SPDX-License-Identifier: Apache-2.0 */
/* The file is parsed only to know where the last item of a list ends; what is new is put there. */
#include "tools/cli/yaml_edit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

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

/* Items at a column, behind the line in which `end` is, with its comment. */
static char *add_lines(const struct edit *edit, size_t end, size_t column, const char *const *items,
                       unsigned count)
{
    char between[128];
    bool new_line = end > 0 && edit->text[end - 1] == '\n'; /* a text of several lines */
    if (new_line)
        end--;
    end += strcspn(edit->text + end, "\n");
    if (end > 0 && edit->text[end - 1] == '\r')
        end--;
    int length = snprintf(between, sizeof between, "%s%*s- ",
                          edit->text[end] == '\r' ? "\r\n" : "\n", (int)column, "");
    if (length < 0 || (size_t)length >= sizeof between)
        return NULL;
    return put(edit->text, end, between, items, count, between, "");
}

/* `devices:` and nothing. */
static char *add_below(struct edit *edit, const yaml_node_t *key, const char *const *items,
                       unsigned count)
{
    return add_lines(edit, offset_of(edit->text, key->end_mark.index), key->start_mark.column + 2,
                     items, count);
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
               : add_lines(edit, end_of(edit, list), list->start_mark.column, items, count);
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

static char *add_found(const char *text, find_place *find, const char *name,
                       const char *const *items, unsigned count, char *why, size_t why_size)
{
    struct edit edit = {.text = text};
    yaml_parser_t parser;
    char *out = NULL;
    (void)snprintf(why, why_size, "out of memory");
    if (yaml_parser_initialize(&parser) == 0)
        return NULL;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, strlen(text));
    if (yaml_parser_load(&parser, &edit.document) == 0) {
        (void)snprintf(why, why_size, "line %zu is not YAML", parser.problem_mark.line + 1);
    } else {
        struct place place = {NULL, NULL};
        out = find(&edit, name, &place, why, why_size) ? add(&edit, &place, items, count) : NULL;
    }
    yaml_document_delete(&edit.document);
    yaml_parser_delete(&parser);
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
