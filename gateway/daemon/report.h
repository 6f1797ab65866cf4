/* SPDX-License-Identifier: Apache-2.0 */
/* What `baiyed --check` and `baiyed --once` print. */
#ifndef BAIYE_REPORT_H
#define BAIYE_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "gateway/daemon/config/config.h"

/* The poll plan: requests, line time, load of each bus, cost of dead devices, mobile data. */
void report_plan(const struct config *config, FILE *out);
/* Polls everything once and prints a table, or one JSON object a line. The exit code: 0 when every
 * device answered, else 1. */
int report_once(const struct config *config, bool json, FILE *out);

#endif
