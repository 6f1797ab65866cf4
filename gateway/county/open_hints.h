/* SPDX-License-Identifier: Apache-2.0 */
/* Which hour a stream has open, as this program has last seen it: so that a reading of another one
 * opens its own at once, and does not find out by a statement that does nothing. A hint: others
 * write streams too, and of two streams that share a place the last one counts; what it costs when
 * it is wrong is a statement. No more memory, however many streams there are. */
#ifndef BAIYE_COUNTY_OPEN_HINTS_H
#define BAIYE_COUNTY_OPEN_HINTS_H

#include <stdbool.h>
#include <stdint.h>

#define OPEN_HINTS 16384u

struct open_hints { /* all zero at first */
    struct {
        uint32_t stream, hour; /* hashes; 0: none */
    } places[OPEN_HINTS];
};

/* Hashes, to be put together: of a text, and of a number, behind what came before (0 at first). */
uint64_t open_hints_text(uint64_t before, const char *text);
uint64_t open_hints_number(uint64_t before, int64_t number);

/* Is something else known of the stream than that hour, with its metrics? */
bool open_hints_other(const struct open_hints *hints, uint64_t stream, uint64_t hour);
/* That hour is open; 0: none that is known. */
void open_hints_set(struct open_hints *hints, uint64_t stream, uint64_t hour);

#endif
