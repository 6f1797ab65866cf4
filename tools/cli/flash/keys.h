/* SPDX-License-Identifier: Apache-2.0 */
/* Which public keys a built boot loader trusts, and whether an image is signed by one of them: what
 * it would refuse at every start is refused on the bench. Pure but for OpenSSL. */
#ifndef BAIYE_FLASH_KEYS_H
#define BAIYE_FLASH_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYS_PLACES   2u
#define KEYS_KEY_SIZE 65u

struct trusted_keys {
    uint8_t key[KEYS_PLACES][KEYS_KEY_SIZE]; /* all zero: an empty place */
};

/* Finds them by the exports at `offset` in a boot loader linked to `base`. False: no such thing. */
bool keys_find(const uint8_t *loader, size_t size, uint32_t base, uint32_t offset,
               struct trusted_keys *keys);
/* One of them is the test key, which everybody has. */
bool keys_have_test_key(const struct trusted_keys *keys);

enum keys_verdict {
    KEYS_GOOD,
    KEYS_UNKNOWN,  /* the key number that it names is not there, or is another one */
    KEYS_TEST_KEY, /* signed by the test key, which this loader does not trust */
    KEYS_BAD_HASH, /* the program is not what the header says */
};
/* `image`: header and program of one slot. */
enum keys_verdict keys_judge(const struct trusted_keys *keys, const uint8_t *image, size_t size);

#endif
