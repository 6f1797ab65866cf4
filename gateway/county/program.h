/* SPDX-License-Identifier: Apache-2.0 */
/* How the county's programs begin. */
#ifndef BAIYE_COUNTY_PROGRAM_H
#define BAIYE_COUNTY_PROGRAM_H

#include "gateway/county/settings.h"

/* Takes the command line (one CONFIG; `usage` is said of another) and reads it, blocks the signals
 * that end the program before any thread is started, and gives a descriptor that is readable when
 * one has come. Complains and ends the process when that can't be: usage, configuration. */
int program_begin(int argc, char **argv, const char *usage, struct settings *settings);

#endif
