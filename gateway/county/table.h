/* SPDX-License-Identifier: Apache-2.0 */
/* A result of PostgreSQL as CSV for a spreadsheet (RFC 4180, UTF-8 with its mark, CRLF). A text
 * that a spreadsheet would take for a formula begins with an apostrophe. Pure. */
#ifndef BAIYE_COUNTY_TABLE_H
#define BAIYE_COUNTY_TABLE_H

#include <libpq-fe.h>
#include <stddef.h>

/* malloc'ed; NULL: no memory. */
char *table_csv(const PGresult *result, size_t *size);

#endif
