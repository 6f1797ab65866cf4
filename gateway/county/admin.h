/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator tells the database by `baiye-county CONFIG …`, beside the running program:
 *
 *   login NAME REGION:ROLE…   who may see the page; the password comes as a line. Without a right
 *                             the login is removed
 *   region SITE REGION        where a garden is counted
 *   token SITE                a new gateway may enrol: prints what `baiye enrol` wants
 *   revoke SITE               its certificates count no more
 *   retire SITE keep|remove   the garden is given up; its data stays or goes: retire.h
 *   audit [SITE]              what operators have done
 *   config …                  gateways' configurations: config_command.h
 *   upgrade …                 gateways' versions: upgrade_command.h */
#ifndef BAIYE_COUNTY_ADMIN_H
#define BAIYE_COUNTY_ADMIN_H

#include <stdbool.h>

/* Is that what the words of the command ask for? */
bool admin_is(int argc, char **argv);
/* The exit code. */
int admin_main(int argc, char **argv);

#endif
