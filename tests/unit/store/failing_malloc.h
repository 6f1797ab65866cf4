/* SPDX-License-Identifier: Apache-2.0 */
/* The n-th allocation of a test's program fails, for a test that tries every n. Linked with
 * --wrap=malloc,--wrap=calloc,--wrap=realloc. Any thread. */
#ifndef BAIYE_TESTS_FAILING_MALLOC_H
#define BAIYE_TESTS_FAILING_MALLOC_H

#include <stdatomic.h>
#include <stdbool.h>

struct failing_malloc {
    atomic_long until;    /* 1: the next one fails; 0: none is to */
    atomic_bool lasting;  /* and so does every one after it */
    atomic_bool left_out; /* what others allocate now is not counted */
    atomic_bool failed;
};

/* A test whose child processes are to fail puts it where they share it. */
extern struct failing_malloc *failing_malloc;

void failing_malloc_begin(long n, bool lasting);
void failing_malloc_end(void); /* `failed` tells whether it came so far */
/* Is this one to fail? For allocators other than malloc(). */
bool failing_malloc_now(void);

#endif
