/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/led/yaml.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SIZE_MAX 262144L

bool yaml_failed(const struct yaml_file *file)
{
    return file->error->text[0] != '\0';
}

void yaml_fail(struct yaml_file *file, const yaml_node_t *node, const char *format, ...)
{
    char *text = file->error->text;
    size_t size = sizeof file->error->text;
    if (yaml_failed(file))
        return;
    int used = snprintf(text, size, "%s:%zu: ", file->path, node ? node->start_mark.line + 1 : 1);
    if (used < 0 || (size_t)used >= size)
        return;
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text + used, size - (size_t)used, format, list);
    va_end(list);
}

static void fail_parse(struct yaml_file *file, const yaml_parser_t *parser)
{
    (void)snprintf(file->error->text, sizeof file->error->text, "%s:%zu: not YAML: %s", file->path,
                   parser->problem_mark.line + 1,
                   parser->problem ? parser->problem : "cannot be read");
}

static bool load(struct yaml_file *file, FILE *stream)
{
    if (fseek(stream, 0, SEEK_END) != 0 || ftell(stream) > FILE_SIZE_MAX ||
        fseek(stream, 0, SEEK_SET) != 0) {
        yaml_fail(file, NULL, "not a file of at most 256 kB");
        return false;
    }
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        yaml_fail(file, NULL, "no memory");
        return false;
    }
    yaml_parser_set_input_file(&parser, stream);
    bool good = yaml_parser_load(&parser, &file->document);
    if (!good)
        fail_parse(file, &parser);
    yaml_parser_delete(&parser);
    return good;
}

bool yaml_open(struct yaml_file *file, const char *path, struct yaml_error *error)
{
    *file = (struct yaml_file){.path = path, .error = error};
    error->text[0] = '\0';
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        yaml_fail(file, NULL, "cannot be opened: %s", strerror(errno));
        return false;
    }
    bool good = load(file, stream);
    (void)fclose(stream);
    if (good && !yaml_root(file)) {
        yaml_fail(file, NULL, "the file is empty");
        yaml_document_delete(&file->document);
        return false;
    }
    return good;
}

void yaml_close(struct yaml_file *file)
{
    yaml_document_delete(&file->document);
}

const yaml_node_t *yaml_root(struct yaml_file *file)
{
    return yaml_document_get_root_node(&file->document);
}

struct yaml_map yaml_map_of(struct yaml_file *file, const yaml_node_t *node)
{
    struct yaml_map map = {.file = file, .node = node};
    if (node && node->type != YAML_MAPPING_NODE) {
        yaml_fail(file, node, "keys with values are needed here (key: value)");
        map.node = NULL;
    }
    return map;
}

static const char *text_of(const yaml_node_t *node)
{
    return node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "";
}

const yaml_node_t *yaml_get(struct yaml_map *map, const char *key)
{
    if (map->count < YAML_KEYS_MAX)
        map->taken[map->count++] = key;
    if (!map->node || yaml_failed(map->file))
        return NULL;
    const yaml_node_t *found = NULL;
    const yaml_node_pair_t *pair = map->node->data.mapping.pairs.start;
    for (; pair < map->node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(&map->file->document, pair->key);
        if (strcmp(text_of(name), key) != 0)
            continue;
        if (found)
            yaml_fail(map->file, name, "\"%s\" stands here twice", key);
        found = yaml_document_get_node(&map->file->document, pair->value);
    }
    return found;
}

static void fail_unknown(struct yaml_map *map, const yaml_node_t *name)
{
    char known[300] = "";
    size_t used = 0;
    for (int i = 0; i < map->count; i++) {
        int n = snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", map->taken[i]);
        if (n < 0 || (size_t)n >= sizeof known - used)
            break;
        used += (size_t)n;
    }
    yaml_fail(map->file, name, "unknown key \"%.40s\"; known here: %s", text_of(name), known);
}

void yaml_map_end(struct yaml_map *map)
{
    if (!map->node || yaml_failed(map->file))
        return;
    const yaml_node_pair_t *pair = map->node->data.mapping.pairs.start;
    for (; pair < map->node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = yaml_document_get_node(&map->file->document, pair->key);
        bool known = false;
        for (int i = 0; i < map->count && !known; i++)
            known = strcmp(text_of(name), map->taken[i]) == 0;
        if (!known)
            fail_unknown(map, name);
    }
}

const char *yaml_scalar(struct yaml_file *file, const yaml_node_t *node, const char *what)
{
    if (!node || node->type != YAML_SCALAR_NODE) {
        yaml_fail(file, node, "%s must be a single value", what);
        return "";
    }
    return text_of(node);
}

