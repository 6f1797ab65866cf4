/* SPDX-License-Identifier: Apache-2.0 */
/* The kind of a serial port, in the words of DeviceAllow= of a systemd unit. Any thread. */
#ifndef BAIYE_BUS_PORT_KIND_H
#define BAIYE_BUS_PORT_KIND_H

#include <stddef.h>

/* `port`: a device file or a link to one, which need not be open. "char-ttyUSB" for /dev/ttyUSB0;
 * the port itself when the kernel knows no terminal there. */
void port_kind(const char *port, char *kind, size_t size);

#endif
