/* SPDX-License-Identifier: Apache-2.0 */
/* What a profile may have wrong about a field, by what a device's registers hold: its sign, the
 * order of its bytes, its type, its scale. Pure. */
#ifndef BAIYE_CLI_PROFILE_GUESS_H
#define BAIYE_CLI_PROFILE_GUESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/config/config.h"

/* `words`: the field's one or two registers as they came. False, and an empty text: nothing looks
 * wrong. Else what does, and what would make it right if anything simple does. */
bool profile_guess(const struct field_config *field, const uint16_t *words, char *text,
                   size_t size);

#endif
