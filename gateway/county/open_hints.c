/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/county/open_hints.h"

#define PRIME UINT64_C(0x9E3779B97F4A7C15)

uint64_t open_hints_text(uint64_t before, const char *text)
{
    uint64_t hash = before + PRIME;
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001B3); /* FNV-1a */
    return hash;
}

uint64_t open_hints_number(uint64_t before, int64_t number)
{
    uint64_t hash = (before ^ (uint64_t)number) * PRIME;
    return hash ^ hash >> 32;
}

/* Of a hash what a place holds: never 0. */
static uint32_t shortened(uint64_t hash)
{
    return (uint32_t)(hash >> 32) | 1;
}

bool open_hints_other(const struct open_hints *hints, uint64_t stream, uint64_t hour)
{
    uint32_t at = (uint32_t)(stream % OPEN_HINTS);
    return hints->places[at].stream == shortened(stream) &&
           hints->places[at].hour != shortened(hour);
}

void open_hints_set(struct open_hints *hints, uint64_t stream, uint64_t hour)
{
    uint32_t at = (uint32_t)(stream % OPEN_HINTS);
    hints->places[at].stream = shortened(stream);
    hints->places[at].hour = hour != 0 ? shortened(hour) : 0;
}
