/* SPDX-License-Identifier: Apache-2.0 */
/* Who drives an RS-485 transceiver's direction: an adapter does it by itself; the UART of a board
 * may leave it to the kernel (TIOCSRS485). Source: Linux, Documentation/driver-api/serial/
 * serial-rs485.rst and include/uapi/linux/serial.h. */
#ifndef BAIYE_COMMON_RS485_H
#define BAIYE_COMMON_RS485_H

/* Lets the kernel switch the direction of an open port from now on, until the port's driver is
 * loaded anew. Polarity and delays stay as the board's device tree gives them; RTS is on while
 * sending where that says nothing. 0, EOPNOTSUPP when the port's driver can't, or another errno. */
int rs485_by_kernel(int fd);
/* Could it? Sets what is set already. 0, EOPNOTSUPP, or another errno. */
int rs485_possible(int fd);

#endif
