/* SPDX-License-Identifier: Apache-2.0 */
/* A line that is a Modbus TCP server: many connections, many unit identifiers, no wire time. A
 * unit that is not there is answered with exception 11, as gateways to serial lines do. Faults
 * that mean something without a CRC: dead, late, foreign (a wrong transaction first), duplicate,
 * truncate (half an answer, then a reset). */
#ifndef BAIYE_FIELD_TCP_H
#define BAIYE_FIELD_TCP_H

#include "tools/field/line.h"

struct tcp;

/* `path`: the file that gets the port number. NULL: errno says why. */
struct tcp *tcp_open(struct line *line, const char *path);
/* Ends the server and its connections. */
void tcp_close(struct tcp *tcp);

#endif
