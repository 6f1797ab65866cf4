/* SPDX-License-Identifier: Apache-2.0 */
/* The includes that cmocka wants before itself, and a small random source that repeats. */
#ifndef BAIYE_TEST_NODE_UNIT_H
#define BAIYE_TEST_NODE_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* xorshift32; `state` is never 0. */
static inline uint32_t test_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* `quick`, or `full` when the full counts are asked for. */
static inline uint32_t test_count(uint32_t quick, uint32_t full)
{
    const char *wanted = getenv("BAIYE_FULL");
    return wanted != NULL && strcmp(wanted, "1") == 0 ? full : quick;
}

#endif