void yaml_text(struct yaml_map *map, const char *key, char *out, size_t size)
{
    const yaml_node_t *node = yaml_get(map, key);
    if (!node)
        return;
    const char *text = yaml_scalar(map->file, node, key);
    if (strlen(text) >= size)
        yaml_fail(map->file, node, "%s is too long; at most %zu bytes", key, size - 1);
    else
        memcpy(out, text, strlen(text) + 1);
}

void yaml_real(struct yaml_map *map, const char *key, double min, double max, double *out)
{
    const yaml_node_t *node = yaml_get(map, key);
    if (!node)
        return;
    const char *text = yaml_scalar(map->file, node, key);
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value) || value < min || value > max)
        yaml_fail(map->file, node, "%s: \"%.40s\" is not a number from %g to %g", key, text, min,
                  max);
    else
        *out = value;
}

void yaml_int(struct yaml_map *map, const char *key, int min, int max, int *out)
{
    const yaml_node_t *node = yaml_get(map, key);
    if (!node)
        return;
    const char *text = yaml_scalar(map->file, node, key);
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < min || value > max)
        yaml_fail(map->file, node, "%s: \"%.40s\" is not a whole number from %d to %d", key, text,
                  min, max);
    else
        *out = (int)value;
}

static bool parse_duration(const char *text, int64_t *out_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}};
    char *end = NULL;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || errno != 0 || value < 0 || value > 1000000)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0) {
            *out_ms = value * units[i].ms;
            return true;
        }
    }
    return false;
}

void yaml_duration(struct yaml_map *map, const char *key, int64_t min_ms, int64_t max_ms,
                   int64_t *out_ms)
{
    const yaml_node_t *node = yaml_get(map, key);
    if (!node)
        return;
    const char *text = yaml_scalar(map->file, node, key);
    int64_t value = 0;
    if (!parse_duration(text, &value))
        yaml_fail(map->file, node, "%s: \"%.40s\" is not a time like 500ms, 8s, 10min, 2h", key,
                  text);
    else if (value < min_ms || value > max_ms)
        yaml_fail(map->file, node, "%s: %s is out of range; %g s to %g s", key, text,
                  (double)min_ms / 1000, (double)max_ms / 1000);
    else
        *out_ms = value;
}

void yaml_clock(struct yaml_map *map, const char *key, int *out_minutes)
{
    const yaml_node_t *node = yaml_get(map, key);
    if (!node)
        return;
    const char *text = yaml_scalar(map->file, node, key);
    char *end = NULL;
    long hours = strtol(text, &end, 10);
    long minutes = -1;
    if (end != text && *end == ':' && strlen(end) == 3)
        minutes = strtol(end + 1, &end, 10);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || *end != '\0')
        yaml_fail(map->file, node, "%s: \"%.40s\" is not a time of day like \"23:00\"", key, text);
    else
        *out_minutes = (int)(hours * 60 + minutes);
}

bool yaml_flag(struct yaml_map *map, const char *key, bool absent)
{
    const yaml_node_t *node = yaml_get(map, key);
    if (!node)
        return absent;
    const char *text = yaml_scalar(map->file, node, key);
    if (strcmp(text, "true") == 0)
        return true;
    if (strcmp(text, "false") != 0)
        yaml_fail(map->file, node, "%s: \"%.40s\" is neither true nor false", key, text);
    return false;
}

void yaml_choice(struct yaml_map *map, const char *key, const char *const *names, int *out)
{
    const yaml_node_t *node = yaml_get(map, key);
    if (!node)
        return;
    const char *text = yaml_scalar(map->file, node, key);
    char known[200] = "";
    size_t used = 0;
    for (int i = 0; names[i]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return;
        }
        int n = snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", names[i]);
        used += n > 0 && (size_t)n < sizeof known - used ? (size_t)n : 0;
    }
    yaml_fail(map->file, node, "%s: \"%.40s\" is unknown; one of %s", key, text, known);
}

void yaml_path(struct yaml_map *map, const char *key, char *out, size_t size)
{
    const yaml_node_t *node = yaml_get(map, key);
    if (!node)
        return;
    const char *text = yaml_scalar(map->file, node, key);
    const char *slash = strrchr(map->file->path, '/');
    int folder = text[0] == '/' || !slash ? 0 : (int)(slash - map->file->path + 1);
    int used = snprintf(out, size, "%.*s%s", folder, map->file->path, text);
    if (used < 0 || (size_t)used >= size)
        yaml_fail(map->file, node, "%s: the path is too long", key);
}

int yaml_count(struct yaml_file *file, const yaml_node_t *node)
{
    if (!node || node->type != YAML_SEQUENCE_NODE) {
        yaml_fail(file, node, "a list is needed here (- item)");
        return 0;
    }
    return (int)(node->data.sequence.items.top - node->data.sequence.items.start);
}

const yaml_node_t *yaml_item(struct yaml_file *file, const yaml_node_t *node, int index)
{
    return yaml_document_get_node(&file->document, node->data.sequence.items.start[index]);
}
