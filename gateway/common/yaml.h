/* SPDX-License-Identifier: Apache-2.0 */
/* A YAML file as a tree whose every node knows its line, and one place where errors are put into
 * words. libyaml's document API is used rather than libcyaml's schemas, because a message has to
 * name FILE:LINE and what would be right, which libcyaml's one log line per error can't. */
#ifndef BAIYE_COMMON_YAML_H
#define BAIYE_COMMON_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <yaml.h>

#include "gateway/common/config_error.h"

#define YAML_ERRORS_MAX 128

/* All errors of one file: for who mends it, not for who runs on it. */
struct yaml_errors {
    unsigned count; /* of the list; what came after it was full is lost */
    struct yaml_line_error {
        int line;
        char text[400]; /* what is wrong; what would be right */
    } list[YAML_ERRORS_MAX];
};

struct yaml_source {
    char file[CONFIG_PATH_SIZE];
    yaml_document_t document;
    bool loaded;
    struct config_error *error; /* the first error stays */
    struct yaml_errors *all;    /* or, when it is set, all stay: readers go on after an error */
    uint32_t wrong; /* then: bit i, row i of the mapping just read by keys_read() was wrong */
    bool failed;
};

/* Parses the file's only document. False and an error (file missing, not YAML, empty). Files over
 * 1 MiB are refused. Always yaml_close() afterwards. */
bool yaml_open(struct yaml_source *source, const char *file, struct config_error *error);
/* The same of a stream that can be read twice, from its beginning; `file` is for messages. */
bool yaml_open_stream(struct yaml_source *source, const char *file, FILE *stream,
                      struct config_error *error);
/* The same, for all errors. */
bool yaml_open_all(struct yaml_source *source, const char *file, struct yaml_errors *all);
void yaml_close(struct yaml_source *source);

yaml_node_t *yaml_root(struct yaml_source *source);
yaml_node_t *yaml_at(struct yaml_source *source, int index);
int yaml_line(const yaml_node_t *node);
/* A scalar's text, NULL for anything else. */
const char *yaml_text(const yaml_node_t *node);

/* Records FILE:LINE and the text; gives false, so that callers can `return yaml_error(…)`. */
bool yaml_error(struct yaml_source *source, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The word of the NULL-ended list most like `word`, NULL when none is near. */
const char *yaml_nearest(const char *word, const char *const *words);

#endif
