/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/failing_malloc.h"

#include <stddef.h>

static struct failing_malloc own;
struct failing_malloc *failing_malloc = &own;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void failing_malloc_begin(long n, bool lasting)
{
    atomic_store(&failing_malloc->failed, false);
    atomic_store(&failing_malloc->lasting, lasting);
    atomic_store(&failing_malloc->until, n);
}

void failing_malloc_end(void)
{
    atomic_store(&failing_malloc->until, 0);
    atomic_store(&failing_malloc->lasting, false);
}

bool failing_malloc_now(void)
{
    if (atomic_load(&failing_malloc->left_out))
        return false;
    if (atomic_load(&failing_malloc->until) <= 0)
        return atomic_load(&failing_malloc->failed) && atomic_load(&failing_malloc->lasting);
    if (atomic_fetch_sub(&failing_malloc->until, 1) != 1)
        return false;
    atomic_store(&failing_malloc->failed, true);
    return true;
}

void *__wrap_malloc(size_t size)
{
    return failing_malloc_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return failing_malloc_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return failing_malloc_now() ? NULL : __real_realloc(old, size);
}
