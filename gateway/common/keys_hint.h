/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody meant who wrote something else: the words of other programs for a key, a unit in
 * full, a name with capitals. Pure. */
#ifndef BAIYE_COMMON_KEYS_HINT_H
#define BAIYE_COMMON_KEYS_HINT_H

#include "gateway/common/key.h"

#define KEYS_HINT_SIZE 64

/* The known key that `word` means ("slave": address); NULL: none does. `names` ends with NULL. */
const char *keys_meant(const char *word, const char *const *names);
/* The value that `text` means for a key of that kind, else the key's own example; never empty. */
void keys_hint(const struct key *key, const char *text, char hint[KEYS_HINT_SIZE]);
/* The choice that `text` means ("N": none); NULL: none. */
const char *keys_choice_meant(const char *text, const char *const *choices);

#endif
