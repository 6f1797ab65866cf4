/* SPDX-License-Identifier: Apache-2.0 */
/* The register of devices: a CSV file that a spreadsheet opens, one line a board that was flashed.
 * A serial number is given to one chip only. Each change takes a lock (FILE.lock) and writes the
 * file anew, complete or not at all; columns and lines of others stay. Complains for people. */
#ifndef BAIYE_FLASH_REGISTER_H
#define BAIYE_FLASH_REGISTER_H

#include <stdbool.h>
#include <stdint.h>

#define REGISTER_HEADER "serial,board,chip,version,image,flashed,result"

struct register_entry {
    uint32_t serial;
    const char *board, *chip; /* chip: its unique identity in hex */
    const char *version, *image;
    const char *result; /* "writing", "written", "passed", or what failed; no comma */
};

/* Gives the chip its serial number and notes it as being written: the one asked for (0: its own
 * from before, else the next free). Refused with a complaint: a number that another chip has, a
 * chip that has another number, unless `replace`. An exit code of sysexits.h. */
int register_take(const char *path, struct register_entry *entry, bool replace);
/* Notes how it went. */
int register_note(const char *path, const struct register_entry *entry);
/* The number that register_take() would give, nothing written; 0 after a complaint. */
uint32_t register_peek(const char *path);

#endif
