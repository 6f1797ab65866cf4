/* SPDX-License-Identifier: Apache-2.0 */
/* /alerts.csv[?from=T&to=T]: the season's list, an alert a line, the newest first, read from the
 * store a page at a time as fast as the client takes it. T is UTC milliseconds or YYYY-MM-DD
 * (midnight UTC); all that is kept unless given. At most ALERTS_CSV_MAX at once. */
#ifndef BAIYE_HTTP_ALERTS_CSV_H
#define BAIYE_HTTP_ALERTS_CSV_H

#include "gateway/daemon/http/http.h"
#include "gateway/daemon/store/store.h"

#define ALERTS_CSV_MAX 2

struct alerts_csv;

/* NULL: no memory. */
struct alerts_csv *alerts_csv_open(struct loop *loop, struct store *store);
/* After loop_end() and after the store was stopped. */
void alerts_csv_close(struct alerts_csv *csv);
/* Answers a request for the page: at once with what is wrong, or piece by piece. */
void alerts_csv_get(struct alerts_csv *csv, struct http_request *request);

/* One row of the list as a line of the file; its length, 0: it can't be read, or does not fit.
 * Pure: people's words are quoted, and nothing in them is a formula to a spreadsheet. */
#define ALERTS_CSV_LINE 8192 /* each sign of STORE_ALERT_MAX doubled */
size_t alerts_csv_line(const struct store_alert *alert, char line[ALERTS_CSV_LINE]);

#endif
