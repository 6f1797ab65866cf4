/* SPDX-License-Identifier: Apache-2.0 */
/* A CSV file whose first line names its columns, in any order: what spreadsheets and /export.csv
 * write. No quoted fields. What is wrong is complained about with FILE:LINE. */
#ifndef BAIYE_CLI_CSV_H
#define BAIYE_CLI_CSV_H

#include <stdbool.h>

#define CSV_FIELDS_MAX  64
#define CSV_COLUMNS_MAX 16

struct csv {
    const char *path;
    unsigned line;
    int place[CSV_COLUMNS_MAX]; /* of each column in a line; -1: it is not there */
    int count;                  /* of the fields in this line */
    char *fields[CSV_FIELDS_MAX];
};

/* Calls `header` for the first line, when `place` is known, and `row` for each that is not empty,
 * until one gives false. `names`: of the columns, CSV_COLUMNS_MAX at most. false: so did one, or
 * the file can't be read. */
bool csv_read(struct csv *csv, const char *path, const char *const *names, int columns,
              bool (*header)(void *context), bool (*row)(void *context), void *context);
/* Is that column in this line? */
bool csv_has(const struct csv *csv, int column);
/* "" when it is not. */
const char *csv_field(const struct csv *csv, int column);
/* Complains about this line: what is wrong, and what to do. Gives false. */
bool csv_complain(const struct csv *csv, const char *what, const char *remedy);

#endif
