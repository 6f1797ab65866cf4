/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait before connecting again. */
#ifndef BAIYE_COMMON_BACKOFF_H
#define BAIYE_COMMON_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FIRST_MS 300

/* The wait now, in ms: half of *ms certain, half of it chance, so that gateways do not come back in
 * step. Doubles *ms, up to 30 s; to 2 s for a broker on this machine. */
uint32_t backoff_next(uint32_t *ms, const char *host);
/* The same, up to `most_ms`. */
uint32_t backoff_next_up_to(uint32_t *ms, uint32_t most_ms);
/* Between half of `ms` and all of it. */
uint32_t backoff_part(uint32_t ms);

#endif
