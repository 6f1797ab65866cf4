/* SPDX-License-Identifier: Apache-2.0 */
/* The master's end of a line: a pseudo terminal, or a TCP connection that carries the same bytes.
 * What is written while no master is there is lost, as on a wire. */
#ifndef BAIYE_FIELD_PORT_H
#define BAIYE_FIELD_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/field/loop.h"
#include "tools/field/wire.h"

struct port {
    struct loop *loop;
    struct loop_watch watch;  /* the pty's master side, or the connection */
    struct loop_watch listen; /* TCP only */
    struct loop_watch closes; /* port_hear_close() */
    char link[256];           /* symbolic link to the pty; TCP: file that holds the port number */
    bool tcp;
    void (*bytes)(void *context, const uint8_t *bytes, size_t size);
    void (*closed)(void *context); /* port_hear_close() */
    void *context;
};

/* A pty under the name `link`, raw, at `rate`. False: errno says why. */
bool port_open_pty(struct port *port, const char *link, const struct wire_rate *rate);
/* Listens on 127.0.0.1; number 0 takes a free one. `link` is a file to write the number to. */
bool port_open_tcp(struct port *port, const char *link, uint16_t number);
/* The listening socket alone, its number in the file `path`. -1: errno says why. */
int port_listen(const char *path, uint16_t number);
/* The adapter is pulled out, or the server goes away. */
void port_close(struct port *port);
/* closed() is called when the next one who has the pty's other side open closes it, however soon it
 * is opened again. False: errno says why. */
bool port_hear_close(struct port *port);
/* The pty's number, as in /dev/pts/N; -1: it is none. */
int port_pty(const struct port *port);
void port_write(struct port *port, const uint8_t *bytes, size_t size);
/* What the master has set its side to: its rate; the parity counts only with `parity`. A TCP
 * connection leaves `rate` alone. */
void port_rate(const struct port *port, bool parity, struct wire_rate *rate);

#endif
