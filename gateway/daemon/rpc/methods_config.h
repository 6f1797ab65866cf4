/* SPDX-License-Identifier: Apache-2.0 */
/* Another configuration on trial, for the methods that propose one. The loop's thread. */
#ifndef BAIYE_RPC_METHODS_CONFIG_H
#define BAIYE_RPC_METHODS_CONFIG_H

#include "gateway/daemon/rpc/call.h"

#define CONFIG_CONFIRM_LEAST_S 10
#define CONFIG_CONFIRM_MOST_S  86400

/* Is it meant for the file that is there, and may it be tried now? false: the call has failed. */
bool config_may_try(struct rpc_call *call, const char *hash_old);
/* Judges it, and has it tried; ends the call. Its parameter `lang` says in which language. */
void config_try(struct rpc_call *call, const char *yaml, size_t size, int64_t confirm_s);

#endif
