/* SPDX-License-Identifier: Apache-2.0 */
/* How much one gateway or garden may add to what is kept for good and looked at with each message.
 * What is beyond goes to `dead` with the reason; its records stay a hole, and come again when they
 * are asked for, so an honest gateway loses nothing: a bound that is of a day is over the next day,
 * and what closes a hole is always taken. As text, for SQL. */
#ifndef BAIYE_COUNTY_BOUNDS_H
#define BAIYE_COUNTY_BOUNDS_H

/* Ranges of record numbers of a gateway, and of a stream's numbers: a store that was damaged leaves
 * a few thousand. */
#define BOUND_RANGES "8192"
/* Bytes of ranges that are as good as none: beyond, they are counted. */
#define BOUND_PLAIN   "2000"
#define BOUND_STREAMS "2000" /* that a gateway begins in a day: 8 starts of 250 devices */
/* And in all, since it came: a few starts a day for years, of a large garden. */
#define BOUND_STREAMS_ALL "20000"
#define BOUND_STREAMS_DAY "300" /* more for each day since */
/* Rows of hours, kept for good, that a gateway has made: a store of 512 MB that comes all at once,
 * and 250 devices with 16 metrics. Beyond it hours of the last days are still made. */
#define BOUND_HOURS       "5000000"
#define BOUND_HOURS_DAY   "100000"
#define HOUR_ROWS_MOST    BOUND_HOURS " + " BOUND_HOURS_DAY " * (current_date - since::date)"
#define BOUND_GATEWAYS    "32"    /* of a garden, heard within 30 days */
#define BOUND_CORRECTIONS "10000" /* of a gateway, within the time that raw readings are kept */
#define BOUND_METRICS     "64"    /* names that a garden has brought; the county has METRICS_MAX */
#define BOUND_DOCUMENTS   "2100"  /* of a garden: 1,024 alerts, at two brokers */
/* Days that a reading may be ahead of the county's clock: more is a clock that is wrong, and the
 * reading is kept as long as any other, in table `misdated`. Hours that are younger are of now. */
#define BOUND_DAYS_NEAR    "2"
#define BOUND_DAYS_NEAR_MS (2 * INT64_C(86400000))

#endif
