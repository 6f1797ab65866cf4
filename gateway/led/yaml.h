/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a YAML file as a tree and takes it apart key by key, so that every mistake is told as
 * FILE:LINE. Sticky: after the first error the rest does nothing. What is not asked for is an
 * error too: yaml_map_end() after the keys of a map were taken. One thread. */
#ifndef BAIYE_LED_YAML_H
#define BAIYE_LED_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

#define YAML_KEYS_MAX 40

struct yaml_error {
    char text[512]; /* FILE:LINE: what is wrong; what would be right. "" : none */
};

struct yaml_file {
    const char *path;
    yaml_document_t document;
    struct yaml_error *error;
};

struct yaml_map {
    struct yaml_file *file;
    const yaml_node_t *node;          /* NULL: not there; every key is absent */
    const char *taken[YAML_KEYS_MAX]; /* keys asked for, for the error's help */
    int count;
};

/* False and `error` when the file cannot be read, is larger than 256 kB or is not YAML. */
bool yaml_open(struct yaml_file *file, const char *path, struct yaml_error *error);
void yaml_close(struct yaml_file *file);
const yaml_node_t *yaml_root(struct yaml_file *file);

/* Sets the error, at the line of `node` (may be NULL: line 1), unless there is one. */
void yaml_fail(struct yaml_file *file, const yaml_node_t *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool yaml_failed(const struct yaml_file *file);

/* `node` NULL gives an empty map; another kind of node is an error. */
struct yaml_map yaml_map_of(struct yaml_file *file, const yaml_node_t *node);
/* The value of `key`, NULL when absent. `key` must outlive the map. */
const yaml_node_t *yaml_get(struct yaml_map *map, const char *key);
/* Every key that was not asked for is an error. */
void yaml_map_end(struct yaml_map *map);

/* Scalars. An absent key leaves `*out` as it is (the default); a wrong one is an error. */
const char *yaml_scalar(struct yaml_file *file, const yaml_node_t *node, const char *what);
void yaml_text(struct yaml_map *map, const char *key, char *out, size_t size);
void yaml_int(struct yaml_map *map, const char *key, int min, int max, int *out);
void yaml_real(struct yaml_map *map, const char *key, double min, double max, double *out);
/* "8s", "500ms", "10min", "2h"; in milliseconds. */
void yaml_duration(struct yaml_map *map, const char *key, int64_t min_ms, int64_t max_ms,
                   int64_t *out_ms);
/* "HH:MM", in minutes of the day. */
void yaml_clock(struct yaml_map *map, const char *key, int *out_minutes);
bool yaml_flag(struct yaml_map *map, const char *key, bool absent);
/* Index into `names` (NULL-terminated). */
void yaml_choice(struct yaml_map *map, const char *key, const char *const *names, int *out);

/* A path relative to the file becomes relative to the file's folder. */
void yaml_path(struct yaml_map *map, const char *key, char *out, size_t size);

/* Items of a sequence; 0 and an error when it is not one. */
int yaml_count(struct yaml_file *file, const yaml_node_t *node);
const yaml_node_t *yaml_item(struct yaml_file *file, const yaml_node_t *node, int index);

#endif
