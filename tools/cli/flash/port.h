/* SPDX-License-Identifier: Apache-2.0 */
/* Is a serial port free? Asked before anything is written, and kept while a tool that locks
 * nothing itself talks over it. */
#ifndef BAIYE_FLASH_PORT_H
#define BAIYE_FLASH_PORT_H

/* A descriptor that holds the port until it is closed; -1 and a complaint that names who has it. */
int port_take(const char *path);

#endif
