/* SPDX-License-Identifier: Apache-2.0 */
/* The open end of one bus: a serial port, a Modbus TCP connection, or RTU frames over TCP. Opens
 * it exclusively, sets rate and parity, sends a request, waits for bytes or for a time. libmodbus
 * opens and sets up serial ports, and builds and sends their requests. One thread. */
#ifndef BAIYE_BUS_LINE_H
#define BAIYE_BUS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/daemon/bus/serial_timing.h"
#include "gateway/daemon/config/config.h"

struct resolver;

struct line {
    const struct bus_config *bus;
    void *modbus;              /* modbus_t of a serial port */
    struct resolver *resolver; /* TCP: host name to number, off this thread */
    int fd;                    /* -1: closed */
    int connecting;            /* a connection that does not stand yet; -1: none */
    int64_t connect_until_ns;
    bool ended;   /* the other end has closed it; it did not just vanish */
    int wake_fd;  /* eventfd: a request of others waits */
    int epoll_fd; /* waits for its connection, too; -1: none, line_wait() and line_open() do */
    void *token;  /* … and reports it by this */
    struct serial_timing wire; /* in force */
    int64_t last_ns;           /* when the last byte was seen or will have been sent */
    uint16_t transaction;      /* Modbus TCP: of the last request */
};

enum line_event { LINE_TIME, LINE_BYTES, LINE_WOKEN, LINE_GONE };

/* CLOCK_MONOTONIC. */
int64_t line_now_ns(void);

/* `wake_fd` may be -1. */
void line_init(struct line *line, const struct bus_config *bus, int wake_fd);
/* 0, or an errno: EBUSY when another program holds the port, EINPROGRESS while a name is being
 * resolved, EALREADY while a connection is being made: call again, with an epoll_fd when that has
 * notified of it or at `connect_until_ns`. Takes at most 1 s, with an epoll_fd no time. */
int line_open(struct line *line);
void line_close(struct line *line);
/* Takes a connection that the converter has made, in the place of the one before. */
void line_adopt(struct line *line, int fd);
/* Closes and gives everything back. */
void line_end(struct line *line);

/* Changes rate and parity of a serial port; false when the port is gone or can't. */
bool line_set(struct line *line, const struct serial_timing *wire);
/* Waits until a time; bytes end it earlier, and the wake_fd if asked. */
enum line_event line_wait(const struct line *line, int64_t until_ns, bool wakes);
/* Waits until a time, or until the connection, also one that is being made, has something to tell:
 * true. */
bool line_await(const struct line *line, int64_t until_ns);
/* Bytes that are there, 0 when none; -1: the line is gone. Never waits. */
int line_read(struct line *line, uint8_t *bytes, size_t size);
/* Sends bytes to a connection; false: it is gone, or its buffer is full. */
bool line_write(struct line *line, const uint8_t *bytes, size_t size);
/* Sends one RTU frame; false: the line is gone. */
bool line_send(struct line *line, uint8_t unit, const uint8_t *pdu, size_t pdu_size);

#endif
