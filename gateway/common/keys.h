/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a YAML mapping into a struct by a table: one row a key says its kind, where it goes, its
 * limits and an example for the message. What the table does not know is an error. */
#ifndef BAIYE_COMMON_KEYS_H
#define BAIYE_COMMON_KEYS_H

#include <stdint.h>

#include "gateway/common/key.h"

#define KEY_MEMBER(type, member)                                                                   \
    .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

/* `what` names the mapping in messages: "a bus". False after the first error; if all are collected,
 * after the last, and source->wrong says which rows (a missing one too) are not to be believed. */
bool keys_read(struct yaml_source *source, const yaml_node_t *mapping, const char *what,
               const struct key *keys, size_t key_count, void *target);
/* One scalar by one row; for readers of their own. */
bool keys_read_one(struct yaml_source *source, const yaml_node_t *value, const struct key *key,
                   void *target);
/* Path relative to the folder of the file. False when it does not fit. */
bool keys_path(struct yaml_source *source, const yaml_node_t *value, char *path, size_t size);
/* Allocates `size` bytes for each item of a sequence (at most `max`) and calls `read` for each. */
bool keys_list(struct yaml_source *source, const yaml_node_t *sequence, const char *what,
               size_t max, size_t size, void **items, uint16_t *count,
               bool (*read)(struct yaml_source *source, const yaml_node_t *item, void *target));

#endif
