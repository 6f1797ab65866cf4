/* SPDX-License-Identifier: Apache-2.0 */
/* The county's page: its files, and what it asks for, as JSON and as tables for a spreadsheet. Who
 * is not logged in gets the files alone; who is, his regions' gardens (page_sql.h). */
#ifndef BAIYE_COUNTY_PAGE_H
#define BAIYE_COUNTY_PAGE_H

#include "gateway/county/pool.h"
#include "gateway/county/settings.h"
#include "gateway/county/web.h"

struct page;

/* `pool` and `settings` must outlive it. NULL: no memory. */
struct page *page_open(struct pool *pool, const struct settings *settings);
void page_close(struct page *page);
/* Its last route takes every GET: behind all other tables. Valid as long as the page. */
const struct web_route *page_routes(const struct page *page);

#endif
