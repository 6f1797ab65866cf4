/* SPDX-License-Identifier: Apache-2.0 */
/* What the county's page asks of PostgreSQL. $1 is always whose session it is; a garden that is not
 * his is one that does not exist. Times are ms since 1970. */
#ifndef BAIYE_COUNTY_PAGE_SQL_H
#define BAIYE_COUNTY_PAGE_SQL_H

/* $2: silent for so many seconds is too long. One JSON text. */
extern const char page_gardens[];
/* $2: the site. One JSON text, or no row. */
extern const char page_garden[];
/* $2 site, $3 device, $4 metric, $5 from, $6 to. One JSON text, or no row. */
extern const char page_hours[];
/* $2 site, or "" for all: by day, the last 60 and those to come. One JSON text. */
extern const char page_days[];
/* $2: the site. Notes who has seen that it is silent; a row when it did. */
extern const char page_seen[];

/* $2: the site. A row when it is there, and his as an operator. */
extern const char page_may_retire[];

/* Tables, for a spreadsheet: $2 as above. */
extern const char page_gardens_table[], page_days_table[], page_hours_table[];

#endif
