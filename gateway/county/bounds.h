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
#define BOUND_PLAIN       "2000"
#define BOUND_STREAMS     "2000"  /* that a gateway begins in a day: 8 starts of 250 devices */
#define BOUND_GATEWAYS    "32"    /* of a garden, heard within 30 days */
#define BOUND_CORRECTIONS "10000" /* of a gateway, within the time that raw readings are kept */
#define BOUND_METRICS     "64"    /* names that a garden has brought; the county has METRICS_MAX */

#endif
