/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of the commands that change a configuration (baiye commission, baiye replace): one at a
 * time, from what it reads of the file to the end of its process and of those it has started. */
#ifndef BAIYE_CLI_CONFIG_LOCK_H
#define BAIYE_CLI_CONFIG_LOCK_H

#include <stdbool.h>

/* The folder is locked, since the file is replaced. Held until the process has ended. false and a
 * complaint. */
bool config_lock(const char *config);

#endif
