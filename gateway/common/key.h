/* SPDX-License-Identifier: Apache-2.0 */
/* One key of a mapping: a row of the table by which keys.h reads it. */
#ifndef BAIYE_COMMON_KEY_H
#define BAIYE_COMMON_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/common/yaml.h"

enum key_kind {
    KEY_NAME,     /* [a-z0-9-]{1,32} */
    KEY_METRIC,   /* [a-z0-9_]{1,32} */
    KEY_TEXT,     /* free UTF-8, not empty */
    KEY_PATH,     /* relative ones are made relative to the file's folder */
    KEY_INTEGER,  /* unsigned, `size` bytes wide */
    KEY_SIGNED,   /* signed, `size` bytes wide */
    KEY_NUMBER,   /* double */
    KEY_BOOL,     /* true or false */
    KEY_CHOICE,   /* uint8_t: index into `choices` */
    KEY_US,       /* duration into uint32_t microseconds */
    KEY_MS,       /* duration into uint32_t milliseconds */
    KEY_S,        /* duration into uint32_t seconds */
    KEY_BYTES,    /* size into uint64_t */
    KEY_AREA,     /* area into double m² */
    KEY_FUNCTION, /* `read` is called with the value */
};

struct key {
    const char *name;
    enum key_kind kind;
    size_t offset, size; /* of the member: KEY_MEMBER() */
    double min, max;     /* in the member's unit; both 0: what fits */
    const char *example; /* what would be right */
    const char *const *choices;
    /* Records an error and gives false when the value is wrong. */
    bool (*read)(struct yaml_source *source, const yaml_node_t *value, void *target);
    bool required;
};

#endif
