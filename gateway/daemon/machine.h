/* SPDX-License-Identifier: Apache-2.0 */
/* What tells this machine from one that got a copy of its card. */
#ifndef BAIYE_DAEMON_MACHINE_H
#define BAIYE_DAEMON_MACHINE_H

#include "gateway/daemon/store/store.h"

/* From /etc/machine-id, which itself is told to nobody (machine-id(5)); lower-case hexadecimal. "":
 * there is none, as in many containers, or one that is made anew with each start. */
void machine_name(char name[STORE_MACHINE_SIZE]);

#endif
