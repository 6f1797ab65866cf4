/* SPDX-License-Identifier: Apache-2.0 */
/* Where pictures go. One file a kind in outputs/; the loop knows this interface only. An output
 * never blocks: what cannot be written at once is left out, whole. One thread. */
#ifndef BAIYE_LED_OUTPUT_H
#define BAIYE_LED_OUTPUT_H

#include "gateway/led/canvas.h"
#include "gateway/led/config.h"

struct output_kind {
    const char *name;
    int keep_alive_ms; /* shows the same picture again after this long; 0: never */
    bool dims;         /* real LEDs: brightness and power limit apply */
    /* NULL and `error` when it cannot be opened. */
    void *(*open)(const struct output_config *config, int width, int height, char *error,
                  size_t error_size);
    /* A whole picture. False when it could not be shown (errno); the next one may be. */
    bool (*show)(void *output, const struct canvas *picture);
    void (*close)(void *output);
};

#define OUTPUT_KIND(constant, name) extern const struct output_kind output_##name;
#include "gateway/led/outputs/kinds.def"
#undef OUTPUT_KIND

const struct output_kind *output_kind_of(enum output_type type);

#endif
