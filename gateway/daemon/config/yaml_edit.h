/* SPDX-License-Identifier: Apache-2.0 */
/* Edits the text of a configuration. Nothing else of the text changes: comments, order, blanks and
 * line ends stay. Whether the outcome is right is for config_load() to say. Pure. */
#ifndef BAIYE_CONFIG_YAML_EDIT_H
#define BAIYE_CONFIG_YAML_EDIT_H

#include <stddef.h>

/* `items`: flow mappings, "{ name: plot-1, profile: baiye-node, address: 7 }". The new text, to be
 * freed; NULL: `why` not (no such bus, not YAML, no memory). */
char *yaml_add_devices(const char *text, const char *bus, const char *const *items, unsigned count,
                       char *why, size_t why_size);
/* The same for one more entry of the list `mqtt:`. */
char *yaml_add_broker(const char *text, const char *item, char *why, size_t why_size);

/* What is meant: a key of a mapping; in a list the entry whose `name:` it is, or that is it:
 * { "buses", "east", "devices", "soil-7", "label" }. */
struct yaml_path {
    const char *const *steps;
    unsigned count; /* 1 or more */
};

/* Each gives the new text, to be freed; NULL: `why` not. A `value` or `item` is in flow style, on
 * one line: "4", "\"上坡\"", "{ name: a }". */

/* Of a mapping's key: its value, or the key where it is not there yet. */
char *yaml_set(const char *text, const struct yaml_path *path, const char *value, char *why,
               size_t why_size);
/* One more entry at the end of a list, which is made if it is not there yet. */
char *yaml_add(const char *text, const struct yaml_path *path, const char *item, char *why,
               size_t why_size);
/* Takes away a key with its value, or an entry of a list, with the comment on its line. */
char *yaml_remove(const char *text, const struct yaml_path *path, char *why, size_t why_size);

#endif
