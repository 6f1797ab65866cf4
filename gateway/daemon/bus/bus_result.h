/* SPDX-License-Identifier: Apache-2.0 */
/* How a request or the opening of a line ends: what all parts of a bus and those who ask it need of
 * each other. Any thread. */
#ifndef BAIYE_BUS_BUS_RESULT_H
#define BAIYE_BUS_BUS_RESULT_H

/* Ends of one request. Negative, append only. */
enum bus_result {
    BUS_OK = 0,
    BUS_TIMEOUT = -1,
    BUS_GARBLED = -2,   /* bytes came, none of them the answer */
    BUS_EXCEPTION = -3, /* bus_reply.exception has its code */
    BUS_DOWN = -4,      /* no adapter, no connection */
    BUS_BUSY = -5,      /* too many requests wait; try again later */
    BUS_STOPPED = -6,   /* the bus was stopped before its turn came */
    BUS_MISMATCH = -7,  /* a write was acknowledged, but reads back otherwise */
    BUS_INVALID = -8,   /* the request itself is wrong */
    BUS_PAUSED = -9     /* the port is left to another program just now */
};

/* In words, for people (bus.c). */
const char *bus_result_text(enum bus_result result);

#define BUS_OPEN_TEXT_SIZE 512
/* What went wrong with opening the line at `port`, an errno, for people (line.c): a text that
 * stays, or one that is made in `text`. */
const char *bus_open_text(int error, const char *port, char text[BUS_OPEN_TEXT_SIZE]);

#endif
