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

static yaml_node_t *at(struct edit *edit, int index)
{
    return yaml_document_get_node(&edit->document, index);
}

static bool is_text(const yaml_node_t *node, const char *text)
{
    return node != NULL && node->type == YAML_SCALAR_NODE &&
           strcmp((const char *)node->data.scalar.value, text) == 0;
}

static yaml_node_t *member(struct edit *edit, const yaml_node_t *map, const char *key)
{
    if (map == NULL || map->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
         pair < map->data.mapping.pairs.top; pair++) {
        if (is_text(at(edit, pair->key), key))
            return at(edit, pair->value);
    }
    return NULL;
}

static yaml_node_t *devices_of(struct edit *edit, const char *bus)
{
    const yaml_node_t *buses = member(edit, yaml_document_get_root_node(&edit->document), "buses");
    if (buses == NULL || buses->type != YAML_SEQUENCE_NODE)
        return NULL;
    for (const yaml_node_item_t *item = buses->data.sequence.items.start;
         item < buses->data.sequence.items.top; item++) {
        yaml_node_t *one = at(edit, *item);
        if (is_text(member(edit, one, "name"), bus))
            return member(edit, one, "devices");
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

/* Behind the line in which the last one ends, with its comment. */
static char *add_to_block(struct edit *edit, const yaml_node_t *list, const char *const *items,
                          unsigned count)
{
    char between[128];
    size_t end = end_of(edit, list), column = list->start_mark.column;
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

static char *add(struct edit *edit, const yaml_node_t *list, const char *const *items,
                 unsigned count)
{
    return list->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE
               ? add_to_flow(edit, list, items, count)
               : add_to_block(edit, list, items, count);
}

/* The list that items go to; NULL: `why`. */
typedef const yaml_node_t *find_list(struct edit *edit, const char *name, char *why, size_t size);

static const yaml_node_t *find_devices(struct edit *edit, const char *bus, char *why, size_t size)
{
    const yaml_node_t *list = devices_of(edit, bus);
    if (list != NULL && list->type == YAML_SEQUENCE_NODE)
        return list;
    (void)snprintf(why, size,
                   "bus %s has no list `devices:`; write `devices: []` below its other keys", bus);
    return NULL;
}

static const yaml_node_t *find_brokers(struct edit *edit, const char *name, char *why, size_t size)
{
    const yaml_node_t *list = member(edit, yaml_document_get_root_node(&edit->document), "mqtt");
    (void)name;
    if (list != NULL && list->type == YAML_SEQUENCE_NODE)
        return list;
    (void)snprintf(why, size, "there is no list `mqtt:`; write `mqtt: []` at the left margin");
    return NULL;
}

static char *add_found(const char *text, find_list *find, const char *name,
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
        const yaml_node_t *list = find(&edit, name, why, why_size);
        out = list != NULL ? add(&edit, list, items, count) : NULL;
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
