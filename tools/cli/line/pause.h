/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway leaves a line to this program for a short while, again and again: should this program
 * be killed, polling goes on by itself. */
#ifndef BAIYE_CLI_LINE_PAUSE_H
#define BAIYE_CLI_LINE_PAUSE_H

#include <jansson.h>

#define LINE_PAUSE_S  30
#define LINE_RENEW_MS 10000

/* The answer to `pause`, a new reference; NULL and a complaint. 0 seconds: it polls again. */
json_t *line_pause(const char *socket_path, const char *bus, int seconds);

#endif
