/* SPDX-License-Identifier: Apache-2.0 */
/* /export.csv?device=NAME|plot=NAME&from=T&to=T[&step=raw|hour|day]: every value of the devices,
 * one a line, read from the store a page at a time as fast as the client takes it. T is UTC
 * milliseconds or YYYY-MM-DD (midnight UTC). At most CSV_EXPORTS_MAX at once. */
#ifndef BAIYE_HTTP_CSV_H
#define BAIYE_HTTP_CSV_H

#include "gateway/daemon/http/http.h"
#include "gateway/daemon/store/store.h"

#define CSV_EXPORTS_MAX 4

struct csv;

/* NULL: no memory. */
struct csv *csv_open(struct loop *loop, const struct config *config, struct store *store);
/* After loop_end() and after the store was stopped. */
void csv_close(struct csv *csv);
/* Answers a request for the page: at once with what is wrong, or piece by piece. */
void csv_get(struct csv *csv, struct http_request *request);

#endif
