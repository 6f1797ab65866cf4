/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator tells the database by `baiye-county CONFIG COMMAND`, beside the running
 * program. The table in admin.c has each command with its help, of which the manual page is made
 * too (tools/manual). */
#ifndef BAIYE_COUNTY_ADMIN_H
#define BAIYE_COUNTY_ADMIN_H

#include <stdbool.h>
#include <stdio.h>

/* What stands below "Commands:" in the help of the program: a line for each. */
void admin_list(FILE *out);
/* `baiye-county help COMMAND`. false: there is no such command. */
bool admin_help(FILE *out, const char *name);
/* Is that what the words of the command ask for? */
bool admin_is(int argc, char **argv);
/* The exit code. */
int admin_main(int argc, char **argv);

#endif
