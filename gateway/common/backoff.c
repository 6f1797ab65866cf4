/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/common/backoff.h"

#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "gateway/common/clock.h"

#define MOST_MS 30000
#define NEAR_MS 2000

static bool is_near(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "localhost") == 0 ||
           strcmp(host, "::1") == 0;
}

uint32_t backoff_next(uint32_t *ms, const char *host)
{
    return backoff_next_up_to(ms, is_near(host) ? NEAR_MS : MOST_MS);
}

uint32_t backoff_part(uint32_t ms)
{
    uint32_t chance = 0, half = ms / 2;
    if (getrandom(&chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        chance = (uint32_t)clock_now().mono_ms;
    return half + chance % (half + 1);
}

uint32_t backoff_next_up_to(uint32_t *ms, uint32_t most_ms)
{
    uint32_t wait = backoff_part(*ms);
    *ms = *ms * 2 < most_ms ? *ms * 2 : most_ms;
    return wait;
}
